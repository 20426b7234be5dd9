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
        "the name ends in .safetensors for a model, in .wgvqi for an index, or in .faiss or .index",
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

#[test]
fn an_index_goes_to_faiss_and_comes_back() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(900, 12, 30, 3));
    let neighbours =
        |index: &str| cli.json(&format!("index search {index} x.npy -k 4 --nprobe 3"))["neighbours"].clone();
    for (spec, options) in [
        ("IVF8,PQ6x4", "--refine none"),
        ("IVF8,PQ3x6", "--refine none --metric cosine"),
        ("RQ2x4", "--refine none"),
    ] {
        cli.json(&format!("index build x.npy --spec {spec} {options} --set sample=400 -o a.wgvqi --force"));
        let there = cli.json("convert a.wgvqi -o a.faiss --force");
        assert_eq!((&there["spec"], &there["vectors"]), (&spec.into(), &900.into()));
        assert!(there["left_out"].is_null(), "{there}");
        let back = cli.json("convert a.faiss -o b.wgvqi --force");
        for key in ["spec", "vectors", "dim", "index", "metric"] {
            assert_eq!(back[key], there[key], "{key}");
        }
        assert_eq!(neighbours("b.wgvqi"), neighbours("a.wgvqi"), "{spec}");
        cli.json("convert b.wgvqi -o b.faiss --force");
        assert!(fs::read(cli.path("a.faiss")).unwrap() == fs::read(cli.path("b.faiss")).unwrap(), "{spec}");
        cli.json("index verify b.wgvqi");
    }
    // What FAISS has no place for is said.
    fs::write(cli.path("row.txt"), "a row\n".repeat(900)).unwrap();
    cli.json("index build x.npy --spec IVF4,PQ6x4 --refine u8 --recall .8 --keep row.txt -o c.wgvqi");
    let said = cli.run("convert c.wgvqi -o c.faiss");
    let (error, out) = (String::from_utf8_lossy(&said.stderr), String::from_utf8_lossy(&said.stdout));
    assert!(
        error
            .contains("what refines by u8, the recall that was measured, the columns that are kept left out"),
        "{error}"
    );
    assert!(out.contains("IVF4,PQ6x4 = IndexIVFPQ, 900 vectors of 12 dimensions"), "{out}");
}

#[test]
fn an_index_that_cannot_be_converted_is_refused_and_leaves_nothing() {
    let cli = Cli::new("cpu");
    cli.write("x.npy", &crate::common::clustered(300, 12, 30, 3));
    cli.json("index build x.npy --spec IVF4,TRQ2x3 -o a.wgvqi");
    cli.json("index build x.npy --spec IVF4,PQ6x4 -o b.wgvqi");
    cli.json("convert b.wgvqi -o b.faiss");
    fs::copy(root().join("tests/faiss/pq.faiss"), cli.path("pq.faiss")).unwrap();
    let before = fs::read_dir(cli.folder.path()).unwrap().count();
    cli.refuse("convert a.wgvqi -o a.faiss", "TRQ2x3: FAISS has no lists of such codes");
    cli.refuse("convert b.wgvqi -o b.wgvqi/b.faiss", "lies in the folder of the index; name another place");
    cli.refuse("convert b.wgvqi x.npy -o c.faiss", "the codes of an index are in its folder b.wgvqi");
    cli.refuse("convert b.wgvqi -o b.faiss", "exists");
    cli.refuse("convert gone.wgvqi -o c.faiss", "gone.wgvqi");
    cli.refuse("convert b.faiss -o b.wgvqi", "exists");
    cli.refuse("convert b.faiss -o c.wgvqi --codes c.npy", "an index has its codes in its folder");
    cli.refuse("convert pq.faiss -o c.wgvqi", "is that of IndexPQ; an index is made of IndexIVFPQ");
    cli.refuse(
        "convert b.faiss -o c.safetensors",
        "is that of IndexIVFPQ, whose lists become an index of wgvq",
    );
    assert_eq!(fs::read_dir(cli.folder.path()).unwrap().count(), before);
}

/// Kills at moments of which some are between the two names.
#[test]
fn a_killed_conversion_leaves_no_model_beside_the_codes_of_another() {
    let cli = Cli::new("cpu");
    for (name, seed) in [("one", 1), ("two", 2)] {
        cli.write("x.npy", &crate::common::clustered(3000, 8, 30, seed));
        cli.json(&format!("train x.npy --spec PQ4x5 --iters 2 --seed {seed} -o {name}.safetensors --force"));
        cli.json(&format!("encode x.npy -m {name}.safetensors -o {name}.npy --force"));
        cli.json(&format!("convert {name}.safetensors {name}.npy -o {name}.faiss"));
        cli.json(&format!("convert {name}.faiss -o {name}.safetensors --codes {name}.npy --force"));
    }
    let read = |name: &str| fs::read(cli.path(name)).ok();
    let pairs =
        ["one", "two"].map(|name| [read(&format!("{name}.safetensors")), read(&format!("{name}.npy"))]);
    let convert = |name: &str| format!("convert {name}.faiss -o out.safetensors --codes out.npy --force");
    let start = std::time::Instant::now();
    cli.json(&convert("one"));
    let took = start.elapsed();
    let mut rng = wgvq::Rng::new(5, 0);
    for kill in 0..20 {
        let mut child = cli.start(&convert(["two", "one"][kill % 2]));
        std::thread::sleep(took.mul_f32(0.5 + 0.7 * rng.uniform()));
        child.kill().unwrap();
        child.wait().unwrap();
        let left = [read("out.safetensors"), read("out.npy")];
        let whole = pairs.contains(&left);
        let alone = left[1].is_none() && pairs.iter().any(|pair| pair[0] == left[0]);
        assert!(whole || alone, "kill {kill}: the model or the codes are of others");
    }
}
