//! What a search finds is what the definition says, however rows are stored and queries are batched.

use std::ops::Range;

use super::*;
use crate::cpu::oracle::uniform;

const D: usize = 8;
const LISTS: usize = 6;

/// Rows with their lists and codes, and the model of both.
struct Index {
    metric: Metric,
    codes: Codes,
    residual: bool,
    refine: Refine,
    rows: Vec<f32>,
    ids: Vec<u64>,
    centroids: Vec<f32>,
    codebooks: Vec<f32>,
    /// The list and the code of each row.
    coded: Vec<(usize, Vec<u8>)>,
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}

fn nearest(x: &[f32], among: &[f32]) -> usize {
    let far = |c: &[f32]| squared(x, c);
    let all = among.chunks_exact(x.len()).enumerate();
    all.min_by(|one, other| far(one.1).total_cmp(&far(other.1))).unwrap().0
}

impl Index {
    /// Rows of whole numbers from −8 to 8: distances have no rounding, and many are equal.
    fn new(seed: u64, n: usize, metric: Metric, codes: Codes, residual: bool, refine: Refine) -> Self {
        let whole = |seed: u64, len: usize| -> Vec<f32> {
            uniform(seed, len).iter().map(|x| (x * 8.0).round()).collect()
        };
        let (rows, centroids) = (whole(seed, n * D), whole(seed + 1, LISTS * D));
        let width = D / codes.parts();
        let codebooks: Vec<f32> =
            uniform(seed + 2, codes.parts() * codes.codewords() * width).iter().map(|x| x * 8.0).collect();
        let code = |row: &[f32]| {
            let list = nearest(row, &centroids);
            let left: Vec<f32> = row
                .iter()
                .zip(&centroids[list * D..])
                .map(|(x, c)| if residual { x - c } else { *x })
                .collect();
            let books = codebooks.chunks_exact(codes.codewords() * width);
            let code = left.chunks_exact(width).zip(books).map(|(x, book)| nearest(x, book) as u8).collect();
            (list, code)
        };
        let coded = rows.chunks_exact(D).map(code).collect();
        // Ids that are not in the order of rows.
        let ids = (0..n as u64).map(|row| row.wrapping_mul(7919) % 100_003 + 1_000_000_000_000).collect();
        Self { metric, codes, residual, refine, rows, ids, centroids, codebooks, coded }
    }

    fn columns(&self) -> Vec<Range<usize>> {
        let width = D / self.codes.parts();
        (0..self.codes.parts()).map(|part| part * width..(part + 1) * width).collect()
    }

    fn lists(&self) -> Lists {
        let Self { metric, codes, residual, .. } = *self;
        let (columns, refine) = (&self.columns()[..], self.refine.clone());
        let (centroids, codebooks) = (&self.centroids[..], &self.codebooks[..]);
        Lists::new(Model { metric, d: D, centroids, codes, codebooks, columns, residual, refine }).unwrap()
    }

    fn store(&self, rows: &[usize]) -> Stored {
        let mut stored = Stored { first_rows: vec![0], ..Stored::default() };
        for list in 0..LISTS {
            let own = || rows.iter().filter(|&&row| self.coded[row].0 == list);
            let codes: Vec<u8> = own().flat_map(|&row| self.coded[row].1.clone()).collect();
            self.codes.pack(&codes, &mut stored.codes);
            for &row in own() {
                self.refine.write(&self.rows[row * D..][..D], D, row, &mut stored.refined).unwrap();
                stored.ids.push(self.ids[row]);
            }
            stored.first_rows.push(stored.ids.len() as u64);
        }
        stored.first_blocks = first_blocks(&stored.first_rows);
        stored
    }

    fn all(&self) -> Stored {
        self.store(&(0..self.ids.len()).collect::<Vec<_>>())
    }

