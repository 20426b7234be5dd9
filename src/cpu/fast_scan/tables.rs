//! A query's tables: what each codeword of each part adds to a distance, in f32, and in whole numbers of 8 bits for a scan.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::super::widest::widest;
use super::blocks::{PARTS, chunks};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// Codewords of a part of 4 bits, so entries of its table.
pub(crate) const ENTRIES: usize = 16;

/// The codebooks of a product quantizer, laid out for tables.
pub(crate) struct Codebooks {
    metric: Metric,
    /// Codewords of a part: 16 or 256.
    entries: usize,
    columns: Vec<Range<usize>>,
    /// `[part][column of the part][codeword]`
    values: Vec<f32>,
}

impl Codebooks {
    /// Of `codebooks`, part after part (codewords, columns) and row-major.
    ///
    /// # Errors
    /// If the metric is neither squared L2 nor the inner product, there are neither 16 nor 256 codewords in each part, or there
    /// are no parts.
    pub fn new(metric: Metric, entries: usize, columns: &[Range<usize>], codebooks: &[f32]) -> Result<Self> {
        if !matches!(metric, Metric::SquaredL2 | Metric::InnerProduct) {
            return Err(Error::input(format!("tables for {metric}; there are those for l2 and ip")));
        }
        let width: usize = columns.iter().map(Range::len).sum();
        if !matches!(entries, 16 | 256) || columns.is_empty() || codebooks.len() != entries * width {
            return Err(Error::shape(format!(
                "{} numbers for {} codebooks of {entries} codewords and {width} columns; 16 or 256 codewords of each column \
                 are needed",
                codebooks.len(),
                columns.len()
            )));
        }
        let mut values = Vec::with_capacity(codebooks.len());
        let mut rest = codebooks;
        for part in columns {
            let (codebook, others) = rest.split_at(entries * part.len());
            rest = others;
            for column in 0..part.len() {
                values.extend(codebook[column..].iter().step_by(part.len()));
            }
        }
        Ok(Self { metric, entries, columns: columns.to_vec(), values })
    }

    /// Entries of all tables.
    pub fn len(&self) -> usize {
        self.columns.len() * self.entries
    }

    /// Writes the table of each part of `query` to `tables`, (parts, entries): ‖q − c‖², or −q·c.
    pub fn write_tables(&self, query: &[f32], tables: &mut [f32]) {
        widest(
            Arch::new(),
            #[inline(always)]
            || match self.metric {
                Metric::InnerProduct => self.add_up(query, tables, |q, c| -(q * c)),
                _ => self.add_up(query, tables, |q, c| (q - c) * (q - c)),
            },
        );
    }

    #[inline(always)]
    fn add_up(&self, query: &[f32], tables: &mut [f32], term: impl Fn(f32, f32) -> f32) {
        let mut codewords = self.values.as_chunks::<ENTRIES>().0;
        let wide = self.entries / ENTRIES;
        for (columns, table) in self.columns.iter().zip(tables.chunks_exact_mut(self.entries)) {
            let (part, rest) = codewords.split_at(columns.len() * wide);
            codewords = rest;
            let query = &query[columns.clone()];
            for (first, entries) in table.as_chunks_mut::<ENTRIES>().0.iter_mut().enumerate() {
                let mut sums = [0.0; ENTRIES];
                for (&q, codewords) in query.iter().zip(part[first..].iter().step_by(wide)) {
                    for (sum, &c) in sums.iter_mut().zip(codewords) {
                        *sum += term(q, c);
                    }
                }
                *entries = sums;
            }
        }
    }
}

/// Tables of four parts, each of 16 entries.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u8; PARTS * ENTRIES]);

/// Lines for tables of that many parts.
pub(crate) fn lines(parts: usize) -> Vec<Line> {
    vec![Line([0; PARTS * ENTRIES]); chunks(parts)]
}

