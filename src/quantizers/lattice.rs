//! Quantization to the points of a lattice.

mod kept;
mod spec;
mod truncated;

pub(super) use spec::KIND;
pub use truncated::{TruncatedLattice, TruncatedLatticeBuilder};

use ndarray::{Array2, ArrayView2, ArrayViewD};
use rayon::prelude::*;

use super::codes::check_recorded;
use super::extent::Extent;
use super::model::Parts;
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Context, Error, Result};
use crate::kernels::lattice_round::DeviceGrid;
use crate::lattice::{Grid, Lattice};
use crate::metrics::Usage;
use crate::rng::Rng;
use crate::scale::round_number;
use crate::settings::{Settings, Spelling};
use crate::vectors::Vectors;
use spec::RATE;

/// Each block of `lattice.dim()` dimensions becomes the nearest point of a scaled lattice: `offset + scale · point`.
///
/// A vector whose dimension is no multiple of the lattice's is filled up with zeros. One outside the box that the
/// training vectors span is first clamped to it, so that the codes have a range; every vector in the box gets the point
/// that is truly nearest.
///
/// There is a code for every coordinate, from 0 on, and every tuple of codes stands for a point: bits that follow from
/// other coordinates of the block, such as the last one's parity in `Dn`, are left out. Lattices cover the box, corners
/// and all, so at a fixed rate ([`bits_per_vector`](Quantizer::bits_per_vector)) they gain little over scalar
/// quantization; what they are made for is codes of variable length, and their rate is then the entropy of the codes.
/// For a fixed rate there is [`TruncatedLattice`].
///
/// A model file has the tensors `offset`, `low` and `high`, (1, d); the scale is in the spec.
///
/// ```
/// use wgvq::{Lattice, LatticeVq, Quantizer};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::array![[0.0_f32, 0.0], [10.0, 0.0], [5.2, 4.0]];
/// let d2 = LatticeVq::builder(Lattice::D(2)).scale(1.0).fit(&engine, &x)?;
/// let codes = d2.encode(&engine, &x)?;
/// let off = d2.decode(&engine, &codes)? - &x;
/// assert!(off.rows().into_iter().all(|off| off.dot(&off) <= 1.0)); // the covering radius of D2
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LatticeVq {
    scale: f32,
    offset: Array2<f32>,
    low: Array2<f32>,
    high: Array2<f32>,
    grid: Grid,
}

/// How to train a [`LatticeVq`].
#[derive(Clone, Debug)]
pub struct LatticeVqBuilder {
    lattice: Lattice,
    scale: Option<f32>,
    rate: f64,
    seed: u64,
}

/// Vectors that the scale is chosen by.
const SAMPLE: usize = 8192;

/// How near the rate of the sample has to come, in bits per dimension.
const TOLERANCE: f64 = 0.005;

/// The most scales that are tried.
const TRIALS: usize = 60;

impl LatticeVq {
    /// A quantizer to the points `offset + scale · p`, p in `lattice`, of a box: `offset`, `low` and `high` (1, d) in
    /// the vectors' own units.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no dimension, the shapes differ, a value is not finite or below
    /// its `low`, the scale is not in 1e-30 to 1e30, or the box is wider than 2^24 steps of the lattice.
    pub fn new(
        lattice: Lattice,
        scale: f32,
        offset: Array2<f32>,
        low: Array2<f32>,
        high: Array2<f32>,
    ) -> Result<Self> {
        let d = offset.ncols();
        if d == 0 {
            return Err(Error::input("a lattice quantizer of 0 dimensions; at least 1 is needed"));
        }
        for (name, values) in [("offset", &offset), ("low", &low), ("high", &high)] {
            if values.dim() != (1, d) {
                return Err(Error::input(format!("{name} has shape {:?}; (1, {d}) is needed", values.dim())));
            }
            if let Some(j) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::input(format!("{name} of dimension {j} is not finite")));
            }
        }
        if let Some(j) = low.iter().zip(&high).position(|(low, high)| low > high) {
            return Err(Error::input(format!(
                "the box of dimension {j} is empty: its low is above its high"
            )));
        }
        let slice = |values: &Array2<f32>| values.iter().copied().collect::<Vec<f32>>();
        let grid = Grid::new(lattice, scale, &slice(&offset), &slice(&low), &slice(&high))?;
        Ok(Self { scale, offset, low, high, grid })
    }

    fn from_parts(parts: &mut Parts<'_>, lattice: Lattice, scale: f32) -> Result<Self> {
        Self::new(lattice, scale, parts.tensor("offset")?, parts.tensor("low")?, parts.tensor("high")?)
    }

    /// Says how to train one.
    pub fn builder(lattice: Lattice) -> LatticeVqBuilder {
        LatticeVqBuilder { lattice, scale: None, rate: RATE.default_number(), seed: 0 }
    }

    /// The lattice.
    pub fn lattice(&self) -> Lattice {
        self.grid.lattice
    }

    /// The distance that 1 becomes.
    pub fn scale(&self) -> f32 {
        self.scale
    }
}

