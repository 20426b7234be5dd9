//! Which points of a lattice carry the data, and the scale at which they lose the least.

use std::cmp::Reverse;

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::rounded;
use crate::engine::Engine;
use crate::error::Result;
use crate::kernels::lattice_round::DeviceGrid;
use crate::kernels::prepare_codebook::Codebook;
use crate::lattice::{Grid, Lattice};
use crate::metrics::Metric;

/// Values of the vectors that points are counted in, and errors measured, at most.
pub(super) const SAMPLE_VALUES: usize = 1 << 22;

/// Blocks that the error is measured on, at most.
const MEASURED: usize = 8192;

/// Finer steps of the search for a scale: the last is a factor of 2^(1/16).
const REFINEMENTS: usize = 5;

/// Steps from the mean, beyond which a coordinate is taken for one that far out: a quarter of what a [`Grid`] can have.
const MOST_STEPS: f64 = (1 << 21) as f64;

/// How many of `n` vectors of `d` dimensions are a sample.
pub(super) fn sample_rows(n: usize, d: usize) -> usize {
    n.min((SAMPLE_VALUES / d).max(1))
}

/// Blocks of training vectors about their mean, to find the points of.
pub(super) struct Blocks<'a> {
    engine: &'a Engine,
    lattice: Lattice,
    k: usize,
    /// (any number, dim)
    all: Array2<f32>,
    /// Those of three vectors out of four, in which points are counted while a scale is searched.
    counted: Array2<f32>,
    /// Those of some of the other vectors, on which errors are measured meanwhile.
    measured: Array2<f32>,
}

/// Points that are kept.
pub(super) struct Kept {
    pub scale: f32,
    /// What the lattice's origin is from the mean, (1, dim).
    pub centre: Array2<f32>,
    /// (k, dim), by how many blocks are nearest to them.
    pub points: Array2<f32>,
}

/// A scale and a place of the lattice, and the mean squared error of a block there.
struct Trial {
    scale: f32,
    centre: Array2<f32>,
    error: f64,
}

impl<'a> Blocks<'a> {
    /// The blocks of the vectors `x` (n, d), whose mean is 0, for `k` points.
    pub fn new(engine: &'a Engine, lattice: Lattice, k: usize, x: Array2<f32>) -> Self {
        let ((n, d), dim) = (x.dim(), lattice.dim());
        let blocks = |x: Array2<f32>| {
            let blocks = (x.len() / dim, dim);
            x.into_shape_with_order(blocks).expect("whole blocks")
        };
        let of = |rows: Vec<usize>| blocks(x.select(Axis(0), &rows));
        // Too few to do without a quarter of them are both.
        let is_apart = |row: &usize| row % 4 == 3;
        let apart: Vec<usize> = (0..n).filter(|row| n < 4 || is_apart(row)).collect();
        let every = (apart.len() * d / dim).div_ceil(MEASURED);
        let counted = of((0..n).filter(|row| n < 4 || !is_apart(row)).collect());
        let measured = of(apart.into_iter().step_by(every).collect());
        Self { engine, lattice, k, counted, measured, all: blocks(x) }
    }

    /// The points at this scale.
    pub fn keep(&self, scale: f32) -> Result<Kept> {
        let trials = self.centres().map(|centre| self.trial(scale, centre));
        self.finish(least(trials)?)
    }

    /// The points at the scale of the least error: doubled and halved from a guess on as long as that gains, then by ever
    /// smaller steps.
    pub fn find(&self) -> Result<Kept> {
        self.finish(least(self.centres().map(|centre| self.search(centre)))?)
    }

    /// The origin of the lattice at the mean, and a neighbour as far on the other side of it, as shares of the scale.
    fn centres(&self) -> [Array2<f64>; 2] {
        let mut between = Array2::zeros((1, self.lattice.dim()));
        for (i, &coordinate) in self.lattice.shortest().iter().enumerate() {
            between[[0, i]] = -0.5 * coordinate;
        }
        [Array2::zeros((1, self.lattice.dim())), between]
    }

