//! Searches find as much as is expected of them.

use super::*;
use crate::rng::Rng;

/// Points around `clusters` centres, of each as many, as queries from one of them find much the same; and a twentieth anywhere.
fn clustered(seed: u64, n: usize, d: usize, clusters: usize) -> Array2<f32> {
    let centres = data(1, clusters, d) * 2.0;
    let mut rng = Rng::new(seed, 1);
    let mut x = data(seed, n, d);
    for (number, mut row) in x.outer_iter_mut().enumerate() {
        if rng.uniform() < 0.05 {
            row *= 2.0;
        } else {
            let cluster = number % clusters;
            row *= 0.4 + cluster as f32 / clusters as f32;
            row += &centres.row(cluster);
        }
    }
    x
}

/// The share of the 10 true neighbours that a search finds, among rows whose ids are let pass.
fn recall(index: &Index, x: &Array2<f32>, queries: &Array2<f32>, query: Query<'_>, pass: &[u64]) -> f64 {
    mean_and_variance(&recalls(index, x, queries, query, pass)).0
}

/// That of each query.
fn recalls(
    index: &Index,
    x: &Array2<f32>,
    queries: &Array2<f32>,
    query: Query<'_>,
    pass: &[u64],
) -> Vec<f64> {
    let left = rows(x, pass);
    let metric: Metric = index.info().metric.parse().unwrap();
    let truth = Search::nearest(10).flat(&Engine::cpu(), metric, &left, queries).unwrap();
    let found = search(index, queries, query);
    let hits = |query: usize| {
        let true_id = |at: &u32| found.of(query).0.contains(&pass[*at as usize]);
        truth.ids.row(query).iter().filter(|at| true_id(at)).count() as f64 / 10.0
    };
    (0..queries.nrows()).map(hits).collect()
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n)
}

fn all(n: usize) -> Vec<u64> {
    (0..n as u64).collect()
}

#[test]
fn other_queries_find_what_is_expected_of_them() {
    let folder = Folder::new();
    let n = 6000;
    let (x, queries) = (clustered(7, n, 16, 50), clustered(8, 400, 16, 50));
    let file = folder.path("x.npy");
    let mut writer = RowWriter::create(&file, n, 16, false).unwrap();
    writer.append(x.as_slice().unwrap()).unwrap();
    writer.finish().unwrap();
    let files = [file];
    let others = clustered(9, 400, 16, 50);
    for (spec, metric, refinement, given) in [
        ("IVF64,PQ8x4", Metric::SquaredL2, Refinement::U8, false),
        ("IVF64,OPQ8,PQ8x4", Metric::Cosine, Refinement::F16, true),
        ("IVF32,RQ4x5", Metric::SquaredL2, Refinement::F16, false),
        ("IVF32,PQ8x8", Metric::InnerProduct, Refinement::Source, true),
    ] {
        let mut build = build(spec).metric(metric).refine(refinement).source(&files).recall(0.9);
        if given {
            build = build.queries(&others);
        }
        let index = run(build, &folder.path("a.wgvqi"), &x);
        let curve = index.curve().unwrap();
        assert_eq!((curve.wanted, curve.queries, curve.changed), (0.9, if given { 400 } else { 600 }, false));
        for wanted in [0.8, 0.9, 0.95] {
            let asked = || Query::nearest(10).recall(wanted);
            let effort = index.searcher(&Engine::cpu()).unwrap().effort(&asked()).unwrap();
            let (found, variance) = mean_and_variance(&recalls(&index, &x, &queries, asked(), &all(n)));
            let expected = effort.expected.unwrap();
            // Two samples of queries: of 15,000 pairs of them one differs by more than four standard errors.
            let error = (variance * (1.0 / 400.0 + 1.0 / curve.queries as f64)).sqrt();
            assert!(
                (found - expected).abs() < 4.0 * error,
                "{spec}: {found} is not near {expected} ± {error}"
            );
            assert!(found > wanted - 4.0 * error, "{spec}: {found} of {wanted} ± {error}");
        }
        let usual = search(&index, &queries, Query::nearest(10));
        assert_eq!(usual, search(&index, &queries, Query::nearest(10).recall(0.9)), "what it was built for");
        let reopened = Index::open(folder.path("a.wgvqi")).unwrap();
        assert_eq!(reopened.curve(), index.curve());
        reopened.verify(|_, _| Ok(())).unwrap();
    }
}

