//! What no result may depend on: the units of the data, and where the origin is.
//!
//! Vectors times a power of two have the same codes, and errors times its square. Whole numbers moved by another
//! that f32 holds exactly have the same codes, and the same errors but for the rounding of codewords.

use std::fs;

use crate::common::cli::Cli;
use wgvq::Rng;
use wgvq::ndarray::Array2;

/// A quantizer and how it is trained. `ERROR` stands for a squared error, `SCALE` for a length, in the data's units.
const KINDS: [(&str, &str); 53] = [
    ("VQ16", ""),
    ("VQ16", "--init random"),
    ("VQ16", "--init kmeans++"),
    ("VQ16", "--init kmeans-parallel"),
    ("VQ16", "--init de"),
    ("VQ16", "--metric l1"),
    ("VQ16", "--metric m:3"),
    ("VQ16", "--mini-batch 128 --iters 20"),
    ("VQ8", "--trainer em"),
    ("SQ4", ""),
    ("SQ:9", ""),
    ("SQ4", "--shared"),
    ("SQ3", "--levels lloyd-max"),
    ("PQ3x4", ""),
    ("OPQ3,PQ3x4", ""),
    ("OPQ3,RQ2x4", ""),
    ("OPQ2,SQ4", ""),
    ("RR,SQ4", ""),
    ("RR,TRQ2x4", ""),
    ("OPQ2,E8:SCALE", ""),
    ("RBQ1", ""),
    ("RBQ3", ""),
    ("RBQ8", ""),
    ("RQ3x4", ""),
    ("RQ3x4", "--beam 1"),
    ("RQ3x4", "--max-error ERROR"),
    ("PRQ2x2x4", ""),
    ("AQ2x4", ""),
    ("LSQ2x4", ""),
    ("PLSQ2x2x4", ""),
    ("TRQ2x4", ""),
    ("FSQ:8x5x5x5", ""),
    ("LFQ:12", ""),
    ("SFVQ4", "--steps 40 --batch 128"),
    ("SFVQ4+3", "--steps 40 --batch 128"),
    ("Z", ""),
    ("A2", ""),
    ("A5", ""),
    ("D4", ""),
    ("E8", ""),
    ("E8:SCALE", ""),
    ("Zx3", ""),
    ("D4x7", ""),
    ("A2x4:SCALE", ""),
    ("VQ8", "--trainer ste --steps 40 --batch 128"),
    ("VQ8", "--trainer ema --steps 40 --batch 128"),
    ("VQ8", "--trainer soft --steps 40 --batch 128"),
    ("VQ8", "--trainer gumbel --steps 40 --batch 128"),
    ("VQ8", "--trainer rotation --steps 40 --batch 128"),
    ("VQ8", "--trainer simvq --steps 40 --batch 128"),
    ("RQ2x3", "--trainer nsvq --steps 40 --batch 128"),
    ("PQ2x3", "--trainer diveq --steps 40 --batch 128"),
    ("AQ2x3", "--trainer nsvq --steps 40 --batch 128"),
];

/// Vectors about some centres, of whole numbers up to a few hundred.
fn whole_numbers(n: usize, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, 0);
    let centres = Array2::from_shape_simple_fn((20, 12), || 100.0 * rng.normal());
    let mut centre = Rng::new(seed, 1);
    let mut x = Array2::zeros((n, 12));
    for mut row in x.outer_iter_mut() {
        let centre = centres.row(centre.below(20));
        row.zip_mut_with(&centre, |value, &middle| *value = (middle + 20.0 * rng.normal()).round());
    }
    x
}

