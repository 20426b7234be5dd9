//! Nearest neighbours: exact ones, and those that codes find.
//!
//! [`Search::flat`] compares every query with every vector, [`Search::codes`] with what every code stands for;
//! [`Recall`] tells how much of what the first finds the second does. Candidates stream past the queries a batch at a time;
//! each query's list of the nearest so far stays on the device.
//!
//! ```
//! use ndarray::{Array2, array};
//! use wgvq::metrics::Metric;
//! use wgvq::search::{Recall, Search};
//! use wgvq::{Engine, Quantizer, Vq};
//! # fn main() -> wgvq::Result<()> {
//! let engine = Engine::auto()?;
//! let base = Array2::from_shape_fn((1000, 2), |(row, column)| (row * (5 + 2 * column) % 100) as f32);
//! let queries = array![[10.2_f32, 70.1], [90.0, 30.3]];
//! let truth = Search::nearest(1).flat(&engine, Metric::SquaredL2, &base, &queries)?;
//!
//! let vq = Vq::builder().k(50).fit(&engine, &base)?;
//! let codes = vq.encode(&engine, &base)?;
//! let read = |rows| Ok(codes.rows(rows).to_owned());
//! let found = Search::nearest(100).codes(&engine, Metric::SquaredL2, &vq, codes.len(), read, &queries)?;
//! let recall = Recall::new(1, 10)?;
//! println!("{recall} {}", recall.measure(found.ids.view(), truth.ids.view())?);
//! # Ok(())
//! # }
//! ```

mod coded;
mod decoded;
mod flat;
mod recall;
mod scan;
mod tables;
mod unit_vectors;

#[cfg(test)]
mod tests;

use std::ops::Range;

use ndarray::Array2;

pub use coded::CodedVectors;
pub use recall::Recall;

use self::unit_vectors::{COSINE, UnitVectors};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::quantizers::Quantizer;
use crate::scale::Scale;
use crate::vectors::Vectors;

/// What a search has found: for each query the nearest candidate first, and of equally near ones the lowest id first.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// Row numbers of the candidates, (queries, k).
    pub ids: Array2<u32>,
    /// Their distances by the metric, (queries, k).
    pub distances: Array2<f64>,
}

/// How to search: how many neighbours, in how much memory, and who watches.
pub struct Search<'a> {
    k: usize,
    memory: u64,
    watch: Watch<'a>,
}

/// Is told how many candidates of how many have been met; its error ends the search.
type Watch<'a> = Box<dyn FnMut(usize, usize) -> Result<()> + Send + 'a>;

/// The most neighbours that can be asked for: the lists of nearest ones have to fit a GPU's workgroup memory.
pub const MOST_NEIGHBOURS: usize = crate::kernels::keep_least::LONGEST;

impl<'a> Search<'a> {
    /// A search for the `k` nearest, 1 ≤ k ≤ [`MOST_NEIGHBOURS`], within 1 GiB of memory.
    pub fn nearest(k: usize) -> Self {
        Self { k, memory: 1 << 30, watch: Box::new(|_, _| Ok(())) }
    }

    /// Stays within about that many bytes. No result depends on it.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Tells `watch` after each batch how many candidates of how many have been met; its error ends the search. Where
    /// the queries do not fit in memory together the candidates are met more than once, and count each time.
    pub fn watch(mut self, watch: impl FnMut(usize, usize) -> Result<()> + Send + 'a) -> Self {
        self.watch = Box::new(watch);
        self
    }

    /// The exact neighbours of `queries` (q, d) in `base` (n, d).
    ///
    /// Distances are summed as the metric defines them, so nothing cancels: the order is the exact one but for pairs
    /// that are closer to each other than the rounding of such a sum, d·2⁻²⁴ of its terms' sizes.
    ///
    /// ```
    /// use wgvq::metrics::Metric;
    /// use wgvq::search::Search;
    /// let base = ndarray::array![[0.0_f32, 0.0], [3.0, 4.0], [0.0, 0.0], [1.0, 0.0]];
    /// let queries = ndarray::array![[0.0_f32, 0.0]];
    /// let found = Search::nearest(3).flat(&wgvq::Engine::cpu(), Metric::SquaredL2, &base, &queries)?;
    /// assert_eq!(found.ids, ndarray::array![[0, 2, 3]]);
    /// assert_eq!(found.distances, ndarray::array![[0.0, 0.0, 1.0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if k is 0, above n or above [`MOST_NEIGHBOURS`], the dimensions differ, or a
    /// value is not finite or too large to square; [`Device`](crate::ErrorKind::Device).
    pub fn flat(
        self,
        engine: &Engine,
        metric: Metric,
        base: &dyn Vectors,
        queries: &dyn Vectors,
    ) -> Result<Neighbours> {
        same_dimension("base vectors", base.dim(), queries)?;
        if metric == Metric::Cosine {
            let [base, queries] = &UnitVectors::of(base, queries)?;
            let flat = flat::Flat::new(engine, Metric::SquaredL2, base, Scale::ONE, COSINE);
            return scan::run(&flat, engine, queries, self);
        }
        flat::scaled(engine, metric, base, queries, self)
    }

    /// The neighbours of `queries` (q, d) among what the `n` codes of `quantizer` stand for, by any metric.
    /// `read` gives the codes of any range of rows, (rows, m).
    ///
    /// Every code is looked at. If no two codebooks are of the same dimension, a squared distance is the sum of m entries of
    /// a table of ‖q − c‖²; else ‖q‖² + ‖y‖² plus m entries of a table of −2 q·c, about the mean of all y. An inner product
    /// is the sum of m entries of a table. By other metrics, and for quantizers without codebooks, vectors are decoded and
    /// compared.
    ///
    /// ```
    /// use wgvq::metrics::Metric;
    /// use wgvq::search::Search;
    /// let vq = wgvq::Vq::new(ndarray::array![[0.0_f32, 0.0], [3.0, 4.0]])?;
    /// let codes = ndarray::array![[1], [0], [1]];
    /// let read = |rows: std::ops::Range<usize>| Ok(codes.slice(ndarray::s![rows, ..]).to_owned());
    /// let queries = ndarray::array![[0.0_f32, 4.0]];
    /// let found = Search::nearest(2).codes(&wgvq::Engine::cpu(), Metric::SquaredL2, &vq, 3, read, &queries)?;
    /// assert_eq!((found.ids, found.distances), (ndarray::array![[0, 2]], ndarray::array![[9.0, 9.0]]));
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`flat`](Self::flat); [`Input`](crate::ErrorKind::Input), naming row and column, for a code that names no
    /// codeword; errors of `read`.
    pub fn codes(
        self,
        engine: &Engine,
        metric: Metric,
        quantizer: &dyn Quantizer,
        n: usize,
        read: impl Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync,
        queries: &dyn Vectors,
    ) -> Result<Neighbours> {
        same_dimension("decoded vectors", quantizer.dim(), queries)?;
        self.among(&CodedVectors::new(engine, metric, quantizer, n, read)?, queries)
    }

    /// The same among codes that have been made ready before.
    ///
    /// # Errors
    /// As [`codes`](Self::codes).
    pub fn among(
        self,
        coded: &CodedVectors<'_, impl Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync>,
        queries: &dyn Vectors,
    ) -> Result<Neighbours> {
        coded.find(queries, self)
    }
}

fn same_dimension(what: &str, d: usize, queries: &dyn Vectors) -> Result<()> {
    if queries.dim() == d {
        return Ok(());
    }
    Err(Error::input(format!("the queries have {} dimensions, the {what} {d}", queries.dim())))
}
