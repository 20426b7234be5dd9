//! Models and codes to FAISS's files and back; the files that FAISS itself wrote are the library's `tests/faiss`.

use std::fs;

use wgvq::io::read_model;

use crate::common::cli::Cli;
use crate::common::{root, sample};

#[test]
fn a_model_and_its_codes_go_to_faiss_and_come_back() {
    let cli = Cli::new("cpu");
    let sample = sample();
    let x = sample.display();
    for spec in ["VQ32", "PQ4x5", "OPQ4,PQ4x4", "RQ2x4", "PRQ2x2x3"] {
        cli.json(&format!("train {x} --spec {spec} --seed 2 -o m.safetensors --iters 3 --force"));
        cli.json(&format!("encode {x} -m m.safetensors -o c.npy --force"));
        let there = cli.json("convert m.safetensors c.npy -o i.faiss --force");
        assert_eq!(there["spec"], spec);
        let n = cli.ids("c.npy").nrows();
        assert_eq!(there["codes"], n);
        let back = cli.json("convert i.faiss -o back.safetensors --codes back.npy --force");
        assert_eq!((&back["codes"], &back["index"]), (&there["codes"], &there["index"]));
        assert!(fs::read(cli.path("c.npy")).unwrap() == fs::read(cli.path("back.npy")).unwrap(), "{spec}");
        let [model, other] =
            ["m", "back"].map(|name| read_model(cli.path(&format!("{name}.safetensors"))).unwrap());
        assert_eq!(model.tensors, other.tensors, "{spec}");
        // Packed codes know the model that was written beside them.
        cli.json("convert i.faiss -o packed.safetensors --codes packed.wgvq --force");
        cli.json("decode packed.wgvq -m packed.safetensors -o a.npy --force");
        cli.json("decode c.npy -m m.safetensors -o b.npy --force");
        assert!(fs::read(cli.path("a.npy")).unwrap() == fs::read(cli.path("b.npy")).unwrap(), "{spec}");
    }
    let flat = cli.json("convert m.safetensors -o empty.index");
    assert!(flat["codes"].is_null());
}

#[test]
fn what_cannot_be_converted_is_refused_and_leaves_nothing() {
    let cli = Cli::new("cpu");
    let sample = sample();
    let x = sample.display();
    for name in ["flat", "rq"] {
        fs::copy(root().join(format!("tests/faiss/{name}.faiss")), cli.path(&format!("{name}.faiss")))
            .unwrap();
    }
    cli.json(&format!("train {x} --spec VQ20 --iters 2 -o m.safetensors"));
    cli.json(&format!("encode {x} -m m.safetensors -o c.npy"));
    let before = fs::read_dir(cli.folder.path()).unwrap().count();
    cli.refuse(
        "convert m.safetensors c.npy -o i.faiss",
        "VQ20: a codebook of 20 codewords; the codes of FAISS are bits",
    );
    cli.refuse(
        "convert m.safetensors c.npy -o i.bin",
        "the name ends in .safetensors for a model, or in .faiss or .index",
    );
    cli.refuse("convert m.safetensors -o i.faiss --codes d.npy", "those of a model stand behind it");
    cli.refuse("convert rq.faiss c.npy -o n.safetensors", "an index has codes of its own");
    cli.refuse(
        "convert flat.faiss -o n.safetensors --codes d.npy",
        "IndexFlatL2 has no codes; leave --codes out",
    );
    cli.refuse("convert m.safetensors -o n.safetensors", "m.safetensors: the file.fourcc at byte 0 is");
    cli.refuse("convert rq.faiss -o m.safetensors", "exists");
    cli.refuse(
        "convert rq.faiss -o n.safetensors --codes rq.faiss --force",
        "is an input of this command too",
    );
    cli.refuse(
        "convert rq.faiss -o n.safetensors --codes d.txt",
        "d.txt: the name of a file of codes ends in",
    );
    cli.refuse("convert gone.faiss -o n.safetensors", "gone.faiss");
    // A code that the model has no codeword for.
    cli.json("convert rq.faiss -o rq.safetensors --codes rq.npy");
    cli.write("bad.npy", &wgvq::ndarray::array![[0_u8, 1, 2], [0, 8, 2]]);
    cli.refuse("convert rq.safetensors bad.npy -o i.faiss", "bad.npy: the code at row 1, column 1 is 8");
    assert_eq!(fs::read_dir(cli.folder.path()).unwrap().count(), before + 3);
}

/// Two outputs of which only the first has room.
#[cfg(unix)]
#[test]
fn a_model_and_its_codes_appear_both_or_neither() {
    use std::process::Command;
    let cli = Cli::new("cpu");
    let sample = sample();
    let x = sample.display();
    cli.json(&format!("train {x} --spec VQ2 --iters 2 -o m.safetensors"));
    cli.json(&format!("encode {x} -m m.safetensors -o c.npy"));
    cli.json("convert m.safetensors c.npy -o i.faiss");
    let size = |name: &str| fs::metadata(cli.path(name)).unwrap().len();
    let room = size("m.safetensors").div_ceil(512) + 2;
    assert!(size("c.npy") > 512 * room, "the codes have to be longer than the model");
    // No file may be longer than that, as if the disk were full; the signal that tells of it is not wanted.
    let limited = format!("trap '' XFSZ; ulimit -f {room}; exec \"$@\"");
    let output = Command::new("sh")
        .current_dir(cli.folder.path())
        .args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_wgvq")])
        .args("convert i.faiss -o n.safetensors --codes n.npy".split(' '))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("n.npy: writing"), "{said}");
    let mut left: Vec<_> =
        fs::read_dir(cli.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["c.npy", "i.faiss", "m.safetensors"]);
}
