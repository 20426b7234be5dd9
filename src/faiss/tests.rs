//! Files that FAISS wrote are in `tests/faiss`, each beside what FAISS decodes its codes to.

mod lists;

use std::fs;
use std::path::PathBuf;

use ndarray::{Array2, array};
use serde_json::{Map, Value, json};

use super::{Reader, Writer};
use crate::io::testing::{Folder, refused};
use crate::settings::Spelling;
use crate::{Codes, Engine, Quantizer, Training, io, load};

/// The files and what they hold.
const FILES: [(&str, &str, &str); 18] = [
    ("vq", "IndexPQ", "VQ16"),
    ("flat", "IndexFlatL2", "VQ12"),
    ("pq", "IndexPQ", "PQ4x3"),
    ("pq_ip", "IndexPQ", "PQ2x3"),
    ("opq", "IndexPreTransform", "OPQ4,PQ4x3"),
    ("opq_offset", "IndexPreTransform", "OPQ2,PQ2x3"),
    ("rr_rq", "IndexPreTransform", "RR,RQ2x3"),
    ("rq", "IndexResidualQuantizer", "RQ3x3"),
    ("rq_norms", "IndexResidualQuantizer", "RQ3x3"),
    ("lsq", "IndexLocalSearchQuantizer", "LSQ2x3"),
    ("prq", "IndexProductResidualQuantizer", "PRQ2x2x3"),
    ("plsq", "IndexProductLocalSearchQuantizer", "PLSQ2x2x3"),
    ("sq8", "IndexScalarQuantizer", "SQ8"),
    ("sq6", "IndexScalarQuantizer", "SQ6"),
    ("sq4", "IndexScalarQuantizer", "SQ4"),
    ("sq8_uniform", "IndexScalarQuantizer", "SQ8"),
    ("sq4_uniform", "IndexScalarQuantizer", "SQ4"),
    ("sq_direct", "IndexScalarQuantizer", "SQ8"),
];

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/faiss").join(name)
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(golden(&format!("{name}.faiss"))).unwrap()
}

fn decoded(reader: &Reader) -> Array2<f32> {
    let codes = reader.read(0..reader.rows().unwrap()).unwrap();
    let quantizer = reader.quantizer();
    let codes = Codes::new(codes, quantizer.codebook_sizes()).unwrap();
    quantizer.decode(&Engine::cpu(), &codes).unwrap()
}

