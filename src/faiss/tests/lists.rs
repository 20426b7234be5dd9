//! Indexes of lists that FAISS wrote are `tests/faiss/ivf_NAME.faiss`, each beside what FAISS finds in it for `ivf_queries.npy`.

use std::fs;
use std::path::Path;

use ndarray::Array2;

use super::{bytes_of, golden, vectors};
use crate::faiss::{ListsReader, Reader, write_lists};
use crate::index::{Add, Build, Found, Ids, Index, MEMORY, Query, Refinement};
use crate::io::testing::{Folder, refused};
use crate::metrics::Metric;
use crate::{Engine, Result, io};

/// The files and what they hold.
const FILES: [(&str, &str, &str); 21] = [
    ("pq4", "IndexIVFPQ", "IVF4,PQ4x4"),
    ("pq4_plain", "IndexIVFPQ", "IVF4,PQ4x4"),
    ("pq4_ip", "IndexIVFPQ", "IVF4,PQ4x4"),
    ("pq4_cosine", "IndexIVFPQ", "IVF4,PQ4x4"),
    ("pq8", "IndexIVFPQ", "IVF4,PQ2x8"),
    ("vq", "IndexIVFPQ", "IVF4,VQ128"),
    ("one", "IndexIVFPQ", "PQ4x3"),
    ("sparse", "IndexIVFPQ", "IVF16,PQ4x3"),
    ("empty", "IndexIVFPQ", "IVF4,PQ4x3"),
    ("map", "IndexIVFPQ", "IVF4,PQ4x4"),
    ("rr", "IndexIVFPQ", "IVF4,RR,PQ4x4"),
    ("opq", "IndexIVFPQ", "IVF4,OPQ4,PQ4x4"),
    ("opq_offset", "IndexIVFPQ", "IVF4,OPQ4,PQ4x4"),
    ("opq_offset_residual", "IndexIVFPQ", "IVF4,OPQ4,PQ4x4"),
    ("sq8", "IndexIVFScalarQuantizer", "IVF4,SQ8"),
    ("sq4", "IndexIVFScalarQuantizer", "IVF4,SQ4"),
    ("rq", "IndexIVFResidualQuantizer", "IVF4,RQ3x3"),
    ("rq_norms", "IndexIVFResidualQuantizer", "IVF4,RQ3x3"),
    ("lsq", "IndexIVFLocalSearchQuantizer", "IVF4,LSQ2x4"),
    ("prq", "IndexIVFProductResidualQuantizer", "IVF4,PRQ2x2x3"),
    ("plsq", "IndexIVFProductLocalSearchQuantizer", "IVF4,PLSQ2x2x3"),
];

/// What is left out because it follows from the rest.
const SHORTENED: [&str; 2] = ["map", "rq_norms"];

/// The neighbours that FAISS looked for, in so many lists, and what it counted ids from.
const K: usize = 5;
const PROBES: usize = 2;
const FIRST: u64 = 1 << 33;

fn file(name: &str) -> String {
    format!("ivf_{name}")
}

fn array(name: &str) -> Array2<f32> {
    io::open(golden(&format!("{name}.npy"))).unwrap().to_array().unwrap()
}

fn read(path: &Path, folder: &Path, memory: u64) -> Result<Index> {
    ListsReader::open(path)?.write(folder, memory, true, |_, _| Ok(()))
}

fn theirs(folder: &Folder, name: &str, memory: u64) -> Index {
    let path = golden(&format!("{}.faiss", file(name)));
    read(&path, &folder.path("theirs.wgvqi"), memory).unwrap()
}

