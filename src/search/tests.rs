use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, array, s};

use super::{MOST_NEIGHBOURS, Neighbours, Search};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::quantizers::{Coder, Layout, Quantizer, Spec, sealed};
use crate::rng::Rng;
use crate::selftest::oracle::{U, distance_error};
use crate::settings::Settings;

/// Codebooks, each of its own columns, behind a rotation or none. Decodes on the host, by the definition.
#[derive(Clone)]
struct Sum {
    d: usize,
    codebooks: Vec<Array2<f32>>,
    columns: Vec<Range<usize>>,
    rotation: Option<Array2<f32>>,
    /// Hides its codebooks: then only decoding is left.
    hidden: bool,
}

impl Sum {
    fn of(codebooks: Vec<Array2<f32>>, columns: Vec<Range<usize>>, d: usize) -> Self {
        Self { d, codebooks, columns, rotation: None, hidden: false }
    }

    /// Random codebooks of `k` codewords for the given columns.
    fn random(rng: &mut Rng, columns: Vec<Range<usize>>, k: usize, d: usize, offset: f32) -> Self {
        let codebook = |columns: &Range<usize>| {
            Array2::from_shape_simple_fn((k, columns.len()), || rng.normal() + offset)
        };
        Self::of(columns.iter().map(codebook).collect(), columns, d)
    }

    /// Behind the reflection I − 2vvᵀ of a random unit vector v, which is orthogonal.
    fn reflected(mut self, rng: &mut Rng) -> Self {
        let v = Array1::from_shape_simple_fn(self.d, || f64::from(rng.normal()));
        let scale = 2.0 / v.dot(&v);
        let entry = |(i, j)| f64::from(u8::from(i == j)) - scale * v[i] * v[j];
        self.rotation = Some(Array2::from_shape_fn((self.d, self.d), |at| entry(at) as f32));
        self
    }

    fn decoded(&self, codes: &Array2<u32>) -> Array2<f64> {
        let mut decoded = Array2::<f64>::zeros((codes.nrows(), self.d));
        for (mut row, codes) in decoded.outer_iter_mut().zip(codes.outer_iter()) {
            for ((codebook, columns), &code) in self.codebooks.iter().zip(&self.columns).zip(codes) {
                let mut part = row.slice_mut(s![columns.clone()]);
                part += &codebook.row(code as usize).mapv(f64::from);
            }
        }
        match &self.rotation {
            Some(rotation) => decoded.dot(&rotation.mapv(f64::from)),
            None => decoded,
        }
    }

    fn codes(&self, rng: &mut Rng, n: usize) -> Array2<u32> {
        Array2::from_shape_fn((n, self.codebooks.len()), |(_, j)| rng.below(self.codebooks[j].nrows()) as u32)
    }
}

impl sealed::Sealed for Sum {}

impl Quantizer for Sum {
    fn spec(&self) -> Spec {
        "VQ1".parse().unwrap()
    }

    fn layout(&self) -> Layout<'_> {
        let sizes = self.codebooks.iter().map(|codebook| codebook.nrows()).collect();
        Layout {
            codebooks: if self.hidden { Vec::new() } else { self.codebooks.iter().collect() },
            columns: self.columns.clone(),
            rotation: self.rotation.as_ref(),
            ..Layout::without_codebooks(self.d, sizes)
        }
    }

    fn prepare_with(&self, _: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(self.clone()))
    }
}

impl Coder for Sum {
    fn dim(&self) -> usize {
        self.d
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        Quantizer::codebook_sizes(self)
    }

    fn record_encode(
        &self,
        _: &mut Recorder<'_>,
        _: &Matrix<f32>,
        _: &mut Matrix<u32>,
        _: &mut Matrix<f32>,
    ) -> Result<()> {
        Err(Error::input("decodes only"))
    }

    fn record_decode(
        &self,
        _: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        decoded.write_rows(0, self.decoded(&codes.download()?).mapv(|value| value as f32).view())
    }
}

fn engines() -> Vec<Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu()).collect()
}

