//! A codebook in 16-bit floats for what the processor multiplies those with: scores for the first look of `assign`, at a fraction of the time.
//!
//! Vectors and codewords are centred and rounded to bf16, which has eight binary digits and the range of f32. Products of two
//! are exact in f32, where they are added up. What the rounding of a vector and of a codeword moves a score by is measured,
//! not estimated: see [`HalfBound`].

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use pulp::Simd;
use rayon::prelude::*;

use super::half_unit::{BLOCK, HalfLine, HalfUnit, PANEL_STEP, STEP, Starts, Sums};
use super::tile::{Epilogue, GROUP, Rows};
use super::two_least::{FAR, Found};
use crate::certified::bounds::{HalfBound, LARGEST_SQUARE, is_beyond};

/// Codewords and dimensions below which most of a tile would be padding.
const LEAST_CODEWORDS: usize = 32;
const LEAST_DIMENSIONS: usize = 24;

/// Codewords of squared L2, centred, in bf16.
pub(super) struct HalfPanels {
    unit: HalfUnit,
    /// Dimensions in whole steps.
    dimensions: usize,
    bound: HalfBound,
    mean: Vec<f32>,
    /// `[panel][step][half of the panel][pair of dimensions][codeword][of the pair]`
    codewords: Vec<HalfLine>,
    /// Where the sums of each codeword begin: at ½‖c'‖² less its part of the bound.
    starts: Vec<Starts>,
    /// Each codeword's part of the bound, and the largest.
    parts: Vec<f32>,
    largest_part: f32,
    /// Rows that were scored, and those of them that had to be looked at once more.
    scored: AtomicUsize,
    open: AtomicUsize,
}

/// Rows by which it is judged whether the scores pay.
const TRIAL: usize = 1024;

/// The largest part that scores are trusted with: it is a share of a square, which then is within f32.
const LARGEST_PART: f32 = LARGEST_SQUARE / 65536.0;

/// What packing and scoring a group of rows needs; giving it again saves allocations.
pub(super) struct Scratch {
    rows: Vec<HalfLine>,
    sums: Box<Sums>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { rows: Vec::new(), sums: Sums::zeros() }
    }
}

impl HalfPanels {
    /// Packs the `codewords` (k, d) about their `mean` for `unit`, if that pays. `half_squares` are what their scores begin at,
    /// but for copies of earlier codewords.
    pub fn new(
        unit: HalfUnit,
        bound: HalfBound,
        codewords: &[f32],
        mean: &[f32],
        half_squares: &[f32],
        is_copy: impl Fn(usize) -> bool + Sync,
    ) -> Option<Self> {
        let d = mean.len();
        let k = codewords.len() / d;
        if k < LEAST_CODEWORDS || d < LEAST_DIMENSIONS {
            return None;
        }
        let dimensions = d.next_multiple_of(STEP);
        let count = k.div_ceil(BLOCK);
        let mut packed = Self {
            unit,
            dimensions,
            bound,
            mean: mean.to_vec(),
            codewords: vec![HalfLine::ZERO; count * dimensions / STEP * BLOCK],
            starts: vec![Starts([FAR; BLOCK]); count],
            parts: vec![0.0; k],
            largest_part: 0.0,
            scored: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        };
        let Self { bound, codewords: halves, starts, parts, .. } = &mut packed;
        let halves: &mut [u16] = bytemuck::cast_slice_mut(halves);
        let panels = halves.par_chunks_exact_mut(dimensions * BLOCK).zip(starts);
        let panels = panels.zip(parts.par_chunks_mut(BLOCK)).zip(codewords.par_chunks(BLOCK * d)).enumerate();
        panels.for_each(|(p, (((panel, starts), parts), codewords))| {
            let mut rounded = vec![0; dimensions];
            for (j, codeword) in codewords.chunks_exact(d).enumerate() {
                let [square, lost] = round(codeword, mean, &mut rounded);
                parts[j] = bound.part(square, lost);
                if !is_copy(p * BLOCK + j) {
                    starts.0[j] = half_squares[p * BLOCK + j] - parts[j];
                }
                for (i, &half) in rounded.iter().enumerate() {
                    let tile = i / STEP * PANEL_STEP + j / 16 * PANEL_STEP / 2;
                    panel[tile + i % STEP / 2 * 32 + j % 16 * 2 + i % 2] = half;
                }
            }
        });
        packed.largest_part = packed.parts.iter().copied().fold(0.0, f32::max);
        Some(packed)
    }