#[test]
fn the_recall_is_measured_anew_when_an_index_is_compacted() {
    let folder = Folder::new();
    let (n, engine) = (5000, Engine::cpu());
    let x = clustered(7, n, 16, 50);
    let others = clustered(9, 300, 16, 50);
    for (refinement, given) in [(Refinement::U8, false), (Refinement::F16, true), (Refinement::None, false)] {
        let mut how = build("IVF32,PQ16x4").refine(refinement).recall(0.6);
        if given {
            how = how.queries(&others);
        }
        let path = folder.path("a.wgvqi");
        let mut index = run(how, &path, &x.slice(s![..4000, ..]).to_owned());
        let built = index.curve().unwrap().clone();
        add(&mut index, &rows(&x, &all(n)[4000..]), &all(n)[4000..], false).unwrap();
        let changed = index.curve().unwrap();
        assert!(changed.changed, "vectors have come");
        assert_eq!(changed.best(), built.best(), "and the curve is still that of before");
        assert!(search(&index, &others, Query::nearest(3)).effort().expected.is_some());
        index.compact(&engine, 1 << 22, |_, _| Ok(())).unwrap();
        let again = index.curve().unwrap();
        // Without the vectors the truth is not known any more.
        assert_eq!(again.changed, refinement == Refinement::None);
        assert_eq!(
            again.queries,
            if given {
                300
            } else if again.changed {
                400
            } else {
                500
            }
        );
        let (before, after) = (built.best().unwrap().recall, again.best().unwrap().recall);
        assert!((before - after).abs() < 0.02, "{refinement}: {before} {after}");
        // Whoever compacts an index that is merged already measures only where that is due.
        let manifest = std::fs::read(path.join(MANIFEST)).unwrap();
        index.compact(&engine, 1 << 22, |_, _| Ok(())).unwrap();
        if refinement != Refinement::None {
            assert_eq!(std::fs::read(path.join(MANIFEST)).unwrap(), manifest);
        }
        index.verify(|_, _| Ok(())).unwrap();
    }
}

#[test]
fn a_recall_that_is_expected_within_its_error_is_aimed_at() {
    let points = vec![(2, 40, 0.9, 0.01), (8, 40, 0.9517, 0.004)];
    let curve = Curve {
        version: super::super::curve::VERSION,
        wanted: 0.95,
        queries: 100,
        changed: false,
        kept: 1.0,
        list_cost: 10.0,
        points,
    };
    assert_eq!(curve.choose(0.95), curve.best());
    assert!(curve.choose(0.92).is_some_and(|choice| choice.probes < 8) && curve.choose(0.952).is_none());
}