fn normals(rng: &mut Rng, n: usize, d: usize, offset: f32) -> Array2<f32> {
    Array2::from_shape_simple_fn((n, d), || rng.normal() + offset)
}

fn search(
    engine: &Engine,
    quantizer: &Sum,
    codes: &Array2<u32>,
    queries: &Array2<f32>,
    k: usize,
    memory: u64,
) -> Result<Neighbours> {
    let read = |rows: Range<usize>| Ok(codes.slice(s![rows, ..]).to_owned());
    Search::nearest(k).memory(memory).codes(
        engine,
        Metric::SquaredL2,
        quantizer,
        codes.nrows(),
        read,
        queries,
    )
}

/// Whether the p-th of a query's neighbours, for every p, is no farther than the p-th nearest candidate but for `bound`,
/// by how much rounding may move a distance, and is said to be where it is.
fn check(
    found: &Neighbours,
    distance: impl Fn(usize, usize) -> f64,
    n: usize,
    bound: impl Fn(usize, usize) -> f64,
) {
    for (query, (ids, distances)) in found.ids.outer_iter().zip(found.distances.outer_iter()).enumerate() {
        let mut exact: Vec<f64> = (0..n).map(|id| distance(query, id)).collect();
        let worst = (0..n).map(|id| bound(query, id)).fold(0.0, f64::max);
        let mut seen = ids.to_vec();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), ids.len(), "query {query}: twice in {ids}");
        for (&id, &said) in ids.iter().zip(distances) {
            let (is, bound) = (exact[id as usize], bound(query, id as usize));
            assert!((said - is).abs() <= bound, "query {query}, id {id}: {said}, not {is} ± {bound:e}");
        }
        let got: Vec<f64> = ids.iter().map(|&id| exact[id as usize]).collect();
        exact.sort_by(f64::total_cmp);
        for (p, (got, least)) in got.iter().zip(&exact).enumerate() {
            // As in `oracle::check_nearest`: the p-th least score and its owner's true one are off by one bound each.
            assert!(
                *got <= least + 2.0 * worst,
                "query {query}, place {p}: {got}, nearest {least}, bound {worst:e}"
            );
        }
    }
}

fn norm(x: ArrayView1<f64>) -> f64 {
    x.dot(&x).sqrt()
}

/// Checks a search of codes against float64.
///
/// Let s bound the norms of the query and of what decodes, both about the mean of all sums, and t the same about the
/// origin. The query and the codewords about the mean are rounded once each, products and squares add d terms, and m + 2
/// of these are added: (d + m + 8)·u of (2 s)². What decodes is rounded, by at most (m + 1)·u·t and with a rotation d
/// times that, before it meets the query: 2·2 s times that. Where codebooks do not overlap the sums are smaller still.
fn check_codes(quantizer: &Sum, codes: &Array2<u32>, queries: &Array2<f32>, found: &Neighbours) {
    let decoded = quantizer.decoded(codes);
    let mut mean = Array2::<f64>::zeros((1, quantizer.d));
    for (codebook, columns) in quantizer.codebooks.iter().zip(&quantizer.columns) {
        let mut part = mean.slice_mut(s![0, columns.clone()]);
        part += &codebook.mapv(f64::from).mean_axis(ndarray::Axis(0)).unwrap();
    }
    if let Some(rotation) = &quantizer.rotation {
        mean = mean.dot(&rotation.mapv(f64::from));
    }
    let mean = mean.row(0);
    let (d, m) = (quantizer.d as f64, codes.ncols() as f64);
    let turned = if quantizer.rotation.is_some() { d } else { 1.0 };
    let largest =
        |about: &dyn Fn(ArrayView1<f64>) -> f64| decoded.outer_iter().map(about).fold(0.0, f64::max);
    let (y_s, y_t) = (largest(&|y| norm((&y - &mean).view())), largest(&|y| norm(y)));
    let queries = queries.mapv(f64::from);
    let distance = |query: usize, id: usize| {
        let difference = &queries.row(query) - &decoded.row(id);
        difference.dot(&difference)
    };
    check(found, distance, codes.nrows(), |query, _| {
        let s = y_s.max(norm((&queries.row(query) - &mean).view()));
        let t = y_t.max(norm(queries.row(query)));
        U * ((d + m + 8.0) * 4.0 * s * s + 4.0 * s * (m + 1.0) * turned * t)
    });
}