fn written(folder: &Folder, index: &Index) -> Vec<u8> {
    let path = folder.path("ours.faiss");
    write_lists(&path, index, true, |_, _| Ok(())).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn lists_of_faiss_are_read_and_the_same_is_found_in_them() {
    let folder = Folder::new();
    let (engine, queries) = (Engine::cpu(), array(&file("queries")));
    for (name, kind, spec) in FILES {
        let reader = ListsReader::open(golden(&format!("{}.faiss", file(name)))).unwrap();
        let index = theirs(&folder, name, MEMORY);
        assert_eq!((reader.name(), index.spec().to_string().as_str()), (kind, spec), "{name}");
        assert_eq!(reader.rows(), index.len(), "{name}");
        let metric = match name {
            "pq4_ip" => Metric::InnerProduct,
            "pq4_cosine" => Metric::Cosine,
            _ => Metric::SquaredL2,
        };
        assert_eq!(index.metric(), metric, "{name}");
        // FAISS has the negative of one metric and twice the other.
        let factor = match metric {
            Metric::InnerProduct => -1.0,
            Metric::Cosine => 0.5,
            _ => 1.0,
        };
        // Sums in f32 of some terms for each dimension and codebook, none of which is above (‖q‖ + ‖x‖)².
        let square = match metric {
            Metric::Cosine => 1.0,
            _ => queries.outer_iter().map(|query| query.dot(&query)).fold(0.0_f32, f32::max),
        };
        let bound = 4.0 * square * f32::EPSILON * 2.0 * (8 + 4) as f32;
        let theirs = array(&file(name));
        for (at, query) in queries.outer_iter().enumerate() {
            let query = query.to_owned().insert_axis(ndarray::Axis(0));
            let found: Vec<(u64, f32)> = (0..K)
                .filter(|&rank| theirs[[at, rank]] >= 0.0)
                .map(|rank| (FIRST + theirs[[at, rank]] as u64, factor * theirs[[at, K + rank]]))
                .collect();
            let farthest = found.last().map_or(0.0, |last| last.1) + bound;
            let radius = if metric == Metric::InnerProduct { -farthest } else { farthest };
            // By what codes stand for, and not by tables that are rounded.
            let within = Query::within(radius.into()).probes(PROBES);
            let check = |what: &str, ours: &Found| {
                let (ids, distances) = ours.of(0);
                let wanted: Vec<u64> = found.iter().map(|near| near.0).collect();
                assert_eq!(ids, wanted, "{name}, query {at}, {what}");
                let off = distances.iter().zip(&found).map(|(ours, near)| (ours - near.1).abs());
                assert!(
                    off.fold(0.0, f32::max) <= bound,
                    "{name}, query {at}, {what}: {distances:?} {found:?}"
                );
            };
            check("within a radius", &index.search(&engine, &query, &within).unwrap());
            if found.len() == K && !spec.ends_with("PQ4x4") {
                let nearest = Query::nearest(K).probes(PROBES);
                check("nearest", &index.search(&engine, &query, &nearest).unwrap());
            }
        }
    }
}

#[test]
fn lists_that_were_read_are_written_again_byte_by_byte() {
    let folder = Folder::new();
    for (name, ..) in FILES {
        // Into one segment, and each row into one of its own.
        for memory in [MEMORY, 1] {
            let index = theirs(&folder, name, memory);
            let segments = index.info().segments;
            assert_eq!(segments, if memory == 1 { index.len() } else { index.len().min(1) }, "{name}");
            let bytes = written(&folder, &index);
            if !SHORTENED.contains(&name) {
                assert!(bytes == bytes_of(&file(name)), "{name}, {segments} segments");
                continue;
            }
            assert!(bytes.len() < bytes_of(&file(name)).len(), "{name}");
            let again = read(&folder.path("ours.faiss"), &folder.path("again.wgvqi"), MEMORY).unwrap();
            assert!(written(&folder, &again) == bytes, "{name}");
        }
    }
}

#[test]
fn lists_that_were_cut_short_or_go_on_are_refused_wherever() {
    let folder = Folder::new();
    for (name, ..) in FILES {
        let bytes = bytes_of(&file(name));
        for length in (1..bytes.len()).step_by(3) {
            let why = refused(ListsReader::open(folder.file("cut.faiss", &bytes[..length])));
            assert!(why.contains("cut.faiss") && why.contains("cut short"), "{name} {length}: {why}");
        }
        let longer = [&bytes[..], b"x"].concat();
        let why = refused(ListsReader::open(folder.file("long.faiss", &longer)));
        assert!(why.contains("and 1 more follow"), "{name}: {why}");
    }
}

#[test]
fn damaged_lists_are_refused_or_read_and_never_worse() {
    let folder = Folder::new();
    let (mut refusals, mut writes) = (0, 0);
    for (name, ..) in FILES {
        let bytes = bytes_of(&file(name));
        for at in (0..bytes.len()).filter(|at| at % 5 == 0 || *at < 256) {
            let mut damaged = bytes.clone();
            damaged[at] ^= [0x01, 0x80, 0xff][at % 3];
            let path = folder.file("damaged.faiss", &damaged);
            let outcome = ListsReader::open(&path).and_then(|reader| {
                // Each writes several files.
                if at % 31 == 0 && reader.rows() < 100 {
                    writes += 1;
                    reader.write(&folder.path("damaged.wgvqi"), MEMORY, true, |_, _| Ok(())).map(drop)?;
                }
                Ok(())
            });
            if let Err(error) = outcome {
                refusals += 1;
                assert!(error.to_string().contains("damaged.faiss: "), "{error}");
            }
        }
    }
    assert!(refusals > 1000 && writes > 100, "{refusals} {writes}");
}

#[test]
fn refusals_of_lists_name_the_field_and_the_place() {
    let folder = Folder::new();
    let with = |name: &str, at: usize, bytes: &[u8]| {
        let mut whole = bytes_of(&file(name));
        whole[at..at + bytes.len()].copy_from_slice(bytes);
        refused(read(&folder.file("x.faiss", &whole), &folder.path("x.wgvqi"), MEMORY))
    };
    // Behind 37 bytes of header nlist, nprobe, and 37 more of the coarse quantizer with its letters; 4 centroids of 8 dimensions.
    let (coarse, map) = (53, 53 + 4 + 33 + 8 + 128);
    let sizes = |name: &str, letters: &[u8]| {
        let whole = bytes_of(&file(name));
        whole.windows(4).position(|window| window == letters).unwrap()
    };
    let full = sizes("pq4", b"full");
    let ids = full + 12 + 32;
    let first = u64::from_le_bytes(bytes_of(&file("pq4"))[full + 12..full + 20].try_into().unwrap()) as usize;
    let id_of_first = ids + 2 * first;
    let repeated = bytes_of(&file("pq4"))[id_of_first + 8..id_of_first + 16].to_vec();
    for (name, at, bytes, says) in [
        ("pq4", 0, &b"IwFl"[..], "that of IndexIVFFlat; its lists hold vectors, not codes: build an index"),
        ("pq4", 0, b"IwPf", "that of IndexIVFPQFastScan; write the index that it was made from"),
        ("pq4", 0, b"IxPq", "that of IndexPQ; an index is made of IndexIVFPQ, IndexIVFScalarQuantizer"),
        ("pq4", 37, &0_u64.to_le_bytes(), "IndexIVFPQ.nlist at byte 37 is 0; it has to be 1 to 4294967296"),
        ("pq4", 37, &(1_u64 << 32).to_le_bytes(), "IndexFlatL2.d and ntotal at byte"),
        (
            "pq4",
            coarse,
            b"IHNf",
            "IndexIVFPQ.quantizer at byte 53 is that of IndexHNSWFlat; the coarse quantizer has to be",
        ),
        ("pq4", coarse, b"IxFI", "the coarse quantizer has to be that of IndexFlatL2, by the metric"),
        ("pq4", map, &[3], "IndexIVFPQ.direct_map at byte 226 is 3; it has to be 0 to 2"),
        ("pq4", map + 9, &[2], "IndexIVFPQ.by_residual at byte 235 is 2; it has to be 0 or 1"),
        ("pq4", map + 10, &9_u64.to_le_bytes(), "has codes of 2 bytes; code_size before it is 9"),
        ("pq4", full - 20, b"ilod", "IndexIVFPQ.invlists at byte"),
        ("pq4", full, b"half", "ArrayInvertedLists.list_type at byte"),
        ("pq4", full + 4, &3_u64.to_le_bytes(), "are not those of 4 lists"),
        ("pq4", full + 12, &u64::MAX.to_le_bytes(), "are not those of 4 lists"),
        (
            "pq4",
            full + 12,
            &(first as u64 + 1).to_le_bytes(),
            "add up to 41 vectors; the index says it has 40",
        ),
        ("sparse", sizes("sparse", b"sprs") + 12, &16_u64.to_le_bytes(), "are not those of 16 lists"),
        (
            "pq4",
            id_of_first,
            &(-1_i64).to_le_bytes(),
            "the id of vector 0 of list 0 is -1; ids of an index here",
        ),
        ("pq4", id_of_first, &repeated, "is given twice, at rows 0 and 1"),
        ("opq", 37, &0_i32.to_le_bytes(), "IndexPreTransform.chain at byte 37 has 0 transforms"),
        (
            "pq4_cosine",
            45,
            &1_f32.to_le_bytes(),
            "NormalizationTransform.norm at byte 45 is 1; it has to be 2",
        ),
        ("pq4_cosine", 33, &0_i32.to_le_bytes(), "moves or scales vectors before inner products"),
    ] {
        let why = with(name, at, bytes);
        assert!(why.contains(says), "{says}\n{why}");
    }
    let why = refused(Reader::open(golden(&format!("{}.faiss", file("pq4")))));
    assert!(why.contains("is that of IndexIVFPQ, whose lists become an index of wgvq, NAME.wgvqi"), "{why}");
    assert!(!folder.path("x.wgvqi").exists());
}

/// An index of 400 vectors, of which some came later and some are gone.
fn ours(folder: &Folder, spec: &str, metric: Metric, refinement: Refinement) -> Index {
    let (engine, x) = (Engine::cpu(), vectors());
    let ids: Vec<u64> = (0..400).map(|row| (row * 7919 % 1009) + (1 << 40)).collect();
    let build =
        Build::new(spec.parse().unwrap()).metric(metric).refine(refinement).force(true).train_on(&x).seed(1);
    let path = folder.path("index.wgvqi");
    let (first, rest) =
        (x.slice(ndarray::s![..300, ..]).to_owned(), x.slice(ndarray::s![300.., ..]).to_owned());
    let mut index = build.run(&engine, &path, &first, Ids::Given(&ids[..300]), &mut ()).unwrap();
    index.add(&engine, &rest, Ids::Given(&ids[300..]), Add::default()).unwrap();
    index.remove(&ids[290..330]).unwrap();
    index
}

#[test]
fn indexes_of_every_kind_come_back_and_find_the_same() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), vectors());
    let queries = x.slice(ndarray::s![..20, ..]).to_owned();
    for (spec, metric, name) in [
        ("IVF4,PQ4x4", Metric::SquaredL2, "IndexIVFPQ"),
        ("IVF4,PQ4x4", Metric::InnerProduct, "IndexIVFPQ"),
        ("IVF4,PQ4x4", Metric::Cosine, "IndexIVFPQ"),
        ("IVF3,PQ2x8", Metric::SquaredL2, "IndexIVFPQ"),
        ("IVF4,VQ16", Metric::SquaredL2, "IndexIVFPQ"),
        ("PQ4x3", Metric::InnerProduct, "IndexIVFPQ"),
        ("IVF4,OPQ2,PQ2x4", Metric::SquaredL2, "IndexIVFPQ"),
        ("IVF4,OPQ2,PQ2x5", Metric::InnerProduct, "IndexIVFPQ"),
        ("IVF4,RR,PQ2x3", Metric::Cosine, "IndexIVFPQ"),
        ("IVF4,RQ2x3", Metric::SquaredL2, "IndexIVFResidualQuantizer"),
        ("IVF4,RR,RQ2x3", Metric::SquaredL2, "IndexIVFResidualQuantizer"),
        ("IVF4,LSQ2x3", Metric::SquaredL2, "IndexIVFLocalSearchQuantizer"),
        ("IVF4,PRQ2x2x3", Metric::SquaredL2, "IndexIVFProductResidualQuantizer"),
        ("IVF4,PLSQ2x2x3", Metric::SquaredL2, "IndexIVFProductLocalSearchQuantizer"),
    ] {
        let index = ours(&folder, spec, metric, Refinement::None);
        let bytes = written(&folder, &index);
        let reader = ListsReader::open(folder.path("ours.faiss")).unwrap();
        assert_eq!((reader.name(), reader.rows()), (name, 360), "{spec}");
        let back = read(&folder.path("ours.faiss"), &folder.path("back.wgvqi"), MEMORY).unwrap();
        let found = back.spec().to_string();
        // Before anything but parts it is not told for how many the rotation was learned.
        assert_eq!(found, spec, "{metric}");
        assert_eq!((back.metric(), back.len()), (metric, 360), "{spec}");
        let query = Query::nearest(K).probes(2);
        let [ours, theirs] = [&index, &back].map(|index| index.search(&engine, &queries, &query).unwrap());
        if spec.contains("OPQ") || spec.contains("RR") {
            // Centroids were rotated and rounded once, which may bring what is as near into another order.
            let largest = ours.of(0).1.iter().fold(1.0_f32, |most, distance| most.max(distance.abs()));
            for at in 0..queries.nrows() {
                let pairs = ours.of(at).1.iter().zip(theirs.of(at).1);
                let off = pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
                assert!(off <= 1e-4 * largest, "{spec}, query {at}: {:?} {:?}", ours.of(at), theirs.of(at));
            }
        } else {
            assert_eq!(ours, theirs, "{spec} {metric}");
        }
        assert!(written(&folder, &back) == bytes, "{spec} {metric}: the same once it has been there");
        // What refines is left out, and nothing else is another.
        if spec == "IVF4,PQ4x4" {
            let refined = self::ours(&folder, spec, metric, Refinement::F16);
            assert!(written(&folder, &refined) == bytes, "{metric}");
        }
    }
}

