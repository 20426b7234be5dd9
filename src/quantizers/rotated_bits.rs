//! A random rotation, levels for a normal distribution, and a length for each vector.

mod spec;

pub(super) use spec::KIND;

use ndarray::{Array2, ArrayView2, ArrayViewD};

use super::codes::check_recorded;
use super::model::Parts;
use super::normal_magnitudes::{mean, normal_magnitudes};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::gain_shape_encode::Shape;
use crate::kernels::hadamard::Mixing;
use crate::ops::Op;
use crate::ops::gain_shape::{LENGTH_CODE_SIZE, LENGTH_CODES, MAGNITUDE_STEP};
use crate::ops::mixing::{NEGATED, Turn};
use crate::rng::Rng;
use crate::settings::Settings;
use crate::train::KMeans;
use crate::vectors::Vectors;

/// b bits of each dimension and a length of 16 bits for each vector, as RaBitQ (Gao and Long, SIGMOD 2024; extended 2025), EDEN
/// (Vargaftik et al., ICML 2022) and TurboQuant (Zandieh et al., 2025) have them. Nothing is learned but the mean.
///
/// A vector less the mean is turned at random, by rounds of signs, permutations and Hadamard matrices, which makes its coordinates
/// nearly normal, whatever the data are. Each is then rounded to one of the 2^b levels that are best for a normal distribution (Lloyd
/// 1982, Max 1960), on a grid that is scaled to the vector.
///
/// The length is the one that loses the least of the vector v, ⟨v, y⟩ / ‖y‖² for its levels y, as EDEN has it for the least error. What is
/// decoded, y times that, ranks neighbours as an estimate without bias does: of both sides of ‖v‖² − 2⟨q, v⟩ it has the same share,
/// cos²(v, y), which hardly differs from vector to vector. The length of RaBitQ, ‖v‖² / ⟨v, y⟩, has no bias in ⟨q, v⟩, but wants ‖v‖
/// beside it: without, of the true nearest of 20,000 sentence embeddings (d = 384) it finds .651 at 1 bit and .824 at 2 where this
/// one finds .690 and .833, and with both numbers .684 and .834. At 4 bits all find .956.
///
/// Codes are the same on every device. Code j below d is that of a coordinate, of 2^b values; codes d to d + 3 are the 16 bits of the
/// length, by four from the highest on, exponent and mantissa. Lengths are from 2⁻⁶⁰ to 2¹⁰¹: [`Training`](crate::Training) brings vectors
/// of any units to where most are about 1. A vector that is the mean, or closer to it, has all codes 0.
///
/// A model file has the tensors `offset` (1, d), `moves` (3, d) and `magnitudes` (1, 2^(b−1)).
///
/// ```
/// use wgvq::{Quantizer, RotatedBits};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((200, 64), |(row, column)| ((row * 7 + column * column) % 100) as f32);
/// let rbq = RotatedBits::builder().bits(4).fit(&engine, &x)?;
/// let back = rbq.decode(&engine, &rbq.encode(&engine, &x)?)?;
/// let lost = (&x - &back).mapv(|off| off * off).sum() / (&x - x.mean().unwrap()).mapv(|off| off * off).sum();
/// assert!(lost < 0.012, "{lost}");
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RotatedBits {
    /// (1, d)
    offset: Array2<f32>,
    /// (rounds, d): which coordinate each is before a round, counted from 1, and below 0 where the sign changes.
    moves: Array2<f32>,
    /// (1, 2^(b−1))
    magnitudes: Array2<f32>,
}

/// How to train a [`RotatedBits`].
#[derive(Clone, Debug)]
pub struct RotatedBitsBuilder {
    bits: u32,
    seed: u64,
}

/// Bits of a dimension, at most.
const MOST_BITS: u32 = 8;

/// Dimensions, at most: `moves` are whole numbers in f32.
const MOST_DIMENSIONS: usize = 1 << 16;

/// Rounds of the rotation. After two every coordinate has a part in every other one, up to a power of 256; a third makes what vectors of few
/// coordinates become nearly normal too.
const ROUNDS: usize = 3;

