//! Codes in memory.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use super::Coder;
use crate::engine::{Matrix, expect_shape};
use crate::error::{Error, Result};
use crate::metrics::Usage;

/// The codes of `n` vectors: `m` each, code `j` below the size of codebook `j`.
///
/// ```
/// use ndarray::array;
/// let codes = wgvq::Codes::new(array![[3], [0], [3]], vec![4])?;
/// assert_eq!(codes.usage()[0].counts(), [1, 0, 0, 2]);
/// assert!(wgvq::Codes::new(array![[4]], vec![4]).is_err());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    values: Array2<u32>,
    codebook_sizes: Vec<usize>,
}

impl Codes {
    /// Codes (n, m) of codebooks of the given sizes.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming row and column, if a code is not below its codebook's
    /// size, or if there are not m sizes.
    pub fn new(values: Array2<u32>, codebook_sizes: Vec<usize>) -> Result<Self> {
        check_codes(values.view(), &codebook_sizes, 0)?;
        Ok(Self { values, codebook_sizes })
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.values.nrows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Codewords per codebook.
    pub fn codebook_sizes(&self) -> &[usize] {
        &self.codebook_sizes
    }

    /// All codes, (n, m).
    pub fn view(&self) -> ArrayView2<'_, u32> {
        self.values.view()
    }

    /// The codes of the vectors `rows`.
    pub fn rows(&self, rows: Range<usize>) -> ArrayView2<'_, u32> {
        self.values.slice(s![rows, ..])
    }

    /// How each codebook is used.
    pub fn usage(&self) -> Vec<Usage> {
        let columns = self.values.columns().into_iter().zip(&self.codebook_sizes);
        columns
            .map(|(column, &k)| {
                let mut usage = Usage::new(k);
                usage.add(column.iter().copied());
                usage
            })
            .collect()
    }
}

/// Fails unless `codes` (n, m) and `decoded` (n, d) are of the shapes that `coder` decodes, and every code that the host has
/// written is below the size of its codebook. Codes that kernels have computed are not looked at: they are, and a kernel
/// that is given those of another quantizer takes the last codeword for them.
pub(super) fn check_recorded(coder: &dyn Coder, codes: &Matrix<u32>, decoded: &Matrix<f32>) -> Result<()> {
    let (n, sizes) = (codes.rows(), coder.codebook_sizes());
    expect_shape("decode", "codes", codes.shape(), (n, sizes.len()))?;
    expect_shape("decode", "decoded", decoded.shape(), (n, coder.dim()))?;
    let mut columns = codes.host_peaks().iter().zip(&sizes).enumerate();
    match columns.find(|(_, (peak, k))| peak.code as usize >= **k) {
        Some((column, (peak, &k))) => Err(no_codeword(peak.row, column, peak.code, k)),
        None => Ok(()),
    }
}

fn no_codeword(row: usize, column: usize, code: u32, k: usize) -> Error {
    Error::input(format!("the code at row {row}, column {column} is {code}; the codebook has {k} codewords"))
}

/// Fails on the first code that names no codeword; `first` is the number of the first row, for the message.
pub(crate) fn check_codes(codes: ArrayView2<u32>, codebook_sizes: &[usize], first: usize) -> Result<()> {
    if codes.ncols() != codebook_sizes.len() {
        return Err(Error::input(format!(
            "{} codes per vector, and the quantizer has {} codebooks",
            codes.ncols(),
            codebook_sizes.len()
        )));
    }
    for ((row, column), &code) in codes.indexed_iter() {
        let k = codebook_sizes[column];
        if code as usize >= k {
            return Err(no_codeword(first + row, column, code, k));
        }
    }
    Ok(())
}
