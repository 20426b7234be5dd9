//! The command line, end to end, on real files.

use std::path::{Path, PathBuf};

use crate::common::cli::{Cli, devices};
use serde_json::Value;
use wgvq::io::IndexFile;

fn sample() -> String {
    crate::common::sample().to_str().unwrap().to_string()
}

/// The example is small enough for the norms to be found by hand.
#[test]
fn average_errors_are_those_of_eq_2_2() {
    use wgvq::Quantizer;
    use wgvq::ndarray::array;
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &array![[3.0_f32, 4.0], [100.0, 102.0], [100.0, 100.0]]);
        let vq = wgvq::Vq::new(array![[0.0_f32, 0.0], [100.0, 100.0]]).unwrap();
        vq.save(&cli.path("m.safetensors"), false, Value::Null).unwrap();
        cli.json("encode x.npy -m m.safetensors -o c.npy");
        for codes in ["", "--codes c.npy"] {
            // The errors are (3, 4), (0, 2) and 0.
            let judged = cli.json(&format!("eval x.npy -m m.safetensors {codes} --norms 1,2,64"));
            assert_eq!(judged["mse"], 29.0 / 3.0);
            assert_eq!(judged["aqe"]["l1"], 3.0);
            assert_eq!(judged["aqe"]["l2"], 7.0 / 3.0);
            // (3/4)^64 is 10⁻⁸: nearly the largest magnitude.
            assert!((judged["aqe"]["l64"].as_f64().unwrap() - 2.0).abs() < 1e-8);
        }
    }
    let cli = Cli::new("cpu");
    cli.refuse("eval x.npy -m m.safetensors --norms 0", "whole numbers of 1 to 64, such as 1,2");
    cli.refuse("eval x.npy -m m.safetensors --norms nan", "whole numbers of 1 to 64, such as 1,2");
}

