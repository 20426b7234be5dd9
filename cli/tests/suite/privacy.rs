//! `wgvq privacy`, end to end.

use crate::common::cli::{Cli, devices};
use serde_json::Value;
use wgvq::ndarray::{Array2, array};

fn measure(report: &Value, name: &str) -> (f64, f64) {
    let of = |part: &str| report["occurrence"][name][part].as_f64().unwrap();
    (of("found"), of("ideal"))
}

#[test]
fn counts_and_their_measures_are_those_of_the_codes() {
    let data = crate::common::sample();
    let data = data.to_str().unwrap();
    for device in devices() {
        let cli = Cli::new(device);
        cli.json(&format!("train {data} --spec VQ32 --iters 5 -o m.safetensors"));
        cli.json(&format!("encode {data} -m m.safetensors -o codes.npy"));
        let mut counts = [0_u64; 32];
        cli.ids("codes.npy").iter().for_each(|&code| counts[code as usize] += 1);

        let report = cli.json(&format!("privacy m.safetensors {data} --plot privacy.svg"));
        assert_eq!(report["counts"], serde_json::json!(counts));
        let judged = cli.json(&format!("eval {data} -m m.safetensors"));
        assert_eq!(report["mse"], judged["mse"]);
        let (mean, mean_ideal) = measure(&report, "mean");
        assert!((mean - judged["entropy_bits"].as_f64().unwrap()).abs() < 1e-12 && mean_ideal == 5.0);
        let (deviation, ideal) = measure(&report, "standard_deviation");
        let squares = counts.iter().map(|&count| (count as f64 - 187.5).powi(2)).sum::<f64>();
        assert!((deviation - (squares / 32.0).sqrt()).abs() < 1e-9);
        assert!((ideal - (187.5_f64 * 31.0 / 32.0).sqrt()).abs() < 1e-12);
        // k-means on real data is far from uniform, by every measure.
        for name in ["standard_deviation", "divergence", "sparseness", "worst_case"] {
            let (found, ideal) = measure(&report, name);
            assert!(found > ideal, "{name}: {found} {ideal}");
        }
        assert!(mean < mean_ideal);
        let picture = std::fs::read_to_string(cli.path("privacy.svg")).unwrap();
        assert!(picture.contains("VQ32, 6000 vectors") && picture.contains("uniform code"));

        let table = cli.run(&format!("privacy m.safetensors {data}"));
        let table = String::from_utf8(table.stdout).unwrap();
        assert!(table.lines().count() == 7 && table.contains("worst-case disclosure, bits"), "{table}");
    }
}

#[test]
fn a_uniform_code_is_near_its_ideal() {
    let cli = Cli::new("cpu");
    // 3000 codewords on a line, and as many vectors on each: more bars than are drawn.
    let line = Array2::from_shape_fn((3000, 1), |(s, _)| s as f32);
    let quantizer: &dyn wgvq::Quantizer = &wgvq::Vq::new(line).unwrap();
    quantizer.save(&cli.path("m.safetensors"), false, Value::Null).unwrap();
    cli.write("x.npy", &Array2::from_shape_fn((9000, 1), |(row, _)| (row % 3000) as f32));
    let report = cli.json("privacy m.safetensors x.npy --plot p.svg");
    assert_eq!((measure(&report, "standard_deviation").0, report["mse"].as_f64()), (0.0, Some(0.0)));
    let (mean, ideal) = measure(&report, "mean");
    assert!((mean - ideal).abs() < 1e-9);
    assert!(std::fs::read_to_string(cli.path("p.svg")).unwrap().contains("codeword, by use"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(300, 4, 5, 1));
    for (spec, name) in [("VQ8", "vq"), ("RQ2x2", "rq"), ("SQ4", "sq"), ("E8", "lattice"), ("VQ1", "one")] {
        let data = if spec == "E8" { "wide.npy" } else { "x.npy" };
        cli.write("wide.npy", &crate::common::clustered(300, 8, 5, 1));
        cli.json(&format!("train {data} --spec {spec} -o {name}.safetensors"));
    }
    cli.refuse("privacy rq.safetensors x.npy", "RQ2x2 has 2 codebooks; this is for models with one, of");
    cli.refuse("privacy sq.safetensors x.npy", "such as VQ64");
    cli.refuse("privacy lattice.safetensors wide.npy", "has no plain codebook");
    cli.refuse("privacy one.safetensors x.npy", "VQ1 has one codeword");
    cli.refuse("privacy vq.safetensors wide.npy", "the vectors have 8 dimensions, the model 4");
    cli.refuse("privacy vq.safetensors x.npy --plot p.png", "ends in .svg");
    cli.refuse("privacy vq.safetensors missing.npy", "missing.npy");
    cli.refuse("privacy missing.safetensors x.npy", "missing.safetensors");
    cli.refuse("privacy vq.safetensors", "required");
    std::fs::write(cli.path("p.svg"), "").unwrap();
    cli.refuse("privacy vq.safetensors x.npy --plot p.svg", "p.svg");
    cli.write("nan.npy", &array![[0.0_f32, 1.0, 2.0, f32::NAN]]);
    cli.refuse("privacy vq.safetensors nan.npy", "row 0, column 3");
}