/// Rounds that a model may have.
const MOST_ROUNDS: usize = 16;

/// Vectors that the mean is taken of.
const SAMPLE: usize = 65_536;

/// The stream of a seed that rotations are drawn from.
const STREAM: u64 = 0x6d69_7869;

impl RotatedBits {
    /// Says how to train one.
    pub fn builder() -> RotatedBitsBuilder {
        RotatedBitsBuilder { bits: 4, seed: 0 }
    }

    fn new(offset: Array2<f32>, moves: Array2<f32>, magnitudes: Array2<f32>) -> Result<Self> {
        let (rounds, d) = moves.dim();
        if !(1..=MOST_ROUNDS).contains(&rounds) || !(1..=MOST_DIMENSIONS).contains(&d) {
            return Err(Error::input(format!(
                "moves is {rounds} × {d}; 1 to {MOST_ROUNDS} rounds of 1 to {MOST_DIMENSIONS} dimensions are needed"
            )));
        }
        for (round, row) in moves.outer_iter().enumerate() {
            let mut seen = vec![false; d + 1];
            // What is no number from 1 on is 0, and counts as seen.
            seen[0] = true;
            let is_new = |&at: &f32| {
                let place = if at.fract() == 0.0 { at.abs() as usize } else { 0 };
                seen.get_mut(place).is_some_and(|seen| !std::mem::replace(seen, true))
            };
            if !row.iter().all(is_new) {
                return Err(Error::input(format!(
                    "round {round} of moves has not each number from 1 to {d}, of either sign, once"
                )));
            }
        }
        if offset.dim() != (1, d) || offset.iter().any(|value| !value.is_finite()) {
            let shape = offset.dim();
            return Err(Error::input(format!(
                "offset has shape {shape:?}; it has to be (1, {d}), of finite numbers"
            )));
        }
        let (rows, k) = magnitudes.dim();
        if rows != 1 || !k.is_power_of_two() || k > 1 << (MOST_BITS - 1) {
            return Err(Error::input(format!(
                "magnitudes is {rows} × {k}; must be 1 × a power of two up to 128"
            )));
        }
        let mut below = 0.0;
        for &own in &magnitudes {
            if !(own > below && own < 8.0 && (own / MAGNITUDE_STEP).fract() == 0.0) {
                return Err(Error::input(format!(
                    "the magnitude {own} follows {below}; they ascend by whole 512ths from above 0 to below 8"
                )));
            }
            below = own;
        }
        Ok(Self { offset, moves, magnitudes })
    }

    /// The same from a model of `bits` bits.
    fn from_parts(parts: &mut Parts<'_>, bits: u32) -> Result<Self> {
        let (offset, moves) = (parts.tensor("offset")?, parts.tensor("moves")?);
        let quantizer = Self::new(offset, moves, parts.tensor("magnitudes")?)?;
        if quantizer.bits() != bits {
            let found = quantizer.magnitudes.ncols();
            return Err(Error::input(format!("its magnitudes are {found}; its spec has {bits} bits")));
        }
        Ok(quantizer)
    }

    /// Bits of a dimension.
    fn bits(&self) -> u32 {
        self.magnitudes.ncols().ilog2() + 1
    }
}

impl RotatedBitsBuilder {
    /// Bits of a dimension, 1 to 8; 4 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// The seed of the rotation; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Takes the mean of `x` (n, d), n ≥ 1, d up to 65,536, or of a random sample of 65,536 vectors, and draws a rotation. Rounding
    /// apart, it does not change with the device.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are no vectors or dimensions, too many dimensions, or bits are not 1 to 8; what reading
    /// `x` fails with.
    pub fn fit(self, _engine: &Engine, x: &dyn Vectors) -> Result<RotatedBits> {
        let Self { bits, seed } = self;
        if !(1..=MOST_BITS).contains(&bits) {
            return Err(Error::input(format!("{bits} bits per dimension; must be 1 to {MOST_BITS}")));
        }
        let d = x.dim();
        if d > MOST_DIMENSIONS {
            return Err(Error::input(format!("{d} dimensions; must be 1 to {MOST_DIMENSIONS}")));
        }
        let sampler = KMeans::new(1).sample_per_codeword(SAMPLE).seed(seed);
        sampler.check(x, None)?;
        let (sample, _) = sampler.sample(x, None)?;
        RotatedBits::new(centre(sample.view()), moves(d, seed), normal_magnitudes(1 << (bits - 1)))
    }
}

