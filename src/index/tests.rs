mod columns;
mod complete;
mod recall;

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis, array, s};

use super::search::Look;
use super::store::folder::Writer;
use super::*;
use crate::error::ErrorKind;
use crate::io::RowWriter;
use crate::io::testing::{Folder, refused};
use crate::metrics::Metric;
use crate::search::Search;

fn data(seed: u64, n: usize, d: usize) -> Array2<f32> {
    let mut rng = crate::rng::Rng::new(seed, 0);
    Array2::from_shape_simple_fn((n, d), || rng.normal())
}

fn build(spec: &str) -> Build<'static> {
    Build::new(spec.parse().unwrap()).force(true)
}

fn run(build: Build<'_>, path: &Path, x: &Array2<f32>) -> Index {
    build.run(&Engine::cpu(), path, x, Ids::Next, &mut ()).unwrap()
}

fn search(index: &Index, queries: &Array2<f32>, query: Query<'_>) -> Found {
    index.search(&Engine::cpu(), queries, &query).unwrap()
}

fn add(index: &mut Index, x: &Array2<f32>, ids: &[u64], replace: bool) -> Result<Added> {
    index.add(&Engine::cpu(), x, Ids::Given(ids), Add::default().replace(replace))
}

fn rows(x: &Array2<f32>, ids: &[u64]) -> Array2<f32> {
    x.select(Axis(0), &ids.iter().map(|&id| id as usize).collect::<Vec<_>>())
}

/// Every layout of codes: of vectors and of residuals, in one list and in several.
const SPECS: [&str; 8] = [
    "IVF16,PQ8x4",
    "IVF8,RQ4x5",
    "SQ4",
    "IVF4,OPQ4,PQ4x4",
    "IVF2,VQ70",
    "IVF4,PQ2x8",
    "IVF4,RBQ4",
    "IVF4,RR,E8",
];

#[test]
fn neighbours_do_not_depend_on_how_the_vectors_came() {
    let folder = Folder::new();
    let (x, queries) = (data(7, 1000, 16), data(8, 30, 16));
    let path = folder.path("a.wgvqi");
    let refinements = [Refinement::None, Refinement::U8, Refinement::F16];
    for (spec, refinement) in SPECS.into_iter().zip(refinements.into_iter().cycle()) {
        let ask = || Query::nearest(5).probes(3).depth(40);
        let mut index = run(build(spec).refine(refinement), &path, &x);
        let whole = search(&index, &queries, ask());
        let rest: Vec<u64> = (300..1000).collect();
        index.remove(&rest).unwrap();
        for ids in rest.chunks(211) {
            add(&mut index, &rows(&x, ids), ids, false).unwrap();
        }
        assert_eq!(index.info().segments, 5);
        assert_eq!(search(&index, &queries, ask()), whole, "{spec} {refinement}");
        assert_eq!(search(&Index::open(&path).unwrap(), &queries, ask()), whole, "{spec} {refinement}");
        index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
        let info = index.info();
        assert_eq!((info.segments, info.deleted, info.vectors), (1, 0, 1000));
        assert_eq!(search(&index, &queries, ask()), whole, "{spec} {refinement}");
        index.verify(|_, _| Ok(())).unwrap();

        // One query or many, one thread or several.
        for query in 0..3 {
            let one = search(&index, &queries.slice(s![query..query + 1, ..]).to_owned(), ask());
            assert_eq!(one.of(0), whole.of(query), "{spec} {refinement}");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| search(&index, &queries, ask())), whole, "{spec} {refinement}");
    }
    let names = std::fs::read_dir(&path).unwrap().count();
    assert!(names <= 6, "{names} files: what no longer counts is removed");
}

#[test]
fn segments_are_cut_by_memory_and_change_nothing() {
    let folder = Folder::new();
    let (x, queries) = (data(7, 30_000, 16), data(8, 20, 16));
    let whole = run(build("IVF4,PQ4x4"), &folder.path("a.wgvqi"), &x);
    let cut = run(build("IVF4,PQ4x4").memory(4 << 20), &folder.path("b.wgvqi"), &x);
    assert!(whole.info().segments == 1 && cut.info().segments > 1, "{:?}", cut.info());
    let ask = || Query::nearest(9).probes(2);
    assert_eq!(search(&whole, &queries, ask()), search(&cut, &queries, ask()));
}