#[test]
fn an_index_that_came_from_faiss_grows_and_is_merged() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), array(&file("queries")));
    for name in ["pq4", "opq_offset_residual", "sq8"] {
        let mut index = theirs(&folder, name, 1);
        let ids: Vec<u64> = (0..x.nrows() as u64).collect();
        index.add(&engine, &x, Ids::Given(&ids), Add::default()).unwrap();
        index.compact(&engine, MEMORY, |_, _| Ok(())).unwrap();
        assert_eq!((index.len(), index.info().segments), (46, 1), "{name}");
        let found = index.search(&engine, &x, &Query::nearest(1).probes(1)).unwrap();
        assert!((0..x.nrows()).all(|at| found.of(at).0 == [at as u64]), "{name}: {found:?}");
        // What FAISS keeps for itself is still there.
        index.remove(&ids).unwrap();
        assert!(written(&folder, &index) == bytes_of(&file(name)), "{name}");
    }
}

#[test]
fn what_lists_of_faiss_have_no_place_for_is_refused_with_the_reason() {
    let folder = Folder::new();
    for (spec, metric, says) in [
        (
            "IVF4,TRQ2x3",
            Metric::SquaredL2,
            "TRQ2x3: FAISS has no lists of such codes; it has those of VQ, PQ, SQ, RQ",
        ),
        ("IVF4,RBQ4", Metric::SquaredL2, "RBQ4: FAISS has no lists of such codes"),
        ("IVF4,PQ3x3", Metric::SquaredL2, "3 parts of 8 dimensions are of uneven length"),
        ("IVF4,SQ8", Metric::SquaredL2, "SQ8: its levels, low + code · step, are others than FAISS computes"),
        (
            "IVF4,OPQ2,PQ2x4",
            Metric::InnerProduct,
            "rotates about a point, after which inner products are others",
        ),
    ] {
        let index = ours(&folder, spec, metric, Refinement::None);
        let why = refused(write_lists(folder.path("no.faiss"), &index, false, |_, _| Ok(())).map(drop));
        assert!(why.contains(says), "{says}\n{why}");
    }
    let (engine, x) = (Engine::cpu(), vectors());
    let mut ids: Vec<u64> = (0..400).collect();
    ids[7] = 1 << 63;
    let build = Build::new("IVF4,PQ4x4".parse().unwrap()).force(true);
    let index = build.run(&engine, &folder.path("index.wgvqi"), &x, Ids::Given(&ids), &mut ()).unwrap();
    let why = refused(write_lists(folder.path("no.faiss"), &index, false, |_, _| Ok(())).map(drop));
    assert!(why.contains("the id 9223372036854775808; FAISS has ids up to 9223372036854775807"), "{why}");
    let stopped =
        write_lists(folder.path("no.faiss"), &index, false, |_, _| Err(crate::Error::cancelled("stop")));
    assert!(refused(stopped.map(drop)).contains("stop"));
    assert!(!folder.names().contains(&"no.faiss".to_string()));
}
