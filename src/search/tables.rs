//! Search of codes by tables: per query and codeword what the codeword adds to the distance.
//!
//! Where no two codebooks are of the same dimension (product quantization), the distance of q and y is the sum of
//! the codewords' `‖q − c‖²`, each over its own dimensions. Where they overlap (residual and additive quantization),
//! y is a sum of codewords and `‖q − y‖² = ‖q‖² − 2 Σ q·c + ‖y‖²`: the tables hold `−2 q·c`, every candidate starts at
//! its own `‖y‖²`, and `‖q‖²`, the same for all, is added to the distances at the end. All of that is about the mean of
//! the sums, so that it does not cancel where the data lie far from the origin.
//!
//! The inner product of q and y is q·(the mean of the sums) and a sum over the codewords of `q·c`, about that mean.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::flat::{codebook_of, decode};
use super::scan::Candidates;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::Result;
use crate::kernels::lut_build::Place;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::ops::{LANES, Term};
use crate::quantizers::{Coder, Quantizer, check_codes};
use crate::scale::Scale;

/// Codes from wherever `read` finds them, checked on their way.
pub(super) struct CodeRows<R> {
    pub n: usize,
    pub sizes: Vec<usize>,
    pub read: R,
}

impl<R: Fn(Range<usize>) -> Result<Array2<u32>>> CodeRows<R> {
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        let codes = (self.read)(rows.clone())?;
        check_codes(codes.view(), &self.sizes, rows.start)?;
        Ok(codes)
    }

    /// Bytes per row: a batch being read, one waiting, and two on the device with the copies that were uploaded.
    pub fn bytes(&self) -> usize {
        6 * 4 * self.sizes.len()
    }
}

pub(super) struct Tables<'a, R> {
    engine: &'a Engine,
    codes: CodeRows<R>,
    codebooks: Vec<(Matrix<f32>, Place)>,
    /// The entry of each codebook's first codeword, (m, 1).
    firsts: Matrix<u32>,
    entries: usize,
    /// Rᵀ of a quantizer of R·x.
    turn: Option<Array2<f64>>,
    /// The point that R turns about, scaled.
    offset: Option<Array2<f64>>,
    /// What codebooks and decoded vectors are multiplied with.
    scale: Scale,
    kind: Kind,
    /// What a score, to which what is common to a query has been added, is multiplied with to be a distance.
    unit: f64,
}

enum Kind {
    /// Inner products: the mean of what codes stand for, (d), as vectors come, scaled.
    Products { mean: Array1<f64> },
    /// No two codebooks are of the same dimension; `free` are the dimensions of none.
    Disjoint { free: Vec<usize> },
    /// Codewords add up.
    Overlapping {
        coder: Box<dyn Coder>,
        /// The mean of the sums of codewords, (d), behind the rotation.
        mean: Array1<f64>,
        /// The same before the rotation, as a codebook of one.
        origin: Box<Codebook>,
    },
}

impl<'a, R> Tables<'a, R> {
    /// Tables for squared distances or inner products.
    pub fn new(
        engine: &'a Engine,
        metric: Metric,
        quantizer: &dyn Quantizer,
        codes: CodeRows<R>,
    ) -> Result<Self> {
        let (columns, codebooks) = (quantizer.columns(), quantizer.codebooks());
        let mut covering = vec![0; quantizer.dim()];
        columns.iter().for_each(|columns| covering[columns.clone()].iter_mut().for_each(|count| *count += 1));
        let products = metric == Metric::InnerProduct;
        let disjoint = !products && covering.iter().all(|&count| count <= 1);
        let turn = quantizer.rotation().map(|rotation| rotation.t().mapv(f64::from));
        let scale = quantizer.scale();
        let scaled = |array: &Array2<f32>| array.mapv(|value| f64::from(value) * f64::from(scale.factor()));
        let offset = quantizer.offset().map(scaled);

        let mut mean = Array1::<f64>::zeros(quantizer.dim());
        let (mut parts, mut firsts, mut entries) = (Vec::new(), Vec::new(), 0);
        for (codebook, columns) in codebooks.into_iter().zip(columns) {
            let place = Place { column: columns.start, first: entries };
            firsts.push(entries as u32);
            entries += codebook.nrows();
            let codewords = if disjoint {
                engine.upload(scaled(codebook).mapv(|value| value as f32).view())?
            } else {
                let codewords = scaled(codebook);
                let own = codewords.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(columns.len()));
                let mut sum = mean.slice_mut(s![columns]);
                sum += &own;
                engine.upload((codewords - own).mapv(|value| value as f32).view())?
            };
            parts.push((codewords, place));
        }
        // The mean of what codes stand for, before the rotation.
        let origin = || {
            let mut origin = turn.as_ref().map_or_else(|| mean.clone(), |turn| turn.dot(&mean));
            offset.iter().for_each(|offset| origin += &offset.row(0));
            origin
        };
        let kind = if products {
            Kind::Products { mean: origin() }
        } else if disjoint {
            let free = covering.iter().enumerate().filter(|(_, count)| **count == 0);
            Kind::Disjoint { free: free.map(|(column, _)| column).collect() }
        } else {
            let mut recorder = engine.recorder();
            let origin = origin().mapv(|value| value as f32).insert_axis(Axis(0));
            let origin = codebook_of(&mut recorder, origin.view(), Metric::SquaredL2)?;
            recorder.submit()?;
            Kind::Overlapping { coder: quantizer.prepare(engine)?, mean, origin: Box::new(origin) }
        };
        let firsts = Array1::from_vec(firsts).insert_axis(Axis(1));
        Ok(Self {
            engine,
            codes,
            codebooks: parts,
            firsts: engine.upload(firsts.view())?,
            entries,
            turn,
            offset,
            scale,
            kind,
            // Tables of products have twice the products, with the other sign.
            unit: if products { 0.5 * scale.unit() } else { scale.unit() },
        })
    }

    /// The queries as the codebooks see them: rotated, and about the mean. Computed in f64, where each is rounded once.
    fn transformed(&self, queries: ArrayView2<f32>) -> Array2<f32> {
        let mut transformed = queries.mapv(f64::from);
        if let (Some(offset), false) = (&self.offset, matches!(self.kind, Kind::Products { .. })) {
            transformed -= offset;
        }
        if let Some(turn) = &self.turn {
            transformed = transformed.dot(turn);
        }
        if let Kind::Overlapping { mean, .. } = &self.kind {
            transformed -= mean;
        }
        transformed.mapv(|value| value as f32)
    }

    /// What a query's distances have in common.
    fn common(&self, queries: ArrayView2<f32>, transformed: &Array2<f32>) -> Vec<f32> {
        if let Kind::Products { mean } = &self.kind {
            return queries.mapv(f64::from).dot(mean).mapv(|product| (-2.0 * product) as f32).to_vec();
        }
        let square = |value: &f32| f64::from(*value) * f64::from(*value);
        let of = |query: ndarray::ArrayView1<f32>| match &self.kind {
            Kind::Disjoint { free } => free.iter().map(|&column| square(&query[column])).sum::<f64>() as f32,
            _ => query.iter().map(square).sum::<f64>() as f32,
        };
        transformed.outer_iter().map(of).collect()
    }
}