    /// The distance of a query to what a row's code stands for.
    fn coded_distance(&self, query: &[f32], row: usize) -> f64 {
        let (list, code) = &self.coded[row];
        let width = D / self.codes.parts();
        let books = self.codebooks.chunks_exact(self.codes.codewords() * width);
        let mut decoded: Vec<f32> = books
            .zip(code)
            .flat_map(|(book, &code)| book[usize::from(code) * width..][..width].to_vec())
            .collect();
        if self.residual {
            decoded.iter_mut().zip(&self.centroids[list * D..]).for_each(|(x, c)| *x += c);
        }
        self.distance(query, &decoded)
    }

    fn distance(&self, query: &[f32], x: &[f32]) -> f64 {
        match self.metric {
            Metric::InnerProduct => {
                -query.iter().zip(x).map(|(&q, &x)| f64::from(q) * f64::from(x)).sum::<f64>()
            }
            _ => squared(query, x),
        }
    }

    /// The k nearest of the rows that are let pass, by the rows themselves.
    fn truth(&self, query: &[f32], k: usize, pass: impl Fn(u64) -> bool) -> Vec<(f64, u64)> {
        let rows = self.rows.chunks_exact(D).zip(&self.ids).filter(|(_, id)| pass(**id));
        let mut all: Vec<_> = rows.map(|(x, &id)| (self.distance(query, x), id)).collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        all.truncate(k);
        all
    }
}

/// A segment and what it has.
#[derive(Default)]
struct Stored {
    first_rows: Vec<u64>,
    first_blocks: Vec<u64>,
    codes: Vec<u8>,
    refined: Vec<u8>,
    ids: Vec<u64>,
    removed: Vec<u32>,
}

impl Stored {
    fn segment(&self) -> Segment<'_> {
        let Self { first_rows, first_blocks, codes, refined, ids, removed } = self;
        Segment { first_rows, first_blocks, codes, refined, ids, removed, touch: &|_| Ok(()) }
    }

    /// The set of the rows of these ids.
    fn set(&self, pass: impl Fn(u64) -> bool) -> Vec<u32> {
        let mut set = vec![0; self.first_blocks[LISTS] as usize];
        for (row, _) in self.ids.iter().enumerate().filter(|(_, id)| pass(**id)) {
            let (block, bit) = self.segment().place(row);
            set[block] |= 1 << bit;
        }
        set
    }
}

fn queries(count: usize) -> Vec<f32> {
    uniform(99, count * D).iter().map(|x| (x * 8.0).round()).collect()
}

fn ask(k: usize, probes: usize, depth: usize) -> Ask<'static> {
    Ask { k, probes, depth, selected: None }
}

fn search(lists: &Lists, stored: &[&Stored], queries: &[f32], ask: Ask) -> Found {
    let segments: Vec<Segment> = stored.iter().map(|stored| stored.segment()).collect();
    lists.search(&segments, Queries { coded: queries, original: queries }, ask).unwrap()
}

/// The neighbours of each query.
fn each(found: &Found) -> Vec<Vec<(f64, u64)>> {
    let mut start = 0;
    let neighbours = |&end: &usize| {
        let own = start..end;
        start = end;
        own.map(|at| (f64::from(found.distances[at]), found.ids[at])).collect()
    };
    found.ends.iter().map(neighbours).collect()
}

const PLAIN: Codes = Codes::Four { parts: 4 };

fn kinds() -> impl Iterator<Item = Index> {
    let metrics = [Metric::SquaredL2, Metric::InnerProduct];
    let codes = [PLAIN, Codes::Eight { parts: 2 }];
    let all = metrics.into_iter().flat_map(move |metric| codes.map(move |codes| (metric, codes)));
    let all = all.flat_map(|(metric, codes)| [false, true].map(|residual| (metric, codes, residual)));
    all.enumerate().map(|(at, (metric, codes, residual))| {
        Index::new(at as u64 * 10, 500, metric, codes, residual, Refine::F32)
    })
}

#[test]
fn with_all_lists_and_rows_the_nearest_are_the_nearest() {
    let queries = queries(9);
    for mut index in kinds() {
        for refine in [Refine::F32, Refine::F16, Refine::u8(&index.rows, D)] {
            index.refine = refine;
            let found = search(&index.lists(), &[&index.all()], &queries, ask(10, LISTS, 500));
            for (query, found) in queries.chunks_exact(D).zip(each(&found)) {
                assert_eq!(found, index.truth(query, 10, |_| true), "{:?} {:?}", index.metric, index.codes);
            }
        }
    }
}

