//! Codes from one kind of file to another.

use std::fs;

use crate::common::cli::Cli;
use crate::common::sample;

#[test]
fn codes_go_through_every_kind_of_file_and_come_back_the_same() {
    let cli = Cli::new("cpu");
    let sample = sample();
    let x = sample.display();
    // Of a size that no number of bits has, and of variable rate.
    for (spec, settings) in [("VQ300", ""), ("RQ3x5", ""), ("RQ3x4", "--max-error 0.7"), ("SQ4", "")] {
        cli.json(&format!("train {x} --spec {spec} {settings} -o m.safetensors --force"));
        cli.json(&format!("encode {x} -m m.safetensors -o c.npy --force"));
        let codes = fs::read(cli.path("c.npy")).unwrap();
        let mut from = "c.npy".to_string();
        let kinds =
            ["a.wgvq --pack packed", "b.wgvq --pack huffman", "c.parquet", "d.arrow", "e.wgvq", "f.feather"];
        for to in kinds.into_iter().chain(["g.parquet", "back.npy"]) {
            let model = if from.ends_with(".npy") { "-m m.safetensors" } else { "" };
            let done = cli.json(&format!("repack {from} {model} -o {to} --force"));
            assert_eq!((&done["spec"], &done["n"]), (&spec.into(), &cli.ids("c.npy").nrows().into()), "{to}");
            from = to.split(' ').next().unwrap().to_string();
        }
        assert!(fs::read(cli.path("back.npy")).unwrap() == codes, "{spec}");
        cli.json("decode f.feather -m m.safetensors -o x.npy --force");
        cli.json("decode c.npy -m m.safetensors -o y.npy --force");
        assert!(fs::read(cli.path("x.npy")).unwrap() == fs::read(cli.path("y.npy")).unwrap(), "{spec}");
    }
}

#[test]
fn what_cannot_be_repacked_is_refused_and_leaves_nothing() {
    let cli = Cli::new("cpu");
    let sample = sample();
    let x = sample.display();
    for seed in [1, 2] {
        cli.json(&format!("train {x} --spec VQ20 --iters 2 --seed {seed} -o m{seed}.safetensors"));
    }
    cli.json(&format!("encode {x} -m m1.safetensors -o c.npy"));
    cli.json("repack c.npy -m m1.safetensors -o c.parquet");
    cli.write("bad.npy", &wgvq::ndarray::array![[3_u8], [20]]);
    let before = fs::read_dir(cli.folder.path()).unwrap().count();
    cli.refuse(
        "repack c.npy -o d.wgvq",
        "c.npy: plain codes do not say how large their codebooks are; name the model by -m MODEL",
    );
    cli.refuse(
        "repack bad.npy -m m1.safetensors -o d.parquet",
        "bad.npy: counted from row 0 on: the code at row 1, column 0 is 20",
    );
    cli.refuse(
        "repack c.parquet -o d.npy --pack huffman",
        "--pack: d.npy: the name of packed codes ends in .wgvq",
    );
    cli.refuse("repack c.parquet -o c.parquet --force", "is an input of this command too");
    cli.refuse("repack c.parquet -o c.npy", "exists");
    cli.refuse(
        "repack c.parquet -o d.txt",
        "d.txt: the name of a file of codes ends in one of .npy, .wgvq, .parquet, .arrow, .feather",
    );
    cli.json("repack c.parquet -o c.arrow");
    cli.refuse("decode c.arrow -m m2.safetensors -o d.npy", "c.arrow: its codes belong to the model");
    fs::rename(cli.path("c.arrow"), cli.path("c.feather")).unwrap();
    cli.refuse("repack c.feather -o c.feather --force", "is an input of this command too");
    fs::remove_file(cli.path("c.feather")).unwrap();
    cli.refuse("decode c.parquet -m m2.safetensors -o d.npy", "c.parquet: its codes belong to the model");
    let whole = fs::read(cli.path("c.parquet")).unwrap();
    fs::write(cli.path("bad.npy"), &whole[..whole.len() / 2]).unwrap();
    fs::rename(cli.path("bad.npy"), cli.path("cut.parquet")).unwrap();
    cli.refuse("repack cut.parquet -o d.npy", "cut.parquet");
    assert_eq!(fs::read_dir(cli.folder.path()).unwrap().count(), before);
}