/// What all commands make of some vectors.
#[derive(Debug)]
struct Results {
    /// Squared errors.
    errors: Vec<(&'static str, f64)>,
    decoded: Array2<f32>,
    /// Files of codes and ids.
    files: Vec<(&'static str, Vec<u8>)>,
}

fn results(cli: &Cli, spec: &str, options: &str, x: &Array2<f32>, power: i32) -> Results {
    let unit = 2.0_f64.powi(power);
    let spec = spec.replace("SCALE", &(16.0 * unit).to_string());
    let options = options.replace("ERROR", &(4000.0 * unit * unit).to_string());
    cli.write("x.npy", x);
    cli.write("q.npy", &x.slice(wgvq::ndarray::s![..10, ..]).to_owned());
    let mut errors = Vec::new();
    let mut mse = |name, arguments: &str| {
        errors.push((name, cli.json(&format!("{arguments} --force"))["mse"].as_f64().unwrap_or(f64::NAN)));
    };
    mse("train", &format!("train x.npy --spec {spec} {options} --seed 1 -o m.safetensors"));
    mse("encode", "encode x.npy -m m.safetensors -o c.npy");
    mse("eval", "eval x.npy -m m.safetensors --codes c.npy");
    cli.json("decode c.npy -m m.safetensors -o b.npy --force");
    cli.json("search q.npy --codes c.npy -m m.safetensors -k 3 -o n.ivecs --force");
    let mut files = vec!["c.npy", "n.ivecs"];
    if spec == "SFVQ4" {
        mse("equalize", "equalize m.safetensors x.npy --codewords 8 -o e.safetensors");
        mse("by curve", "encode x.npy -m e.safetensors --by curve -o e.npy");
        mse("interpret", "interpret m.safetensors x.npy");
        files.push("e.npy");
    }
    let decoded = wgvq::io::open(cli.path("b.npy")).unwrap().to_array().unwrap();
    let files = files.into_iter().map(|name| (name, fs::read(cli.path(name)).unwrap())).collect();
    Results { errors, decoded, files }
}

/// Whether two numbers are the same, but for the last digit of what JSON is read as.
fn same(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() <= 4.0 * f64::EPSILON
}

fn same_times(base: &Results, moved: &Results, power: i32, what: &str) {
    let unit = 4.0_f64.powi(power);
    for ((name, error), (_, of)) in moved.errors.iter().zip(&base.errors) {
        assert!(same(*error, of * unit), "{what}: the error of {name} is {error:e}, not {:e}", of * unit);
    }
    assert_eq!(moved.decoded, base.decoded.mapv(|value| value * 2.0_f32.powi(power)), "{what}");
    for (file, of) in moved.files.iter().zip(&base.files) {
        assert!(file == of, "{what}: {} differs", file.0);
    }
}

#[test]
fn units_change_nothing_but_units() {
    let cli = Cli::new("cpu");
    let x = whole_numbers(400, 3);
    for (spec, options) in KINDS {
        let base = results(&cli, spec, options, &x, 0);
        for power in [-80, -27, 60] {
            let moved = results(&cli, spec, options, &x.mapv(|value| value * 2.0_f32.powi(power)), power);
            same_times(&base, &moved, power, &format!("{spec} {options} times 2^{power}"));
        }
    }
}

#[test]
fn nor_do_they_on_a_gpu() {
    if !crate::common::cli::devices().contains(&"gpu") {
        return;
    }
    let cli = Cli::new("gpu");
    let x = whole_numbers(300, 4);
    for (spec, options) in [("VQ8", ""), ("PQ3x3", ""), ("RQ2x3", ""), ("SQ4", "")] {
        let base = results(&cli, spec, options, &x, 0);
        for power in [-80, 60] {
            let moved = results(&cli, spec, options, &x.mapv(|value| value * 2.0_f32.powi(power)), power);
            same_times(&base, &moved, power, &format!("{spec} {options} times 2^{power}"));
        }
    }
}

#[test]
fn an_exact_offset_changes_no_code() {
    let cli = Cli::new("cpu");
    let x = whole_numbers(400, 5);
    for (spec, options) in KINDS {
        // A code that says stop stands for the origin.
        if options.contains("ERROR") || spec.contains("SCALE") {
            continue;
        }
        let what = format!("{spec} {options}");
        let base = results(&cli, spec, options, &x, 0);
        let moved = results(&cli, spec, options, &(&x + 32768.0), 0);
        let [(_, codes), (_, of)] = [&moved.files[0], &base.files[0]];
        // A codeword is rounded to 2^-9 where the numbers are large; vectors that are that near a border may cross it.
        let crossed = codes.iter().zip(of).filter(|(a, b)| a != b).count();
        assert!(crossed * 500 <= of.len(), "{what}: {crossed} of {} codes differ", of.len());
        // Candidates of the same code are equally near, and one that crossed a border can stand in another's place.
        let [(_, ids), (_, of)] = [&moved.files[1], &base.files[1]];
        let others = ids.chunks(4).zip(of.chunks(4)).filter(|(a, b)| a != b).count();
        assert!(others * 10 <= of.len() / 4, "{what}: {others} of {} neighbours differ", of.len() / 4);
        for ((name, error), (_, of)) in moved.errors.iter().zip(&base.errors) {
            assert!(
                (error / of - 1.0).abs() < 1e-3,
                "{what}: the error of {name} is {error}, {of} at the origin"
            );
        }
    }
}

#[test]
fn a_part_of_other_units_costs_the_others_nothing() {
    let cli = Cli::new("cpu");
    let x = whole_numbers(400, 6);
    cli.write("x.npy", &x);
    for spec in ["PQ2x4", "PRQ2x2x3"] {
        cli.json(&format!("train x.npy --spec {spec} --seed 1 -o m.safetensors --force"));
        cli.json("encode x.npy -m m.safetensors -o c.npy --force");
        for unit in [1e-25, 1e25] {
            let mut mixed = x.clone();
            // Not a power of two: the codes of this part may be others.
            mixed.slice_mut(wgvq::ndarray::s![.., 6..]).mapv_inplace(|value| value * unit);
            cli.write("mixed.npy", &mixed);
            cli.json(&format!("train mixed.npy --spec {spec} --seed 1 -o n.safetensors --force"));
            cli.json("encode mixed.npy -m n.safetensors -o d.npy --force");
            let (codes, of) = (cli.ids("d.npy"), cli.ids("c.npy"));
            let first = codes.ncols() / 2;
            let own = |codes: &Array2<u32>| codes.slice(wgvq::ndarray::s![.., ..first]).to_owned();
            assert_eq!(own(&codes), own(&of), "{spec} with a part times {unit:e}");
        }
    }
}

#[test]
fn neighbours_and_order_have_no_units_either() {
    let cli = Cli::new("cpu");
    let x = whole_numbers(200, 7);
    let found = |power: i32| {
        let x = x.mapv(|value| value * 2.0_f32.powi(power));
        cli.write("x.npy", &x);
        cli.write("q.npy", &x.slice(wgvq::ndarray::s![..20, ..]).mapv(|value| value * 1.25));
        let mut files = Vec::new();
        for metric in ["l2", "l1", "m:3", "ip", "cosine"] {
            cli.json(&format!("truth x.npy q.npy -k 5 --metric {metric} -o t.ivecs --force"));
            files.push(fs::read(cli.path("t.ivecs")).unwrap());
        }
        // Codes with tables, with tables behind a rotation, and without.
        for spec in ["PQ3x4", "OPQ3,RQ2x4", "TRQ2x4", "SQ4"] {
            cli.json(&format!("train x.npy --spec {spec} --seed 1 -o m.safetensors --force"));
            cli.json("encode x.npy -m m.safetensors -o c.npy --force");
            for metric in ["l2", "l1", "m:3", "ip", "cosine"] {
                let search = format!("search q.npy --codes c.npy -m m.safetensors -k 5 --metric {metric}");
                cli.json(&format!("{search} -o n.ivecs --force"));
                files.push(fs::read(cli.path("n.ivecs")).unwrap());
            }
        }
        for curve in ["hilbert", "lebesgue"] {
            cli.json(&format!("order x.npy --curve {curve} -o o.npy --indices i.npy --force"));
            files.push(fs::read(cli.path("i.npy")).unwrap());
        }
        let elbow = cli.json("elbow x.npy --k 2,4,8");
        let knee = elbow["knee"].as_u64().unwrap();
        let points = elbow["points"].as_array().unwrap().iter();
        (
            files,
            knee,
            points.map(|point| point["mse"].as_f64().unwrap() * 4.0_f64.powi(-power)).collect::<Vec<_>>(),
        )
    };
    let (files, knee, errors) = found(0);
    for power in [-80, 60] {
        let moved = found(power);
        assert!((&moved.0, moved.1) == (&files, knee), "times 2^{power}");
        assert!(
            moved.2.iter().zip(&errors).all(|(&error, &of)| same(error, of)),
            "times 2^{power}: {:?}",
            moved.2
        );
    }
}

#[test]
fn no_code_depends_on_other_rows_on_batches_or_on_files() {
    let cli = Cli::new("cpu");
    let x = whole_numbers(400, 8);
    let mut order: Vec<usize> = (0..400).collect();
    Rng::new(8, 2).shuffle(&mut order);
    let rows = |rows: &[usize]| x.select(wgvq::ndarray::Axis(0), rows);
    cli.write("whole.npy", &x);
    cli.write("a.npy", &rows(&(0..150).collect::<Vec<_>>()));
    cli.write("b.fvecs", &rows(&(150..400).collect::<Vec<_>>()));
    cli.write("shuffled.npy", &rows(&order));
    let read = |name: &str| fs::read(cli.path(name)).unwrap();
    for (spec, options) in KINDS {
        let what = format!("{spec} {options}");
        let train = format!("--spec {spec} {options} --seed 1 --force")
            .replace("SCALE", "16")
            .replace("ERROR", "4000");
        cli.json(&format!("train whole.npy {train} -o m.safetensors"));
        cli.json(&format!("train a.npy b.fvecs {train} -o n.safetensors --threads 1"));
        assert!(
            read("m.safetensors") == read("n.safetensors"),
            "{what}: another model of the same vectors in two files"
        );
        let encode = |data: &str, output: &str| {
            cli.json(&format!("encode {data} -m m.safetensors -o {output} --force"));
        };
        encode("whole.npy", "c.npy");
        encode("a.npy b.fvecs --memory 1MiB --threads 1", "d.npy");
        assert!(read("c.npy") == read("d.npy"), "{what}: other codes of the same vectors in two files");
        encode("shuffled.npy", "s.npy");
        let want = cli.ids("c.npy").select(wgvq::ndarray::Axis(0), &order);
        assert!(cli.ids("s.npy") == want, "{what}: other codes in another order");
    }
}
