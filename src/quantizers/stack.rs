//! Codebooks whose codewords add up: what the residual and the additive quantizers share.

use ndarray::{Array2, Axis, concatenate};

use super::vq::check_codebook;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};

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
    /// Of the first 1, 2 … m codebooks: where each starts, and the end.
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

/// Codebooks moved so that the mean of each is 0, and the sum of the means, (1, d): sums of codewords lie about it, and
/// inner products of what is left keep their digits where the data lie far from the origin.
pub(super) fn centre(codebooks: &[Array2<f32>]) -> (Vec<Array2<f32>>, Array2<f32>) {
    let mut total = Array2::<f64>::zeros((1, codebooks[0].ncols()));
    let centred = codebooks
        .iter()
        .map(|codebook| {
            let mean = codebook.mapv(f64::from).mean_axis(Axis(0)).expect("there are codewords");
            // What is taken off has to be what is added to the total: the rounded mean.
            let mean = mean.mapv(|value| value as f32).insert_axis(Axis(0));
            total += &mean.mapv(f64::from);
            codebook - &mean
        })
        .collect();
    (centred, total.mapv(|value| value as f32))
}

/// The largest table of inner products that a beam search may take on a device, in bytes.
const MOST_TABLE: usize = 1 << 30;

/// ⟨a, c⟩ for all `rows` and `columns` of codewords.
pub(super) fn inner_products(
    engine: &Engine,
    rows: &[Array2<f32>],
    columns: &[Array2<f32>],
) -> Result<Matrix<f32>> {
    let count = |books: &[Array2<f32>]| books.iter().map(Array2::nrows).sum::<usize>();
    let (height, width) = (count(rows), count(columns));
    if height.saturating_mul(width).saturating_mul(4) > MOST_TABLE {
        return Err(Error::input(format!(
            "a beam search over these codebooks takes a table of {height} × {width} inner products, over 1 GiB; \
             take fewer bits or, for a residual quantizer, a beam of 1"
        )));
    }
    let (rows, columns) = (Stack::new(engine, rows)?, Stack::new(engine, columns)?);
    let mut table = engine.uninitialized(height, width)?;
    let mut recorder = engine.recorder();
    recorder.matmul_transposed(&rows.codewords, &columns.codewords, &mut table)?;
    recorder.submit()?;
    Ok(table)
}
