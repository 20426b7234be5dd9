//! Damaged files of every format: an error or a success, never a panic, and never more room than a file's own
//! bytes can account for.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::testing::{Folder, bin, bytes, fvecs, npy, npz, safetensors};
use super::{IndexFile, describe, open, read_model, write_model};

/// A change to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// One byte becomes another. The place is a share of the file, its square, as headers stand in front.
    Byte(f64, u8),
    /// Bytes become those of a number that is often a trap.
    Number(f64, u64),
    /// The file ends early.
    Cut(f64),
    /// Bytes are put in.
    Insert(f64, Vec<u8>),
    /// Bytes are taken out.
    Remove(f64, u8),
    /// One of the digits in the file becomes another.
    Digit(f64, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = || (0.0..1.0f64).prop_map(|x| x * x);
    let trap =
        prop::sample::select(vec![0, 1, u64::MAX, 1 << 31, 1 << 63, (1 << 31) - 1, (1 << 63) - 1, 1 << 40]);
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        2 => (place(), trap).prop_map(|(at, number)| Damage::Number(at, number)),
        1 => place().prop_map(Damage::Cut),
        1 => (place(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (place(), 1..9u8).prop_map(|(at, n)| Damage::Remove(at, n)),
        2 => (0.0..1.0f64, b'0'..=b'9').prop_map(|(at, digit)| Damage::Digit(at, digit)),
    ]
}

impl Damage {
    fn apply(&self, file: &mut Vec<u8>) {
        let at = |share: f64| ((share * file.len() as f64) as usize).min(file.len());
        match *self {
            Self::Byte(share, byte) => {
                let at = at(share);
                file[at..].iter_mut().take(1).for_each(|old| *old = byte);
            }
            Self::Number(share, number) => {
                let at = at(share);
                file[at..].iter_mut().zip(number.to_le_bytes()).for_each(|(old, new)| *old = new);
            }
            Self::Cut(share) => file.truncate(at(share)),
            Self::Insert(share, ref bytes) => {
                let at = at(share);
                file.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(share, n) => {
                let at = at(share);
                file.drain(at..(at + usize::from(n)).min(file.len()));
            }
            Self::Digit(share, digit) => {
                let digits: Vec<_> = (0..file.len()).filter(|&i| file[i].is_ascii_digit()).collect();
                if let Some(&i) = digits.get((share * digits.len() as f64) as usize) {
                    file[i] = digit;
                }
            }
        }
    }
}

/// Everything that the crate can do with a file.
fn use_file(path: &Path, packed: bool) {
    let length = std::fs::metadata(path).unwrap().len() as usize;
    if let Ok(x) = open(path) {
        // Every number has a byte of its own, unless it is compressed.
        assert!(packed || x.rows().saturating_mul(x.dim()) <= length, "{x:?} in {length} bytes");
        if let Ok(all) = x.to_array() {
            assert!(all.iter().all(|value| value.is_finite()));
            assert_eq!(x.gather(&[x.rows() - 1, 0]).unwrap().row(1), all.row(0));
        }
    }
    if let Ok(codes) = IndexFile::open(path) {
        assert!(codes.rows().saturating_mul(codes.columns()) <= length);
        let _ = codes.to_array();
    }
    if let Ok(model) = read_model(path) {
        assert!(model.tensors.values().map(|tensor| tensor.len()).sum::<usize>() <= length);
    }
    if let Ok(description) = describe(path) {
        let _ = description.to_string();
    }
}

/// A small valid file of each kind.
fn valid_files(folder: &Folder) -> Vec<(&'static str, Vec<u8>)> {
    let floats: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let rows: Vec<&[f32]> = floats.chunks(3).collect();
    let model: PathBuf = folder.path("model.safetensors");
    let book = ndarray::Array2::from_shape_vec((4, 3), floats.clone()).unwrap().into_dyn();
    let tensors = [("codebook.0".to_string(), book.view())];
    write_model(&model, true, &serde_json::json!({ "spec": "VQ4" }), &tensors).unwrap();
    vec![
        ("npy", npy("<f4", false, (4, 3), &bytes(&floats))),
        ("npy", npy(">f8", true, (3, 2), &bytes(&floats))),
        ("npy", npy("<u2", false, (12, 2), &bytes(&floats))),
        ("fvecs", fvecs(&rows)),
        ("bvecs", b"\x03\0\0\0\x01\x02\xff\x03\0\0\0\x04\x05\x06".to_vec()),
        ("ivecs", fvecs(&rows)),
        ("safetensors", safetensors(&[("x", "F32", &[4, 3], &bytes(&floats)), ("y", "I64", &[1], &[0; 8])])),
        ("safetensors", std::fs::read(model).unwrap()),
        ("fbin", bin((4, 3), &bytes(&floats))),
        ("i8bin", bin((2, 3), &[1, 2, 3, 253, 254, 255])),
        ("ibin", bin((1, 2), &[1, 0, 0, 0, 2, 0, 0, 0])),
        ("npz", npz(&[("x", &npy("<f4", false, (4, 3), &bytes(&floats)))], false)),
    ]
}

/// Runs `cases` damaged versions of every one of `files`.
fn torment(folder: &Folder, files: &[(&'static str, Vec<u8>)], cases: u32, packed: bool) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let strategy = (0..files.len(), prop::collection::vec(damage(), 1..4));
    let run = runner.run(&strategy, |(which, damage)| {
        let (extension, mut file) = files[which].clone();
        damage.iter().for_each(|damage| damage.apply(&mut file));
        let path = folder.file(&format!("damaged.{extension}"), &file);
        use_file(&path, packed);
        // Some file systems wait for the disk where a file is written over, but not where it is made anew.
        std::fs::remove_file(path).unwrap();
        Ok(())
    });
    run.unwrap();
}

#[test]
fn valid_files_pass_and_damaged_ones_do_no_harm() {
    let folder = Folder::new();
    let files = valid_files(&folder);
    for (extension, file) in &files {
        let path = folder.file(&format!("valid.{extension}"), file);
        assert!(describe(&path).is_ok());
        assert!(open(&path).is_ok() || IndexFile::open(&path).is_ok());
    }
    torment(&folder, &files, 8000, false);
}

#[test]
fn damaged_compressed_arrays_do_no_harm() {
    let folder = Folder::new();
    let floats: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let array = npy("<f4", true, (4, 3), &bytes(&floats));
    let file = npz(&[("x", &array)], true);
    use_file(&folder.file("valid.npz", &file), true);
    torment(&folder, &[("npz", file)], 2000, true);
}

#[cfg(feature = "parquet")]
#[test]
fn damaged_parquet_files_do_no_harm() {
    let folder = Folder::new();
    let rows: Vec<_> = (0..40).map(|i| Some(vec![i as f32, 0.0, 1.0])).collect();
    let field = "optional group x (LIST) { repeated group list { optional float element; } }";
    let file = super::testing::parquet::<parquet::data_type::FloatType>(field, &rows, 16, |v| v);
    use_file(&folder.file("valid.parquet", &file), true);
    let decimals = field.replace("float element", "binary element (DECIMAL(38, 3))");
    let number = |v: f32| parquet::data_type::ByteArray::from((v as i128).to_be_bytes().to_vec());
    let decimals = super::testing::parquet::<parquet::data_type::ByteArrayType>(&decimals, &rows, 16, number);
    torment(&folder, &[("parquet", file), ("parquet", decimals)], 4000, true);
}

#[cfg(feature = "arrow")]
#[test]
fn damaged_arrow_files_do_no_harm() {
    use arrow_ipc::CompressionType;
    let folder = Folder::new();
    let rows: Vec<_> = (0..40).map(|i| Some(vec![i as f32, 0.0, 1.0])).collect();
    let plain = super::testing::arrow(&rows, 16, None);
    use_file(&folder.file("valid.arrow", &plain), false);
    torment(&folder, &[("arrow", plain)], 4000, false);
    let packed = [CompressionType::LZ4_FRAME, CompressionType::ZSTD]
        .map(|packing| ("feather", super::testing::arrow(&rows, 16, Some(packing))));
    use_file(&folder.file("valid.feather", &packed[0].1), true);
    torment(&folder, &packed, 2000, true);
}
