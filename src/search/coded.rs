//! Vectors as codes, made ready to be searched any number of times.

use std::ops::Range;

use ndarray::Array2;

use super::decoded::DecodedVectors;
use super::flat::Decoded;
use super::tables::{CodeRows, Tables};
use super::{Neighbours, Search, same_dimension, scan};
use crate::engine::Engine;
use crate::error::Result;
use crate::metrics::Metric;
use crate::quantizers::Quantizer;
use crate::scale::{Scale, ScaledVectors};
use crate::vectors::Vectors;

/// Vectors as the codes of a quantizer, whose codebooks are on the device for any number of searches.
///
/// [`Search::codes`] brings them there at every call, which for a single query takes longer than the search.
///
/// ```
/// use wgvq::metrics::Metric;
/// use wgvq::search::{CodedVectors, Search};
/// let engine = wgvq::Engine::cpu();
/// let vq = wgvq::Vq::new(ndarray::array![[0.0_f32, 0.0], [3.0, 4.0]])?;
/// let codes = ndarray::array![[1], [0], [1]];
/// let read = |rows: std::ops::Range<usize>| Ok(codes.slice(ndarray::s![rows, ..]).to_owned());
/// let coded = CodedVectors::new(&engine, Metric::SquaredL2, &vq, 3, read)?;
/// for query in [ndarray::array![[0.0_f32, 4.0]], ndarray::array![[3.0, 3.0]]] {
///     let found = Search::nearest(2).among(&coded, &query)?;
///     assert_eq!(found.ids, ndarray::array![[0, 2]]);
/// }
/// # Ok::<(), wgvq::Error>(())
/// ```
pub struct CodedVectors<'a, R> {
    engine: &'a Engine,
    metric: Metric,
    dim: usize,
    scale: Scale,
    candidates: Candidates<'a, R>,
}

enum Candidates<'a, R> {
    Tables(Box<Tables<'a, R>>),
    /// For quantizers that have no codebooks to make tables of.
    Decoded(Decoded<'a, R>),
    /// For metrics whose distances are no sums over codewords.
    Vectors(DecodedVectors<'a, R>),
}

impl<'a, R: Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync> CodedVectors<'a, R> {
    /// What the `n` codes of `quantizer` stand for, to be compared by `metric`. `read` gives the codes of any range of rows,
    /// (rows, m).
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if there is no room for the codebooks.
    pub fn new(
        engine: &'a Engine,
        metric: Metric,
        quantizer: &dyn Quantizer,
        n: usize,
        read: R,
    ) -> Result<Self> {
        let scale = quantizer.scale();
        let codes = CodeRows { n, sizes: quantizer.codebook_sizes(), read };
        let add_up = matches!(metric, Metric::SquaredL2 | Metric::InnerProduct);
        let candidates = if add_up && !quantizer.codebooks().is_empty() {
            Candidates::Tables(Box::new(Tables::new(engine, metric, quantizer, codes)?))
        } else if metric == Metric::SquaredL2 {
            Candidates::Decoded(Decoded { engine, coder: quantizer.prepare(engine)?, codes, scale })
        } else {
            Candidates::Vectors(DecodedVectors { engine, coder: quantizer.prepare(engine)?, codes })
        };
        Ok(Self { engine, metric, dim: quantizer.dim(), scale, candidates })
    }

    pub(super) fn find(&self, queries: &dyn Vectors, search: Search<'_>) -> Result<Neighbours> {
        same_dimension("decoded vectors", self.dim, queries)?;
        if let Candidates::Vectors(decoded) = &self.candidates {
            return search.flat(self.engine, self.metric, decoded, queries);
        }
        let queries = &ScaledVectors::new(queries, self.scale);
        match &self.candidates {
            Candidates::Vectors(_) => unreachable!("compared above"),
            Candidates::Tables(tables) => scan::run(&**tables, self.engine, queries, search),
            Candidates::Decoded(decoded) => scan::run(decoded, self.engine, queries, search),
        }
    }
}
