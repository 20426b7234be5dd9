//! Throughput, and comparison with an earlier run.

use serde_json::{Value, json};

use crate::common::cli::{Cli, devices};

const TINY: &str = "bench --quick --shape 300,8,16";

/// Makes every run of a document take `factor` times as long.
fn scale(document: &mut Value, factor: f64) {
    for result in document["results"].as_array_mut().unwrap() {
        let runs = result["seconds"].as_array().unwrap();
        let scaled: Vec<f64> = runs.iter().map(|seconds| factor * seconds.as_f64().unwrap()).collect();
        result["seconds"] = json!(scaled);
        result["median_seconds"] = json!(factor * result["median_seconds"].as_f64().unwrap());
    }
}

#[test]
fn a_document_says_what_was_measured_and_where() {
    for device in devices() {
        let cli = Cli::new(device);
        let found = cli.json(TINY);
        let results = found["results"].as_array().unwrap();
        let names: Vec<&str> = results.iter().map(|result| result["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["assign", "project", "kmeans", "encode", "upload", "readback"], "{device}");
        for result in results {
            assert_eq!([&result["n"], &result["d"], &result["k"]], [300, 8, 16]);
            assert_eq!(result["seconds"].as_array().unwrap().len(), 3);
            assert!(result["median_seconds"].as_f64().unwrap() > 0.0);
            assert!(result["share_of_copy"].as_f64().unwrap() > 0.0);
            let computes = !["upload", "readback"].contains(&result["name"].as_str().unwrap());
            assert_eq!(result["intensity"].is_number(), computes, "{result}");
            assert_eq!(result["tile"].is_string(), computes && device == "gpu", "{result}");
        }
        for peak in ["copy_gbs", "multiply_add_gflops"] {
            assert!(found["peaks"][peak].as_f64().unwrap() > 0.0, "{peak} of {device}");
        }
        assert_eq!(found["peaks"]["dispatch_us"].as_f64().is_some_and(|time| time > 0.0), device == "gpu");
        assert!(found["threads"].as_u64().unwrap() > 0 && found["logical_cores"].as_u64().unwrap() > 0);
        assert_eq!(found["precision"], "auto");
        assert_eq!(found["optimised"], !cfg!(debug_assertions));
        for key in ["device", "version", "os", "architecture"] {
            assert!(!found[key].as_str().unwrap().is_empty(), "{key} of {device}");
        }
        assert_eq!(found["backend"].is_string(), device == "gpu");
    }
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let cli = Cli::new("cpu");
    let mut document = cli.json(TINY);
    let mut write = |name: &str, factor: f64| {
        scale(&mut document, factor);
        std::fs::write(cli.path(name), document.to_string()).unwrap();
    };
    // So far apart that no disturbance of a run of microseconds hides it.
    write("fast.json", 1e-9);
    write("slow.json", 1e18);

    let slower = cli.run(&format!("{TINY} --only upload --compare fast.json"));
    let text = String::from_utf8(slower.stdout).unwrap();
    assert_eq!(slower.status.code(), Some(1), "{text}");
    assert!(text.contains("compared with fast.json") && text.contains(" slower"), "{text}");
    assert_eq!(text.matches("only in the old").count(), 5, "{text}");

    let faster = cli.json(&format!("{TINY} --only upload --compare slow.json --threads 1"));
    assert_eq!(faster["comparison"]["rows"][0]["change"], "faster");
    assert_eq!(faster["comparison"]["rows"][1]["change"], "only_old");
    let threads = faster["comparison"]["notes"].to_string();
    assert!(document["threads"] == 1 || threads.contains("threads: "), "{threads}");

    let both = format!("{TINY} --only assign --compare slow.json --markdown --plot roofline.svg");
    let markdown = String::from_utf8(cli.run(&both).stdout).unwrap();
    assert!(markdown.starts_with("| wgvq bench | |\n| --- | --- |\n| device | cpu |"), "{markdown}");
    assert!(markdown.contains("Compared with slow.json:") && markdown.contains("| faster |"), "{markdown}");
    let picture = std::fs::read_to_string(cli.path("roofline.svg")).unwrap();
    for part in ["assign 300 × 8, k 16", "multiply-add in f32", "copy: ", "operations per byte"] {
        assert!(picture.contains(part), "{part}");
    }
    cli.refuse(&both, "roofline.svg");
}

#[test]
fn what_cannot_be_compared_or_drawn_is_refused_before_anything_is_measured() {
    let cli = Cli::new("cpu");
    cli.refuse("bench --compare none.json", "none.json");
    std::fs::write(cli.path("x.json"), "{\"devices\": []}").unwrap();
    cli.refuse(
        "bench --compare x.json",
        "x.json: is a JSON document of devices, without peaks and results; give what",
    );
    std::fs::write(cli.path("x.csv"), "n,d,k").unwrap();
    cli.refuse("bench --compare x.csv", "x.csv: is no JSON");
    cli.refuse("bench --markdown --json", "give one of them");
    cli.refuse("bench --repeat 0", "at least one run");
    cli.refuse("bench --only upload --plot x.svg", "--only upload: nothing is computed");
    cli.refuse("bench --plot x.png", "ends in .svg");
}
