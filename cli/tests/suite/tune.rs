//! `wgvq tune` and `wgvq report`: which quantizer to take.

use serde_json::Value;
use wgvq::ndarray::{Array2, Axis, s};

use crate::common::cli::Cli;
use crate::common::clustered;

/// 1,200 vectors of 8 dimensions in clusters that overlap: neighbours are not told by the cluster alone.
fn with_data() -> Cli {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &(clustered(1200, 8, 20, 4) * 0.3));
    cli
}

fn specs(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["spec"].as_str().unwrap()).collect()
}

/// Types what is recommended, and expects it to work.
fn type_commands(cli: &Cli, found: &Value) {
    cli.write("queries.npy", &(clustered(1300, 8, 20, 4).select(Axis(0), &[1200, 1250, 1299]) * 0.3));
    let commands = found["recommended"]["commands"].as_array().unwrap();
    for command in commands {
        let arguments = command.as_str().unwrap().strip_prefix("wgvq ").unwrap();
        let output = cli.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(cli.path("found.parquet").exists(), "{commands:?}");
}

#[test]
fn what_is_recommended_reaches_what_was_asked_for_and_can_be_typed() {
    let cli = with_data();
    let found = cli.json("tune x.npy --bytes 2 --recall 10@10=.9 --seed 3");
    // A tenth are queries; half of the others are trained on, the rest are searched.
    let held_out = serde_json::json!({ "queries": 120, "searched": 540, "trained_on": 540 });
    assert_eq!(found["held_out"], held_out);
    let table = found["table"].as_array().unwrap();
    assert!(specs(&found["table"]).contains(&"PQ2x8"), "{table:?}");
    assert!(table.iter().any(|row| row["pareto"] == true));
    // Two bytes are too few for that, but not where the nearest are compared by the vectors themselves.
    let best = &found["recommended"];
    let ten = |row: &Value| row["recall"]["10-recall@10"].as_f64().unwrap();
    assert!(ten(best) >= 0.9 && best["reached"] == true && best["refine"] == "source", "{best}");
    for row in table {
        assert!(row["bytes_per_vector"].as_f64().unwrap() <= 2.0, "{row}");
        assert!(
            ten(row) < 0.9 || row["queries_per_second"].as_f64() <= best["queries_per_second"].as_f64(),
            "{row}"
        );
    }
    type_commands(&cli, &found);
}

/// Vectors with near copies of themselves, as where a file has several versions of each document: those held out are found by their
/// copies, and queries of users have none.
#[test]
fn given_queries_judge_instead_of_vectors_with_near_copies() {
    let cli = Cli::new("cpu");
    let all = clustered(700, 8, 20, 4) * 0.3;
    let row = |row: usize, column: usize| all[[row % 120, column]] + 1e-4 * (row / 120) as f32;
    cli.write("x.npy", &Array2::from_shape_fn((1200, 8), |(at, column)| row(at, column)));
    cli.write("asked.npy", &all.slice(s![300.., ..]).to_owned());
    let tune = |more: &str| cli.json(&format!("tune x.npy --bytes 2 --recall 10@10=.9 {more}"));
    let found = tune("--queries asked.npy");
    // All vectors are trained on or searched; half of the queries judge.
    assert_eq!(found["held_out"], serde_json::json!({ "queries": 200, "searched": 600, "trained_on": 600 }));
    assert_eq!(found["queries"], serde_json::json!({ "given": true, "aiming": 200 }));
    assert_eq!(tune("")["queries"], serde_json::json!({ "given": false }));
    type_commands(&cli, &found);
    let said = cli.run("tune x.npy --bytes 2 --queries asked.npy");
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.starts_with("200 of the given queries among 600 vectors, trained on 600 others"), "{said}");
    assert!(said.contains("wgvq search asked.npy --codes") && !said.contains("queries.npy"), "{said}");
    // A page names them by their rows.
    cli.json("report x.npy --bytes 1 --queries asked.npy -o report.html");
    let page = std::fs::read_to_string(cli.path("report.html")).unwrap();
    assert!(page.contains("<h3>given query 2</h3>") && page.contains("200 of the given queries"));
    cli.refuse("report x.npy --bytes 1 --queries asked.html -o asked.html", "asked.html");
}