#[test]
fn indexes_of_faiss_are_read_and_decode_to_the_same() {
    for (name, kind, spec) in FILES.into_iter().chain([("sq_signed", "IndexScalarQuantizer", "SQ8")]) {
        let reader = Reader::open(golden(&format!("{name}.faiss"))).unwrap();
        assert_eq!((reader.name(), reader.quantizer().spec().to_string().as_str()), (kind, spec), "{name}");
        assert_eq!(reader.is_by_inner_product(), name == "pq_ip", "{name}");
        let theirs = io::open(golden(&format!("{name}.npy"))).unwrap().to_array().unwrap();
        let Some(rows) = reader.rows() else {
            assert_eq!(*reader.quantizer().codebooks()[0], theirs, "{name}");
            assert!(refused(reader.read(0..1)).contains("holds vectors, not codes"));
            continue;
        };
        assert_eq!(rows, 12, "{name}");
        let ours = decoded(&reader);
        if spec.contains(',') {
            // Sums of d products of numbers of which the rotation is at most 1, in another order.
            let most = theirs.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let bound = 4.0 * 8.0 * f32::EPSILON * most;
            assert!((&ours - &theirs).iter().all(|off| off.abs() <= bound), "{name}");
        } else {
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

#[test]
fn what_was_read_is_written_again_byte_by_byte() {
    let folder = Folder::new();
    for (name, ..) in FILES {
        let reader = Reader::open(golden(&format!("{name}.faiss"))).unwrap();
        let (model, index) = (folder.path("m.safetensors"), folder.path("again.faiss"));
        reader.save_model(&model, true).unwrap();
        let mut writer = Writer::create(&index, &load(&model).unwrap(), reader.rows(), true).unwrap();
        for row in 0..reader.rows().unwrap_or_default() {
            writer.append(reader.read(row..row + 1).unwrap().view()).unwrap();
        }
        writer.finish().unwrap();
        if name == "rq_norms" {
            // Norms are left out, and the codes are the same.
            let again = Reader::open(&index).unwrap();
            assert_eq!(again.read(0..12).unwrap(), reader.read(0..12).unwrap());
            continue;
        }
        assert!(fs::read(&index).unwrap() == bytes_of(name), "{name}");
    }
}

#[test]
fn a_file_that_was_cut_short_or_goes_on_is_refused_wherever() {
    let folder = Folder::new();
    for (name, ..) in FILES {
        let bytes = bytes_of(name);
        // Fields are of four bytes and more, so that each is cut somewhere.
        for length in (1..bytes.len()).step_by(3) {
            let why = refused(Reader::open(folder.file("cut.faiss", &bytes[..length])));
            assert!(why.contains("cut.faiss") && why.contains("cut short"), "{name} {length}: {why}");
        }
        let longer = [&bytes[..], b"x"].concat();
        let why = refused(Reader::open(folder.file("long.faiss", &longer)));
        assert!(why.contains("and 1 more follow"), "{name}: {why}");
    }
}

/// Nothing is believed: whatever a byte becomes, there is an error or an index, and no more memory than the file has.
#[test]
fn damaged_bytes_are_refused_or_read_and_never_worse() {
    let folder = Folder::new();
    let mut refusals = 0;
    for (name, ..) in FILES {
        let bytes = bytes_of(name);
        // Every byte of the front, where the fields are, and every fifth of the values behind.
        for at in (0..bytes.len()).filter(|at| at % 5 == 0 || *at < 512) {
            let mut damaged = bytes.clone();
            damaged[at] ^= [0x01, 0x80, 0xff][at % 3];
            match Reader::open(folder.file("damaged.faiss", &damaged)) {
                Ok(reader) => {
                    let rows = reader.rows().unwrap_or_default();
                    assert!(reader.rows().is_none() || reader.read(0..rows).is_ok());
                }
                Err(error) => {
                    refusals += 1;
                    assert!(error.to_string().contains("damaged.faiss: "), "{error}");
                }
            }
        }
    }
    assert!(refusals > 1000, "{refusals}");
}

#[test]
fn refusals_name_the_field_and_the_place() {
    let folder = Folder::new();
    let with = |name: &str, at: usize, bytes: &[u8]| {
        let mut file = bytes_of(name);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        refused(Reader::open(folder.file("x.faiss", &file)))
    };
    for (name, at, bytes, says) in [
        (
            "pq",
            0,
            &b"IHNf"[..],
            "the file.fourcc at byte 0 is that of IndexHNSWFlat; what is read is IndexFlatL2",
        ),
        ("pq", 0, b"IwPQ", "is that of IndexIVFPQ, whose lists become an index of wgvq"),
        ("pq", 0, b"IwPf", "is that of IndexIVFPQFastScan; write the index that it was made from"),
        ("pq", 0, b"IxFI", "is that of IndexFlatIP; a codebook is of the nearest"),
        ("pq", 0, b"\0\x01zz", "is '\\x00\\x01zz', no index that is known"),
        ("pq", 4, &0_i32.to_le_bytes(), "IndexPQ.d at byte 4 is 0; it has to be 1 to"),
        ("pq", 8, &(-1_i64).to_le_bytes(), "IndexPQ.ntotal at byte 8 is -1; it has to be 0 or more"),
        (
            "pq",
            8,
            &i64::MAX.to_le_bytes(),
            "IndexPQ.codes at byte 325 is 24; it has to be 18446744073709551614",
        ),
        ("pq", 32, &[0], "IndexPQ.is_trained at byte 32 is 0; train the index first"),
        ("pq", 33, &[2], "IndexPQ.metric_type at byte 33 is 2; indexes by squared L2"),
        ("pq", 37, &9_u64.to_le_bytes(), "ProductQuantizer.d at byte 37 is 9; it has to be 8"),
        (
            "pq",
            45,
            &3_u64.to_le_bytes(),
            "ProductQuantizer.M at byte 45 is 3, which does not divide the 8 dimensions",
        ),
        (
            "pq",
            53,
            &u64::MAX.to_le_bytes(),
            "ProductQuantizer.nbits at byte 53 is 18446744073709551615; it has to be 1 to 24",
        ),
        (
            "pq",
            53,
            &24_u64.to_le_bytes(),
            "ProductQuantizer.centroids at byte 61 is 64; it has to be 134217728",
        ),
        ("pq", 69, &f32::NAN.to_le_bytes(), "ProductQuantizer.centroids at byte 69 has NaN as number 0"),
        ("flat", 8, &(1_i64 << 60).to_le_bytes(), "IndexFlatL2.xb at byte 37 is 96; it has to be"),
        (
            "rq",
            53,
            &u64::MAX.to_le_bytes(),
            "AdditiveQuantizer.nbits at byte 53 is 18446744073709551615; it has to be 3",
        ),
        (
            "rq",
            45,
            &u64::MAX.to_le_bytes(),
            "AdditiveQuantizer.M at byte 45 is 18446744073709551615; it has to be 1 to 4096",
        ),
        (
            "rq",
            86,
            &u64::MAX.to_le_bytes(),
            "AdditiveQuantizer.codebooks at byte 86 has 18446744073709551615 numbers",
        ),
        ("rq", 86, &(24_u64 << 40).to_le_bytes(), "AdditiveQuantizer.codebooks at byte 86 has"),
        (
            "sq8",
            37,
            &4_i32.to_le_bytes(),
            "ScalarQuantizer.qtype at byte 37 is 4; those of 8, 6 and 4 bits are read",
        ),
        ("opq", 37, &4_i32.to_le_bytes(), "IndexPreTransform.chain at byte 37 has 4 transforms"),
        (
            "opq",
            37,
            &2_i32.to_le_bytes(),
            "chain at byte 327 has the transform 'IxPq' here; what is read is a scaling",
        ),
        ("opq", 41, b"Pcam", "has the transform PCAMatrix here; what is read is a scaling"),
        ("opq", 327, b"IxPT", "fourcc at byte 327 is that of a transform, behind a transform"),
        ("opq", 45, &[1], "LinearTransform.have_bias at byte 45 is set"),
    ] {
        let why = with(name, at, bytes);
        assert!(why.contains(says), "{says}\n{why}");
    }
    assert!(refused(Reader::open(folder.file("x.faiss", b""))).contains("x.faiss: the file is empty"));
}

/// Vectors that all kinds can be trained on, and that lie away from the origin.
fn vectors() -> Array2<f32> {
    let mut rng = crate::Rng::new(3, 0);
    Array2::from_shape_fn((400, 8), |(_, column)| 7.0 + (1.0 + column as f32) * rng.uniform())
}

#[test]
fn models_of_every_kind_come_back_as_they_were() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), vectors());
    let (model, index) = (folder.path("m.safetensors"), folder.path("i.faiss"));
    for (spec, back) in [
        ("VQ16", "VQ16"),
        ("PQ4x3", "PQ4x3"),
        ("PQ1x4", "VQ16"),
        ("RQ3x4", "RQ3x4"),
        ("RQ1x5+2x3", "RQ1x5+2x3"),
        ("LSQ2x3", "LSQ2x3"),
        ("PRQ2x2x3", "PRQ2x2x3"),
        ("PLSQ2x2x3", "PLSQ2x2x3"),
        ("OPQ4,PQ4x3", "OPQ4,PQ4x3"),
        ("OPQ2,RQ2x4", "OPQ1,RQ2x4"),
        ("RR,RQ2x4", "RR,RQ2x4"),
        ("RR,VQ16", "RR,VQ16"),
    ] {
        let training = Training::new(spec.parse().unwrap()).set("iters", 3).seed(1);
        let training = if spec.ends_with("RQ3x4") { training.set("beam", 9) } else { training };
        let quantizer = training.fit(&engine, &x, &mut ()).unwrap().quantizer;
        quantizer.save(&model, true, Value::Null).unwrap();
        let codes = quantizer.encode(&engine, &x).unwrap();
        for rows in [Some(x.nrows()), None] {
            let mut writer = Writer::create(&index, &load(&model).unwrap(), rows, true).unwrap();
            if rows.is_some() {
                writer.append(codes.rows(0..123)).unwrap();
                writer.append(codes.rows(123..x.nrows())).unwrap();
            }
            writer.finish().unwrap();
            let reader = Reader::open(&index).unwrap();
            let found = reader.quantizer();
            assert_eq!(found.spec().to_string(), back);
            assert_eq!(found.tensors(), quantizer.tensors(), "{spec}");
            assert_eq!(found.settings(), quantizer.settings(), "{spec}");
            match rows {
                Some(n) => assert_eq!(reader.read(0..n).unwrap(), codes.view(), "{spec}"),
                None => {
                    assert_eq!(reader.rows(), if spec.ends_with("VQ16") { None } else { Some(0) }, "{spec}")
                }
            }
        }
    }
}

