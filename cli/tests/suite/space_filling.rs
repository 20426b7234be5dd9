//! `train`, `equalize` and the rest on curves.

use crate::common::cli::{Cli, devices};
use crate::common::sample;

#[test]
fn a_curve_is_trained_equalised_and_used() {
    let data = sample().to_str().unwrap().to_string();
    for device in devices() {
        let cli = Cli::new(device);
        let trained = cli.json(&format!(
            "train {data} --spec SFVQ4 --steps 300 --batch 256 --log run.jsonl --log-every 50 -o sf.safetensors"
        ));
        assert_eq!((trained["spec"].as_str(), trained["iterations"].as_u64()), (Some("SFVQ4"), Some(300)));
        let encoded = cli.json(&format!("encode {data} -m sf.safetensors -o codes.npy"));
        assert!((encoded["mse"].as_f64().unwrap() / trained["mse"].as_f64().unwrap() - 1.0).abs() < 1e-4);
        let finer =
            cli.json(&format!("train {data} --spec SFVQ4+3 --steps 300 --batch 256 -o finer.safetensors"));
        assert!(finer["mse"].as_f64() < trained["mse"].as_f64(), "{finer} {trained}");
        cli.json(&format!("encode {data} -m finer.safetensors -o finer.wgvq"));
        cli.json("decode finer.wgvq -m finer.safetensors -o back.npy");

        let equal = cli.json(&format!("equalize sf.safetensors {data} -o eq.safetensors --by curve"));
        assert_eq!((equal["spec"].as_str(), equal["by"].as_str()), (Some("EVQ16"), Some("curve")));
        // Nearly all of four bits, as the vectors are those it was made from.
        assert!(equal["entropy_bits"].as_f64().unwrap() > 3.999, "{equal}");
        let by_codeword = cli.json(&format!("eval {data} -m eq.safetensors --by codeword"));
        assert!(by_codeword["entropy_bits"].as_f64() < equal["entropy_bits"].as_f64());
        assert!(by_codeword["mse"].as_f64() < equal["mse"].as_f64());
    }
}

#[test]
fn a_curve_through_few_vectors_takes_batches_of_all_of_them() {
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &crate::common::clustered(40, 6, 5, 1));
        let trained = cli.json("train x.npy --spec SFVQ3+2 --steps 60 --log run.jsonl -o sf.safetensors");
        assert_eq!(trained["n"], 40);
        let log = std::fs::read_to_string(cli.path("run.jsonl")).unwrap();
        assert!(log.contains("\"batch\":40"), "{log}");
        let told = cli.run("eval x.npy -m sf.safetensors");
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let bits = text.lines().find_map(|line| line.strip_prefix("range coded bits")).unwrap().trim();
        assert!(bits.split_once('.').is_some_and(|(_, digits)| digits.len() == 3), "{text}");
    }
}

#[test]
fn a_curve_that_was_stopped_goes_on_with_the_same_bits() {
    let data = sample().to_str().unwrap().to_string();
    let cli = Cli::new("cpu");
    let run = format!(
        "train {data} --spec SFVQ4 --steps 3000 --batch 64 --log-every 100 --checkpoint-every 100 -q"
    );
    cli.json(&format!("{run} -o whole.safetensors"));
    cli.kill_at_checkpoint(&run, "killed");
    cli.json(&format!("{run} --resume -o killed.safetensors"));
    let model = |name: &str| wgvq::load(cli.path(name)).unwrap().quantizer.curve().cloned();
    assert_eq!(model("killed.safetensors"), model("whole.safetensors"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let data = sample().to_str().unwrap().to_string();
    let cli = Cli::new("cpu");
    cli.json(&format!("train {data} --spec VQ8 -o vq.safetensors"));
    cli.json(&format!("train {data} --spec SFVQ2 --steps 20 -o sf.safetensors"));
    for (arguments, says) in [
        (format!("train {data} --spec SFVQ13 -o m.safetensors"), "8192"),
        (format!("train {data} --spec SFVQ4 --trainer kmeans -o m.safetensors"), "by nsvq or diveq"),
        (format!("train {data} --spec SFVQ4 --trainer ste -o m.safetensors"), "by nsvq or diveq"),
        (format!("train {data} --spec SFVQ4 --replace-every 50 -o m.safetensors"), "the corners of a curve"),
        (format!("train {data} --spec EVQ16 -o m.safetensors"), "wgvq equalize"),
        (format!("equalize vq.safetensors {data} -o m.safetensors"), "has no curve"),
        (format!("equalize sf.safetensors {data} --codewords 6001 -o m.safetensors"), "6001 runs of 6000"),
        (format!("equalize sf.safetensors {data} --codewords 1 -o m.safetensors"), "1 runs of 6000"),
        (
            format!("equalize sf.safetensors {data} --by luck -o m.safetensors"),
            "[possible values: codeword, curve]",
        ),
        (format!("eval {data} -m vq.safetensors --by curve"), "--by belongs to EVQ"),
    ] {
        cli.refuse(&arguments, says);
        assert!(!cli.path("m.safetensors").exists());
    }
}