impl LatticeVqBuilder {
    /// The distance that 1 becomes; chosen for the [`rate`](Self::rate) if not said.
    pub fn scale(mut self, scale: f32) -> Self {
        self.scale = Some(scale);
        self
    }

    /// The entropy of the codes, in bits per dimension, that the scale is chosen for; 4 if not said, 10 at most.
    pub fn rate(mut self, bits: f64) -> Self {
        self.rate = bits;
        self
    }

    /// The seed of the sample that the scale is chosen by; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), n ≥ 1: the offset is the mean of all vectors, the box what they span. A scale that is not
    /// given is found by bisection on a random sample of 8192 vectors, and rounded to 8 bits.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) as [`LatticeVq::new`], if the vectors' squared distances are no `f32`, or if
    /// there is no scale at which the codes have the rate; what reading `x` fails with;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<LatticeVq> {
        RATE.check(&self.rate.into(), Spelling::Key)?;
        let Extent { low, high, mean } = Extent::of(x)?;
        let row = |values: Vec<f32>| Array2::from_shape_vec((1, values.len()), values).expect("a row");
        let width = |j: usize| f64::from(high[j]) - f64::from(low[j]);
        let mean = mean.into_iter().enumerate().map(|(j, mean)| round_number(mean, width(j)) as f32);
        let mean = row(mean.collect());
        let (low, high) = (row(low), row(high));
        let of_scale = |scale| LatticeVq::new(self.lattice, scale, mean.clone(), low.clone(), high.clone());
        match self.scale {
            Some(scale) => of_scale(scale),
            None => {
                let diagonal = (&high - &low).mapv(|width| f64::from(width).powi(2)).sum().sqrt();
                of_scale(self.find_scale(engine, x, diagonal, of_scale)?)
            }
        }
    }

    /// The scale at which the codes of a sample have the rate. `diagonal` is that of the box.
    fn find_scale(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        diagonal: f64,
        of_scale: impl Fn(f32) -> Result<LatticeVq>,
    ) -> Result<f32> {
        let (n, rate) = (x.len(), self.rate);
        let sample = match n {
            ..=SAMPLE => x.read_rows(0..n)?,
            _ => x.read_each(&Rng::new(self.seed, 0).distinct(SAMPLE, n))?,
        };
        let example = || format!("give the scale, such as in {}:0.5", self.lattice);
        // Most vectors lie in the middle of the box: this is too coarse rather than too fine.
        let mut scale = diagonal / (x.dim() as f64).sqrt() / rate.exp2();
        if scale == 0.0 {
            return Err(Error::input(format!("all vectors are the same; {}", example())));
        }
        // The last scale that was too fine, and the last that was too coarse.
        let (mut fine, mut coarse) = (0.0, f64::INFINITY);
        let mut found = 0.0;
        for _ in 0..TRIALS {
            let lattice = of_scale(scale as f32)
                .context(|| format!("no {rate} bits per dimension, {found:.3} so far; {}", example()))?;
            let codes = lattice.encode(engine, &sample)?;
            found = entropy(codes.view()) / x.dim() as f64;
            if (found - rate).abs() < TOLERANCE || coarse / fine < 1.001 {
                return Ok(rounded(scale as f32));
            }
            if found > rate {
                fine = scale
            } else {
                coarse = scale
            }
            // Cells half as wide take one more bit, once they are small.
            scale *= (found - rate).exp2();
            if !(fine < scale && scale < coarse) {
                scale = (fine * coarse).sqrt();
            }
        }
        Err(Error::input(format!(
            "no scale gives {rate} bits per dimension, the last {found:.3}; {}",
            example()
        )))
    }
}