#[test]
fn what_faiss_has_no_place_for_is_refused_with_the_reason() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), vectors());
    let (model, index) = (folder.path("m.safetensors"), folder.path("i.faiss"));
    let refusal = |spec: &str, settings: Value, rows: Option<usize>| {
        let settings: Map<String, Value> = settings.as_object().unwrap().clone();
        let training = Training::new(spec.parse().unwrap()).set_all(settings, Spelling::Key);
        let quantizer = training.fit(&engine, &x, &mut ()).unwrap().quantizer;
        quantizer.save(&model, true, Value::Null).unwrap();
        refused(Writer::create(&index, &load(&model).unwrap(), rows, true).map(drop))
    };
    for (spec, settings, says) in [
        (
            "TRQ2x3",
            json!({}),
            "TRQ2x3: FAISS has no such quantizer; it has those of VQ, PQ, RQ, LSQ, PRQ, PLSQ, SQ, OPQ, RR",
        ),
        ("RR,E8", json!({}), "FAISS has no such quantizer"),
        ("RBQ4", json!({}), "RBQ4: FAISS has no such quantizer"),
        ("VQ12", json!({}), "VQ12: a codebook of 12 codewords; the codes of FAISS are bits"),
        ("VQ16", json!({"metric": "l1"}), "VQ16: its setting metric has no place in FAISS's IndexPQ"),
        ("PQ3x3", json!({}), "PQ3x3: 3 parts of 8 dimensions are of uneven length"),
        ("PRQ3x2x3", json!({}), "PRQ3x2x3: its parts are of uneven length"),
        ("RQ2x3", json!({"max_error": 3.0}), "RQ2x3: its setting max_error has no place"),
        ("SQ8", json!({}), "SQ8: its levels, low + code · step, are others than FAISS computes from a range"),
        (
            "SQ4",
            json!({"levels": "lloyd-max"}),
            "SQ4: its levels are not those of ranges that came from FAISS",
        ),
        ("SQ:9", json!({"levels": "lloyd-max"}), "SQ:9: its levels are not those of ranges"),
    ] {
        let why = refusal(spec, settings, Some(400));
        assert!(why.contains(says), "{says}\n{why}");
    }
    assert!(!index.exists());
}

