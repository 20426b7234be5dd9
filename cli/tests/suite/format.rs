//! FORMAT.md and its reader: what the program writes is decoded by Python and numpy alone.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::cli::Cli;
use crate::common::clustered;
use wgvq::Model;
use wgvq::ndarray::{Array2, s};

/// Models of every kind, and of everything that their files can hold: data and spec.
const TRAINED: [&str; 62] = [
    "x.npy --spec VQ1",
    "x.npy --spec VQ37",
    "x.npy --spec VQ300",
    "x.npy --spec VQ8 --trainer em",
    "tiny.npy --spec VQ8",
    "x.npy --spec SQ3",
    "x.npy --spec SQ:9",
    "x.npy --spec SQ:5 --levels lloyd-max",
    "x.npy --spec RR,SQ:300 --shared",
    "x.npy --spec SQ9 --shared",
    "x.npy --spec SQ4 --levels lloyd-max",
    "x.npy --spec SQ4 --levels lloyd-max --shared",
    "tiny.npy --spec SQ4",
    "x.npy --spec PQ3x3",
    "mixed.npy --spec PQ3x3",
    "x.npy --spec OPQ3,PQ3x3 --refine 2",
    "far.npy --spec OPQ3,PQ3x3 --refine 2",
    "tiny.npy --spec OPQ3,PQ3x3 --refine 2",
    "x.npy --spec OPQ2,RQ3x3 --refine 2 --rotations 2",
    "far.npy --spec OPQ2,PRQ2x2x3 --refine 2 --rotations 2",
    "x.npy --spec OPQ2,SQ4 --rotations 2",
    "x.npy --spec RR,SQ4",
    "far.npy --spec RR,RQ2x3",
    "tiny.npy --spec OPQ2,E8 --rotations 2",
    "x.npy --spec OPQ2,TRQ2x3 --rotations 2",
    "x.npy --spec RBQ1",
    "x.npy --spec RBQ4",
    "far.npy --spec RBQ2",
    "tiny.npy --spec RBQ8",
    "x.npy --spec RQ1x5+2x3 --refine 2",
    "tiny.npy --spec RQ3x3 --refine 2",
    "x.npy --spec RQ4x3 --refine 2 --max-error 9",
    "many.npy --spec RQ4x2 --refine 1 --max-error 20 --beam 1",
    "x.npy --spec TRQ3x3",
    "x.npy --spec PRQ2x2x3 --refine 2",
    "mixed.npy --spec PRQ2x2x3 --refine 2",
    "x.npy --spec AQ2x3 --refine 2",
    "x.npy --spec LSQ2x3 --refine 2",
    "x.npy --spec PLSQ2x2x3 --refine 2",
    "x.npy --spec FSQ:8x5x5x5",
    "tiny.npy --spec FSQ:3x4",
    "far.npy --spec FSQ:3x4",
    "x.npy --spec LFQ:10",
    "x.npy --spec SFVQ4 --steps 50 --batch 64",
    "x.npy --spec SFVQ4+3 --steps 50 --batch 64",
    "tiny.npy --spec SFVQ4+3 --steps 50 --batch 64",
    "x.npy --spec Z",
    "x.npy --spec Z:0.0002",
    "x.npy --spec A2",
    "tiny.npy --spec A2",
    "x.npy --spec A3",
    "tiny.npy --spec A7",
    "x.npy --spec A12:0.7",
    "x.npy --spec D4",
    "x.npy --spec E8",
    "x.npy --spec E8:0.7",
    "x.npy --spec Leech24",
    "far.npy --spec Leech24:1.5",
    "x.npy --spec A2x5",
    "tiny.npy --spec D5x6",
    "far.npy --spec Zx3:1.5",
    "x.npy --spec OPQ2,D5x4 --rotations 2",
];

/// Files of codes by the end of their name, and how `encode` is asked for them.
const CODES: [(&str, &str); 4] = [
    ("npy", ""),
    ("packed.wgvq", "--pack=packed"),
    ("huffman.wgvq", "--pack=huffman"),
    ("range.wgvq", "--pack=range"),
];

/// Calls the reader for each model, codes and output among the arguments behind the folder of the reader.
const READ: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import read_wgvq
for i in range(2, len(sys.argv), 3):
    read_wgvq.main(*sys.argv[i:i + 3])
";

/// Changes a bit of every byte behind the magic number, and expects that the reader says so.
const DAMAGE: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import read_wgvq
model, codes = (open(name, 'rb').read() for name in sys.argv[2:])
read_wgvq.read_container(codes, model)
for at in range(8, len(codes)):
    damaged = codes[:at] + bytes([codes[at] ^ 4]) + codes[at + 1:]
    try:
        read_wgvq.read_container(damaged, model)
    except AssertionError:
        continue
    sys.exit(f'byte {at} of {len(codes)} can be changed')
";

fn scripts() -> PathBuf {
    crate::common::root().join("scripts")
}

/// Runs Python in the folder of `cli`.
fn python(cli: &Cli, arguments: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg("-B").args(arguments).current_dir(cli.folder.path()).output().unwrap()
}