/// `scale` with 8 significant bits: about two digits, and the same ones for vectors in units that are twice as large.
fn rounded(scale: f32) -> f32 {
    f32::from_bits((scale.to_bits() + 0x8000) & 0xffff_0000)
}

/// The sum of the entropies of the columns, in bits.
fn entropy(codes: ArrayView2<u32>) -> f64 {
    let of_column = |mut column: Vec<u32>| {
        column.sort_unstable();
        let counts = column.chunk_by(|a, b| a == b).map(|run| run.len() as u64);
        Usage::from_counts(counts.collect()).entropy()
    };
    let columns: Vec<_> = codes.columns().into_iter().map(|column| column.to_vec()).collect();
    columns.into_par_iter().map(of_column).collect::<Vec<f64>>().iter().sum()
}

impl sealed::Sealed for LatticeVq {}

impl Quantizer for LatticeVq {
    fn spec(&self) -> Spec {
        spec::of_box(self.grid.lattice, self.scale)
    }

    fn layout(&self) -> Layout<'_> {
        Layout::without_codebooks(self.grid.d, self.grid.sizes.clone())
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        [("offset", &self.offset), ("low", &self.low), ("high", &self.high)]
            .map(|(name, values)| (name.into(), values.view().into_dyn()))
            .into()
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        let grid = DeviceGrid::new(engine, &self.grid)?;
        Ok(Box::new(LatticeCoder { grid, sizes: self.grid.sizes.clone(), dim: self.grid.d }))
    }
}

struct LatticeCoder {
    grid: DeviceGrid,
    sizes: Vec<usize>,
    dim: usize,
}

impl Coder for LatticeCoder {
    fn scratch_bytes(&self) -> usize {
        4 * self.dim()
    }