#[test]
fn codes_alone_rank_by_what_they_stand_for_within_the_rounding_of_tables() {
    let queries = queries(9);
    for mut index in kinds() {
        index.refine = Refine::None;
        let (k, stored) = (20, index.all());
        let found = search(&index.lists(), &[&stored], &queries, ask(k, LISTS, 1));
        for (query, found) in queries.chunks_exact(D).zip(each(&found)) {
            let mut exact: Vec<f64> = (0..500).map(|row| index.coded_distance(query, row)).collect();
            let of = |id: u64| exact[index.ids.iter().position(|&other| other == id).unwrap()];
            // The widest table is that of two dimensions: (16 + 16)² each. A step is a 255th of it; a sum of 4 is off by half a
            // step each and half of one for where a list begins.
            let slack = match index.codes {
                Codes::Four { parts } => 2.0 * 32.0_f64.powi(2) / 255.0 * (parts as f64 + 1.0) / 2.0,
                Codes::Eight { .. } => 1e-3,
            };
            assert_eq!(found.len(), k);
            for &(distance, id) in &found {
                assert!((distance - of(id)).abs() <= slack, "{:?}: {distance}, {}", index.codes, of(id));
            }
            assert!(found.is_sorted_by(|one, other| one.0 < other.0 || one.0 == other.0 && one.1 < other.1));
            exact.sort_by(f64::total_cmp);
            assert!(found.iter().zip(&exact).all(|(found, exact)| (found.0 - exact).abs() <= 2.0 * slack));
        }
    }
}

#[test]
fn no_result_depends_on_segments_the_order_of_rows_or_batches() {
    let queries = queries(30);
    for mut index in kinds() {
        for refine in [Refine::F32, Refine::None] {
            index.refine = refine;
            let (lists, whole) = (index.lists(), index.all());
            let expected = search(&lists, &[&whole], &queries, ask(7, 3, 25));
            let backwards = index.store(&(0..500).rev().collect::<Vec<_>>());
            assert_eq!(search(&lists, &[&backwards], &queries, ask(7, 3, 25)), expected, "backwards");
            let parts: Vec<Stored> = (0..4)
                .map(|part| {
                    index.store(&(0..500).filter(|row| row * row % 7 % 4 == part).collect::<Vec<_>>())
                })
                .collect();
            let parts: Vec<&Stored> = parts.iter().collect();
            assert_eq!(search(&lists, &parts, &queries, ask(7, 3, 25)), expected, "in segments");
            let single: Vec<_> = queries
                .chunks_exact(D)
                .flat_map(|query| each(&search(&lists, &parts, query, ask(7, 3, 25))))
                .collect();
            assert_eq!(single, each(&expected), "query by query");
        }
    }
}

#[test]
fn removed_rows_are_as_if_they_were_not_there() {
    let queries = queries(12);
    for index in kinds() {
        let gone = |id: u64| id.is_multiple_of(3);
        let left = index.store(&(0..500).filter(|&row| !gone(index.ids[row])).collect::<Vec<_>>());
        let mut all = index.all();
        all.removed = all.set(gone);
        let lists = index.lists();
        let found = search(&lists, &[&all], &queries, ask(10, 2, 30));
        assert_eq!(found, search(&lists, &[&left], &queries, ask(10, 2, 30)));
        all.removed = all.set(|_| true);
        assert_eq!(search(&lists, &[&all], &queries, ask(10, 2, 30)).ends, [0; 12], "nothing is left");
    }
}