/// Near the mean of the rows of `x` (n, d), (1, d): round numbers, so that vectors moved by another round number are coded as the same.
/// They are off by at most 1/16 of a standard deviation, which costs at most 1/256 of the variance.
fn centre(x: ArrayView2<f32>) -> Array2<f32> {
    let n = x.nrows().max(1) as f64;
    let centre = |column: ndarray::ArrayView1<f32>| {
        let mean = column.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
        let square = |&value: &f32| (f64::from(value) - mean).powi(2);
        let deviation = (column.iter().map(square).sum::<f64>() / n).sqrt();
        if deviation == 0.0 {
            return mean as f32;
        }
        let grid = (deviation.log2().floor() - 3.0).exp2();
        ((mean / grid).round() * grid) as f32
    };
    Array2::from_shape_vec((1, x.ncols()), x.columns().into_iter().map(centre).collect()).expect("one each")
}

/// Permutations of the numbers 1 to `d` with random signs, (rounds, d).
fn moves(d: usize, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, STREAM);
    let mut moves = Array2::zeros((ROUNDS, d));
    for mut round in moves.outer_iter_mut() {
        let mut order: Vec<usize> = (1..=d).collect();
        rng.shuffle(&mut order);
        for (to, from) in round.iter_mut().zip(order) {
            *to = if rng.below(2) == 1 { -(from as f32) } else { from as f32 };
        }
    }
    moves
}

impl sealed::Sealed for RotatedBits {}

impl Quantizer for RotatedBits {
    fn spec(&self) -> Spec {
        spec::of(self.bits())
    }

    fn layout(&self) -> Layout<'_> {
        let d = self.moves.ncols();
        let mut sizes = vec![2 * self.magnitudes.ncols(); d];
        sizes.extend([LENGTH_CODE_SIZE; LENGTH_CODES]);
        Layout::without_codebooks(d, sizes)
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let own = [("offset", &self.offset), ("moves", &self.moves), ("magnitudes", &self.magnitudes)];
        own.map(|(name, tensor)| (name.to_string(), tensor.view().into_dyn())).into()
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(RotatedBitsCoder {
            offset: engine.upload(self.offset.view())?,
            mixing: Mixing::new(engine, self.moves.mapv(packed).view())?,
            shape: Shape::new(engine, &self.magnitudes, mean())?,
        }))
    }
}

/// A move as the kernel has it.
fn packed(from: f32) -> u32 {
    (from.abs() as u32 - 1) | if from < 0.0 { NEGATED } else { 0 }
}

struct RotatedBitsCoder {
    offset: Matrix<f32>,
    mixing: Mixing,
    shape: Shape,
}

impl Coder for RotatedBitsCoder {
    fn dim(&self) -> usize {
        self.mixing.d()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        let mut sizes = vec![self.shape.code_size(); self.dim()];
        sizes.extend([LENGTH_CODE_SIZE; LENGTH_CODES]);
        sizes
    }

    /// A rotation changes no distance.
    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut moved = engine.uninitialized(x.rows(), x.cols())?;
        recorder.elementwise(Op::Sub, x, &self.offset, &mut moved)?;
        let mut turned = engine.uninitialized(x.rows(), x.cols())?;
        recorder.hadamard(&moved, &self.mixing, Turn::There, &mut turned)?;
        recorder.gain_shape_encode(&turned, &self.shape, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let mut turned = recorder.engine().uninitialized(codes.rows(), self.dim())?;
        recorder.gain_shape_decode(codes, &self.shape, &mut turned)?;
        recorder.hadamard(&turned, &self.mixing, Turn::Back, decoded)?;
        recorder.update(Op::Add, decoded, &self.offset)
    }

    fn scratch_bytes(&self) -> usize {
        12 * self.dim()
    }
}