    /// A vector is clamped to the box first.
    fn takes_any_value(&self) -> bool {
        true
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.sizes.clone()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut nearest = recorder.engine().uninitialized(x.rows(), x.cols())?;
        recorder.lattice_round(x, &self.grid, codes, &mut nearest)?;
        recorder.row_distances(x, &nearest, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        recorder.lattice_decode(codes, &self.grid, decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;
    use ndarray::array;

    const ALL: [Lattice; 8] = [
        Lattice::Z,
        Lattice::A(2),
        Lattice::A(3),
        Lattice::A(11),
        Lattice::D(4),
        Lattice::D(7),
        Lattice::E8,
        Lattice::Leech24,
    ];

    fn normals(n: usize, d: usize) -> Array2<f32> {
        let mut rng = Rng::new(11, 0);
        Array2::from_shape_fn((n, d), |(_, j)| rng.normal() * 2.0 + 10.0 * j as f32)
    }

    #[test]
    fn every_lattice_survives_its_file_and_both_engines_agree() {
        let x = normals(1500, 13);
        let folder = tempfile::tempdir().unwrap();
        let cpu = Engine::cpu();
        for lattice in ALL {
            let vq = LatticeVq::builder(lattice).fit(&cpu, &x).unwrap();
            let path = folder.path().join(format!("{lattice}.safetensors"));
            vq.save(&path, false, serde_json::Value::Null).unwrap();
            let model = crate::load(&path).unwrap();
            let codes = vq.encode(&cpu, &x).unwrap();
            assert_eq!(model.quantizer.spec(), vq.spec());
            assert_eq!(model.quantizer.codebook_sizes(), vq.codebook_sizes());
            assert_eq!(model.quantizer.encode(&cpu, &x).unwrap(), codes);
            let Some(gpu) = crate::test_gpu() else { continue };
            assert_eq!(vq.encode(&gpu, &x).unwrap(), codes, "{lattice}");
        }
    }

    /// At the same entropy the loss falls as the normalised second moment does.
    #[test]
    fn the_rate_is_met_and_better_lattices_lose_less() {
        let x = normals(20_000, 24);
        let engine = Engine::cpu();
        let mut last = f64::INFINITY;
        for lattice in [Lattice::Z, Lattice::D(4), Lattice::E8, Lattice::Leech24] {
            let vq = LatticeVq::builder(lattice).rate(5.0).fit(&engine, &x).unwrap();
            let codes = vq.encode(&engine, &x).unwrap();
            let bits: f64 = codes.usage().iter().map(Usage::entropy).sum::<f64>() / 24.0;
            // The sample has fewer of the rare codes.
            assert!((bits - 5.0).abs() < 0.03, "{lattice}: {bits}");
            let loss = metrics::mse(x.view(), vq.decode(&engine, &codes).unwrap().view()).unwrap();
            // What is left of the rate after the rounding of the scale, taken out at 6 dB a bit.
            let loss = loss * (2.0 * (bits - 5.0)).exp2();
            assert!(loss < last * 0.98, "{lattice}: {loss} after {last}");
            last = loss;
        }
    }

    #[test]
    fn vectors_outside_get_the_point_of_the_nearest_corner() {
        let x = array![[0.0_f32, -3.0, 2.0], [4.0, 5.0, 2.0], [1.0, 1.0, 2.0]];
        let engine = Engine::cpu();
        for lattice in ALL {
            let vq = LatticeVq::builder(lattice).scale(0.3).fit(&engine, &x).unwrap();
            let far = array![[-1e30_f32, 3e38, 7.0], [0.0, 5.0, 2.0]];
            let codes = vq.encode(&engine, &far).unwrap();
            assert_eq!(codes.rows(0..1), codes.rows(1..2), "{lattice}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let engine = Engine::cpu();
        let x = normals(50, 3);
        for lattice in ALL {
            let builder = || LatticeVq::builder(lattice);
            for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-35] {
                assert!(builder().scale(scale).fit(&engine, &x).is_err());
            }
            let error = builder().scale(1e-8).fit(&engine, &x).unwrap_err().to_string();
            assert!(error.contains("raise the scale"), "{error}");
            for rate in [0.0, -1.0, f64::NAN, 11.0] {
                assert!(builder().rate(rate).fit(&engine, &x).is_err());
            }
            assert!(builder().fit(&engine, &normals(0, 3)).is_err());
            assert!(builder().fit(&engine, &normals(3, 0)).is_err());
            let error = builder().fit(&engine, &Array2::ones((9, 2))).unwrap_err().to_string();
            assert!(error.contains("give the scale"), "{error}");
            // One bit at most.
            let coins = Array2::from_shape_fn((64, 1), |(row, _)| (row % 2) as f32);
            let error = builder().fit(&engine, &coins).unwrap_err().to_string();
            assert!(error.contains("give the scale"), "{error}");
        }
        let row = |value: f32| Array2::from_elem((1, 2), value);
        assert!(LatticeVq::new(Lattice::Z, 1.0, row(0.0), row(1.0), row(-1.0)).is_err());
        assert!(LatticeVq::new(Lattice::Z, 1.0, row(0.0), row(f32::NAN), row(1.0)).is_err());
        assert!(LatticeVq::new(Lattice::Z, 1.0, row(0.0), Array2::zeros((1, 3)), row(1.0)).is_err());
        assert!(LatticeVq::new(Lattice::Z, 1.0, row(1e9), row(0.0), row(1.0)).is_err());
    }
}