/// A tile of queries.
pub(super) struct Probes {
    /// (groups · entries, 16)
    tables: Matrix<f32>,
    /// One per query.
    common: Vec<f32>,
}

/// A batch of candidates.
pub(super) struct Loaded {
    codes: Held,
    /// What the sum of each begins with, (n, 1).
    starts: Matrix<f32>,
}

/// Codes (n, m) on the device, in as few bytes as they need.
enum Held {
    /// Where no codebook has more than 256 codewords.
    Bytes(Matrix<u8>),
    Words(Matrix<u32>),
}

impl<R: Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync> Candidates for Tables<'_, R> {
    type Batch = Array2<u32>;
    type Loaded = Loaded;
    type Probes = Probes;

    fn len(&self) -> usize {
        self.codes.n
    }

    fn bytes(&self) -> usize {
        let decoded = match &self.kind {
            Kind::Disjoint { .. } | Kind::Products { .. } => 0,
            Kind::Overlapping { coder, .. } => 2 * 4 * coder.dim(),
        };
        decoded + self.codes.bytes()
    }

    fn table_bytes(&self) -> usize {
        4 * self.entries
    }

    fn columns(&self, queries: usize) -> usize {
        queries.next_multiple_of(LANES)
    }

    fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        self.codes.read(rows)
    }

    fn load(&self, recorder: &mut Recorder<'_>, batch: Array2<u32>) -> Result<Loaded> {
        let (n, m) = batch.dim();
        // They have been checked to be below the sizes.
        let in_bytes = self.codes.sizes.iter().all(|&k| k <= 256);
        let Kind::Overlapping { coder, origin, .. } = &self.kind else {
            let codes = if in_bytes {
                Held::Bytes(self.engine.upload(batch.mapv(|code| code as u8).view())?)
            } else {
                Held::Words(self.engine.upload(batch.view())?)
            };
            return Ok(Loaded { codes, starts: self.engine.zeros(n, 1)? });
        };
        let codes = self.engine.upload(batch.view())?;
        let decoded = decode(self.engine, &**coder, recorder, &codes, self.scale)?;
        let mut starts = self.engine.uninitialized(n, 1)?;
        recorder.distance_matrix(&decoded, origin, &mut starts)?;
        if !in_bytes {
            return Ok(Loaded { codes: Held::Words(codes), starts });
        }
        let mut bytes = self.engine.uninitialized(n, m)?;
        recorder.convert(&codes, &mut bytes)?;
        Ok(Loaded { codes: Held::Bytes(bytes), starts })
    }

    fn probe(&self, recorder: &mut Recorder<'_>, queries: ArrayView2<f32>) -> Result<Probes> {
        let transformed = self.transformed(queries);
        let term = match &self.kind {
            Kind::Disjoint { .. } => Term::SquaredDifference,
            Kind::Overlapping { .. } | Kind::Products { .. } => Term::Product,
        };
        let groups = transformed.nrows().div_ceil(LANES);
        let mut tables = self.engine.uninitialized(groups * self.entries, LANES)?;
        let common = self.common(queries, &transformed);
        let queries = self.engine.upload(transformed.view())?;
        for (codewords, place) in &self.codebooks {
            recorder.lut_build(&queries, codewords, term, *place, &mut tables)?;
        }
        Ok(Probes { tables, common })
    }

    fn score(
        &self,
        recorder: &mut Recorder<'_>,
        loaded: &Loaded,
        probes: &Probes,
        scores: &mut Matrix<f32>,
    ) -> Result<()> {
        let Loaded { codes, starts } = loaded;
        match codes {
            Held::Bytes(codes) => recorder.lut_scan(codes, &self.firsts, &probes.tables, starts, scores),
            Held::Words(codes) => recorder.lut_scan(codes, &self.firsts, &probes.tables, starts, scores),
        }
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn unit(&self) -> f64 {
        self.unit
    }

    fn distances(&self, probes: &Probes, scores: &mut Array2<f32>) {
        let least = if matches!(self.kind, Kind::Products { .. }) { f32::NEG_INFINITY } else { 0.0 };
        for (mut row, common) in scores.outer_iter_mut().zip(&probes.common) {
            // The overlapping ones cancel: what is 0 may come out a little below.
            row.mapv_inplace(|score| (score + common).max(least));
        }
    }
}
