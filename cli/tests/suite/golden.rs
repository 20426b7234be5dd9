//! Models and codes of every kind, as an earlier program wrote them: today's reads them and makes the same bytes of them.
//!
//! The files are in `tests/golden`: for each model its codes of a few vectors, and what they decode to.

use std::fs;
use std::path::Path;

use crate::common::cli::Cli;

/// The models, by the vectors that they are of.
const MODELS: [(&str, &[&str]); 4] = [
    (
        "x",
        &[
            "vq",
            "mixture",
            "sq",
            "sq-shared",
            "sq-lloyd-max",
            "pq",
            "opq",
            "rq",
            "rq-greedy",
            "rq-variable",
            "trq",
            "prq",
            "aq",
            "lsq",
            "sfvq",
            "sfvq-position",
            "evq",
            "z",
            "a2",
            "d4",
            "e8-scale",
            "nsvq",
        ],
    ),
    ("tiny", &["vq-tiny", "opq-tiny", "rq-tiny", "e8"]),
    ("far", &["opq-far", "leech24"]),
    ("mixed", &["pq-mixed", "prq-mixed"]),
];

/// Whether products and sums are fused, as they were: without it, rotations round otherwise.
fn fuses() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

#[test]
fn old_models_and_codes_are_read_and_made_as_before() {
    let cli = Cli::new("cpu");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let shown = golden.display();
    let mut seen = 0;
    for (data, names) in MODELS {
        for name in names {
            let model = format!("{shown}/{name}.safetensors");
            cli.json(&format!("encode {shown}/{data}.npy -m {model} -o codes.npy --force"));
            cli.json(&format!("decode {shown}/{name}.codes.npy -m {model} -o decoded.npy --force"));
            for (file, made) in [("codes", "codes.npy"), ("decoded", "decoded.npy")] {
                if name.starts_with("opq") && !fuses() {
                    continue;
                }
                let old = fs::read(golden.join(format!("{name}.{file}.npy"))).unwrap();
                assert!(fs::read(cli.path(made)).unwrap() == old, "{name}: other {file}");
            }
            seen += 1;
        }
    }
    let all = fs::read_dir(&golden).unwrap().filter_map(|file| file.unwrap().file_name().into_string().ok());
    assert_eq!(all.filter(|name| name.ends_with(".safetensors")).count(), seen);

    let model = format!("{shown}/rq-variable.safetensors");
    cli.json(&format!("decode {shown}/rq-variable.wgvq -m {model} -o decoded.npy --force"));
    let old = fs::read(golden.join("rq-variable.decoded.npy")).unwrap();
    assert!(fs::read(cli.path("decoded.npy")).unwrap() == old);
}