    fn search(&self, centre: Array2<f64>) -> Result<Trial> {
        let squares: f64 = self.counted.iter().map(|&value| f64::from(value).powi(2)).sum();
        let deviation = (squares / self.counted.len() as f64).sqrt();
        // All vectors are the same: any scale will do.
        let deviation = if deviation > 0.0 { deviation } else { 1.0 };
        // Normal vectors fill a volume of (2πe)^(dim/2) in deviations, which k cells are to share.
        let width = (2.0 * std::f64::consts::PI * std::f64::consts::E).sqrt();
        let guess = width * deviation * (self.k as f64).powf(-1.0 / self.lattice.dim() as f64);
        let mut best = self.trial(rounded(guess as f32), centre.clone())?;
        let mut step = 2.0_f64;
        for _ in 0..REFINEMENTS {
            for factor in [step, 1.0 / step] {
                let before = best.scale;
                loop {
                    let scale = rounded((f64::from(best.scale) * factor) as f32);
                    let next = self.trial(scale, centre.clone())?;
                    if next.error >= best.error {
                        break;
                    }
                    best = next;
                }
                if best.scale != before {
                    break;
                }
            }
            step = step.sqrt();
        }
        Ok(best)
    }

    fn trial(&self, scale: f32, centre: Array2<f64>) -> Result<Trial> {
        let centre = centre.mapv(|share| (share * f64::from(scale)) as f32);
        let points = self.points(scale, &centre, &self.counted)?;
        let x = self.engine.upload((&self.measured - &centre).view())?;
        let codebook = Codebook::new(self.engine, points.view(), Metric::SquaredL2)?;
        let mut codes = self.engine.uninitialized(x.rows(), 1)?;
        let mut distances = self.engine.uninitialized(x.rows(), 1)?;
        let mut recorder = self.engine.recorder();
        recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
        recorder.submit()?;
        let sum: f64 = distances.download()?.iter().map(|&distance| f64::from(distance)).sum();
        Ok(Trial { scale, centre, error: sum / x.rows() as f64 })
    }

    fn finish(&self, trial: Trial) -> Result<Kept> {
        let Trial { scale, centre, .. } = trial;
        let points = self.points(scale, &centre, &self.all)?;
        Ok(Kept { scale, centre, points })
    }

    /// The k points that most of these `blocks` are nearest to, those of equally many by their coordinates. Where there are
    /// fewer, the last is repeated.
    fn points(&self, scale: f32, centre: &Array2<f32>, blocks: &Array2<f32>) -> Result<Array2<f32>> {
        let dim = self.lattice.dim();
        let most: Vec<f32> =
            (0..dim).map(|i| (f64::from(scale) * self.lattice.step(i) * MOST_STEPS) as f32).collect();
        let least: Vec<f32> = most.iter().map(|most| -most).collect();
        let grid =
            DeviceGrid::new(self.engine, &Grid::new(self.lattice, scale, &vec![0.0; dim], &least, &most)?)?;
        let x = self.engine.upload((blocks - centre).view())?;
        let mut codes = self.engine.uninitialized(x.rows(), dim)?;
        let mut nearest = self.engine.uninitialized(x.rows(), dim)?;
        let mut recorder = self.engine.recorder();
        recorder.lattice_round(&x, &grid, &mut codes, &mut nearest)?;
        recorder.submit()?;
        drop(x);

        let (codes, nearest) = (codes.download()?, nearest.download()?);
        let mut order: Vec<(&[u32], usize)> =
            codes.as_slice().expect("standard layout").chunks(dim).zip(0..).collect();
        order.par_sort_unstable();
        let mut runs: Vec<(usize, usize)> =
            order.chunk_by(|a, b| a.0 == b.0).map(|run| (run.len(), run[0].1)).collect();
        runs.sort_by_key(|&(count, _)| Reverse(count));
        let mut rows: Vec<usize> = runs.into_iter().map(|(_, row)| row).take(self.k).collect();
        rows.resize(self.k, rows[rows.len() - 1]);
        Ok(nearest.select(Axis(0), &rows))
    }
}

/// The trial of the least error, the first of equal ones.
fn least(trials: [Result<Trial>; 2]) -> Result<Trial> {
    let [first, second] = trials;
    let (first, second) = (first?, second?);
    Ok(if second.error < first.error { second } else { first })
}