fn has(module: &str) -> bool {
    let output = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Whether there is no Python with numpy; where the environment has `WGVQ_REQUIRE_PYTHON`, that is a failure.
fn skipped() -> bool {
    let there = has("numpy");
    assert!(there || env::var_os("WGVQ_REQUIRE_PYTHON").is_none(), "there is no python3 with numpy");
    if !there {
        eprintln!("skipped: there is no python3 with numpy");
    }
    !there
}

/// A folder with the data that [`TRAINED`] names.
fn with_data() -> Cli {
    let cli = Cli::new("cpu");
    let x = clustered(400, 10, 9, 6);
    let mut mixed = x.clone();
    mixed.slice_mut(s![.., ..5]).mapv_inplace(|value| value * 2.0_f32.powi(60));
    mixed.slice_mut(s![.., 5..]).mapv_inplace(|value| value * 2.0_f32.powi(-50));
    cli.write("mixed.npy", &mixed);
    cli.write("tiny.npy", &x.mapv(|value| value * 2.0_f32.powi(-80)));
    cli.write("far.npy", &x.mapv(|value| value + 1e5));
    cli.write("x.npy", &x);
    // More than a chunk of rows.
    cli.write("many.npy", &clustered(70_000, 2, 30, 7));
    cli
}

#[test]
fn the_reader_in_python_decodes_every_kind() {
    if skipped() {
        return;
    }
    let cli = with_data();
    let mut data = Vec::new();
    for (number, trained) in TRAINED.iter().enumerate() {
        cli.json(&format!("train {trained} -o {number}.safetensors"));
        data.push((*trained, trained.split(' ').next().unwrap()));
    }
    let curve = TRAINED.iter().position(|trained| trained.contains("SFVQ4 ")).unwrap();
    for by in ["codeword", "curve"] {
        let number = data.len();
        let equalize = format!("equalize {curve}.safetensors x.npy --codewords 11 --by {by}");
        cli.json(&format!("{equalize} -o {number}.safetensors"));
        data.push((by, "x.npy"));
    }
    let folder = scripts();
    let mut arguments: Vec<String> = vec!["-c".into(), READ.into(), folder.to_str().unwrap().into()];
    for (number, (_, data)) in data.iter().enumerate() {
        for (kind, option) in CODES {
            cli.json(&format!("encode {data} -m {number}.safetensors -o {number}.{kind} {option}"));
            arguments.push(format!("{number}.safetensors"));
            arguments.push(format!("{number}.{kind}"));
            arguments.push(format!("{number}.{kind}.read.npy"));
        }
        cli.json(&format!("decode {number}.npy -m {number}.safetensors -o {number}.decoded.npy"));
    }
    let output = python(&cli, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let (mut ragged, mut scales, mut part_scales, mut offsets) = (0, 0, 0, 0);
    for (number, (what, _)) in data.iter().enumerate() {
        let model = wgvq::load(cli.path(&format!("{number}.safetensors"))).unwrap();
        let decoded = cli.path(&format!("{number}.decoded.npy"));
        for (kind, _) in CODES {
            let read = cli.path(&format!("{number}.{kind}.read.npy"));
            if fs::read(&read).unwrap() != fs::read(&decoded).unwrap() {
                check_rotated(what, &model, &vectors(&read), &vectors(&decoded));
            }
        }
        ragged += usize::from(model.quantizer.is_ragged());
        scales += usize::from(model.description["scale"].is_i64());
        part_scales += usize::from(model.description["scale"].is_array());
        offsets += usize::from(model.quantizer.offset().is_some());
    }
    assert_eq!((ragged, scales, part_scales, offsets), (2, 14, 2, 10));
}

fn vectors(path: &Path) -> Array2<f32> {
    wgvq::io::open(path).unwrap().to_array().unwrap()
}

/// Only what has been rotated may differ, where the CPU does not fuse products and sums: both are within d + 2 roundings of
/// the sum of |y_j·R_ji|, which is at most the length of y, and of what the offset adds.
fn check_rotated(what: &str, model: &Model, read: &Array2<f32>, decoded: &Array2<f32>) {
    assert!(model.quantizer.rotation().is_some(), "{what}: other bytes");
    assert_eq!(read.dim(), decoded.dim(), "{what}");
    let length = |row: &[f32]| row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let offset = model.quantizer.offset().map_or(0.0, |offset| length(offset.as_slice().unwrap()));
    let roundings = 2.0 * (decoded.ncols() + 3) as f64 * 2.0_f64.powi(-24);
    for (read, decoded) in read.outer_iter().zip(decoded.outer_iter()) {
        let most = roundings * 1.01 * (length(decoded.as_slice().unwrap()) + offset);
        for (read, decoded) in read.iter().zip(decoded) {
            assert!(
                (f64::from(*read) - f64::from(*decoded)).abs() <= most,
                "{what}: {read} is not {decoded}"
            );
        }
    }
}

#[test]
fn the_reader_in_python_notices_other_models_and_damage() {
    if skipped() {
        return;
    }
    if !has("xxhash") {
        eprintln!("skipped: python3 has no package xxhash");
        return;
    }
    let cli = with_data();
    cli.json("train x.npy --spec PQ3x3 -o m.safetensors");
    cli.json("train x.npy --spec PQ3x3 --seed 1 -o other.safetensors");
    let folder = scripts();
    for (kind, option) in &CODES[1..] {
        let codes = format!("codes.{kind}");
        cli.json(&format!("encode x.npy -m m.safetensors -o {codes} {option}"));
        let output = python(&cli, &["-c", DAMAGE, folder.to_str().unwrap(), "m.safetensors", &codes]);
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let reader = folder.join("read_wgvq.py");
    let read = |model| python(&cli, &[reader.to_str().unwrap(), model, "codes.range.wgvq", "back.npy"]);
    let output = read("other.safetensors");
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && why.contains("another model"), "{why}");
    assert!(!cli.path("back.npy").exists());
    assert!(read("m.safetensors").status.success());
    assert_eq!(vectors(&cli.path("back.npy")).dim(), (400, 10));
}