#[test]
fn the_main_job_on_the_sample() {
    for device in devices() {
        let cli = Cli::new(device);
        let data = sample();
        let trained = cli.json(&format!("train {data} --spec VQ64 --seed 1 --iters 10 -o m.safetensors"));
        assert_eq!(trained["spec"], "VQ64");
        let encoded = cli.json(&format!("encode {data} -m m.safetensors -o codes.npy"));
        let decoded = cli.json("decode codes.npy -m m.safetensors -o back.npy");
        assert_eq!((decoded["n"].as_u64(), decoded["dim"].as_u64()), (Some(6000), Some(384)));
        let judged = cli.json(&format!("eval {data} -m m.safetensors --codes codes.npy"));
        let anew = cli.json(&format!("eval {data} -m m.safetensors"));
        let keys = "spec n dim mse relative_mse bits_per_vector entropy_bits perplexity dead iterations seconds \
                    vectors_per_second device";
        for key in keys.split_whitespace() {
            for figures in [&trained, &encoded, &judged, &anew] {
                assert!(figures.get(key).is_some(), "{key} on {device}");
            }
        }
        assert_eq!(judged["bits_per_vector"], 6.0);
        // The distances of encode are sums of 384 squares in f32, those of eval are float64.
        let close =
            |a: &Value, b: &Value| (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 400.0 * 6e-8;
        assert!(close(&encoded["mse"], &judged["mse"]) && close(&anew["mse"], &judged["mse"]));
        assert!(close(&trained["mse"], &judged["mse"]));
        assert_eq!(encoded["entropy_bits"], judged["entropy_bits"]);
        // Real codes: far better than one mean, far from perfect.
        let relative = judged["relative_mse"].as_f64().unwrap();
        assert!((0.5..0.9).contains(&relative), "{relative}");

        let codes = IndexFile::open(cli.path("codes.npy")).unwrap();
        assert_eq!((codes.rows(), codes.columns()), (6000, 1));
        let model = wgvq::load(cli.path("m.safetensors")).unwrap();
        let back = wgvq::io::open(cli.path("back.npy")).unwrap().to_array().unwrap();
        for (code, row) in codes.to_array().unwrap().iter().zip(back.outer_iter()) {
            assert_eq!(row, model.quantizer.codebooks()[0].row(*code as usize));
        }
    }
}

#[test]
fn inspect_and_devices_and_selftest_report() {
    for device in devices() {
        let cli = Cli::new(device);
        let data = sample();
        cli.json(&format!("train {data} --spec VQ8 --iters 2 -o m.safetensors"));
        assert_eq!(cli.json("inspect m.safetensors")["model"]["spec"], "VQ8");
        assert_eq!(cli.json(&format!("inspect {data}"))["rows"], 6000);
        let listed = cli.json("devices");
        assert_eq!(listed["devices"].as_array().unwrap().last().unwrap()["id"], "cpu");
        assert_eq!(cli.json("selftest gather")["failed"], 0);
        for arguments in ["inspect m.safetensors", "devices", "selftest gather"] {
            let output = cli.run(arguments);
            assert!(output.status.success() && output.stdout.len() > 40, "{arguments}");
        }
    }
}

#[test]
fn an_encode_that_was_killed_goes_on_and_ends_the_same() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(20_000, 16, 30, 6);
    cli.write("x.npy", &x);
    cli.json("train x.npy --spec LSQ8x3 --iters 1 --refine 1 --sample 100 -o m.safetensors");
    cli.json("encode x.npy -m m.safetensors -o whole.npy");
    let whole = std::fs::read(cli.path("whole.npy")).unwrap();
    let encode = "encode x.npy -m m.safetensors -o codes.npy --memory 1MiB";
    let left = cli.path("codes.npy.partial");
    let some_rows = || left.metadata().is_ok_and(|left| left.len() > 1000);
    cli.kill_once(encode, some_rows);
    assert!(!cli.path("codes.npy").exists());
    // What a kill in the middle of a write adds: half a row.
    let mut torn = std::fs::read(&left).unwrap();
    torn.push(7);
    std::fs::write(&left, torn).unwrap();

    // Another job is refused, and says what is other.
    cli.json("train x.npy --spec LSQ8x3 --iters 1 --refine 0 --sample 100 -o other.safetensors");
    cli.refuse("encode x.npy -m other.safetensors -o codes.npy --resume", "the model was");
    cli.refuse(&format!("{encode} --resume --local-search 3"), "how its codes are searched for was");
    let good = std::fs::read(cli.path("x.npy")).unwrap();
    let time = cli.path("x.npy").metadata().unwrap().modified().unwrap();
    let with = |bytes: &[u8], time| {
        std::fs::write(cli.path("x.npy"), bytes).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(cli.path("x.npy")).unwrap();
        file.set_modified(time).unwrap();
    };
    with(&good, time + std::time::Duration::from_millis(1));
    cli.refuse(&format!("{encode} --resume"), "the data was x.npy (1280128 bytes, changed at");
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    with(&other, time);
    cli.refuse(&format!("{encode} --resume"), "the values of the data was");
    with(&good, time);

    let resumed = cli.json(&format!("{encode} --resume"));
    assert!((1..20_000).contains(&resumed["resumed_at"].as_u64().unwrap()), "{resumed}");
    assert_eq!(std::fs::read(cli.path("codes.npy")).unwrap(), whole);
    assert!(partials(cli.folder.path()).is_empty());

    // Data that cannot be encoded leaves nothing: there is nothing to go on with.
    let mut bad = good;
    let at = bad.len() - 500 * 16 * 4 - 64;
    bad[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    with(&bad, time);
    let bad_row = (20_000 - 501).to_string();
    cli.refuse(&format!("{encode} --force"), &format!("row {bad_row}, column 0"));
    assert!(partials(cli.folder.path()).is_empty());
    assert_eq!(std::fs::read(cli.path("codes.npy")).unwrap(), whole);
}

fn partials(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().contains("partial")).collect()
}