#[test]
fn a_filter_of_few_rows_finds_exactly_those_and_one_of_many_those_of_the_lists() {
    let queries = queries(12);
    for mut index in kinds() {
        let (lists, mut stored) = (index.lists(), index.all());
        stored.removed = stored.set(|id| id % 11 == 5);
        for (name, pass) in [
            ("none", (|_| false) as fn(u64) -> bool),
            ("one", |id| id == 1_000_000_000_000),
            ("half", |id| id % 2 == 1),
            ("all", |_| true),
        ] {
            let count = index.ids.iter().filter(|&&id| pass(id)).count();
            let selected = Selected { sets: vec![stored.set(pass)], count };
            let found =
                search(&lists, &[&stored], &queries, Ask { selected: Some(&selected), ..ask(10, 1, 10) });
            for (query, found) in queries.chunks_exact(D).zip(each(&found)) {
                assert_eq!(found, index.truth(query, 10, |id| pass(id) && id % 11 != 5), "{name}");
            }
        }
        // Without stored vectors the lists are visited.
        index.refine = Refine::None;
        let (lists, bare) = (index.lists(), index.all());
        let selected = Selected { sets: vec![bare.set(|id| id % 2 == 1)], count: 250 };
        let found = search(&lists, &[&bare], &queries, Ask { selected: Some(&selected), ..ask(10, 2, 10) });
        let odd = index.store(&(0..500).filter(|&row| index.ids[row] % 2 == 1).collect::<Vec<_>>());
        assert_eq!(found, search(&lists, &[&odd], &queries, ask(10, 2, 10)));
    }
}

#[test]
fn more_than_there_is_gives_what_there_is() {
    let queries = queries(5);
    for index in kinds() {
        let lists = index.lists();
        let found = search(&lists, &[&index.all()], &queries, ask(10_000, 1, 1));
        for (query, found) in queries.chunks_exact(D).zip(each(&found)) {
            assert_eq!(found, index.truth(query, 500, |_| true));
        }
        assert_eq!(search(&lists, &[], &queries, ask(3, 1, 1)).ends, [0; 5], "no segment");
        assert_eq!(
            search(&lists, &[&index.store(&[])], &queries, ask(3, 1, 1)).ends,
            [0; 5],
            "an empty segment"
        );
        assert_eq!(search(&lists, &[&index.all()], &[], ask(3, 1, 1)), Found::default(), "no query");
    }
}