/// One quantizer of each layout, on 20 dimensions.
fn layouts(rng: &mut Rng, offset: f32) -> Vec<(&'static str, Sum)> {
    let d = 20;
    let whole = Sum::random(rng, vec![0..d; 5], 13, d, offset);
    let parts = Sum::random(rng, vec![0..3, 3..10, 10..20], 40, d, offset);
    vec![
        ("one codebook", Sum::random(rng, vec![0..d; 1], 300, d, offset)),
        ("parts behind a rotation", parts.clone().reflected(rng)),
        ("parts", parts),
        ("parts that leave dimensions out", Sum::random(rng, vec![1..5, 12..20], 16, d, offset)),
        ("sums behind a rotation", whole.clone().reflected(rng)),
        ("decoded", Sum { hidden: true, ..whole.clone() }),
        ("sums", whole),
        ("sums in parts", Sum::random(rng, vec![0..8, 0..8, 8..20, 8..20], 9, d, offset)),
    ]
}

#[test]
fn codes_are_found_as_by_brute_force() {
    for engine in engines() {
        let mut rng = Rng::new(1, 0);
        for (name, quantizer) in layouts(&mut rng, 0.0) {
            let codes = quantizer.codes(&mut rng, 700);
            let queries = normals(&mut rng, 35, 20, 0.5);
            for k in [1, 10, 700] {
                let found = search(&engine, &quantizer, &codes, &queries, k, 1 << 30).unwrap();
                eprintln!("{name}, k {k} on {}", engine.name());
                check_codes(&quantizer, &codes, &queries, &found);
            }
        }
    }
}

/// By every metric a search of codes is a search of what they stand for.
#[test]
fn other_metrics_find_what_they_find_among_the_decoded() {
    for engine in engines() {
        let mut rng = Rng::new(9, 0);
        for (name, quantizer) in layouts(&mut rng, 0.0) {
            let codes = quantizer.codes(&mut rng, 300);
            let queries = normals(&mut rng, 20, 20, 0.5);
            let decoded = quantizer.decoded(&codes);
            let rounded = decoded.mapv(|value| value as f32);
            let read = |rows: Range<usize>| Ok(codes.slice(s![rows, ..]).to_owned());
            for metric in [Metric::InnerProduct, Metric::Cosine, Metric::L1, Metric::Power(3)] {
                let found =
                    Search::nearest(9).codes(&engine, metric, &quantizer, 300, read, &queries).unwrap();
                eprintln!("{name}, {metric} on {}", engine.name());
                let distance = |query: usize, id: usize| metric.distance(queries.row(query), rounded.row(id));
                // A sum of at most d + m + 8 roundings, each of at most the sum of all magnitudes: for the inner product
                // that of about 25 of 1 · 2, below 200; for the others, whose terms are not negative, of the distance.
                let bound = |query: usize, id: usize| {
                    let size = match metric {
                        Metric::InnerProduct => 200.0,
                        Metric::Cosine => 2.0,
                        _ => distance(query, id),
                    };
                    40.0 * U * size.max(1.0) * 8.0
                };
                check(&found, distance, 300, bound);
            }
        }
    }
}

#[test]
fn far_from_the_origin_nothing_cancels() {
    for engine in engines() {
        let mut rng = Rng::new(2, 0);
        for (name, quantizer) in layouts(&mut rng, 1000.0) {
            if name == "parts that leave dimensions out" {
                continue;
            }
            let codes = quantizer.codes(&mut rng, 300);
            // Around what decodes, wherever that is.
            let queries = quantizer.decoded(&codes).mapv(|value| value as f32 + 0.1);
            let queries = queries.slice(s![..20, ..]).to_owned();
            let found = search(&engine, &quantizer, &codes, &queries, 5, 1 << 30).unwrap();
            eprintln!("{name} on {}", engine.name());
            check_codes(&quantizer, &codes, &queries, &found);
        }
    }
}