#[test]
fn no_command_writes_over_an_input_or_a_strangers_file() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(200, 4, 5, 1));
    cli.write("labels.npy", &wgvq::ndarray::Array2::from_elem((200, 1), 1_u8));
    cli.json("train x.npy --spec VQ4 -o m.safetensors");
    cli.json("train x.npy --spec SFVQ2 --steps 50 --batch 64 -o curve.safetensors");
    cli.json("encode x.npy -m m.safetensors -o codes.npy");
    std::fs::write(cli.path("mine.txt"), "mine").unwrap();
    std::fs::hard_link(cli.path("x.npy"), cli.path("alias.svg")).unwrap();
    std::fs::hard_link(cli.path("m.safetensors"), cli.path("model.npy")).unwrap();
    std::fs::hard_link(cli.path("x.npy"), cli.path("data.safetensors")).unwrap();
    std::fs::write(cli.path("taken.checkpoint.safetensors"), "mine").unwrap();
    std::fs::write(cli.path("c.npy.partial"), "mine").unwrap();
    let gradient = "train x.npy --spec VQ4 --trainer nsvq --steps 50 --batch 64 --force";
    for (arguments, part) in [
        ("train x.npy --spec VQ4 -o data.safetensors", "is an input"),
        ("train x.npy --spec VQ4 --start m.safetensors -o m.safetensors", "is an input"),
        ("encode x.npy -m m.safetensors -o model.npy", "is an input"),
        ("encode x.npy -m m.safetensors -o c.npy", "no unfinished output of this program"),
        ("encode x.npy -m m.safetensors -o c.npy --pack", "ends in .wgvq"),
        ("decode codes.npy -m m.safetensors -o model.npy", "is an input"),
        ("decode codes.npy -m m.safetensors -o codes.npy", "is an input"),
        ("truth x.npy x.npy -k 2 -o x.npy", "is an input"),
        (
            "truth x.npy x.npy -k 2 -o t.npy --distances ./t.npy",
            "--distances: ./t.npy: this command writes t.npy there",
        ),
        ("search x.npy --codes codes.npy -m m.safetensors -o codes.npy", "is an input"),
        ("equalize curve.safetensors x.npy -o data.safetensors", "is an input"),
        ("elbow x.npy --k 2..3 --plot alias.svg", "is an input"),
        ("interpret m.safetensors x.npy --labels labels.npy --heat-map alias.svg", "is an input"),
        ("interpret m.safetensors x.npy --shift 0,1 -o labels.npy --labels labels.npy", "is an input"),
        ("privacy m.safetensors x.npy --plot alias.svg", "is an input"),
        ("order x.npy --curve hilbert -o x.npy", "is an input"),
        (
            "order x.npy --curve hilbert -o o.npy --indices O.npy",
            "--indices: O.npy: this command writes o.npy there",
        ),
        (&format!("{gradient} --log x.npy -o n.safetensors"), "--log: x.npy: is an input"),
        (
            &format!("{gradient} --log n.safetensors -o n.safetensors"),
            "--log: n.safetensors: this command writes",
        ),
        (&format!("{gradient} --log n.checkpoint.safetensors -o n.safetensors"), "this command writes"),
        (&format!("{gradient} -o taken.safetensors"), "is no checkpoint of a training run"),
    ] {
        let force = if arguments.contains("--force") { "" } else { " --force" };
        let before = contents(&cli);
        cli.refuse(&format!("{arguments}{force}"), part);
        assert!(contents(&cli) == before, "{arguments}");
    }
}

