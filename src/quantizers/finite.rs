//! Finite scalar and lookup-free quantization: a few learned coordinates, each rounded by itself.

mod fit;
mod grid;
mod spec;

pub(super) use spec::{FSQ, LFQ};

use ndarray::{Array2, ArrayViewD};

use super::codes::check_recorded;
use super::model::Parts;
use super::stack::{self, Stack};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::scalar_encode::Levels;
use crate::ops::Op;
use crate::settings::Settings;
use crate::vectors::Vectors;

/// A vector becomes m coordinates A·(x − o), of which coordinate j is rounded to the nearest of L_j levels: that is code j. It
/// decodes to the sum of one codeword of each codebook (L_j, d).
///
/// With more than two levels it is finite scalar quantization (FSQ: Mentzer et al., ICLR 2024), with two in each coordinate
/// lookup-free quantization (LFQ: Yu et al., ICLR 2024), whose codes are signs. Nothing is searched: encoding takes O(m·d)
/// operations, however many vectors the codes can stand for. They lose far more than [`Vq`](super::Vq) of as many bits does, as
/// what vectors are across the directions of the coordinates is not told apart: they are for codes that have to be made fast,
/// and for tokens.
///
/// Coordinates start as the principal axes. Then A and a linear map back are trained by gradient, straight through the
/// rounding, and in the end the codewords are those that lose the least, given the codes.
///
/// A model file has the tensors `codebook.j`, `offset` (1, d), `encoder` A (m, d), and `levels` (m, the largest L_j), where a
/// row of fewer levels ends with its last one again.
///
/// ```
/// use ndarray::array;
/// use wgvq::{FiniteScalar, Quantizer};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((600, 3), |(row, column)| [row % 3, row / 3 % 2, 5][column] as f32);
/// let fsq = FiniteScalar::builder().levels([3, 2]).fit(&engine, &x)?;
/// assert_eq!(fsq.spec().to_string(), "FSQ:3x2");
/// let back = fsq.decode(&engine, &fsq.encode(&engine, &x)?)?;
/// assert!((back - x).iter().all(|off| off.abs() < 1e-4));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteScalar {
    /// o, (1, d)
    offset: Array2<f32>,
    /// A, (m, d)
    encoder: Array2<f32>,
    /// (m, the largest L_j)
    levels: Array2<f32>,
    codebooks: Vec<Array2<f32>>,
}

/// How to train a [`FiniteScalar`].
#[derive(Clone, Debug)]
pub struct FiniteScalarBuilder {
    levels: Vec<usize>,
    seed: u64,
}

impl FiniteScalar {
    /// A quantizer of m `codebooks` (L_j, d), L_j from 2 to 256, to whose codes the `encoder` A (m, d) leads from the `offset`
    /// o (1, d): row j of `levels` (m, the largest L_j) are those of coordinate j, ascending, and the last one again where
    /// there are fewer.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::{FiniteScalar, Quantizer};
    /// let codebooks = vec![array![[0.0_f32, 0.0], [4.0, 4.0]], array![[-1.0_f32, 1.0], [0.0, 0.0], [1.0, -1.0]]];
    /// let (encoder, levels) = (array![[1.0_f32, 1.0], [1.0, -1.0]], array![[0.0_f32, 8.0, 8.0], [-2.0, 0.0, 2.0]]);
    /// let fsq = FiniteScalar::new(array![[0.0_f32, 0.0]], encoder, levels, codebooks)?;
    /// assert_eq!(fsq.encode(&wgvq::Engine::cpu(), &array![[4.5_f32, 3.0]])?.view(), array![[1, 2]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codebook, one is unusable, a shape is another, a number is not finite,
    /// levels do not ascend, or there are more than 16,384 codewords in all.
    pub fn new(
        offset: Array2<f32>,
        encoder: Array2<f32>,
        levels: Array2<f32>,
        codebooks: Vec<Array2<f32>>,
    ) -> Result<Self> {
        stack::check_codebooks(&codebooks)?;
        let sizes: Vec<usize> = codebooks.iter().map(Array2::nrows).collect();
        grid::check(&sizes)?;
        let (m, d) = (sizes.len(), codebooks[0].ncols());
        let most = sizes.iter().copied().max().unwrap_or(0);
        for (name, tensor, shape) in
            [("offset", &offset, (1, d)), ("encoder", &encoder, (m, d)), ("levels", &levels, (m, most))]
        {
            if tensor.dim() != shape || tensor.iter().any(|value| !value.is_finite()) {
                return Err(Error::input(format!(
                    "{name} has shape {:?}; it has to be {shape:?}, of finite numbers",
                    tensor.dim()
                )));
            }
        }
        for (j, (row, &size)) in levels.outer_iter().zip(&sizes).enumerate() {
            let pairs = || row.iter().zip(row.iter().skip(1)).enumerate();
            let is_right = |(c, (a, b)): (usize, (&f32, &f32))| if c + 1 < size { a <= b } else { a == b };
            if !pairs().all(is_right) || !(row[most - 1] - row[0]).is_finite() {
                return Err(Error::input(format!(
                    "the levels of coordinate {j} are not {size} in ascending order and the last one again"
                )));
            }
        }
        Ok(Self { offset, encoder, levels, codebooks })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, m: usize) -> Result<Self> {
        let codebooks = parts.codebooks(m)?;
        Self::new(parts.tensor("offset")?, parts.tensor("encoder")?, parts.tensor("levels")?, codebooks)
    }