/// Few codewords of small whole numbers, whose mean is whole too: distances are exact, and nearly all tie.
#[test]
fn equally_near_codes_come_in_the_order_of_their_rows() {
    let few = array![[-4.0_f32, 0.0, 4.0], [0.0, 8.0, 0.0], [4.0, 0.0, -4.0], [0.0, -8.0, 0.0]];
    let sums = Sum::of(vec![few.clone(), few.clone()], vec![0..3; 2], 3);
    let parts = Sum::of(
        vec![few.slice(s![.., ..1]).to_owned(), few.slice(s![.., 1..]).to_owned()],
        vec![0..1, 1..3],
        3,
    );
    let hidden = Sum { hidden: true, ..sums.clone() };
    let queries = array![[0.0_f32, 0.0, 0.0], [1.0, -3.0, 2.0], [8.0, 8.0, 8.0]];
    for engine in engines() {
        for quantizer in [&sums, &parts, &hidden] {
            let codes = quantizer.codes(&mut Rng::new(3, 0), 2000);
            let decoded = quantizer.decoded(&codes);
            for k in [1, 7, 300] {
                // A budget that takes several batches.
                let found = search(&engine, quantizer, &codes, &queries, k, 1 << 20).unwrap();
                for (query, ids) in queries.outer_iter().zip(found.ids.outer_iter()) {
                    let distance = |id: u32| {
                        let difference = &query.mapv(f64::from) - &decoded.row(id as usize);
                        difference.dot(&difference)
                    };
                    let mut order: Vec<u32> = (0..2000).collect();
                    order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
                    assert_eq!(ids.to_vec(), &order[..k]);
                }
            }
        }
    }
}

#[test]
fn no_result_depends_on_memory_or_threads() {
    for engine in engines() {
        let mut rng = Rng::new(4, 0);
        for (name, quantizer) in layouts(&mut rng, 0.0) {
            let codes = quantizer.codes(&mut rng, 1500);
            // More than a tile of queries, and with little memory more than a pass.
            let queries = normals(&mut rng, 300, 20, 0.0);
            let whole = search(&engine, &quantizer, &codes, &queries, 20, 1 << 30).unwrap();
            let parts = search(&engine, &quantizer, &codes, &queries, 20, 1 << 20).unwrap();
            assert_eq!(whole, parts, "{name}");
            if !engine.is_gpu() {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
                let other =
                    pool.install(|| search(&engine, &quantizer, &codes, &queries, 20, 1 << 30).unwrap());
                assert_eq!(whole, other, "{name}");
            }
        }
        let (base, queries) = (normals(&mut rng, 1500, 20, 0.0), normals(&mut rng, 300, 20, 0.0));
        for metric in [Metric::SquaredL2, Metric::InnerProduct, Metric::Cosine] {
            let flat =
                |memory| Search::nearest(20).memory(memory).flat(&engine, metric, &base, &queries).unwrap();
            assert_eq!(flat(1 << 30), flat(1 << 20), "{metric:?}");
        }
    }
}

#[test]
fn flat_search_is_exact() {
    for engine in engines() {
        let mut rng = Rng::new(5, 0);
        for metric in [Metric::SquaredL2, Metric::InnerProduct, Metric::Cosine, Metric::L1] {
            for (n, count, d, k) in
                [(1, 1, 1, 1), (300, 17, 33, 300), (2000, 5, 8, MOST_NEIGHBOURS), (900, 300, 16, 10)]
            {
                let offset = if metric == Metric::SquaredL2 { 300.0 } else { 0.2 };
                let (base, queries) = (normals(&mut rng, n, d, offset), normals(&mut rng, count, d, offset));
                let found = Search::nearest(k).flat(&engine, metric, &base, &queries).unwrap();
                let distance = |query, id| metric.distance(queries.row(query), base.row(id));
                check(&found, distance, n, |query, id| {
                    1.01 * distance_error(metric, &queries.row(query).to_vec(), &base.row(id).to_vec())
                });
            }
        }
        // Whole numbers: distances are exact, and ties are ties.
        let base = Array2::from_shape_simple_fn((1500, 3), || rng.below(4) as f32);
        let queries = Array2::from_shape_simple_fn((40, 3), || rng.below(4) as f32);
        for metric in [Metric::SquaredL2, Metric::InnerProduct] {
            let found = Search::nearest(99).memory(1 << 20).flat(&engine, metric, &base, &queries).unwrap();
            for (query, ids) in queries.outer_iter().zip(found.ids.outer_iter()) {
                let mut order: Vec<u32> = (0..1500).collect();
                order.sort_by(|&a, &b| {
                    let distance = |id: u32| metric.distance(query, base.row(id as usize));
                    distance(a).total_cmp(&distance(b))
                });
                assert_eq!(ids.to_vec(), &order[..99], "{metric:?}");
            }
        }
    }
}