/// Every file of the folder.
fn contents(cli: &Cli) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(cli.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let cli = Cli::new("cpu");
    let data = sample();
    cli.json(&format!("train {data} --spec VQ4 --iters 1 -o m.safetensors"));
    cli.write("small.npy", &crate::common::clustered(5, 3, 2, 1));
    cli.write("other.npy", &crate::common::clustered(5, 4, 2, 1));
    cli.json("train small.npy --spec VQ2 -o small.safetensors");
    cli.json("encode small.npy -m small.safetensors -o codes.npy");

    std::fs::write(cli.path("empty.npy"), []).unwrap();
    let good = std::fs::read(cli.path("small.npy")).unwrap();
    std::fs::write(cli.path("short.npy"), &good[..good.len() - 2]).unwrap();
    std::fs::write(cli.path("torn.fvecs"), [3, 0, 0, 0, 1, 2]).unwrap();
    std::fs::write(cli.path("noise.safetensors"), [255; 40]).unwrap();
    let mut nan = crate::common::clustered(5, 3, 2, 1);
    nan[[2, 1]] = 0.5;
    cli.write("nan.npy", &nan);
    let mut bytes = std::fs::read(cli.path("nan.npy")).unwrap();
    let at = bytes.len() - 15 * 4 + 7 * 4;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(cli.path("nan.npy"), bytes).unwrap();
    cli.write("wild.npy", &wgvq::ndarray::array![[1_u16], [9]]);

    cli.refuse("train empty.npy --spec VQ2 -o x.safetensors", "empty.npy");
    cli.refuse("train short.npy --spec VQ2 -o x.safetensors", "short.npy");
    cli.refuse("train torn.fvecs --spec VQ2 -o x.safetensors", "torn.fvecs");
    cli.refuse("train missing.npy --spec VQ2 -o x.safetensors", "missing.npy");
    cli.refuse("train small.npy other.npy --spec VQ2 -o x.safetensors", "other.npy");
    cli.refuse("train nan.npy --spec VQ2 -o x.safetensors", "row 2");
    cli.refuse("encode nan.npy -m small.safetensors -o x.npy", "column 1");
    cli.refuse("train small.npy --spec VQ0 -o x.safetensors", "VQ0");
    cli.refuse("train small.npy --spec VQ6 -o x.safetensors", "k can be at most 5");
    cli.refuse("train small.npy --spec PQ4 -o x.safetensors", "PQ8x8");
    cli.refuse("train small.npy --spec VQ2 -o small.safetensors", "--force");
    cli.refuse("encode other.npy -m small.safetensors -o x.npy", "dimension");
    cli.refuse("encode small.npy -m noise.safetensors -o x.npy", "noise.safetensors");
    cli.refuse("encode small.npy -m small.npy -o x.npy", "small.npy");
    cli.refuse("encode small.npy -m small.safetensors -o codes.npy", "--force");
    cli.refuse("encode small.npy -m small.safetensors -o nowhere/x.npy", "nowhere");
    cli.refuse("decode wild.npy -m small.safetensors -o x.npy", "row 1");
    cli.refuse("eval other.npy -m small.safetensors --codes codes.npy", "dimension");
    cli.refuse("eval small.npy -m small.safetensors --codes wild.npy", "2 vectors");
    cli.refuse("selftest quantum", "quantum");
    cli.refuse("train small.npy --spec VQ2 -o model.npy", ".safetensors");
    cli.refuse("encode small.npy -m small.safetensors -o small.npy --force", "is an input");
    cli.refuse("eval small.npy -m small.safetensors --max-mse nan", "nan");
    cli.refuse("elbow small.npy --k 2..9", "k can be at most 5");
    cli.refuse("elbow small.npy --k 2..4 --plot elbow.png", ".svg");
    cli.refuse("devices --threads 0", "--threads 0");
    assert!(!cli.path("x.npy").exists() && !cli.path("x.safetensors").exists());
    assert!(partials(cli.folder.path()).is_empty(), "{:?}", partials(cli.folder.path()));
}

#[test]
fn the_demo_spares_files_that_are_not_its_own() {
    let cli = Cli::new("cpu");
    std::fs::create_dir(cli.path("mine")).unwrap();
    std::fs::write(cli.path("mine/codes.npy"), "precious").unwrap();
    cli.refuse("demo -o mine", "other files");
    // Names alone make no folder of ours.
    for name in ["report.html", "sample.npy"] {
        std::fs::write(cli.path("mine").join(name), "<!doctype html>").unwrap();
    }
    cli.refuse("demo -o mine", "other files");
    cli.refuse("demo -o mine --report", "other files");
    assert_eq!(std::fs::read(cli.path("mine/codes.npy")).unwrap(), b"precious");
}

#[test]
fn one_value_that_is_far_too_large_is_named() {
    for device in devices() {
        let cli = Cli::new(device);
        let mut x = crate::common::clustered(50, 3, 4, 1);
        cli.write("x.npy", &x);
        cli.json("train x.npy --spec VQ4 -o m.safetensors");
        x[[30, 2]] = 1e20;
        cli.write("huge.npy", &x);
        cli.refuse("train huge.npy --spec VQ4 -o n.safetensors", "row 30 of the training vectors, column 2");
        cli.refuse("encode huge.npy -m m.safetensors -o c.npy", "row 30, column 2 is 1e20");
        cli.refuse("truth huge.npy x.npy -k 1 -o t.ivecs", "row 30, column 2 is 1e20");
    }
}

#[test]
fn elbow_draws_its_curve() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(600, 5, 6, 3));
    let found = cli.json("elbow x.npy --k 2..12 --plot elbow.svg");
    let errors: Vec<f64> =
        found["points"].as_array().unwrap().iter().map(|point| point["mse"].as_f64().unwrap()).collect();
    assert_eq!(errors.len(), 11);
    // Six clusters of unit noise in 5 dimensions: far less error with six codewords than with two.
    assert!(errors[4] < errors[0] / 3.0, "{errors:?}");
    assert!(std::fs::read_to_string(cli.path("elbow.svg")).unwrap().contains("<svg"));
}