    /// Says how to train one.
    pub fn builder() -> FiniteScalarBuilder {
        FiniteScalarBuilder { levels: vec![8, 5, 5, 5], seed: 0 }
    }
}

impl FiniteScalarBuilder {
    /// How many levels each coordinate has, 2 to 256; 8, 5, 5 and 5 if not said. Two in each is LFQ.
    pub fn levels(mut self, levels: impl Into<Vec<usize>>) -> Self {
        self.levels = levels.into();
        self
    }

    /// The seed of everything random; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), d at least the number of coordinates, or on a random sample of 65,536 vectors.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are no vectors, fewer dimensions than coordinates, levels are not 2 to 256
    /// or more than 16,384 in all, or a value is so far from the others that its square leaves the range of f32; what reading
    /// `x` fails with; [`Device`](crate::ErrorKind::Device).
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<FiniteScalar> {
        grid::check(&self.levels)?;
        fit::fit(engine, &self.levels, x, self.seed, &mut ())
    }
}

impl sealed::Sealed for FiniteScalar {}

impl Quantizer for FiniteScalar {
    fn spec(&self) -> Spec {
        spec::of(self.codebook_sizes())
    }

    fn layout(&self) -> Layout<'_> {
        Layout::of(&self.codebooks)
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let codebooks = self.codebooks.iter().enumerate();
        let codebooks = codebooks.map(|(j, codebook)| (format!("codebook.{j}"), codebook));
        let own = [("offset", &self.offset), ("encoder", &self.encoder), ("levels", &self.levels)];
        let own = own.map(|(name, tensor)| (name.to_string(), tensor));
        codebooks.chain(own).map(|(name, tensor)| (name, tensor.view().into_dyn())).collect()
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(FiniteScalarCoder {
            offset: engine.upload(self.offset.view())?,
            encoder: engine.upload(self.encoder.view())?,
            levels: Levels::listed(engine, self.levels.nrows(), &self.levels)?,
            stack: Stack::new(engine, &self.codebooks)?,
        }))
    }
}

struct FiniteScalarCoder {
    offset: Matrix<f32>,
    encoder: Matrix<f32>,
    levels: Levels,
    stack: Stack,
}

impl Coder for FiniteScalarCoder {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

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
        let mut coordinates = engine.uninitialized(x.rows(), self.encoder.rows())?;
        recorder.matmul_transposed(&moved, &self.encoder, &mut coordinates)?;
        recorder.scalar_encode(&coordinates, &self.levels, codes)?;
        self.stack.record_distances(recorder, x, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn scratch_bytes(&self) -> usize {
        4 * (2 * self.dim() + self.encoder.rows())
    }
}

#[cfg(test)]
mod tests;