#[test]
fn rows_and_codes_are_held_to() {
    let folder = Folder::new();
    let (model, index) = (folder.path("m.safetensors"), folder.path("i.faiss"));
    let pq = crate::Product::new(vec![array![[0.0_f32], [1.0]], array![[5.0_f32], [7.0]]]).unwrap();
    pq.save(&model, false, Value::Null).unwrap();
    let model = load(&model).unwrap();
    let begin = |rows| Writer::create(&index, &model, rows, false).unwrap();
    assert!(refused(begin(Some(2)).append(array![[0, 2]].view())).contains("row 0, column 1 is 2"));
    assert!(
        refused(begin(Some(2)).append(array![[0, 1, 0]].view()))
            .contains("3 codes per vector, and there are 2 codebooks")
    );
    assert!(refused(begin(Some(0)).append(array![[0, 1]].view())).contains("behind 0 of 0"));
    assert!(refused(begin(Some(2)).finish()).contains("finished after 0 of 2 rows"));
    assert_eq!(folder.names(), ["m.safetensors"]);
    let mut writer = begin(Some(1));
    writer.append(array![[1, 0]].view()).unwrap();
    assert!(refused(writer.append(array![[1, 0]].view())).contains("behind 1 of 1"));
    writer.finish().unwrap();
    let reader = Reader::open(&index).unwrap();
    assert_eq!(reader.read(0..1).unwrap(), array![[1, 0]]);
    assert!(refused(reader.read(0..2)).contains("i.faiss: rows 0 to 2 of 1"));
}