#[test]
fn an_unknown_device_is_answered_with_those_there_are() {
    for device in ["quantum", "gpu:99", "gpu:no such adapter", "cpu:1"] {
        let cli = Cli::new(device);
        cli.write("x.npy", &crate::common::clustered(5, 3, 2, 1));
        cli.refuse("train x.npy --spec VQ2 -o m.safetensors", "the devices here are auto, cpu");
    }
}

#[test]
fn a_missed_threshold_is_exit_status_1() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(50, 3, 5, 1));
    cli.json("train x.npy --spec VQ2 -o m.safetensors");
    assert_eq!(cli.run("eval x.npy -m m.safetensors --max-mse 0.001").status.code(), Some(1));
    assert_eq!(cli.run("eval x.npy -m m.safetensors --max-mse 1e9").status.code(), Some(0));
}

#[test]
fn extreme_data_works() {
    for device in devices() {
        let cli = Cli::new(device);
        for (name, x, spec) in [
            ("one_row", crate::common::clustered(1, 7, 1, 1), "VQ1"),
            ("thin", crate::common::clustered(300, 1, 5, 2), "VQ7"),
            ("wide", crate::common::clustered(30, 4096, 3, 3), "VQ3"),
            ("equal", wgvq::ndarray::Array2::from_elem((40, 5), 0.3), "VQ4"),
        ] {
            cli.write(&format!("{name}.npy"), &x);
            cli.json(&format!("train {name}.npy --spec {spec} -o {name}.safetensors"));
            cli.json(&format!("encode {name}.npy -m {name}.safetensors -o {name}.codes.npy"));
            cli.json(&format!("decode {name}.codes.npy -m {name}.safetensors -o {name}.back.npy"));
            let judged = cli.json(&format!("eval {name}.npy -m {name}.safetensors --codes {name}.codes.npy"));
            assert!(judged["mse"].as_f64().unwrap() >= 0.0, "{name} on {device}");
        }
    }
}

#[test]
fn no_result_depends_on_memory_or_threads() {
    let cli = Cli::new("cpu");
    let data = sample();
    cli.json(&format!("train {data} --spec VQ50 --iters 3 -o m.safetensors"));
    cli.json(&format!("train {data} --spec VQ50 --iters 3 -o one.safetensors --threads 1"));
    let read = |name: &str| std::fs::read(cli.path(name)).unwrap();
    assert_eq!(read("m.safetensors"), read("one.safetensors"));
    cli.json(&format!("encode {data} -m m.safetensors -o a.npy"));
    cli.json(&format!("encode {data} -m m.safetensors -o b.npy --memory 1MiB --threads 1"));
    assert_eq!(read("a.npy"), read("b.npy"));
}

#[test]
fn every_kind_of_quantizer_goes_the_whole_way_and_its_codes_pack() {
    for device in devices() {
        let cli = Cli::new(device);
        let x = wgvq::ndarray::Array2::from_shape_fn((300, 10), |(row, column)| {
            ((row * (column + 7)) % 23) as f32 + 0.01 * row as f32
        });
        cli.write("x.npy", &x);
        // Packing is the host's work.
        let (specs, packings) = match device {
            "cpu" => (
                "SQ4 RBQ3 PQ3x4 OPQ2,PQ2x4 RQ1x5+2x3 TRQ3x3 PRQ2x2x3 AQ3x3 LSQ3x3 FSQ:8x5x5 LFQ:9 E8:2 D4",
                "packed huffman range",
            ),
            _ => ("OPQ2,PQ2x4 LSQ3x3 E8:2", "range"),
        };
        for spec in specs.split(' ') {
            cli.json(&format!("train x.npy --spec {spec} --seed 1 -o m.safetensors --force"));
            cli.json("encode x.npy -m m.safetensors -o codes.npy --force");
            for method in packings.split(' ') {
                let packed =
                    cli.json(&format!("encode x.npy -m m.safetensors -o c.wgvq --pack={method} --force"));
                assert!(packed["stored_bits_per_vector"].as_f64().unwrap() > 0.0);
                let tested = cli.json("test c.wgvq");
                assert_eq!((tested["intact"].as_bool(), tested["n"].as_u64()), (Some(true), Some(300)));
                cli.json("decode c.wgvq -m m.safetensors -o packed.npy --force");
                cli.json("decode codes.npy -m m.safetensors -o plain.npy --force");
                let read = |name| std::fs::read(cli.path(name)).unwrap();
                assert!(read("packed.npy") == read("plain.npy"), "{spec} {method}");
            }
            let plain = cli.json("eval x.npy -m m.safetensors --codes codes.npy");
            let packed = cli.json("eval x.npy -m m.safetensors --codes c.wgvq");
            assert_eq!(plain["mse"], packed["mse"], "{spec}");
            let entropy = plain["entropy_bits"].as_f64().unwrap();
            assert!(plain["range_coded_bits"].as_f64().unwrap() >= 0.99 * entropy - 1.0, "{spec}");
        }
    }
}

