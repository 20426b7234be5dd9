//! Training by gradient on the command line, end to end, on real files.

use crate::common::cli::{Cli, devices};

fn sample() -> String {
    crate::common::sample().to_str().unwrap().to_string()
}

/// The lines of a log without what depends on the clock.
fn log(cli: &Cli, name: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(cli.path(name)).unwrap();
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("steps_per_second");
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn a_model_trained_by_gradient_is_an_ordinary_one() {
    let data = sample();
    for device in devices() {
        let cli = Cli::new(device);
        let all = [("RQ2x5", "nsvq"), ("VQ32", "ste"), ("PQ4x4", "diveq"), ("AQ2x4", "nsvq")];
        for (spec, trainer) in if device == "cpu" { &all[..] } else { &all[..1] } {
            let trained = cli.json(&format!(
                "train {data} --spec {spec} --trainer {trainer} --steps 200 --lr 0.05 --batch 256 --log-every 20 -o m.safetensors --force"
            ));
            assert_eq!((trained["spec"].as_str(), trained["iterations"].as_u64()), (Some(*spec), Some(200)));
            assert!(trained["steps_per_second"].as_f64().unwrap() > 0.0);
            let encoded = cli.json(&format!("encode {data} -m m.safetensors -o codes.npy --force"));
            let same = encoded["mse"].as_f64().unwrap() / trained["mse"].as_f64().unwrap() - 1.0;
            assert!(same.abs() < 1e-4, "{spec} by {trainer} on {device}: {same}");
            assert!(trained["relative_mse"].as_f64().unwrap() < 0.95, "{trained}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_curve() {
    let data = sample();
    for device in devices() {
        let cli = Cli::new(device);
        let run =
            "--spec RQ2x5 --trainer nsvq --steps 80 --batch 256 --log-every 10 --replace-every 20 --seed 3";
        for name in ["a", "b"] {
            cli.json(&format!("train {data} {run} --log {name}.jsonl -o {name}.safetensors"));
        }
        let whole = log(&cli, "a.jsonl");
        assert_eq!(whole, log(&cli, "b.jsonl"));
        assert!(whole.len() > 8, "{whole:?}");
        let model = |name: &str| wgvq::load(cli.path(name)).unwrap().quantizer;
        assert_eq!(model("a.safetensors").codebooks(), model("b.safetensors").codebooks());

        let picture = cli.json("plot a.jsonl b.jsonl -o curves.svg");
        assert_eq!(picture["last"][1]["step"], 80);
        assert!(std::fs::read_to_string(cli.path("curves.svg")).unwrap().contains("learning rate"));
    }
}

#[test]
fn a_run_that_was_killed_goes_on_with_the_same_bits() {
    let data = sample();
    let cli = Cli::new("cpu");
    let run = format!(
        "train {data} --spec VQ64 --trainer nsvq --steps 1000 --batch 128 --log-every 50 --checkpoint-every 50 -q"
    );
    cli.json(&format!("{run} -o whole.safetensors"));
    cli.kill_at_checkpoint(&run, "killed");
    cli.refuse(&format!("{run} --resume --lr 0.5 -o killed.safetensors"), "lr 0.02 there and 0.5 here");
    cli.json(&format!("{run} --resume -o killed.safetensors"));
    let model = |name: &str| wgvq::load(cli.path(name)).unwrap().quantizer;
    assert_eq!(model("killed.safetensors").codebooks(), model("whole.safetensors").codebooks());
    assert!(!cli.path("killed.checkpoint.safetensors").exists());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let data = sample();
    let cli = Cli::new("cpu");
    for (settings, says) in [
        ("--spec VQ32 --trainer nsvq --lr=-1", "must be a finite number above 0"),
        ("--spec VQ32 --trainer nsvq --lr NaN", "must be a finite number above 0"),
        ("--spec VQ32 --trainer soft --tau 0", "must be a number above 0, or two such as 20:1000"),
        ("--spec VQ32 --trainer soft --tau hot", "must be a number above 0, or two such as 20:1000"),
        (
            "--spec VQ32 --trainer nsvq --tau 1",
            "--tau belongs to soft and gumbel; leave it out, nsvq has --steps",
        ),
        ("--spec VQ32 --trainer nsvq --batch 0", "must be a whole number of 1 or more"),
        ("--spec VQ32 --trainer nsvq --batch 100000", "batches of 100000 vectors of 6000"),
        ("--spec VQ32 --trainer nsvq --batch 18446744073709551615", "--memory is"),
        ("--spec VQ32 --trainer nsvq --steps 0", "must be a whole number of 1 or more"),
        ("--spec AQ2x4 --trainer soft", "AQ2x4 is trained by nsvq or diveq"),
        ("--spec LSQ2x4 --trainer nsvq", "cannot be trained by gradient"),
        (
            "--spec VQ32 --trainer nsvq --schedule line",
            "must be constant, cosine, or one such as step:5000:0.5",
        ),
        (
            "--spec VQ32 --trainer ema --lr 0.1",
            "--lr belongs to ste, soft, gumbel, nsvq, diveq, rotation and simvq",
        ),
        ("--spec VQ32 --trainer simvq --replace-share 0.1", "--replace-share belongs to ste, ema,"),
        ("--spec RQ2x4 --trainer simvq", "not by simvq, which is for one codebook"),
        (
            "--spec VQ32 --trainer nsvq --iters 3",
            "--iters is for --trainer kmeans or em; leave it out with nsvq",
        ),
        ("--spec VQ32 --lr 0.1", "--lr is for training by gradient"),
        ("--spec VQ32 --trainer nsvq --checkpoint-every 30", "a multiple of --log-every, 100"),
        ("--spec VQ32 --trainer nsvq --resume", "--resume"),
    ] {
        cli.refuse(&format!("train {data} {settings} -o m.safetensors"), says);
        assert!(!cli.path("m.safetensors").exists());
    }
    // SGD with so high a rate is infinite within a few steps.
    cli.refuse(
        &format!(
            "train {data} --spec VQ32 --trainer nsvq --optimizer sgd --schedule constant --lr 1e30 --steps 50 \
             -o m.safetensors -q"
        ),
        "codebook.0 by now holds values that are not finite",
    );
}

#[test]
fn logs_that_are_none_are_refused() {
    let cli = Cli::new("cpu");
    std::fs::write(cli.path("bad.jsonl"), "{\"step\": 1, \"loss\": 2.0}\nnot json\n").unwrap();
    std::fs::write(cli.path("empty.jsonl"), "{\"run\": {}}\n").unwrap();
    std::fs::write(cli.path("cut.jsonl"), "{\"step\": 1, \"loss\": 2.0}\n{\"step\": 2, \"lo").unwrap();
    cli.refuse("plot bad.jsonl", "line 2 is no JSON");
    cli.refuse("plot empty.jsonl", "no step with a loss");
    cli.refuse("plot missing.jsonl", "missing.jsonl");
    assert_eq!(cli.json("plot cut.jsonl")["last"][0]["step"], 1);
    cli.refuse("plot cut.jsonl", "cut.svg");
}
