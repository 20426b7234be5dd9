//! Every way of scanning finds what sums over the tables say.

use super::blocks::{BLOCK, PARTS, pack};
use super::tables::{ENTRIES, lines, round, width};
use super::{Blocks, Kept, MOST_PARTS, TOGETHER, Target, Way, scan};
use crate::cpu::oracle::uniform;

/// A list of codes and the tables of some queries.
struct Case {
    rows: usize,
    codes: Vec<u8>,
    blocks: Vec<u8>,
    parts: usize,
    tables: Vec<Vec<f32>>,
}

impl Case {
    fn new(seed: u64, rows: usize, parts: usize, queries: usize) -> Self {
        let codes: Vec<u8> =
            uniform(seed, rows * parts).iter().map(|x| ((x + 1.0) * 8.0).min(15.0) as u8).collect();
        let mut blocks = Vec::new();
        pack(&codes, parts, &mut blocks);
        let tables = (0..queries).map(|query| uniform(seed + 1 + query as u64, parts * ENTRIES)).collect();
        Self { rows, codes, blocks, parts, tables }
    }

    fn live(&self) -> Vec<u32> {
        (0..self.rows.div_ceil(BLOCK))
            .map(|block| (0..BLOCK.min(self.rows - block * BLOCK)).fold(0, |bits, row| bits | 1 << row))
            .collect()
    }

    /// What each query keeps of the live rows, sorted, with how ids follow from rows.
    fn kept(
        &self,
        way: Way,
        depth: usize,
        live: &[u32],
        id: impl Fn(u32) -> u64 + Copy,
    ) -> Vec<Vec<(u32, u32)>> {
        let rounded: Vec<_> = self
            .tables
            .iter()
            .map(|tables| {
                let mut rounded = lines(self.parts);
                round(tables, width(tables), &mut rounded);
                rounded
            })
            .collect();
        let mut kept: Vec<Kept> = self.tables.iter().map(|_| Kept::new(depth)).collect();
        let blocks = Blocks { codes: self.blocks.as_chunks().0, live, first: 100 };
        for (kept, lines) in kept.chunks_mut(TOGETHER).zip(rounded.chunks(TOGETHER)) {
            let mut targets: Vec<_> =
                kept.iter_mut().zip(lines).map(|(kept, lines)| Target { lines, start: 7, kept }).collect();
            scan(way, blocks, &mut targets, id);
        }
        kept.iter_mut()
            .map(|kept| {
                kept.finish(id);
                let mut all: Vec<_> = kept.keys().iter().copied().zip(kept.rows().iter().copied()).collect();
                all.sort_unstable();
                all
            })
            .collect()
    }

    /// The same by the definition.
    fn expected(&self, depth: usize, live: &[u32], id: impl Fn(u32) -> u64) -> Vec<Vec<(u32, u32)>> {
        let sums = |tables: &Vec<f32>| {
            let mut rounded = lines(self.parts);
            round(tables, width(tables), &mut rounded);
            let entry =
                |part: usize, code: u8| rounded[part / PARTS].0[part % PARTS * ENTRIES + usize::from(code)];
            let mut all: Vec<_> = (0..self.rows)
                .filter(|row| live[row / BLOCK] >> (row % BLOCK) & 1 == 1)
                .map(|row| {
                    let codes = self.codes[row * self.parts..][..self.parts].iter().enumerate();
                    let sum: u32 = codes.map(|(part, &code)| u32::from(entry(part, code))).sum();
                    (sum + 7, id(row as u32 + 100), row as u32 + 100)
                })
                .collect();
            all.sort_unstable();
            all.truncate(depth);
            let mut all: Vec<_> = all.into_iter().map(|(key, _, row)| (key, row)).collect();
            all.sort_unstable();
            all
        };
        self.tables.iter().map(sums).collect()
    }
}