#[test]
fn a_recall_that_is_not_expected_is_refused() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), clustered(7, 1000, 8, 10));
    let path = folder.path("a.wgvqi");
    let why = |index: &Index, query: Query<'_>| refused(index.search(&engine, &x, &query));
    let plain = run(build("IVF8,PQ2x4"), &path, &x);
    let text = std::fs::read_to_string(path.join(MANIFEST)).unwrap();
    assert!(!text.contains("recall") && !text.contains("queries"), "as in indexes of before");
    let refusal = why(&plain, Query::nearest(5).recall(0.9));
    assert!(refusal.contains("recall of 0.9 has not been measured") && refusal.contains("build it again"));

    let codes_alone = run(build("IVF8,PQ2x4").refine(Refinement::None).recall(0.95), &path, &x);
    let refusal = why(&codes_alone, Query::nearest(5).recall(0.95));
    let best = codes_alone.curve().unwrap().best();
    let most = best.map_or(0.0, |best| best.recall);
    assert!(refusal.ends_with(&format!("not expected of any search of this index; the most is {most:.4}")));
    assert_eq!(search(&codes_alone, &x, Query::nearest(5)).effort().expected, best.map(|best| best.recall));

    let index = run(build("IVF8,PQ2x4").recall(0.9), &path, &x);
    for query in [Query::nearest(5).recall(0.9).probes(3), Query::nearest(5).recall(0.9).depth(30)] {
        assert!(why(&index, query).contains("give it, or these numbers"));
    }
    assert_eq!(search(&index, &x, Query::nearest(5).probes(3)).effort().expected, None, "by hand");
    let new = |build: Build<'_>, x: &Array2<f32>| {
        refused(build.run(&engine, &folder.path("b.wgvqi"), x, Ids::Next, &mut ()))
    };
    for wrong in [0.4, 1.1, f64::NAN, -0.9] {
        assert!(new(build("IVF8,PQ2x4").recall(wrong), &x).contains("one from 0.5 to 1 can be aimed at"));
    }
    let few = x.slice(s![..99, ..]).to_owned();
    assert!(
        new(build("IVF2,PQ2x4").recall(0.9), &few).contains("the recall of 99 vectors cannot be measured")
    );
    let wide = data(1, 20, 9);
    let why = new(build("IVF2,PQ2x4").recall(0.9).queries(&wide), &x);
    assert!(why.contains("are 20 × 9; one at least of 8 dimensions is needed"), "{why}");
    assert!(!folder.path("b.wgvqi").exists());
}

#[test]
fn a_flipped_byte_of_the_queries_is_found_and_a_newer_curve_refused() {
    let folder = Folder::new();
    let x = clustered(7, 400, 4, 10);
    let path = folder.path("a.wgvqi");
    let others = clustered(9, 20, 4, 10);
    let index = run(build("IVF4,PQ2x4").recall(0.9).queries(&others), &path, &x);
    let file = path.join(&index.manifest.queries.as_ref().unwrap().file);
    let whole = std::fs::read(&file).unwrap();
    assert_eq!(whole.len(), 20 * 4 * 4);
    let mut torn = whole.clone();
    torn[100] ^= 4;
    std::fs::write(&file, torn).unwrap();
    assert!(refused(index.verify(|_, _| Ok(()))).contains("queries-"));
    std::fs::write(&file, whole).unwrap();

    let change = |change: &dyn Fn(&mut Curve)| {
        let mut manifest = index.manifest.clone();
        change(manifest.recall.as_mut().unwrap());
        std::fs::write(path.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
        refused(Index::open(&path))
    };
    assert!(
        change(&|curve| curve.version = 2).contains("whose recall is of version 2; this version reads 1")
    );
    assert!(change(&|curve| curve.points.reverse()).contains("not in order"));
    assert!(change(&|curve| curve.points[0].0 = 0).contains("not in order"));
}

/// A filter leaves neighbours that are farther: more lists are looked into, by what it leaves.
#[test]
fn filters_of_any_share_find_as_much_as_without() {
    let folder = Folder::new();
    let n = 20_000;
    let (x, queries) = (clustered(7, n, 16, 50), clustered(8, 200, 16, 50));
    for (spec, refinement) in [("IVF128,PQ8x4", Refinement::U8), ("IVF64,RQ4x5", Refinement::F16)] {
        let index = run(build(spec).refine(refinement), &folder.path("a.wgvqi"), &x);
        for (probes, depth) in [(1, 100), (2, 100)] {
            let ask = || Query::nearest(10).probes(probes).depth(depth);
            let without = recall(&index, &x, &queries, ask(), &all(n));
            assert!((0.5..0.98).contains(&without), "{spec}: {without} tells nothing");
            for percent in [50, 20, 10, 6, 4, 1] {
                let passes = |id: &u64| 100.0 * Rng::new(*id, 3).uniform() < percent as f32;
                let pass: Vec<u64> = all(n).into_iter().filter(passes).collect();
                let with = recall(&index, &x, &queries, ask().among(&pass), &pass);
                // 2000 neighbours: three standard errors are .03.
                assert!(with > without - 0.03, "{spec}: {with} at {percent} %, {without} without");
            }
        }
    }
}