#[test]
fn a_tree_of_rq_is_trq() {
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &crate::common::clustered(500, 6, 20, 1));
        let tree = cli.json("train x.npy --spec RQ3x3 --tree -o tree.safetensors");
        let named = cli.json("train x.npy --spec TRQ3x3 -o named.safetensors");
        assert_eq!((&tree["spec"], &tree["mse"]), (&"TRQ3x3".into(), &named["mse"]));
        let read = |name: &str| std::fs::read(cli.path(name)).unwrap();
        assert_eq!(read("tree.safetensors"), read("named.safetensors"));
        assert_eq!(cli.json("inspect tree.safetensors")["model"]["spec"], "TRQ3x3");

        cli.json("encode x.npy -m tree.safetensors -o codes.npy");
        cli.json("truth x.npy x.npy -k 1 -o truth.ivecs");
        let search =
            "search x.npy --codes codes.npy -m tree.safetensors -k 50 --truth truth.ivecs --recall-at 50";
        let recall = cli.json(search)["recall"]["1-recall@50"].as_f64().unwrap();
        assert!(recall > 0.9, "{recall}");
        cli.refuse(
            "train x.npy --spec VQ4 --start tree.safetensors -o vq.safetensors",
            "has not one codebook",
        );
    }
}

#[test]
fn codes_of_variable_rate_stop_at_the_error_that_is_asked_for() {
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &crate::common::clustered(500, 6, 20, 1));
        let train = "train x.npy --spec RQ4x3 -o m.safetensors";
        cli.json(&format!("{train} --max-error 3"));
        let fine = cli.json("encode x.npy -m m.safetensors -o fine.wgvq --pack=packed");
        let coarse = cli.json("encode x.npy -m m.safetensors -o coarse.wgvq --pack=packed --max-error 30");
        let (bits, stored) = ("bits_per_vector", "stored_bits_per_vector");
        assert!(coarse[bits].as_f64().unwrap() < fine[bits].as_f64().unwrap());
        assert!(fine[bits].as_f64().unwrap() < 12.0);
        assert!(coarse[stored].as_f64().unwrap() < fine[stored].as_f64().unwrap());
        let judged = cli.json("eval x.npy -m m.safetensors --codes fine.wgvq");
        assert_eq!((&judged[bits], &judged["spec"]), (&fine[bits], &"RQ4x3".into()));
        cli.refuse(
            "encode x.npy -m m.safetensors -o c.npy --local-search 2",
            "--local-search belongs to LSQ",
        );
        cli.refuse("encode x.npy -m m.safetensors -o c.npy --max-error nan", "must be a squared distance");
        cli.refuse(&format!("{train} --force --max-error=-1"), "0 or more");
        cli.refuse("train x.npy --spec PQ2x3 -o p.safetensors --max-error 1", "--max-error belongs to RQ");
    }
}

#[test]
fn a_mixture_is_a_codebook_too() {
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &crate::common::clustered(600, 4, 5, 2));
        for covariance in ["diagonal", "spherical"] {
            let train = format!("train x.npy --spec VQ5 --trainer em --covariance {covariance}");
            let found = cli.json(&format!("{train} -o m.safetensors --force"));
            assert_eq!(found["spec"], "VQ5");
            let history: Vec<f64> =
                found["history"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
            assert!(found["log_likelihood"].as_f64().unwrap() >= history[0]);
            let judged = cli.json("eval x.npy -m m.safetensors");
            let mse = |value: &Value| value["mse"].as_f64().unwrap();
            assert!((mse(&judged) - mse(&found)).abs() < 1e-4 * mse(&found));
        }
        for (arguments, part) in [
            ("--spec RQ2x3 --trainer em", "--spec VQ64"),
            ("--spec VQ5 --trainer em --spherical", "--spherical is for --trainer kmeans"),
            ("--spec VQ5 --trainer em --beam 3", "--beam"),
            ("--spec VQ5 --covariance diagonal", "--covariance is for --trainer em"),
            ("--spec VQ5 --trainer magic", "magic"),
        ] {
            cli.refuse(&format!("train x.npy {arguments} -o other.safetensors"), part);
        }
    }
}