    /// Scores a group of `rows` for every codeword, each lower by the codeword's part of the bound, and writes the rows' parts.
    #[inline(always)]
    pub fn score<S: Simd, E: Epilogue>(
        &self,
        simd: S,
        rows: Rows<'_>,
        scratch: &mut Scratch,
        parts: &[Cell<f32>; GROUP],
        epilogue: &mut E,
    ) {
        self.scored.fetch_add(rows.len(), Relaxed);
        let Scratch { rows: halves, sums } = scratch;
        halves.clear();
        halves.resize(rows.len().next_multiple_of(BLOCK) * self.dimensions / STEP, HalfLine::ZERO);
        self.round_rows(rows, halves, parts);
        self.multiply(simd, halves, sums, epilogue);
    }

    /// Rounds `rows` to `halves`, of whole steps each, and writes their parts of the bound.
    #[inline(always)]
    pub fn round_rows(&self, rows: Rows<'_>, halves: &mut [HalfLine], parts: &[Cell<f32>]) {
        let halves: &mut [u16] = bytemuck::cast_slice_mut(halves);
        for ((row, part), halves) in rows.iter().zip(parts).zip(halves.chunks_exact_mut(self.dimensions)) {
            // Negated, so that products count down.
            let [square, lost] = round(&self.mean, row, halves);
            part.set(self.bound.part(square, lost));
        }
    }

    /// Scores a group of rounded rows, filled up to whole blocks.
    #[inline(always)]
    pub fn multiply<S: Simd, E: Epilogue>(
        &self,
        simd: S,
        halves: &[HalfLine],
        sums: &mut Sums,
        epilogue: &mut E,
    ) {
        let dimensions = self.dimensions;
        let ready = self.unit.ready();
        let (halves, codewords): (&[u16], &[u16]) =
            (bytemuck::cast_slice(halves), bytemuck::cast_slice(&self.codewords));
        let panels = codewords.chunks_exact(dimensions * BLOCK).zip(&self.starts);
        for (p, (panel, starts)) in panels.enumerate() {
            for (b, rows) in halves.chunks_exact(dimensions * BLOCK).enumerate() {
                ready.multiply(rows, panel, &starts.0, sums);
                let [upper, lower] = sums.0.as_chunks::<2>().0 else { unreachable!("four quarters") };
                for (i, [left, right]) in [upper, lower].into_iter().enumerate() {
                    for (r, (left, right)) in left.iter().zip(right).enumerate() {
                        let (left, right) = (S::as_simd_f32s(left).0, S::as_simd_f32s(right).0);
                        epilogue.tile(simd, b * BLOCK + i * 16 + r, p * BLOCK, &[[left[0], right[0]]]);
                    }
                }
            }
        }
        drop(ready);
        epilogue.finish(simd);
    }

