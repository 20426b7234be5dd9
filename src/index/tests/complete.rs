//! Searches find all that they say they do.

use super::*;

#[test]
fn as_many_neighbours_are_found_as_are_asked_for() {
    let folder = Folder::new();
    let (x, queries) = (data(7, 1000, 16), data(8, 12, 16));
    for spec in SPECS {
        let mut index = run(build(spec), &folder.path("a.wgvqi"), &x);
        let found = |index: &Index, k: usize| {
            let found = search(index, &queries, Query::nearest(k).probes(1).depth(2 * k));
            (0..12).map(|query| found.of(query).0.len()).collect::<Vec<_>>()
        };
        // The first list has fewer than these, and then there are no more.
        for (k, want) in [(5, 5), (400, 400), (990, 990), (1000, 1000), (1500, 1000)] {
            assert_eq!(found(&index, k), [want; 12], "{spec}: {k}");
        }
        index.remove(&(0..700).collect::<Vec<_>>()).unwrap();
        assert_eq!(found(&index, 400), [300; 12], "{spec}: of those that are left");
        // Where the nearest lists are enough, no others are looked into.
        let few = search(&index, &queries, Query::nearest(2).probes(1).depth(500));
        let all = search(&index, &queries, Query::nearest(2).probes(16).depth(500));
        let nearer = |query: usize| few.of(query).1.iter().zip(all.of(query).1).all(|(few, all)| few >= all);
        assert!((0..12).all(nearer), "{spec}");
    }
}

#[test]
fn all_within_a_radius_are_found() {
    let folder = Folder::new();
    let (engine, n) = (Engine::cpu(), 600);
    let (x, queries) = (data(7, n, 6) + 0.3, data(8, 25, 6));
    let file = folder.path("x.npy");
    let mut writer = RowWriter::create(&file, n, 6, false).unwrap();
    writer.append(x.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
    let files = [file];
    for (spec, refinement, metric, radius) in [
        ("IVF8,PQ3x4", Refinement::Source, Metric::SquaredL2, 3.0),
        ("IVF8,PQ3x8", Refinement::Source, Metric::InnerProduct, 4.5),
        ("IVF8,RQ4x5", Refinement::Source, Metric::Cosine, 0.2),
        ("IVF8,PQ3x4", Refinement::F16, Metric::SquaredL2, 3.0),
        ("IVF8,RQ6x7", Refinement::None, Metric::SquaredL2, 3.0),
    ] {
        let build = build(spec).metric(metric).refine(refinement).source(&files);
        let index = run(build, &folder.path("a.wgvqi"), &x);
        let exact = Search::nearest(n).flat(&engine, metric, &x, &queries).unwrap();
        let found = search(&index, &queries, Query::within(radius).probes(8));
        let (limit, mut counts) = (if metric == Metric::InnerProduct { -radius } else { radius }, Vec::new());
        for query in 0..25 {
            let (ids, distances) = found.of(query);
            assert!(
                distances.is_sorted()
                    && distances.iter().all(|&distance| f64::from(distance) <= limit + 1e-6)
            );
            let near: Vec<u64> = (0..n)
                .filter(|&at| exact.distances[[query, at]] <= limit)
                .map(|at| exact.ids[[query, at]].into())
                .collect();
            counts.push(near.len());
            if refinement == Refinement::Source {
                assert_eq!(ids, near, "{metric}");
            } else {
                // What is kept of the vectors is off by a little, and so is who is near the limit.
                let both = ids.iter().filter(|id| near.contains(id)).count();
                let slack = 2 + near.len() / if refinement == Refinement::None { 3 } else { 50 };
                assert!(both + slack >= near.len() && both + slack >= ids.len(), "{both} {near:?} {ids:?}");
            }
        }
        assert!(
            counts.iter().any(|&count| count != counts[0]) && counts.iter().sum::<usize>() > 100,
            "{counts:?}"
        );

        // Some lists find some of them, a filter those that it lets pass, and the k nearest are among them.
        let some = search(&index, &queries, Query::within(radius).probes(2));
        let odd: Vec<u64> = (0..n as u64).filter(|id| id % 2 == 1).collect();
        let filtered = search(&index, &queries, Query::within(radius).probes(8).among(&odd));
        for query in 0..25 {
            let all = found.of(query).0;
            assert!(some.of(query).0.iter().all(|id| all.contains(id)));
            let pass: Vec<u64> = all.iter().copied().filter(|id| id % 2 == 1).collect();
            assert_eq!(filtered.of(query).0, pass);
        }
    }
    let index = Index::open(folder.path("a.wgvqi")).unwrap();
    let why = |radius: f64| refused(index.search(&engine, &queries, &Query::within(radius)));
    assert!(why(f64::NAN).contains("a radius of NaN"));
    assert!(why(-0.5).contains("a radius of -0.5; no distance by l2 is below 0"));
}

#[test]
fn an_id_that_is_there_twice_is_found() {
    let folder = Folder::new();
    let x = data(7, 120, 4);
    let path = folder.path("a.wgvqi");
    let mut index = run(build("IVF3,PQ2x4"), &path, &x.slice(s![..60, ..]).to_owned());
    add(&mut index, &rows(&x, &(60..120).collect::<Vec<_>>()), &(60..120).collect::<Vec<_>>(), false)
        .unwrap();
    // Its segment once more, as a writer might have it that has gone wrong: nothing is torn.
    let mut manifest = index.manifest.clone();
    manifest.segments.push(manifest.segments[1].clone());
    std::fs::write(path.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
    let why = refused(Index::open(&path).unwrap().verify(|_, _| Ok(())));
    let file = &manifest.segments[1].file.file;
    assert!(why.contains(&format!("the id 60 is there twice, in {file} and in {file}")), "{why}");
    // Those that are removed do not count.
    std::fs::write(path.join(MANIFEST), index.manifest.to_text().unwrap()).unwrap();
    index.remove(&[3, 70]).unwrap();
    add(&mut index, &rows(&x, &[3, 70]), &[3, 70], false).unwrap();
    Index::open(&path).unwrap().verify(|_, _| Ok(())).unwrap();
}