/// What the sum of a row is worth: `start + step · sum`.
///
/// Of each part the least entry is taken off; what is left is divided by the step, which is the same for all parts and makes the
/// widest of them end at 255, and rounded. So the worth of a sum of m entries is off by half a step for each, and by the
/// rounding of f32: of the difference from the least, of the inverse of the step, of the product of both, and of the step itself,
/// each at most 2⁻²⁴ of up to 255 steps, which is less than 2⁻¹³ steps a part altogether. The least entries are added up in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Worth {
    pub start: f64,
    pub step: f32,
}

impl Worth {
    pub fn of(self, sum: u32) -> f64 {
        self.start + f64::from(self.step) * f64::from(sum)
    }

    /// How far it may be from the sum of as many entries in f32, without rounding.
    #[cfg(test)]
    pub fn slack(self, parts: usize) -> f64 {
        let parts = parts as f64;
        parts * (f64::from(self.step) * (0.5 + 2f64.powi(-13)) + f64::EPSILON * self.start.abs())
    }
}

/// How wide the widest of the tables of 16 entries is.
pub(crate) fn width(tables: &[f32]) -> f32 {
    Arch::new().dispatch(Width(tables.as_chunks().0))
}

/// What the sums of `tables`, of 16 entries each, begin at: the sum of their least entries.
pub(crate) fn start(tables: &[f32]) -> f64 {
    Arch::new().dispatch(Start(tables.as_chunks().0))
}

/// What a whole number of tables that are no wider is worth.
pub(crate) fn step(width: f32) -> f32 {
    // A subnormal step has no inverse in f32.
    (width / 255.0).max(f32::MIN_POSITIVE)
}

/// Rounds `tables`, of 16 entries each, to `lines`, whose further parts stay as they are. No table is wider than `width`.
pub(crate) fn round(tables: &[f32], width: f32, lines: &mut [Line]) -> Worth {
    let step = step(width);
    let start = Arch::new().dispatch(Round { tables: tables.as_chunks().0, per_step: 1.0 / step, lines });
    Worth { start, step }
}

struct Width<'a>(&'a [[f32; ENTRIES]]);

impl WithSimd for Width<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        self.0.iter().fold(0.0, |width, table| {
            let most = fold(simd, table, S::max_f32s);
            f32::max(width, simd.reduce_max_f32s(most) - least(simd, table))
        })
    }
}

struct Start<'a>(&'a [[f32; ENTRIES]]);

impl WithSimd for Start<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        self.0.iter().fold(0.0, |start, table| start + f64::from(least(simd, table)))
    }
}

struct Round<'a> {
    tables: &'a [[f32; ENTRIES]],
    per_step: f32,
    lines: &'a mut [Line],
}

impl WithSimd for Round<'_> {
    type Output = f64;

    /// The sum of the least entries.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let rounded = self.lines.iter_mut().flat_map(|line| line.0.as_chunks_mut::<ENTRIES>().0);
        self.tables.iter().zip(rounded).fold(0.0, |start, (table, rounded)| {
            let least = least(simd, table);
            // A sum with 2²³ has no room for a fraction, so it is rounded; its lowest bits are the number.
            let steps = table.map(|value| ((value - least) * self.per_step).min(255.0) + 8_388_608.0);
            *rounded = steps.map(|steps| steps.to_bits() as u8);
            start + f64::from(least)
        })
    }
}

#[inline(always)]
fn least<S: Simd>(simd: S, table: &[f32; ENTRIES]) -> f32 {
    simd.reduce_min_f32s(fold(simd, table, S::min_f32s))
}

/// One vector of all those of a table.
#[inline(always)]
fn fold<S: Simd>(
    simd: S,
    table: &[f32; ENTRIES],
    of_two: impl Fn(S, S::f32s, S::f32s) -> S::f32s,
) -> S::f32s {
    let vectors = S::as_simd_f32s(table).0;
    vectors[1..].iter().fold(vectors[0], |one, &other| of_two(simd, one, other))
}