    /// Counts a row that has to be looked at once more.
    pub fn count_open(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// Whether these scores save time: most rows that had them needed no others.
    pub fn pays(&self) -> bool {
        let scored = self.scored.load(Relaxed);
        scored < TRIAL || self.open.load(Relaxed) < scored / 3
    }

    /// Lines of a row.
    pub fn lines(&self) -> usize {
        self.dimensions / STEP
    }

    /// Codewords with the padding.
    pub fn padded(&self) -> usize {
        BLOCK * self.starts.len()
    }

    /// The scores that may be of a codeword nearest to a row of this `part`, at most.
    #[inline(always)]
    pub fn threshold(&self, found: &Found, part: f32) -> f32 {
        // Beyond the range scores may be infinite or no numbers.
        if !is_beyond(LARGEST_PART, part.max(self.largest_part)) {
            return f32::INFINITY;
        }
        self.bound.threshold(found.least, self.parts[found.nearest as usize], part)
    }
}

/// Rounds the differences `a` − `b` to bf16, to nearest even, and gives their squared norm and that of what is lost, each summed
/// in f32.
#[inline(always)]
fn round(a: &[f32], b: &[f32], halves: &mut [u16]) -> [f32; 2] {
    let (mut squares, mut losses) = ([0.0_f32; 16], [0.0_f32; 16]);
    for ((a, b), halves) in a.chunks(16).zip(b.chunks(16)).zip(halves.chunks_exact_mut(16)) {
        let mut values = [0.0; 16];
        match (<&[f32; 16]>::try_from(a), <&[f32; 16]>::try_from(b)) {
            (Ok(a), Ok(b)) => {
                values.iter_mut().zip(a.iter().zip(b)).for_each(|(value, (a, b))| *value = a - b)
            }
            _ => values.iter_mut().zip(a.iter().zip(b)).for_each(|(value, (a, b))| *value = a - b),
        }
        for i in 0..16 {
            let bits = values[i].to_bits();
            let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
            // What is no normal number counts as zero in the products.
            let kept = if bits & 0x7f80_0000 == 0 { 0 } else { rounded };
            let lost = values[i] - f32::from_bits(kept);
            squares[i] += values[i] * values[i];
            losses[i] += lost * lost;
            halves[i] = (kept >> 16) as u16;
        }
    }
    [squares.iter().sum(), losses.iter().sum()]
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;
    use crate::cpu::codebook_mean::codebook_mean;
    use crate::cpu::oracle::uniform;

    /// Keeps all scores.
    struct Store {
        scores: Vec<f32>,
        k: usize,
    }

    impl Epilogue for Store {
        #[inline(always)]
        fn tile<S: Simd, const R: usize, const V: usize>(
            &mut self,
            _: S,
            row: usize,
            codeword: usize,
            sums: &[[S::f32s; V]; R],
        ) {
            let sums: &[f32] = bytemuck::cast_slice(sums.as_flattened());
            for (j, &sum) in (codeword..self.k).zip(sums) {
                if let Some(score) = self.scores.get_mut(row * self.k + j) {
                    *score = sum;
                }
            }
        }

        #[inline(always)]
        fn finish<S: Simd>(&mut self, _: S) {}
    }

    struct Run<'a>(&'a HalfPanels, Rows<'a>, &'a [Cell<f32>; GROUP], &'a mut Store);

    impl WithSimd for Run<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.score(simd, self.1, &mut Scratch::default(), self.2, self.3);
        }
    }

    /// How far the scores of `x` and `c` are from the true ones about their centre, over the bound: the largest of all.
    fn largest_share(unit: HalfUnit, x: &[f32], c: &[f32], d: usize) -> f64 {
        let (mean, k) = (codebook_mean(c, d), c.len() / d);
        let half_square = |c: &[f32]| {
            let squares = c.iter().zip(&mean).map(|(c, mean)| f64::from(c - mean).powi(2));
            (0.5 * squares.sum::<f64>()) as f32
        };
        let half_squares: Vec<f32> = c.chunks_exact(d).map(half_square).collect();
        let bound = HalfBound::new(d);
        let panels =
            HalfPanels::new(unit, bound, c, &mean, &half_squares, |_| false).expect("it is large enough");
        let parts = [const { Cell::new(0.0) }; GROUP];
        let mut store = Store { scores: vec![f32::NAN; x.len() / d * k], k };
        Arch::new().dispatch(Run(&panels, Rows::whole(x, d), &parts, &mut store));
        let mut largest = 0.0_f64;
        for (row, x) in x.chunks_exact(d).enumerate() {
            for (j, c) in c.chunks_exact(d).enumerate() {
                let terms = x.iter().zip(c).zip(&mean).map(|((&x, &c), &mean)| {
                    let (x, c) = (f64::from(x) - f64::from(mean), f64::from(c) - f64::from(mean));
                    c * (0.5 * c - x)
                });
                let score = f64::from(store.scores[row * k + j]) + f64::from(panels.parts[j]);
                let bound = f64::from(panels.parts[j]) + f64::from(parts[row].get());
                largest = largest.max((score - terms.sum::<f64>()).abs() / bound);
            }
        }
        largest
    }

    #[test]
    fn no_score_is_beyond_its_bound_and_half_the_bound_would_not_do() {
        // Half way between two numbers of 16 bits, all rounded the same way; their mean is zero.
        let half_way = |sign: f32| vec![sign * (1.0 + 1.0 / 256.0); 128];
        let c: Vec<f32> = (0..32).flat_map(|j| half_way(if j % 2 == 0 { 1.0 } else { -1.0 })).collect();
        for unit in HalfUnit::all() {
            for (n, d, k) in [(1, 24, 32), (50, 33, 70), (96, 128, 100), (7, 500, 33)] {
                for scale in [1.0, 1e-15, 1e15] {
                    let values =
                        |seed, len| uniform(seed, len).iter().map(|x| scale * x).collect::<Vec<f32>>();
                    let share = largest_share(unit, &values(1, n * d), &values(2, k * d), d);
                    assert!(share <= 1.0, "{unit:?}: n {n}, d {d}, k {k}, {scale}: {share}");
                }
            }
            let share = largest_share(unit, &half_way(1.0), &c, 128);
            assert!((0.5..=1.0).contains(&share), "{unit:?}: {share}");
        }
    }
}
