//! What the command line answers to: settings, signals, too little memory.

use crate::common::cli::Cli;
use wgvq::Rng;
use wgvq::ndarray::Array2;

fn normals(n: usize, d: usize) -> Array2<f32> {
    let mut rng = Rng::new(70, 0);
    Array2::from_shape_simple_fn((n, d), || rng.normal())
}

/// What `--help` says that a setting is where it is not given, for every spec and trainer that has it.
const DEFAULTS: [(&str, &str); 16] = [
    ("VQ16", "--iters 25 --tolerance 0.0001 --restarts 1 --sample 256 --init kmeans++"),
    ("VQ16 --trainer em", "--tolerance 0.0001 --sample 256 --covariance diagonal --init kmeans++"),
    ("SQ4", "--levels uniform"),
    ("PQ2x4", "--iters 25 --tolerance 0.0001 --restarts 1 --sample 256 --init random"),
    ("OPQ2,PQ2x4", "--iters 25 --tolerance 0.0001 --restarts 1 --sample 256 --init random --refine 20"),
    ("RQ3x4", "--iters 10 --tolerance 0.0001 --restarts 1 --sample 256 --init random --beam 5 --refine 16"),
    (
        "PRQ2x2x4",
        "--iters 10 --tolerance 0.0001 --restarts 1 --sample 256 --init random --beam 5 --refine 16",
    ),
    ("TRQ2x3", "--iters 25 --tolerance 0.0001 --restarts 1 --sample 256 --init kmeans++"),
    ("AQ3x4", "--iters 10 --tolerance 0.0001 --restarts 1 --sample 256 --init random --beam 5 --refine 25"),
    (
        "LSQ3x4",
        "--iters 10 --tolerance 0.0001 --restarts 1 --sample 256 --init random --beam 5 --refine 25 --local-search 8",
    ),
    ("E8", "--rate 4"),
    ("SFVQ2 --steps 50", "--batch 1024 --lr 0.02 --optimizer adam --schedule cosine --log-every 100"),
    (
        "RQ2x3 --trainer nsvq --steps 50",
        "--batch 1024 --lr 0.02 --optimizer adam --schedule cosine --log-every 100 --replace-every 500 \
         --replace-share 0.01 --replace-last 45 --start-from kmeans --beam 5",
    ),
    ("VQ16 --trainer soft --steps 50", "--tau 100:10000"),
    ("VQ16 --trainer gumbel --steps 50", "--tau 1"),
    ("VQ16 --trainer ema --steps 50", "--decay 0.99"),
];

#[test]
fn a_setting_at_its_default_changes_nothing() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &normals(1200, 8));
    let train = |settings: &str| {
        let output = cli.run(&format!("train x.npy --spec {settings} -o m.safetensors --force -q"));
        assert!(output.status.success(), "{settings}: {}", String::from_utf8_lossy(&output.stderr));
        let model = wgvq::load(cli.path("m.safetensors")).unwrap().quantizer;
        let tensors = model.tensors().into_iter().map(|(name, tensor)| (name, tensor.to_owned()));
        (tensors.collect::<Vec<_>>(), model.settings())
    };
    for (spec, defaults) in DEFAULTS {
        let plain = train(spec);
        let first: Vec<&str> = defaults.split(' ').take(2).collect();
        for settings in [first.join(" "), format!("--seed 0 {defaults}")] {
            assert!(train(&format!("{spec} {settings}")) == plain, "{spec} is another model with {settings}");
        }
    }
}

