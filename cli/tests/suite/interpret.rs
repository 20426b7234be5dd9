//! `wgvq interpret`, end to end.

use crate::common::cli::{Cli, devices};
use serde_json::{Value, json};
use wgvq::Quantizer;
use wgvq::ndarray::{Array2, Axis};

fn bundled(name: &str) -> String {
    crate::common::root().join("data").join(name).to_str().unwrap().to_string()
}

/// Saves a plain quantizer with these codewords.
fn save(cli: &Cli, name: &str, codewords: Array2<f32>) {
    wgvq::Vq::new(codewords).unwrap().save(&cli.path(name), false, Value::Null).unwrap();
}

#[test]
fn digits_lie_where_their_codes_say() {
    let (data, labels) = (bundled("digits.npy"), bundled("digits_labels.npy"));
    for device in devices() {
        let cli = Cli::new(device);
        cli.json(&format!("train {data} --spec VQ64 --seed 1 -o m.safetensors"));
        cli.json(&format!("encode {data} -m m.safetensors -o codes.npy"));
        let report =
            cli.json(&format!("interpret m.safetensors {data} --labels {labels} --heat-map map.svg"));
        assert_eq!(report["labels"], json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
        let label = wgvq::io::IndexFile::open_column(&labels).unwrap().to_array().unwrap();
        let mut histogram = vec![vec![0_u64; 64]; 10];
        for (&label, &code) in label.iter().zip(&cli.ids("codes.npy")) {
            histogram[label as usize][code as usize] += 1;
        }
        assert_eq!(report["histogram"], json!(histogram));
        let of = |name: &str| report[name].as_f64().unwrap();
        let most: u64 = (0..64).map(|code| histogram.iter().map(|row| row[code]).max().unwrap()).sum();
        assert!((of("purity") - most as f64 / 1797.0).abs() < 1e-12);
        // 64 codewords tell digits apart well, and k-means leaves them in no order.
        assert!(of("purity") > 0.85 && of("normalized_mutual_information") > 0.5, "{report}");
        assert!(of("order_score").abs() < 0.25 && of("order").abs() < 0.15, "{report}");
        let picture = std::fs::read_to_string(cli.path("map.svg")).unwrap();
        assert!(picture.contains("Labels along the codebook of VQ64"));

        let text = cli.run(&format!("interpret m.safetensors {data} --labels {labels} --nearest 2"));
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(text.contains("middle 80 %") && text.contains("nearest rows: distance, label"), "{text}");
        assert_eq!(text.lines().count(), 6 + 2 + 10 + 2 + 32, "{text}");
    }
}

#[test]
fn the_order_of_a_codebook_is_seen() {
    let cli = Cli::new("cpu");
    // Classes along a line, codewords in its order and in another.
    let x = Array2::from_shape_fn((800, 2), |(row, _)| row as f32 / 10.0);
    cli.write("x.npy", &x);
    cli.write("y.npy", &Array2::from_shape_fn((800, 1), |(row, _)| 3 + row as i32 / 100));
    let line = Array2::from_shape_fn((32, 2), |(s, _)| 2.5 * s as f32 + 1.2);
    let mixed = line.select(Axis(0), &(0..32).map(|s| s * 13 % 32).collect::<Vec<_>>());
    save(&cli, "line.safetensors", line);
    save(&cli, "mixed.safetensors", mixed);
    let of = |report: &Value, name: &str| report[name].as_f64().unwrap();

    let ordered = cli.json("interpret line.safetensors x.npy --labels y.npy");
    assert_eq!(ordered["labels"], json!([3, 4, 5, 6, 7, 8, 9, 10]));
    assert!(of(&ordered, "order_score") > 0.7 && of(&ordered, "order") > 0.999_999, "{ordered}");
    let step = 2.5 * 2.0_f64.sqrt();
    for (name, want) in [("mean", step), ("max", step), ("total", 31.0 * step)] {
        // Codewords up to 80 are rounded to f32 by 4e-6 at most.
        assert!((of(&ordered["jumps"], name) - want).abs() < 1e-5 * want, "{ordered}");
    }
    let mixed = cli.json("interpret mixed.safetensors x.npy --labels y.npy");
    assert_eq!(mixed["purity"], ordered["purity"]);
    assert!(of(&mixed, "order_score") < 0.1 && of(&mixed, "order") < 0.2, "{mixed}");

    let bare = cli.json("interpret line.safetensors x.npy");
    assert!(bare["purity"].is_null() && bare["histogram"].is_null() && bare["used"] == 32, "{bare}");
}

#[test]
fn the_nearest_rows_and_the_shift_are_what_they_say() {
    let x = crate::common::clustered(5000, 3, 20, 4);
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("x.npy", &x);
        cli.write("y.npy", &Array2::from_shape_fn((5000, 1), |(row, _)| row as i32 % 7));
        cli.json("train x.npy --spec VQ12 -o m.safetensors");
        let model = wgvq::load(cli.path("m.safetensors")).unwrap();
        let codewords = model.quantizer.codebooks()[0];

        let report = cli.json("interpret m.safetensors x.npy --labels y.npy --nearest 3");
        for (s, found) in report["nearest"].as_array().unwrap().iter().enumerate() {
            let mut want: Vec<(f64, usize)> = (0..5000)
                .map(|row| {
                    let distance = wgvq::metrics::Metric::SquaredL2.distance(x.row(row), codewords.row(s));
                    (distance.sqrt(), row)
                })
                .collect();
            want.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert_eq!(found["codeword"], s);
            for (place, (distance, row)) in want.into_iter().take(3).enumerate() {
                assert_eq!((&found["rows"][place], &found["labels"][place]), (&json!(row), &json!(row % 7)));
                assert!(
                    (found["distances"][place].as_f64().unwrap() - distance).abs() < 1e-4 * distance + 1e-6
                );
            }
        }

        cli.json("interpret m.safetensors x.npy --shift 4,-1.5 -o shifted.npy");
        let shifted = wgvq::io::open(cli.path("shifted.npy")).unwrap().to_array().unwrap();
        let step = &codewords.row(5) - &codewords.row(4);
        assert_eq!(shifted, &x + &(-1.5_f32 * step));
    }
}