/// By tables, in the rotated space, distances are those to what codes decode to.
#[test]
fn tables_find_what_decoding_finds() {
    let folder = Folder::new();
    let (x, queries) = (data(7, 900, 16) + 0.4, data(8, 20, 16));
    for (spec, metric) in [
        ("IVF4,PQ4x8", Metric::SquaredL2),
        ("IVF4,OPQ4,PQ4x8", Metric::SquaredL2),
        ("IVF4,OPQ4,PQ4x8", Metric::InnerProduct),
        ("OPQ4,PQ4x8", Metric::Cosine),
        ("IVF4,OPQ4,PQ4x4", Metric::InnerProduct),
    ] {
        let build = build(spec).metric(metric).refine(Refinement::None);
        let index = run(build, &folder.path("a.wgvqi"), &x);
        let query = Query::nearest(8).probes(4);
        let by_tables = search(&index, &queries, query.clone());
        let engine = Engine::cpu();
        let searcher = index.searcher(&engine).unwrap();
        let seen = index.model.seen(&queries).read_rows(0..20).unwrap();
        let mut by_decoding = Found::default();
        let look = Look { k: 8, effort: searcher.effort(&query).unwrap(), selected: None };
        searcher.by_codes(None, &seen, look, &mut by_decoding).unwrap();
        for query in 0..20 {
            let pairs = by_tables.of(query).1.iter().zip(by_decoding.of(query).1);
            for (tables, decoded) in pairs {
                // Tables of 8-bit codes are f32. Those of 4 bits are rounded to 255 steps of a table's range, which is below 40
                // for each of the 4 parts.
                let bound = if spec.ends_with("x8") { 2e-4 } else { 4.0 * 40.0 / 255.0 };
                assert!((tables - decoded).abs() <= bound, "{spec} {metric}: {tables} {decoded}");
            }
        }
    }
}