#[test]
fn a_setting_that_is_not_heard_is_refused() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &normals(1200, 8));
    for (settings, says) in [
        ("SQ4 --tolerance 0.0001", "--tolerance belongs to VQ"),
        ("E8 --sample 256", "--sample belongs to"),
        ("SFVQ2 --replace-share 0.1", "no codewords are replaced here"),
        ("VQ4 --trainer nsvq --replace-every 0 --replace-last 3", "no codewords are replaced here"),
        ("VQ4 --trainer nsvq --sample 256", "--sample is for --trainer kmeans or em; leave it out with nsvq"),
        ("VQ4 --trainer em --restarts 2", "--restarts is for --trainer kmeans"),
    ] {
        cli.refuse(&format!("train x.npy --spec {settings} -o m.safetensors"), says);
    }
    cli.json("train x.npy --spec VQ4 -o m.safetensors");
    cli.json("encode x.npy -m m.safetensors -o c.npy");
    for (arguments, says) in [
        ("eval x.npy -m m.safetensors --codes c.npy --by curve", "'--codes <CODES.npy>' cannot be used with"),
        ("eval x.npy -m m.safetensors --codes c.npy --beam 2", "cannot be used with"),
        ("eval x.npy -m m.safetensors --codes c.npy --local-search 2", "cannot be used with"),
        ("eval x.npy -m m.safetensors --codes c.npy --max-error 2", "cannot be used with"),
        ("eval x.npy -m m.safetensors --by curve", "--by belongs to EVQ"),
        ("encode x.npy -m m.safetensors -o d.npy --beam 2", "--beam belongs to RQ"),
        ("privacy m.safetensors x.npy --max-error 2", "--max-error belongs to RQ"),
        ("search x.npy --codes c.npy -m m.safetensors -k 3 --recall-at 1", "--truth"),
        ("interpret m.safetensors x.npy --heat-map map.svg", "--labels"),
        ("interpret m.safetensors x.npy -o moved.npy", "--shift"),
    ] {
        cli.refuse(arguments, says);
    }
}

#[test]
fn a_sample_is_made_smaller_where_it_may_be() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &normals(60_000, 64));
    for settings in ["VQ256 --iters 2", "VQ256 --steps 20 --trainer ste", "PQ4x8 --iters 2"] {
        let train = format!("train x.npy --spec {settings} -o m.safetensors --force --memory 16MiB");
        let output = cli.run(&train);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains("a sample of "), "{settings}: {said}");
        assert!(said.contains("and --memory is 16.00 MiB"), "{settings}: {said}");
    }
    cli.refuse(
        "train x.npy --spec VQ256 --sample 256 -o n.safetensors --memory 16MiB",
        "--memory is 16.00 MiB; take a smaller --sample, or give --memory",
    );
}

#[test]
fn what_is_nearly_right_is_answered_with_what_is_meant() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &normals(30, 8));
    for (arguments, says) in [
        ("train x.npy --spec VQ4 --iter 3 -o m.safetensors", "'--iters'"),
        ("train x.npy --spec VQ4 --trainer nsvg -o m.safetensors", "'nsvq'"),
        ("train x.npy --spec rq2x4 -o m.safetensors", "did you mean RQ2x4?"),
        ("train x.npy --spec RVQ2x4 -o m.safetensors", "did you mean RQ2x4?"),
        ("train y.npy --spec RQ2x4 -o m.safetensors", "y.npy: no such file or folder; did you mean x.npy?"),
        ("trian x.npy", "'train'"),
    ] {
        cli.refuse(arguments, says);
    }
}

/// A search that takes minutes, and says nothing while one block of vectors is searched.
#[cfg(unix)]
#[test]
fn a_signal_ends_the_program_within_a_second_and_leaves_nothing() {
    use std::process::Command;
    use std::time::{Duration, Instant};
    let cli = Cli::new("cpu");
    cli.write("x.npy", &normals(60_000, 256));
    for signal in ["-TERM", "-INT"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wgvq"))
            .current_dir(cli.folder.path())
            .args("train x.npy --spec VQ8192 --init kmeans++ --sample 0 -o m.safetensors -q".split(' '))
            .args(["--device", "cpu"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(600));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let sent = Instant::now();
        let status = child.wait().unwrap();
        // A second, and another for a machine that is busy with other tests.
        assert!(sent.elapsed() < Duration::from_secs(2), "{signal} was answered after {:?}", sent.elapsed());
        assert_eq!(status.code(), Some(130), "{signal}");
    }
    let left = std::fs::read_dir(cli.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["x.npy"]);
}
