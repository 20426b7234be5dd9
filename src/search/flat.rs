//! Comparison with every vector: stored, or decoded from codes.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ndarray::{Array2, ArrayView2};

use super::scan::{self, Candidates, check_range};
use super::tables::CodeRows;
use super::{Neighbours, Search};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Context, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::ops::Op;
use crate::quantizers::Coder;
use crate::scale::{Scale, ScaledVectors};
use crate::vectors::Vectors;

/// Vectors as they are, but for a power of two.
pub(super) struct Flat<'a> {
    engine: &'a Engine,
    metric: Metric,
    base: ScaledVectors<'a>,
    unit: f64,
    /// The largest magnitude met so far, scaled; the bits of a float that is not negative are in its order.
    largest: AtomicU32,
}

impl<'a> Flat<'a> {
    /// `base` times `scale`; a score times `unit` is a distance.
    pub fn new(engine: &'a Engine, metric: Metric, base: &'a dyn Vectors, scale: Scale, unit: f64) -> Self {
        Self { engine, metric, base: ScaledVectors::new(base, scale), unit, largest: AtomicU32::new(0) }
    }
}

/// Rows that tell how large vectors are before they are read.
const FIRST: usize = 4096;

/// Exact search by a sum over the dimensions, of vectors that are scaled so that their squares are within f32.
pub(super) fn scaled(
    engine: &Engine,
    metric: Metric,
    base: &dyn Vectors,
    queries: &dyn Vectors,
    search: Search<'_>,
) -> Result<Neighbours> {
    let first = |x: &dyn Vectors| -> Result<Scale> {
        Ok(Scale::of_lengths(x.read_rows(0..x.len().min(FIRST))?.view()))
    };
    // A smaller exponent is for larger vectors.
    let scale = first(base)?.min(first(queries)?);
    let flat = Flat::new(engine, metric, base, scale, scale.unit_of(metric.power()));
    let scaled = ScaledVectors::new(queries, scale);
    let Search { k, memory, mut watch } = search;
    let found = scan::run(&flat, engine, &scaled, Search { k, memory, watch: Box::new(&mut watch) })?;
    // The first rows were zeros, or larger than all others by so much that distances may have vanished.
    let largest = f64::from(f32::from_bits(flat.largest.load(Relaxed))) * f64::from(scale.inverse());
    let better = Scale::for_width(largest);
    if better <= scale {
        return Ok(found);
    }
    let flat = Flat::new(engine, metric, base, better, better.unit_of(metric.power()));
    scan::run(&flat, engine, &ScaledVectors::new(queries, better), Search { k, memory, watch })
}

fn largest(x: ArrayView2<f32>) -> f32 {
    x.iter().fold(0.0, |most, value| most.max(value.abs()))
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
        check_range(x.view(), first, self.base.scale()).context(|| "the base vectors")?;
        self.largest.fetch_max(largest(x.view()).to_bits(), Relaxed);
        Ok(x)
    }

    fn scale(&self) -> Scale {
        self.base.scale()
    }

    fn unit(&self) -> f64 {
        self.unit
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
    /// What decoded vectors are multiplied with.
    pub scale: Scale,
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
        decode(self.engine, &*self.coder, recorder, &self.engine.upload(batch.view())?, self.scale)
    }

    fn scale(&self) -> Scale {
        self.scale
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

/// What `codes` (n, m) stand for, (n, d), times `scale`.
pub(super) fn decode(
    engine: &Engine,
    coder: &dyn Coder,
    recorder: &mut Recorder<'_>,
    codes: &Matrix<u32>,
    scale: Scale,
) -> Result<Matrix<f32>> {
    let mut decoded = engine.uninitialized(codes.rows(), coder.dim())?;
    coder.record_decode(recorder, codes, &mut decoded)?;
    if !scale.is_one() {
        recorder.update(Op::Mul, &mut decoded, scale.factor())?;
    }
    Ok(decoded)
}
