//! What the reports of losses say: by which norm, and of which vectors.

use crate::common::cli::Cli;

#[test]
fn a_codebook_by_another_metric_is_better_by_that_metric() {
    let cli = Cli::new("cpu");
    let mut x = crate::common::clustered(800, 4, 5, 3);
    // Now and then one value is far off, which medians do not care for.
    x.iter_mut().step_by(37).for_each(|value| *value *= 3.0);
    cli.write("x.npy", &x);
    let errors = |metric: &str| {
        let train = cli
            .json(&format!("train x.npy --spec VQ1 --sample 0 --metric {metric} -o m.safetensors --force"));
        let found = cli.json("eval x.npy -m m.safetensors --norms 1,2,3");
        // Codes that were written are judged as those made on the way are.
        cli.json("encode x.npy -m m.safetensors -o c.npy --force");
        let judged = cli.json("eval x.npy -m m.safetensors --codes c.npy --norms 1,2,3");
        let (of_codes, of) = (judged["mse"].as_f64().unwrap(), found["mse"].as_f64().unwrap());
        assert!((of_codes / of - 1.0).abs() < 1e-6, "{metric}: {of_codes} and {of}");
        let of_training = train["aqe"]["l1"].as_f64().unwrap();
        let aqe = |norm: &str| found["aqe"][norm].as_f64().unwrap();
        assert!((of_training / aqe("l1") - 1.0).abs() < 1e-6, "{metric}: {of_training} and {}", aqe("l1"));
        let judged_by = |found: &serde_json::Value| found["metric"].as_str().map(String::from);
        assert_eq!(judged_by(&found), (metric != "l2").then(|| metric.to_string()));
        assert_eq!(judged_by(&found), judged_by(&judged));
        if metric == "l1" {
            for judged in [&found, &judged] {
                let mean = judged["mean_distance"].as_f64().unwrap();
                assert!((mean / aqe("l1") - 1.0).abs() < 1e-6, "{mean} and {}", aqe("l1"));
            }
            let told = train["mean_distance"].as_f64().unwrap();
            assert!((told / aqe("l1") - 1.0).abs() < 1e-5, "{told} and {}", aqe("l1"));
            let squared = train["mse"].as_f64().unwrap();
            assert!((squared / of - 1.0).abs() < 1e-6, "{squared} and {of}");
            let model = &cli.json("inspect m.safetensors")["model"];
            assert_eq!(model["metric"], "l1");
            assert_eq!(model["training"]["aqe"]["l1"].as_f64().unwrap(), of_training);
        }
        (aqe("l1"), of)
    };
    let (medians, means) = (errors("l1"), errors("l2"));
    assert!(medians.0 < means.0 && medians.1 > means.1, "{medians:?} and {means:?}");
}

#[test]
fn every_loss_says_of_which_vectors_it_is() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(600, 5, 6, 3));
    cli.json("train x.npy --spec VQ4 -o m.safetensors");
    cli.json("train x.npy --spec SFVQ3 --steps 20 -o s.safetensors");
    let on_training = ("trained_on", "of the vectors trained on");
    let drawn_from = ("drawn_from", "of all vectors that the training has drawn from");
    let given = ("given", "of the vectors given");
    for (arguments, (json, text)) in [
        ("train x.npy --spec VQ4 -o n.safetensors", on_training),
        ("train x.npy --spec VQ4 --sample 20 -o n.safetensors", on_training),
        ("train x.npy --spec VQ4 --mini-batch 50 -o n.safetensors", drawn_from),
        ("train x.npy --spec VQ4 --trainer em -o n.safetensors", on_training),
        ("train x.npy --spec VQ4 --trainer em --sample 20 -o n.safetensors", drawn_from),
        ("train x.npy --spec VQ4 --trainer nsvq --steps 20 -o n.safetensors", on_training),
        ("train x.npy --spec RQ2x2 --sample 20 -o n.safetensors", on_training),
        ("train x.npy --spec SQ4 -o n.safetensors", on_training),
        ("encode x.npy -m m.safetensors -o c.npy", ("encoded", "of the vectors encoded")),
        ("eval x.npy -m m.safetensors", given),
        ("eval x.npy -m m.safetensors --codes c.npy", given),
        ("privacy m.safetensors x.npy", given),
        ("interpret m.safetensors x.npy", given),
        ("equalize s.safetensors x.npy -o e.safetensors", on_training),
        ("elbow x.npy --k 2..4", on_training),
    ] {
        assert_eq!(cli.json(&format!("{arguments} --force"))["loss_of"], json, "{arguments}");
        let said = String::from_utf8(cli.run(&format!("{arguments} --force")).stdout).unwrap();
        let losses: Vec<_> =
            said.lines().filter(|line| line.contains("mse") && !line.contains("relative")).collect();
        assert!(!losses.is_empty() && losses.iter().all(|line| line.ends_with(text)), "{arguments}: {said}");
    }
    let missed = cli.run("eval x.npy -m m.safetensors --max-mse 0.001").stderr;
    assert!(String::from_utf8(missed).unwrap().contains("of the vectors given, is above --max-mse 0.001"));
}