/// With all lists, all rows compared once more and the vectors themselves to compare, a search is exact.
#[test]
fn refined_by_the_vectors_themselves_neighbours_are_exact() {
    let folder = Folder::new();
    let engine = Engine::cpu();
    let (x, queries) = (data(7, 400, 6) + 0.3, data(8, 25, 6));
    let file = folder.path("x.npy");
    let mut writer = RowWriter::create(&file, 400, 6, false).unwrap();
    writer.append(x.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
    let sources = [PathBuf::from(&file)];
    for metric in [Metric::SquaredL2, Metric::InnerProduct, Metric::Cosine] {
        let path = folder.path("a.wgvqi");
        let build = build("IVF8,PQ3x4").metric(metric).refine(Refinement::Source).source(&sources);
        let mut index = run(build, &path, &x);
        let exact = Search::nearest(7).flat(&engine, metric, &x, &queries).unwrap();
        let check = |index: &Index, first: u64| {
            let found = search(index, &queries, Query::nearest(7).probes(8).depth(800));
            for query in 0..25 {
                let (ids, distances) = found.of(query);
                let want: Vec<u64> = exact.ids.row(query).iter().map(|&id| first + u64::from(id)).collect();
                assert_eq!(ids, want, "{metric}");
                for (distance, exact) in distances.iter().zip(exact.distances.row(query)) {
                    // Sums of 6 products of numbers below 6, each rounded to f32 a few times.
                    assert!(
                        (f64::from(*distance) - exact).abs() < 6.0 * 36.0 * 8.0 * 6e-8,
                        "{distance} {exact}"
                    );
                }
            }
        };
        check(&index, 0);
        // The same file again, with ids of its own: the first are gone then.
        let how = Add::default().source(&sources);
        index.add(&engine, &x, Ids::Given(&(1000..1400).collect::<Vec<_>>()), how).unwrap();
        index.remove(&(0..400).collect::<Vec<_>>()).unwrap();
        check(&index, 1000);
        index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
        check(&Index::open(&path).unwrap(), 1000);
        assert!(refused(add(&mut index, &x, &[0; 400], true)).contains("which files they are in"));
    }
    let index = Index::open(folder.path("a.wgvqi")).unwrap();
    let mut other = RowWriter::create(&file, 400, 6, true).unwrap();
    other.append((x + 1.0).as_slice().unwrap()).unwrap();
    other.finish().unwrap();
    assert!(refused(index.searcher(&engine).map(drop)).contains("x.npy: has other vectors"));
    std::fs::remove_file(file).unwrap();
    assert!(refused(index.searcher(&engine).map(drop)).contains("x.npy"));
}

#[test]
fn what_is_removed_or_filtered_out_is_not_found() {
    let folder = Folder::new();
    let x = data(7, 300, 8);
    for spec in SPECS {
        let mut index = run(build(&spec.replace("VQ70", "VQ20")), &folder.path("a.wgvqi"), &x);
        let all = || Query::nearest(400).probes(16);
        let ids = |found: &Found| {
            let mut ids = found.of(0).0.to_vec();
            ids.sort();
            ids
        };
        let query = x.slice(s![..1, ..]).to_owned();
        assert_eq!(ids(&search(&index, &query, all())), (0..300).collect::<Vec<_>>(), "k over what there is");
        let gone: Vec<u64> = (0..300).step_by(3).collect();
        index.remove(&gone).unwrap();
        let left: Vec<u64> = (0..300).filter(|id| id % 3 > 0).collect();
        assert_eq!(ids(&search(&index, &query, all())), left);
        for among in [vec![], vec![7], vec![3], vec![1, 1, 2, 3, 250, 999], left.clone(), gone.clone()] {
            let mut want: Vec<u64> = among.iter().copied().filter(|id| id % 3 > 0 && *id < 300).collect();
            want.dedup();
            assert_eq!(ids(&search(&index, &query, all().among(&among))), want, "{spec} {among:?}");
            index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
        }
        assert_eq!(refused(index.remove(&[1, 3])), "no vector has the id 3; nothing was removed");
        assert_eq!((index.len(), index.remove_any(&[1, 3, 1]).unwrap(), index.len()), (200, 1, 199));
        index.remove(&left[1..]).unwrap();
        assert_eq!(search(&index, &query, all()).of(0).0, [0; 0]);
        assert!(index.is_empty() && index.info().segments == 0);
        index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
        index.verify(|_, _| Ok(())).unwrap();
        assert_eq!(search(&index, &query, all().among(&left)).of(0).0, [0; 0]);
        add(&mut index, &query, &[5], false).unwrap();
        assert_eq!(search(&index, &query, all()).of(0).0, [5]);
    }
}

#[test]
fn equal_distances_are_in_the_order_of_ids() {
    let folder = Folder::new();
    let mut x = Array2::<f32>::zeros((60, 4));
    x.slice_mut(s![30.., ..]).fill(1.0);
    let mut index = run(build("IVF2,PQ2x1"), &folder.path("a.wgvqi"), &x);
    // A later segment has the lower ids.
    index.remove(&(0..10).collect::<Vec<_>>()).unwrap();
    add(&mut index, &x.slice(s![..10, ..]).to_owned(), &(0..10).collect::<Vec<_>>(), false).unwrap();
    let found = search(&index, &x.slice(s![..1, ..]).to_owned(), Query::nearest(20).probes(2).depth(20));
    assert_eq!(found.of(0).0, (0..20).collect::<Vec<_>>());
}

#[test]
fn an_id_is_there_once() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), data(7, 50, 4));
    let path = folder.path("a.wgvqi");
    let ids: Vec<u64> = (0..50).map(|row| 10 * row + 3).collect();
    let mut twice = ids.clone();
    twice[40] = twice[2];
    let refuse = |ids: &[u64]| refused(build("PQ2x2").run(&engine, &path, &x, Ids::Given(ids), &mut ()));
    assert!(refuse(&twice).starts_with("the id 23 is given twice, at rows 2 and 40"));
    assert_eq!(refuse(&ids[1..]), "49 ids for 50 vectors; each has one");
    assert!(!path.exists(), "nothing is left of a build that failed");
    let mut index = build("PQ2x2").run(&engine, &path, &x, Ids::Given(&ids), &mut ()).unwrap();
    assert_eq!(index.info().next_id, Some(494));

    let three = data(9, 3, 4);
    let why = refused(add(&mut index, &three, &[7, 23, 8], false));
    assert!(why.starts_with("the id 23, at row 1, is in the index already"), "{why}");
    assert_eq!(Index::open(&path).unwrap().len(), 50);
    let done = add(&mut index, &three, &[7, 23, 23], true).unwrap();
    assert_eq!((done, index.len()), (Added { added: 2, replaced: 1 }, 51));
    let nearest = |index: &Index, row: usize| {
        search(index, &three.slice(s![row..row + 1, ..]).to_owned(), Query::nearest(1).depth(60)).of(0).0[0]
    };
    assert_eq!((nearest(&index, 0), nearest(&index, 2)), (7, 23), "the last of an id counts");
    assert_ne!(nearest(&index, 1), 23);

    index.add(&engine, &three, Ids::Next, Add::default()).unwrap();
    assert_eq!((nearest(&index, 1), index.info().next_id), (495, Some(497)));
    add(&mut index, &three, &[u64::MAX, u64::MAX - 1, 0], false).unwrap();
    assert_eq!(index.info().next_id, None);
    assert!(
        refused(index.add(&engine, &three, Ids::Next, Add::default())).contains("there are no 3 next ones")
    );
    index.remove(&[u64::MAX]).unwrap();
    index.verify(|_, _| Ok(())).unwrap();
}

