//! Codebooks whose codewords add up: what the residual and the additive quantizers share.

use ndarray::{Array2, Axis, concatenate};

use super::vq::check_codebook;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::Op;

/// Fails unless there is a codebook and all are usable and of one dimension.
pub(super) fn check_codebooks(codebooks: &[Array2<f32>]) -> Result<()> {
    let Some(first) = codebooks.first() else {
        return Err(Error::input("no codebook; at least 1 is needed"));
    };
    for (j, codebook) in codebooks.iter().enumerate() {
        check_codebook(codebook.view()).map_err(|error| Error::input(format!("codebook {j}: {error}")))?;
        if codebook.ncols() != first.ncols() {
            return Err(Error::input(format!(
                "codebook {j} has {} dimensions, codebook 0 has {}",
                codebook.ncols(),
                first.ncols()
            )));
        }
    }
    Ok(())
}

/// All codewords of some codebooks on a device, one codebook after the other.
pub(super) struct Stack {
    sizes: Vec<usize>,
    /// (Σ K_j, d)
    codewords: Matrix<f32>,
    /// Where the codewords of each codebook start and the last one ends, for the first 1, 2, … m codebooks.
    offsets: Vec<Matrix<u32>>,
}

impl Stack {
    pub fn new(engine: &Engine, codebooks: &[Array2<f32>]) -> Result<Self> {
        let sizes: Vec<usize> = codebooks.iter().map(Array2::nrows).collect();
        let views: Vec<_> = codebooks.iter().map(|codebook| codebook.view()).collect();
        let codewords = concatenate(Axis(0), &views).expect("codebooks of one dimension");
        let starts = |count| Array2::from_shape_fn((count + 1, 1), |(j, _)| offset(&sizes, j) as u32);
        let offsets = (1..=sizes.len()).map(|count| engine.upload(starts(count).view()));
        Ok(Self {
            codewords: engine.upload(codewords.view())?,
            offsets: offsets.collect::<Result<_>>()?,
            sizes,
        })
    }

    /// Takes the codewords of `codebooks` in place of its own.
    pub fn record_codebooks(
        &mut self,
        recorder: &mut Recorder<'_>,
        codebooks: &[&Matrix<f32>],
    ) -> Result<()> {
        let mut first = 0;
        for codebook in codebooks {
            recorder.copy_rows(codebook, &mut self.codewords, first)?;
            first += codebook.rows();
        }
        Ok(())
    }

    pub fn dim(&self) -> usize {
        self.codewords.cols()
    }

    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    pub fn codewords(&self) -> &Matrix<f32> {
        &self.codewords
    }

    /// Where each of the first `count` codebooks starts, and the end: (count + 1, 1).
    pub fn offsets(&self, count: usize) -> &Matrix<u32> {
        &self.offsets[count - 1]
    }

    /// Where codebook `j` starts.
    pub fn offset(&self, j: usize) -> usize {
        offset(&self.sizes, j)
    }

    /// The sums of the codewords that `codes` (n, count) name of the first `count` codebooks, (n, d).
    pub fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.sum_codewords(codes, self.offsets(codes.cols()), &self.codewords, decoded)
    }

    /// The squared distance of each of `x` (n, d) to what its codes (n, count) decode to, (n, 1).
    pub fn record_distances(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut decoded = recorder.engine().uninitialized(x.rows(), x.cols())?;
        self.record_decode(recorder, codes, &mut decoded)?;
        recorder.row_distances(x, &decoded, distances)
    }
}

fn offset(sizes: &[usize], j: usize) -> usize {
    sizes[..j].iter().sum()
}

/// Records `centred`, `codebook` (k, d) moved so that its mean is 0, and `mean` (1, d), what was taken off: sums of
/// codewords lie about the sum of the means, and inner products of what is left keep their digits where the data lie far
/// from the origin.
pub(super) fn record_centred(
    recorder: &mut Recorder<'_>,
    codebook: &Matrix<f32>,
    centred: &mut Matrix<f32>,
    mean: &mut Matrix<f32>,
) -> Result<()> {
    recorder.column_sums(codebook, mean)?;
    recorder.update(Op::Mul, mean, 1.0 / codebook.rows() as f32)?;
    recorder.elementwise(Op::Sub, codebook, &*mean, centred)
}

/// The largest table of inner products that a beam search may take on a device, in bytes.
const MOST_TABLE: usize = 1 << 30;

/// Room for the inner products of so many codewords with so many.
pub(super) fn table(engine: &Engine, height: usize, width: usize) -> Result<Matrix<f32>> {
    if height.saturating_mul(width).saturating_mul(4) > MOST_TABLE {
        return Err(Error::input(format!(
            "a beam search over these codebooks takes a table of {height} × {width} inner products, over 1 GiB; \
             take fewer bits or, for a residual quantizer, a beam of 1"
        )));
    }
    engine.uninitialized(height, width)
}