#[test]
fn what_is_not_reached_is_said_and_is_exit_status_1() {
    let cli = with_data();
    let tune = "tune x.npy --bytes 1 --recall 10@10=.99";
    let output = cli.run(&format!("{tune} -q"));
    let (text, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let why = "wgvq: nothing reached a 10-recall@10 of 0.99 within 1 bytes; the best, VQ256, has 0.";
    assert!(stderr.starts_with(why), "{stderr}");
    // The best is still told, with what to type.
    assert!(text.starts_with("  spec") && text.contains("\n  wgvq train x.npy --spec VQ256"), "{text}");
    let document = cli.run(&format!("{tune} --json"));
    let document: Value = serde_json::from_slice(&document.stdout).unwrap();
    assert_eq!(document["recommended"]["reached"], false);
}

#[test]
fn the_same_seed_tries_and_finds_the_same() {
    let cli = with_data();
    let run = |seed: u32| cli.json(&format!("tune x.npy --bytes 2 --seed {seed}"));
    let figures = |found: &Value| {
        let of = |row: &Value| {
            ["spec", "bytes_per_vector", "relative_mse", "recall"].map(|key| row[key].clone()).to_vec()
        };
        found["table"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let found = run(1);
    assert_eq!(figures(&found), figures(&run(1)));
    assert_ne!(figures(&found), figures(&run(2)));
    // Where no recall is asked for, nothing is an index, and nothing is missed.
    assert!(found["table"].as_array().unwrap().iter().all(|row| row["refine"].is_null()));
    assert!(found["recommended"]["reached"].is_null());
    type_commands(&cli, &found);
}

#[test]
fn what_cannot_be_tuned_is_refused_and_nothing_is_written() {
    let cli = with_data();
    cli.write("few.npy", &Array2::<f32>::ones((999, 8)));
    cli.write("nineteen.npy", &Array2::<f32>::ones((19, 8)));
    cli.write("wide.npy", &Array2::<f32>::ones((30, 9)));
    let mut nan = clustered(1000, 8, 4, 1);
    nan[[517, 3]] = f32::NAN;
    cli.write("nan.npy", &nan);
    let before = std::fs::read_dir(cli.folder.path()).unwrap().count();
    for (arguments, why) in [
        ("few.npy", "999 vectors are too few"),
        ("nan.npy --bytes 4", "nan.npy: row 517, column 3 is NaN"),
        ("missing.npy", "missing.npy"),
        ("x.npy --bytes 0", "--bytes 0: no spec takes that of 8 dimensions; give 1 to 31"),
        ("x.npy --bytes 32", "--bytes 32: no spec takes that of 8 dimensions"),
        ("x.npy --bytes two", "'two' for '--bytes"),
        ("x.npy --budget 0s", "write 90s, 10m or 1h"),
        ("x.npy --budget soon", "write 90s, 10m or 1h"),
        ("x.npy --budget 10", "write 90s, 10m or 1h"),
        ("x.npy --recall .95", "10@10=.95"),
        ("x.npy --recall 1@1=.95", "the 1-recall@1 is not measured; give one of 10@10 or of 1@10"),
        ("x.npy --memory 20KB", "--memory"),
        ("x.npy --metric far", "far"),
        ("x.npy --queries nineteen.npy", "--queries: they are 19 × 8; 20 at least, of the 8 dimensions"),
        ("x.npy --queries wide.npy", "--queries: they are 30 × 9; 20 at least, of the 8 dimensions"),
        ("x.npy --queries gone.npy", "--queries: gone.npy: no such file"),
    ] {
        cli.refuse(&format!("tune {arguments}"), why);
    }
    // So short that not even one trial is done.
    cli.refuse("tune x.npy --bytes 4 --budget 0.000001s", "the time was over before a first trial was done");
    assert_eq!(std::fs::read_dir(cli.folder.path()).unwrap().count(), before);
}

#[test]
fn a_report_is_one_page_that_loads_nothing() {
    let cli = with_data();
    let names: String = (0..1200).map(|row| format!("vector <{row}>\n")).collect();
    std::fs::write(cli.path("names.txt"), &names).unwrap();
    std::fs::write(cli.path("short.txt"), "one\n").unwrap();
    let report = "report x.npy --bytes 2 --recall 10@10=.9 --labels names.txt";
    let found = cli.json(&format!("{report} -o report.html"));
    let page = std::fs::read_to_string(cli.path("report.html")).unwrap();
    // Error over bytes, recall over bytes, speed over recall, and the use of codebooks, each with its name.
    for chart in [
        "% of the variance lost over bytes of a vector",
        "10-recall@10 over bytes of a vector",
        "queries a second over 10-recall@10",
        "perplexity / codewords by codebook",
    ] {
        assert!(page.contains(&format!("aria-label=\"{chart}\"")), "{chart}");
    }
    for part in [
        "<!doctype html>",
        "name=\"viewport\"",
        "prefers-color-scheme:dark",
        "@media print",
        "x.npy?</title>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for loads in ["http:", "https:", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(loads), "{loads}");
    }
    // What was tried, the machine, what to type, and what the vectors are called.
    assert!(specs(&found["table"]).iter().all(|spec| page.contains(&format!("<td>{spec}"))));
    assert!(page.contains("<td>device</td><td>cpu</td>") && page.contains("vector &lt;"));
    for command in found["recommended"]["commands"].as_array().unwrap() {
        assert!(page.contains(command.as_str().unwrap()), "{command}");
    }

    for (arguments, why) in [
        ("report x.npy --bytes 1 -o report.htm", "a page's name ends in .html"),
        ("report x.npy --bytes 1 -o report.html", "report.html"),
        ("report x.npy --bytes 1 --labels names.txt -o names.txt", "names.txt"),
        ("report x.npy --bytes 1 --labels short.txt -o r.html", "1 lines, and there are 1200 vectors"),
        ("report x.npy --bytes 99 -o r.html", "--bytes 99"),
    ] {
        cli.refuse(arguments, why);
    }
    assert!(!cli.path("r.html").exists() && !cli.path("report.htm").exists());
    assert_eq!(std::fs::read_to_string(cli.path("names.txt")).unwrap(), names);
}
