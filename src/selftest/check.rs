//! The one place where a kernel's results are compared with what they should be.

use crate::engine::tile::Tile;
use crate::engine::{Backend, Engine};
use crate::error::Result;
use crate::rng::Rng;

/// A run of one kernel's check: the engine it runs on, seeded random input, and the findings.
pub struct Check {
    engine: Engine,
    rng: Rng,
    comparisons: usize,
    failures: Vec<String>,
    /// Where each comparison has to prove that it can fail: those that took a wrong result for right.
    #[cfg(test)]
    blind: Option<Vec<String>>,
    /// The bits of all results on the engine's own tiles, in the order in which they came.
    #[cfg(test)]
    results: Vec<u32>,
}

/// Failures kept per kernel; a broken driver breaks all of them the same way.
const KEPT: usize = 8;

impl Check {
    pub(super) fn new(engine: &Engine, stem: &str) -> Self {
        let stream = stem.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(31) + u64::from(byte));
        Self {
            engine: engine.clone(),
            rng: Rng::new(0x5e1f_7e57, stream),
            comparisons: 0,
            failures: Vec::new(),
            #[cfg(test)]
            blind: None,
            #[cfg(test)]
            results: Vec::new(),
        }
    }

    /// The same run, in which each comparison is given a wrong result after the right one.
    #[cfg(test)]
    pub(super) fn proving(self) -> Self {
        Self { blind: Some(Vec::new()), ..self }
    }

    /// The comparisons that took a wrong result for right.
    #[cfg(test)]
    pub(super) fn blind(&self) -> &[String] {
        self.blind.as_deref().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn results(&self) -> &[u32] {
        &self.results
    }

    /// Keeps results for the test that compares those of two engines.
    fn keep(
        &mut self,
        #[cfg_attr(not(test), expect(unused_variables))] results: impl IntoIterator<Item = u32>,
    ) {
        #[cfg(test)]
        self.results.extend(results);
    }

    pub(super) fn into_findings(self) -> (usize, Vec<String>) {
        (self.comparisons, self.failures)
    }

    /// The engine under test.
    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Does the same on every tile that the device can take and the engine takes for no codebook by itself: with the same
    /// random numbers each time, and as if nothing was drawn.
    ///
    /// Not in checked mode, as a software driver takes seconds to compile a kernel for a tile.
    pub(crate) fn on_further_tiles(
        &mut self,
        mut work: impl FnMut(&mut Self, Tile) -> Result<()>,
    ) -> Result<()> {
        if matches!(self.engine.backend(), Backend::Gpu(gpu) if gpu.checked) {
            return Ok(());
        }
        let (engine, rng) = (self.engine.clone(), self.rng.clone());
        #[cfg(test)]
        let results = self.results.len();
        for tile in engine.tiles().further() {
            self.engine = engine.with_tile(tile);
            work(self, tile)?;
            self.rng = rng.clone();
        }
        self.engine = engine;
        #[cfg(test)]
        self.results.truncate(results);
        Ok(())
    }

    /// Random numbers, the same at every run.
    pub(crate) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// `n × d` normals around `offset`.
    pub(crate) fn normals(&mut self, n: usize, d: usize, offset: f32) -> ndarray::Array2<f32> {
        ndarray::Array2::from_shape_simple_fn((n, d), || self.rng.normal() + offset)
    }

    /// `n × 1` codes below `k`.
    pub(crate) fn codes(&mut self, n: usize, k: usize) -> ndarray::Array2<u32> {
        ndarray::Array2::from_shape_simple_fn((n, 1), || self.rng.below(k) as u32)
    }

    /// Compares whole numbers, one by one.
    pub(crate) fn same(&mut self, case: &str, got: impl IntoIterator<Item = u32>, want: &[u32]) {
        let got: Vec<u32> = got.into_iter().collect();
        self.keep(got.iter().copied());
        let flip = |got: &mut Vec<u32>| {
            if let Some(first) = got.first_mut() {
                *first ^= 1;
            }
        };
        self.compare(case, got, flip, |got| {
            if got.len() != want.len() {
                return Err(format!("{} results, expected {}", got.len(), want.len()));
            }
            match (0..want.len()).find(|&at| got[at] != want[at]) {
                Some(at) => Err(format!("result {at} is {}, expected {}", got[at], want[at])),
                None => Ok(()),
            }
        });
    }

    /// Compares the bits of floats: for kernels that only move values.
    pub(crate) fn same_bits(&mut self, case: &str, got: impl IntoIterator<Item = f32>, want: &[f32]) {
        let want: Vec<u32> = want.iter().map(|value| value.to_bits()).collect();
        self.same(case, got.into_iter().map(f32::to_bits), &want);
    }

    /// Compares floats with the oracle's, each within its own `bound`, which the check derives.
    pub(crate) fn close(
        &mut self,
        case: &str,
        got: impl IntoIterator<Item = f32>,
        want: &[f64],
        bound: impl Fn(usize) -> f64,
    ) {
        let got: Vec<f32> = got.into_iter().collect();
        self.keep(got.iter().map(|value| value.to_bits()));
        let miss = |got: &mut Vec<f32>| {
            let Some(first) = got.first_mut() else { return };
            let step = 4.0 * bound(0) + f64::from(f32::MIN_POSITIVE);
            *first = (want[0] + step) as f32 + f32::EPSILON * 4.0 * want[0].abs() as f32;
        };
        self.compare(case, got, miss, |got| {
            if got.len() != want.len() {
                return Err(format!("{} results, expected {}", got.len(), want.len()));
            }
            // Asking for what is right makes a NaN a failure.
            let right = |at: usize| (f64::from(got[at]) - want[at]).abs() <= bound(at);
            match (0..want.len()).find(|&at| !right(at)) {
                Some(at) => {
                    Err(format!("result {at} is {}, expected {} ± {:.3e}", got[at], want[at], bound(at)))
                }
                None => Ok(()),
            }
        });
    }

    /// Judges choices by the oracle's cost of what was chosen: `excess(row, choice)` is how much dearer the
    /// choice is than the best one in float64, and may be at most `bound(row)`: two candidates closer than
    /// the rounding bound are both right. A choice of `limit` or more is wrong whatever its cost.
    pub(crate) fn choices(
        &mut self,
        case: &str,
        got: impl IntoIterator<Item = u32>,
        limit: usize,
        excess: impl Fn(usize, usize) -> f64,
        bound: impl Fn(usize) -> f64,
    ) {
        let got: Vec<u32> = got.into_iter().collect();
        self.keep(got.iter().copied());
        let worst = |got: &mut Vec<u32>| {
            let Some(first) = got.first_mut() else { return };
            // The dearest candidate, or one that is not there when all cost the same.
            let dearest = (0..limit).max_by(|&a, &b| excess(0, a).total_cmp(&excess(0, b))).unwrap_or(0);
            *first = if excess(0, dearest) > bound(0) { dearest as u32 } else { limit as u32 };
        };
        self.compare(case, got, worst, |got| {
            for (row, &choice) in got.iter().enumerate() {
                let choice = choice as usize;
                if choice >= limit {
                    return Err(format!("row {row} chose {choice} of {limit}"));
                }
                let (excess, bound) = (excess(row, choice), bound(row));
                let right = excess <= bound;
                if !right {
                    return Err(format!(
                        "row {row} chose {choice}, dearer by {excess:.3e} (bound {bound:.3e})"
                    ));
                }
            }
            Ok(())
        });
    }

    /// Judges lists of `w` choices, one per row, by `judge`, which says what is wrong with a row's list.
    pub(crate) fn lists(
        &mut self,
        case: &str,
        got: ndarray::Array2<u32>,
        judge: impl Fn(usize, &[u32]) -> Result<(), String>,
    ) {
        self.keep(got.iter().copied());
        let spoil = |got: &mut ndarray::Array2<u32>| {
            // A list that names the same candidate twice, or one that does not exist.
            let Some(last) = got.ncols().checked_sub(1).filter(|_| got.nrows() > 0) else { return };
            got[[0, last]] = if last > 0 { got[[0, 0]] } else { u32::MAX };
        };
        self.compare(case, got, spoil, |got| {
            for (row, list) in got.outer_iter().enumerate() {
                judge(row, &list.to_vec()).map_err(|wrong| format!("row {row}: {wrong}"))?;
            }
            Ok(())
        });
    }

    /// Records that something which has to hold does (`true`) or does not.
    pub(crate) fn holds(&mut self, case: &str, what: &str, truth: bool) {
        self.keep([truth.into()]);
        let judge = |truth: &bool| if *truth { Ok(()) } else { Err(format!("{what} does not hold")) };
        self.compare(case, truth, |truth| *truth = false, judge);
    }

    /// Judges results, and, where comparisons are to prove that they can fail, results made wrong by `spoil`.
    fn compare<T>(
        &mut self,
        case: &str,
        #[cfg_attr(not(test), expect(unused_mut))] mut got: T,
        #[cfg_attr(not(test), expect(unused_variables))] spoil: impl FnOnce(&mut T),
        judge: impl Fn(&T) -> Result<(), String>,
    ) {
        self.comparisons += 1;
        if let Err(what) = judge(&got) {
            self.fail(case, what);
        }
        #[cfg(test)]
        if let Some(blind) = &mut self.blind {
            spoil(&mut got);
            if judge(&got).is_ok() {
                blind.push(format!("{case} (comparison {})", self.comparisons));
            }
        }
    }

    fn fail(&mut self, case: &str, what: String) {
        if self.failures.len() < KEPT {
            self.failures.push(format!("{case}: {what}"));
        }
    }
}
