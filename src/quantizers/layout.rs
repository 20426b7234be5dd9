//! How a quantizer decodes: its codebooks and where they lie.

use std::ops::Range;

use ndarray::Array2;

/// The shapes and arrays by which a quantizer decodes.
///
/// A vector decodes to the sum of its codewords, each in its columns, turned back by the rotation if there is one. A quantizer
/// that decodes in another way has no codebooks here, and other [tensors](super::Quantizer::tensors).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layout<'a> {
    /// Dimensions of a vector.
    pub dim: usize,
    /// Codewords per codebook: one entry per code of a vector.
    pub codebook_sizes: Vec<usize>,
    /// The codebooks, (K_j, d_j) each, as a model file stores them under `codebook.0` and so on.
    pub codebooks: Vec<&'a Array2<f32>>,
    /// The dimensions that each codebook is of.
    pub columns: Vec<Range<usize>>,
    /// The orthogonal R (d, d) of a quantizer that quantizes R·x and decodes to Rᵀ·ŷ.
    pub rotation: Option<&'a Array2<f32>>,
    /// The point o (1, d) that the rotation turns about, if that is not the origin: R·(x − o) is quantized.
    pub offset: Option<&'a Array2<f32>>,
    /// The corners (any number, d) of a quantizer that has a curve.
    pub curve: Option<&'a Array2<f32>>,
    /// Whether the last codeword of each codebook says that a vector has no more codes: every later code of it says so too,
    /// and only the first of them counts for the rate.
    pub is_ragged: bool,
}

impl<'a> Layout<'a> {
    /// `codebooks` of all dimensions, whose codewords add up.
    pub(super) fn of(codebooks: impl IntoIterator<Item = &'a Array2<f32>>) -> Self {
        let codebooks: Vec<_> = codebooks.into_iter().collect();
        let dim = codebooks.first().map_or(0, |codebook| codebook.ncols());
        let sizes = codebooks.iter().map(|codebook| codebook.nrows()).collect();
        Self { columns: vec![0..dim; codebooks.len()], codebooks, ..Self::without_codebooks(dim, sizes) }
    }

    /// Codes of these sizes that decode in another way.
    pub(crate) fn without_codebooks(dim: usize, codebook_sizes: Vec<usize>) -> Self {
        Self {
            dim,
            codebook_sizes,
            codebooks: Vec::new(),
            columns: Vec::new(),
            rotation: None,
            offset: None,
            curve: None,
            is_ragged: false,
        }
    }
}