#[test]
fn no_queries_find_nothing() {
    let base = Array2::zeros((5, 3));
    let found =
        Search::nearest(2).flat(&Engine::cpu(), Metric::SquaredL2, &base, &Array2::zeros((0, 3))).unwrap();
    assert_eq!(found.ids.dim(), (0, 2));
}

#[test]
fn what_cannot_be_searched_is_named() {
    for engine in engines() {
        let base = normals(&mut Rng::new(6, 0), 50, 3, 0.0);
        let flat = |k, base: &Array2<f32>, queries: &Array2<f32>| {
            let found = Search::nearest(k).flat(&engine, Metric::InnerProduct, base, queries);
            found.expect_err("is refused").to_string()
        };
        assert!(flat(0, &base, &base).contains("the 0 nearest of 50 vectors; 1 to 50"));
        assert!(flat(51, &base, &base).contains("the 51 nearest of 50"));
        assert!(flat(MOST_NEIGHBOURS + 1, &Array2::zeros((2000, 3)), &base).contains("1 to 1024"));
        assert!(flat(1, &base, &Array2::zeros((1, 4))).contains("4 dimensions, the base vectors 3"));
        let with = |value: f32| {
            let mut x = base.clone();
            x[[30, 2]] = value;
            x
        };
        assert!(flat(1, &base, &with(f32::NAN)).contains("row 30, column 2 is NaN"));
        assert!(flat(1, &with(f32::INFINITY), &base).contains("row 30, column 2 is inf"));
        assert!(flat(1, &base, &with(-1e19)).contains("the queries: the value at row 30, column 2 is -1e19"));
        assert!(
            flat(1, &with(1e19), &base).contains("the base vectors: the value at row 30, column 2 is 1e19")
        );

        let quantizer = Sum::random(&mut Rng::new(7, 0), vec![0..3; 2], 4, 3, 0.0);
        let mut codes = quantizer.codes(&mut Rng::new(8, 0), 9);
        codes[[7, 1]] = 4;
        let wild = search(&engine, &quantizer, &codes, &base, 1, 1 << 20).unwrap_err().to_string();
        assert!(wild.contains("row 7, column 1 is 4; the codebook has 4 codewords"), "{wild}");
        let narrow = search(&engine, &quantizer, &Array2::zeros((9, 1)), &base, 1, 1 << 20).unwrap_err();
        assert!(narrow.to_string().contains("1 codes per vector"), "{narrow}");
    }
}

#[test]
fn a_watcher_sees_all_candidates_and_can_end_the_search() {
    let engine = Engine::cpu();
    let x = normals(&mut Rng::new(9, 0), 2000, 16, 0.0);
    let mut seen = Vec::new();
    let search = Search::nearest(1).memory(1 << 20).watch(|done, total| {
        seen.push((done, total));
        Ok(())
    });
    search.flat(&engine, Metric::SquaredL2, &x, &x).unwrap();
    assert!(seen.len() > 2 && seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(seen.last().map(|&(done, total)| done == total && total % 2000 == 0), Some(true));
    let stopped = Search::nearest(1).watch(|_, _| Err(Error::cancelled("enough")));
    let error = stopped.flat(&engine, Metric::SquaredL2, &x, &x).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::Cancelled);
}
