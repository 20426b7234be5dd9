//! Comparison with every vector: stored, or decoded from codes.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use super::scan::{Candidates, check_range};
use super::tables::CodeRows;
use crate::Vectors;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Context, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::quantizers::Coder;

/// Vectors as they are.
pub(super) struct Flat<'a> {
    pub engine: &'a Engine,
    pub metric: Metric,
    pub base: &'a dyn Vectors,
}

impl Candidates for Flat<'_> {
    type Batch = Array2<f32>;
    type Loaded = Matrix<f32>;
    /// The kernel of all distances takes the queries for codewords: they are the few, the candidates the many.
    type Probes = Codebook;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn bytes(&self) -> usize {
        // One batch being read, one waiting, and two on the device with the copies that were uploaded.
        6 * 4 * self.base.dim()
    }

    fn table_bytes(&self) -> usize {
        4 * self.base.dim()
    }

    fn columns(&self, queries: usize) -> usize {
        queries
    }

    fn read(&self, rows: Range<usize>) -> Result<Array2<f32>> {
        let first = rows.start;
        let x = self.base.read_rows(rows)?;
        check_range(x.view(), first).context(|| "the base vectors")?;
        Ok(x)
    }

    fn load(&self, _: &mut Recorder<'_>, batch: Array2<f32>) -> Result<Matrix<f32>> {
        self.engine.upload(batch.view())
    }

    fn probe(&self, recorder: &mut Recorder<'_>, queries: ArrayView2<f32>) -> Result<Codebook> {
        codebook_of(recorder, queries, self.metric)
    }

    fn score(
        &self,
        recorder: &mut Recorder<'_>,
        loaded: &Matrix<f32>,
        probes: &Codebook,
        scores: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.distance_matrix(loaded, probes, scores)
    }
}

/// What codes stand for, decoded batch by batch: for quantizers that have no codebooks to make tables of.
pub(super) struct Decoded<'a, R> {
    pub engine: &'a Engine,
    pub coder: Box<dyn Coder>,
    pub codes: CodeRows<R>,
}

impl<R: Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync> Candidates for Decoded<'_, R> {
    type Batch = Array2<u32>;
    type Loaded = Matrix<f32>;
    type Probes = Codebook;

    fn len(&self) -> usize {
        self.codes.n
    }

    fn bytes(&self) -> usize {
        2 * 4 * self.coder.dim() + self.codes.bytes()
    }

    fn table_bytes(&self) -> usize {
        4 * self.coder.dim()
    }

    fn columns(&self, queries: usize) -> usize {
        queries
    }

    fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        self.codes.read(rows)
    }

    fn load(&self, recorder: &mut Recorder<'_>, batch: Array2<u32>) -> Result<Matrix<f32>> {
        decode(self.engine, &*self.coder, recorder, &self.engine.upload(batch.view())?)
    }

    fn probe(&self, recorder: &mut Recorder<'_>, queries: ArrayView2<f32>) -> Result<Codebook> {
        codebook_of(recorder, queries, Metric::SquaredL2)
    }

    fn score(
        &self,
        recorder: &mut Recorder<'_>,
        loaded: &Matrix<f32>,
        probes: &Codebook,
        scores: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.distance_matrix(loaded, probes, scores)
    }
}

pub(super) fn codebook_of(
    recorder: &mut Recorder<'_>,
    vectors: ArrayView2<f32>,
    metric: Metric,
) -> Result<Codebook> {
    let mut codebook = Codebook::from_matrix(recorder.engine().upload(vectors)?, metric)?;
    recorder.prepare_codebook(&mut codebook)?;
    Ok(codebook)
}

/// What `codes` (n, m) stand for, (n, d).
pub(super) fn decode(
    engine: &Engine,
    coder: &dyn Coder,
    recorder: &mut Recorder<'_>,
    codes: &Matrix<u32>,
) -> Result<Matrix<f32>> {
    let mut decoded = engine.uninitialized(codes.rows(), coder.dim())?;
    coder.record_decode(recorder, codes, &mut decoded)?;
    Ok(decoded)
}