#[test]
fn of_equal_rows_the_lowest_ids_are_found() {
    let mut index = Index::new(70, 900, Metric::SquaredL2, PLAIN, false, Refine::F32);
    index.rows = index.rows[..D].repeat(900);
    index.coded = vec![index.coded[0].clone(); 900];
    let stored = index.all();
    let found = search(&index.lists(), &[&stored], &queries(3), ask(10, 1, 20));
    let mut lowest = index.ids.clone();
    lowest.sort_unstable();
    for found in each(&found) {
        assert_eq!(found.iter().map(|found| found.1).collect::<Vec<_>>(), lowest[..10]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let index = Index::new(80, 100, Metric::SquaredL2, PLAIN, false, Refine::F32);
    let (lists, stored, queries) = (index.lists(), index.all(), queries(2));
    let message = |segment: Segment, queries: &[f32], ask: Ask| {
        lists
            .search(&[segment], Queries { coded: queries, original: queries }, ask)
            .expect_err("is refused")
            .to_string()
    };
    let segment = stored.segment();
    let fits = ask(3, 2, 5);
    assert!(message(segment, &queries[1..], fits).contains("of 8 each"));
    assert!(message(segment, &queries, Ask { k: 0, ..fits }).contains("at least 1"));
    assert!(message(segment, &queries, Ask { probes: 0, ..fits }).contains("at least 1"));
    assert!(message(Segment { ids: &stored.ids[1..], ..segment }, &queries, fits).contains("99 ids"));
    assert!(
        message(Segment { codes: &stored.codes[1..], ..segment }, &queries, fits).contains("bytes of codes")
    );
    assert!(message(Segment { refined: &[], ..segment }, &queries, fits).contains("to re-rank by"));
    assert!(message(Segment { removed: &[0], ..segment }, &queries, fits).contains("removed"));
    assert!(
        message(Segment { first_rows: &stored.first_rows[1..], ..segment }, &queries, fits)
            .contains("first rows")
    );
    let swapped: Vec<u64> = stored.first_rows.iter().rev().copied().collect();
    assert!(message(Segment { first_rows: &swapped, ..segment }, &queries, fits).contains("follow"));
    let selected = Selected { sets: vec![vec![0]], count: 0 };
    assert!(message(segment, &queries, Ask { selected: Some(&selected), ..fits }).contains("filter"));
    assert!(message(segment, &[f32::MAX; D], fits).contains("over what f32 holds"));
    let touch = |list: usize| if list == 2 { Err(Error::input("list 2 is broken")) } else { Ok(()) };
    assert_eq!(message(Segment { touch: &touch, ..segment }, &queries, ask(3, LISTS, 5)), "list 2 is broken");
}

#[test]
fn stored_vectors_come_back_within_half_a_step_and_values_out_of_range_are_its_ends_or_named() {
    let rows = uniform(90, 40 * D);
    let Refine::U8 { low, step } = Refine::u8(&rows, D) else { panic!("it is of 8 bits") };
    let refine = Refine::U8 { low, step: step.clone() };
    let mut stored = Vec::new();
    refine.write(&rows, D, 0, &mut stored).unwrap();
    assert_eq!(stored.len(), 40 * refine.bytes(D));
    for (at, (read, x)) in refine.read(&stored, D).iter().zip(&rows).enumerate() {
        assert!((read - x).abs() <= step[at % D] * 0.501, "{read} {x}");
    }
    let whole: Vec<f32> = (0..=255).map(|x| x as f32).collect();
    let exact = Refine::u8(&whole, 1);
    assert_eq!(exact, Refine::U8 { low: vec![0.0], step: vec![1.0] });
    stored.clear();
    let mut later = rows[..D].to_vec();
    (later[4], later[5]) = (-1e6, 1e6);
    refine.write(&later, D, 0, &mut stored).unwrap();
    assert_eq!(stored[4..6], [0, 255]);
    let error = Refine::F16.write(&later, D, 6, &mut stored).expect_err("is refused").to_string();
    assert!(error.starts_with("the value at row 6, column 4 is -1e6, over the 65504"), "{error}");
}

#[test]
fn the_choice_reaches_the_recall_that_is_wanted_at_the_least_cost() {
    let index = Index::new(95, 500, Metric::SquaredL2, PLAIN, false, Refine::F32);
    let (lists, stored, held_out) = (index.lists(), index.all(), queries(60));
    let truth: Vec<u64> = held_out
        .chunks_exact(D)
        .flat_map(|query| index.truth(query, 5, |_| true).into_iter().map(|(_, id)| id))
        .collect();
    let both = Queries { coded: &held_out, original: &held_out };
    let tuning = lists.tune(&[stored.segment()], both, &truth, 5).unwrap();
    let recall_of = |choice: Choice| {
        let found = search(&lists, &[&stored], &held_out, ask(5, choice.probes, choice.depth));
        let hits = found
            .ids
            .chunks(5)
            .zip(truth.chunks(5))
            .map(|(found, truth)| found.iter().filter(|id| truth.contains(id)).count());
        hits.sum::<usize>() as f64 / truth.len() as f64
    };
    let mut costs = Vec::new();
    for wanted in [0.3, 0.6, 0.8, 0.9] {
        let choice = tuning.choose(wanted).unwrap();
        assert!(recall_of(choice) >= wanted, "{wanted}: {choice:?} reaches {}", recall_of(choice));
        costs.push(choice.probes as f64 * tuning.list_cost + choice.depth as f64);
        let cheaper = |point: &&Point| {
            point.probes as f64 * tuning.list_cost + (point.depth as f64) < costs[costs.len() - 1]
        };
        assert!(
            tuning.points.iter().filter(cheaper).all(|point| point.recall - point.error < wanted),
            "{wanted}"
        );
    }
    assert!(costs.is_sorted());
    assert_eq!(tuning.choose(1.1), None);
    assert!(lists.tune(&[stored.segment()], both, &truth[1..], 5).is_err());
}