#[test]
fn a_rotated_codebook_is_turned_back() {
    let x = crate::common::clustered(600, 4, 6, 8);
    let cli = Cli::new("cpu");
    cli.write("x.npy", &x);
    cli.json("train x.npy --spec OPQ1,PQ1x3 -o m.safetensors");
    cli.json("interpret m.safetensors x.npy --shift 2,1 -o shifted.npy");
    let model = wgvq::load(cli.path("m.safetensors")).unwrap().quantizer;
    let (codebook, rotation) = (model.codebooks()[0], model.rotation().unwrap());
    let step = rotation.t().dot(&(&codebook.row(3) - &codebook.row(2)));
    let shifted = wgvq::io::open(cli.path("shifted.npy")).unwrap().to_array().unwrap();
    assert!((&shifted - &x - step).iter().all(|error| error.abs() < 1e-4));
}

#[test]
fn what_does_not_fit_is_refused() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(300, 4, 5, 1));
    cli.write("short.npy", &Array2::from_elem((299, 1), 1_i32));
    cli.write("pairs.npy", &Array2::from_elem((300, 2), 1_i32));
    cli.write("below.npy", &Array2::from_elem((300, 1), -1_i32));
    cli.write("float.npy", &Array2::from_elem((300, 1), 1.0_f32));
    cli.write("y.npy", &Array2::from_shape_fn((300, 1), |(row, _)| row as i32));
    for (spec, name) in [("VQ8", "vq"), ("RQ2x2", "rq"), ("VQ1", "one")] {
        cli.json(&format!("train x.npy --spec {spec} -o {name}.safetensors"));
    }
    for (options, says) in [
        ("--labels short.npy", "short.npy holds 299 labels, and the data 300 vectors"),
        ("--labels pairs.npy", "one number per row"),
        ("--labels below.npy", "row 0, column 0 is -1"),
        ("--labels float.npy", "type f32; u8, u16, u32, u64, i32 and i64"),
        ("--labels missing.npy", "--labels: missing.npy"),
        ("--labels y.npy --heat-map map.svg", "a heat map of 300 labels"),
        ("--labels y.npy --heat-map map.png", "ends in .svg"),
        ("--labels y.npy --heat-map y.npy --force", "is an input of this command too"),
        ("--heat-map map.svg", "--labels"),
        ("--shift 7,1 -o s.npy", "--shift: direction 7 of 7; the last is 6"),
        ("--shift 2,NaN -o s.npy", "is no shift"),
        ("--shift 2 -o s.npy", "as in 12,1.5"),
        ("--shift=-1,2 -o s.npy", "is no shift"),
        ("--shift 2,1", "--output"),
        ("--shift 2,3e38 -o s.npy", "a smaller one keeps it finite"),
        ("--shift 2,1 -o s.txt", "s.txt"),
        ("-o s.npy", "--shift"),
        ("--nearest 0", "0 neighbours; give 1 to 1024"),
        ("--nearest 301", "301"),
    ] {
        cli.refuse(&format!("interpret vq.safetensors x.npy -q {options}"), says);
        assert!(!cli.path("s.npy").exists() && !cli.path("map.svg").exists(), "{options}");
    }
    cli.refuse("interpret rq.safetensors x.npy", "RQ2x2 has 2 codebooks; this is for models with one, of");
    cli.refuse("interpret one.safetensors x.npy", "VQ1 has one codeword");
    cli.write("nan.npy", &wgvq::ndarray::array![[0.0_f32, 1.0, f32::NAN, 0.0]]);
    cli.refuse("interpret vq.safetensors nan.npy", "row 0, column 2");
}