#[test]
fn every_way_keeps_the_rows_of_the_least_sums() {
    for (seed, rows, parts, queries, depth) in [
        (1, 1, 1, 1, 1),
        (2, 31, 4, 1, 10),
        (3, 97, 5, 2, 5),
        (4, 700, 64, 1, 10),
        (5, 700, 64, 7, 40),
        (6, 3000, 32, 5, 100),
        (7, 640, 3, 3, 1000),
        (8, 100, MOST_PARTS, 4, 20),
    ] {
        let case = Case::new(seed, rows, parts, queries);
        for way in Way::all() {
            let found = case.kept(way, depth, &case.live(), u64::from);
            assert_eq!(found, case.expected(depth, &case.live(), u64::from), "{way:?}, case {seed}");
        }
    }
}

#[test]
fn rows_that_are_not_live_are_not_found() {
    let case = Case::new(20, 500, 16, 3);
    for keep in [0, 1, 0x8000_0000, 0xaaaa_aaaa, 0x0001_0000] {
        let live: Vec<u32> = case.live().iter().map(|live| live & keep).collect();
        for way in Way::all() {
            let found = case.kept(way, 50, &live, u64::from);
            assert_eq!(found, case.expected(50, &live, u64::from), "{way:?}, {keep:x}");
        }
    }
}

#[test]
fn of_equal_sums_the_lowest_ids_are_kept_whatever_the_order() {
    // Few parts and codes: most sums are equal.
    let mut case = Case::new(30, 2000, 2, 2);
    case.codes.iter_mut().for_each(|code| *code &= 1);
    case.blocks.clear();
    pack(&case.codes, 2, &mut case.blocks);
    let ids: [fn(u32) -> u64; 3] =
        [u64::from, |row| u64::from(u32::MAX - row), |row| u64::from(row.wrapping_mul(2_654_435_761))];
    for id in ids {
        for (way, depth) in Way::all().flat_map(|way| [1, 10, 300].map(|depth| (way, depth))) {
            assert_eq!(
                case.kept(way, depth, &case.live(), id),
                case.expected(depth, &case.live(), id),
                "{way:?}"
            );
        }
    }
}

#[test]
fn the_greatest_sums_do_not_wrap() {
    let mut case = Case::new(40, 64, MOST_PARTS, 1);
    case.tables[0]
        .iter_mut()
        .enumerate()
        .for_each(|(at, entry)| *entry = if at % ENTRIES == 15 { 9.0 } else { 0.0 });
    case.codes.fill(15);
    case.blocks.clear();
    pack(&case.codes, MOST_PARTS, &mut case.blocks);
    for way in Way::all() {
        let found = case.kept(way, 64, &case.live(), u64::from);
        assert!(found[0].iter().all(|&(key, _)| key == 7 + 255 * MOST_PARTS as u32), "{way:?}");
        assert_eq!(found[0].len(), 64);
    }
}

#[test]
fn a_sum_is_worth_that_of_the_tables_within_the_bound() {
    for (seed, scale) in [(50, 1.0), (51, 1e-30), (52, 1e30), (53, 0.0), (54, f32::MIN_POSITIVE)] {
        for parts in [1, 7, 64, MOST_PARTS] {
            let mut case = Case::new(seed, 200, parts, 1);
            // Of widths that differ, about places far from 0.
            for (at, entry) in case.tables[0].iter_mut().enumerate() {
                let part = at / ENTRIES;
                *entry = (*entry * (part % 5) as f32 + (part % 3) as f32 * 10.0) * scale;
            }
            let mut rounded = lines(parts);
            let worth = round(&case.tables[0], width(&case.tables[0]), &mut rounded);
            for codes in case.codes.chunks_exact(parts) {
                let tables = case.tables[0].chunks_exact(ENTRIES);
                let exact: f64 =
                    tables.zip(codes).map(|(table, &code)| f64::from(table[usize::from(code)])).sum();
                let sum = codes
                    .iter()
                    .enumerate()
                    .map(|(part, &code)| {
                        u32::from(rounded[part / PARTS].0[part % PARTS * ENTRIES + usize::from(code)])
                    })
                    .sum();
                let (off, slack) = ((worth.of(sum) - exact).abs(), worth.slack(parts));
                assert!(off <= slack, "{parts} parts at {scale}: {off} > {slack}");
            }
        }
    }
}