#[test]
fn bad_input_is_named_and_harms_nothing() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), data(7, 90, 4));
    let path = folder.path("a.wgvqi");
    let mut index = run(build("IVF3,PQ2x4"), &path, &x);
    let before = search(&index, &x, Query::nearest(3));
    let why = |queries: &Array2<f32>, query: Query<'_>| refused(index.search(&engine, queries, &query));
    assert_eq!(why(&data(1, 2, 5), Query::nearest(1)), "the queries have 5 dimensions, the index 4");
    assert!(why(&array![[0.0, 0.0, f32::NAN, 0.0]], Query::nearest(1)).contains("row 0, column 2 is NaN"));
    assert!(why(&x, Query::nearest(0)).contains("1 is the least"));
    assert!(why(&x, Query::nearest(1).probes(0)).contains("1 is the least"));
    let more = data(1, 2, 5);
    assert_eq!(
        refused(add(&mut index, &more, &[900, 901], false)),
        "the vectors have 5 dimensions, the index 4"
    );
    let broken = array![[0.0, 0.0, 0.0, 0.0], [0.0, f32::INFINITY, 0.0, 0.0]];
    assert!(refused(add(&mut index, &broken, &[900, 901], false)).contains("row 1, column 1 is inf"));
    let large = array![[0.0_f32, 0.0, 7e4, 0.0]];
    assert!(
        refused(add(&mut index, &large, &[900], false)).contains("row 0, column 2 is 7e4, over the 65504")
    );
    assert_eq!(search(&Index::open(&path).unwrap(), &x, Query::nearest(3)), before);

    let other = folder.path("b.wgvqi");
    let new = |build: Build<'_>, x: &Array2<f32>| refused(build.run(&engine, &other, x, Ids::Next, &mut ()));
    assert!(new(build("IVF91,PQ2x4"), &x).starts_with("91 lists: "));
    let why = new(build("IVF3,PQ5x4"), &x);
    assert!(why.contains("PQ5x4"), "{why}");
    assert!(
        new(build("IVF3,PQ2x4").memory(1 << 20), &x)
            .starts_with("3 lists: training on 90 vectors takes about")
    );
    assert!(new(build("IVF3,PQ2x4").metric(Metric::L1), &x).contains("not by l1"));
    let mut zero = x.clone();
    zero.row_mut(8).fill(0.0);
    assert!(
        new(build("IVF3,PQ2x4").metric(Metric::Cosine), &zero).contains("row 8 is zero and has no direction")
    );
    assert!(!other.exists());

    let why = refused(Build::new("PQ2x4".parse().unwrap()).run(&engine, &path, &x, Ids::Next, &mut ()));
    assert!(why.ends_with("a.wgvqi: exists; pass --force to overwrite"), "{why}");
    assert!(refused(Index::open(folder.path("none.wgvqi"))).contains("none.wgvqi: No such index"));
    assert!(refused(Index::open(folder.file("file.wgvqi", b"x"))).contains("is a file"));
    let foreign = folder.file("c.wgvqi/notes.txt", b"mine").parent().unwrap().to_path_buf();
    assert!(refused(Index::open(&foreign)).contains("has no manifest"));
    let why = refused(build("PQ2x4").run(&engine, &foreign, &x, Ids::Next, &mut ()));
    assert!(why.contains("has a file \"notes.txt\", so it is no index"), "{why}");
    assert_eq!(std::fs::read(foreign.join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn there_is_one_writer_at_a_time_and_a_dead_one_leaves_nothing() {
    let folder = Folder::new();
    let x = data(7, 60, 4);
    let path = folder.path("a.wgvqi");
    let mut index = run(build("PQ2x4"), &path, &x);
    let (writer, _) = Writer::open(&path).unwrap();
    let busy = add(&mut index, &x, &(100..160).collect::<Vec<_>>(), false).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Io);
    assert!(busy.to_string().contains("another process is writing to it"), "{busy}");
    assert!(refused(index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(()))).contains("another process"));
    search(&index, &x, Query::nearest(3));
    drop(writer);
    // What a writer that was killed leaves: whole files that no manifest names, and beginnings of files.
    for name in ["segment-900", "deleted-901", ".segment-902.xyz", ".manifest.abc"] {
        std::fs::write(path.join(name), b"x").unwrap();
    }
    add(&mut index, &x, &(100..160).collect::<Vec<_>>(), false).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "manifest", "model-1.safetensors", "segment-2", "segment-3"]);
    let watched = Add::default().watch(|_, _| Err(crate::error::Error::cancelled("stop")));
    assert!(index.add(&Engine::cpu(), &x, Ids::Next, watched).is_err());
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 5);
}