#[test]
fn packed_codes_know_their_model_and_notice_damage() {
    let cli = Cli::new("cpu");
    let data = sample();
    cli.json(&format!("train {data} --spec PQ8x4 --seed 1 --iters 3 -o m.safetensors"));
    cli.json(&format!("train {data} --spec PQ8x4 --seed 2 --iters 3 -o other.safetensors"));
    let encoded = cli.json(&format!("encode {data} -m m.safetensors -o c.wgvq"));
    // Range coding comes within a hundredth of the entropy, besides the models of 8 codebooks of 16 codewords, which take
    // less than 40 bytes each.
    let bits = encoded["stored_bits_per_vector"].as_f64().unwrap();
    let entropy = encoded["entropy_bits"].as_f64().unwrap();
    assert!(bits <= 1.01 * entropy + 8.0 * (8.0 * 40.0) / 6000.0, "{bits} {entropy}");
    cli.refuse("decode c.wgvq -m other.safetensors -o back.npy", "model");
    cli.refuse(&format!("eval {data} -m other.safetensors --codes c.wgvq"), "model");
    cli.refuse(&format!("encode {data} -m m.safetensors -o d.wgvq --resume"), "in one go");
    let mut bytes = std::fs::read(cli.path("c.wgvq")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(cli.path("bad.wgvq"), &bytes).unwrap();
    cli.refuse("test bad.wgvq", "chunk 1");
    cli.refuse("decode bad.wgvq -m m.safetensors -o back.npy", "chunk 1");
    std::fs::write(cli.path("short.wgvq"), &bytes[..middle]).unwrap();
    cli.refuse("test short.wgvq", "short.wgvq");
    assert!(!cli.path("back.npy").exists());
}

#[test]
fn specs_and_settings_that_make_no_sense_are_refused() {
    let cli = Cli::new("cpu");
    let data = sample();
    for (spec, part) in [
        ("PQ8x0", "1 to 16"),
        ("RQ8x17", "1 to 16"),
        ("PQ500x8", "500 parts of 384 dimensions"),
        ("HNSW32", "known are"),
        ("OPQ4,PQ8x8", "both have to be the same"),
        ("TRQ2x13", "must be at most 12 bits"),
        ("TRQ99x10", "take fewer bits"),
        ("FSQ:8x1", "FSQ:8x1: the levels must be 2 to 256, such as in FSQ:8x5x5x5"),
        ("LFQ:400", "400 coordinates of vectors of 384 dimensions; must be at most 384, such as in LFQ:384"),
        ("LFQ:12 --trainer nsvq", "LFQ:12 cannot be trained"),
        ("RQ1x5+2x4 --tree", "RQ1x5+2x4 cannot be a tree"),
        ("PQ8x4 --tree", "PQ8x4 cannot be a tree"),
        ("RQ2x4 --tree --beam 5", "--beam belongs to RQ"),
        ("TRQ2x4 --refine 3", "--refine belongs to OPQ, RQ"),
        ("VQ16 --metric m:0", "m:P with P a whole number of 1 to 16"),
        ("VQ16 --metric cosine", "must be l2, l1"),
        ("VQ16 --metric l1 --spherical", "spherical k-means is by l2"),
        ("VQ16 --metric l1 --mini-batch 100", "mini-batch k-means is by l2"),
        ("PQ8x4 --metric l1", "--metric belongs to VQ"),
        ("VQ16 --metric l1 --trainer nsvq", "--metric"),
        ("VQ16 --metric l1 --trainer em", "--metric is for --trainer kmeans"),
    ] {
        cli.refuse(&format!("train {data} --spec {spec} -o m.safetensors"), part);
    }
    cli.refuse(&format!("train {data} --spec PQ8x4 --beam 5 -o m.safetensors"), "--beam belongs to");
    cli.refuse(&format!("train {data} --spec VQ16 --beam 5 -o m.safetensors"), "--beam");
    cli.refuse(
        &format!("train {data} --spec RQ2x4 --mini-batch 100 -o m.safetensors"),
        "--mini-batch belongs to VQ",
    );
    assert!(!cli.path("m.safetensors").exists());
}