/// A byte in every file of an index, and of every section, at a distance that meets all of their parts.
#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let folder = Folder::new();
    let x = data(7, 200, 6);
    let path = folder.path("a.wgvqi");
    let mut index = run(build("IVF3,PQ3x4").refine(Refinement::U8), &path, &x);
    index.remove(&[5, 9]).unwrap();
    drop(index);
    let fails = |file: &Path| {
        let verified = Index::open(&path).and_then(|index| index.verify(|_, _| Ok(())));
        verified.is_err().then_some(()).ok_or_else(|| file.display().to_string())
    };
    let mut kinds = 0;
    for entry in std::fs::read_dir(&path).unwrap() {
        let file = entry.unwrap().path();
        let whole = std::fs::read(&file).unwrap();
        if file.ends_with("lock") {
            continue;
        }
        kinds += 1;
        for at in (0..whole.len()).step_by(if whole.len() > 2000 { 37 } else { 5 }) {
            let mut torn = whole.clone();
            torn[at] ^= 1 << (at % 8);
            std::fs::write(&file, torn).unwrap();
            assert_eq!(fails(&file), Ok(()), "byte {at}");
        }
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(fails(&file), Ok(()), "{length} bytes");
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(fails(&file), Ok(()), "missing");
        std::fs::write(&file, &whole).unwrap();
    }
    assert_eq!(kinds, 6, "lists, model, ranges, segment, deleted, manifest");
    let index = Index::open(&path).unwrap();
    index.verify(|_, _| Ok(())).unwrap();

    // What a search touches it checks.
    let segment = path.join(&index.manifest.segments[0].file.file);
    let whole = std::fs::read(&segment).unwrap();
    for section in &index.manifest.segments[0].sections {
        let mut torn = whole.clone();
        torn[section.start as usize + section.bytes as usize / 2] ^= 16;
        std::fs::write(&segment, torn).unwrap();
        let found = Index::open(&path)
            .and_then(|index| index.search(&Engine::cpu(), &x, &Query::nearest(3).probes(3)));
        assert!(refused(found).contains("is damaged"), "{}", section.name);
    }
}

/// Readers see the index before a change or after it, and go on with what they opened.
#[test]
fn readers_go_on_beside_a_writer() {
    let folder = Folder::new();
    let seconds: f32 = std::env::var("WGVQ_READER_SECONDS").map_or(2.0, |seconds| seconds.parse().unwrap());
    let x = data(7, 400, 6);
    let path = folder.path("a.wgvqi");
    let mut index = run(build("IVF3,PQ3x4"), &path, &x);
    let queries = x.slice(s![..3, ..]).to_owned();
    let ask = || Query::nearest(450).probes(3);
    let start = std::time::Instant::now();
    let (mut changes, mut opened) = (0, 0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let kept = Index::open(&path).unwrap();
            let before = search(&kept, &queries, ask());
            while start.elapsed().as_secs_f32() < seconds {
                let found = search(&Index::open(&path).unwrap(), &queries, ask());
                // All of a change is there or nothing: 40 vectors at a time.
                assert_eq!(found.of(0).0.len() % 40, 0);
                assert_eq!(search(&kept, &queries, ask()), before);
                opened += 1;
            }
        });
        while !reader.is_finished() {
            let ids: Vec<u64> = (1000..1040).collect();
            add(&mut index, &rows(&x, &(0..40).collect::<Vec<_>>()), &ids, false).unwrap();
            index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
            index.remove(&ids).unwrap();
            changes += 3;
        }
        reader.join().unwrap();
    });
    eprintln!("{opened} readers beside {changes} changes");
    assert!(opened > 2 && changes > 5);
    index.verify(|_, _| Ok(())).unwrap();
}

#[test]
fn an_index_of_a_newer_version_is_refused() {
    let folder = Folder::new();
    let path = folder.path("a.wgvqi");
    let index = run(build("PQ2x4"), &path, &data(7, 60, 4));
    let newer = Manifest { format: 3, ..index.manifest.clone() };
    std::fs::write(path.join(MANIFEST), newer.to_text().unwrap()).unwrap();
    let why = refused(Index::open(&path));
    assert!(
        why.contains("an index of format 3; this version reads those up to 2, a newer one is needed"),
        "{why}"
    );
    let mut index = index;
    let refusal = refused(index.remove(&[1]));
    assert!(refusal.contains("format 3"), "{refusal}");
}

#[test]
fn training_on_other_vectors_makes_the_model_of_these() {
    let folder = Folder::new();
    let (x, others, queries) = (data(31, 600, 8), data(32, 500, 8) * 3.0, data(33, 20, 8));
    for refinement in [Refinement::None, Refinement::U8] {
        let build = || build("IVF4,PQ4x4").refine(refinement);
        let ours = run(build().train_on(&others), &folder.path("ours.wgvqi"), &x);
        assert_eq!(ours.len(), 600);
        // What was built of those others, and then has these in their place, has their lists and codebooks.
        let mut theirs = run(build(), &folder.path("theirs.wgvqi"), &others);
        theirs.remove(&(0..500).collect::<Vec<u64>>()).unwrap();
        add(&mut theirs, &x, &(0..600).collect::<Vec<u64>>(), false).unwrap();
        let all = Query::nearest(5).probes(2).depth(30);
        let found = search(&ours, &queries, all.clone());
        match refinement {
            Refinement::None => assert_eq!(found, search(&theirs, &queries, all)),
            // Bytes are spread over the range of what is kept: in that of the others, which is wider, they are coarser.
            _ => assert_ne!(found, search(&theirs, &queries, all)),
        }
    }
    let narrow = data(1, 100, 7);
    let refuse =
        build("SQ4").train_on(&narrow).run(&Engine::cpu(), &folder.path("n.wgvqi"), &x, Ids::Next, &mut ());
    assert!(refused(refuse).contains("7 dimensions, those of the index 8"));
}
