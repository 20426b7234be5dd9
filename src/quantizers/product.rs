//! Product quantization: the dimensions in parts, each with a quantizer of its own.

mod spec;

pub(super) use spec::{PLSQ, PQ, PRQ, PartedSpec};

use std::ops::Range;

use ndarray::{Array1, Array2, Axis, s};
use serde_json::{Map, Value, json};

use super::codes::check_recorded;
use super::model::SCALE;
use super::residual::{BEAM, REFINE, Residual, bits_of};
use super::rotation::{self, Rotated};
use super::scaled::scaled;
use super::training::InUnits;
use super::{Coder, Layout, Quantizer, Spec, Vq, joint, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::Op;
use crate::scale::{Scale, Typical};
use crate::settings::Settings;
use crate::train::frame::Frame;
use crate::train::{Init, KMeans, Observer};
use crate::vectors::Vectors;

/// The dimensions cut into parts that are quantized apart (Eq. 2.10): by one codebook each (PQ, Jégou et al., TPAMI
/// 2011), or by a residual quantizer each (PRQ).
///
/// ```
/// use wgvq::{Product, Quantizer};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((300, 7), |(row, column)| ((row * (column + 2)) % 16) as f32);
/// let pq = Product::builder().parts(3).bits(4).seed(7).fit(&engine, &x)?;
/// assert_eq!(pq.columns(), [0..3, 3..5, 5..7]);
/// let codes = pq.encode(&engine, &x)?;
/// assert_eq!(codes.view().dim(), (300, 3));
/// let prq = Product::builder().parts(2).stages(2).bits(4).fit(&engine, &x)?;
/// assert_eq!(prq.spec().to_string(), "PRQ2x2x4");
/// # Ok::<(), wgvq::Error>(())
/// ```
pub struct Product {
    parts: Vec<Subspace>,
    spec: Spec,
}

struct Subspace {
    columns: Range<usize>,
    quantizer: Box<dyn Quantizer>,
}

/// The columns of each of `parts` parts of `d` dimensions: the first ones are one longer where d does not divide.
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if there are more parts than dimensions.
pub(super) fn split(d: usize, parts: usize) -> Result<Vec<Range<usize>>> {
    if parts == 0 || parts > d {
        return Err(Error::input(format!(
            "{parts} parts of {d} dimensions; there can be as many as dimensions, such as PQ{}x8",
            d.clamp(1, 8)
        )));
    }
    let (least, longer) = (d / parts, d % parts);
    let start = |part: usize| part * least + part.min(longer);
    Ok((0..parts).map(|part| start(part)..start(part + 1)).collect())
}

/// The scale of each part of `x` (n, d). A part whose vectors are all the same has that of the whole.
pub(super) fn part_scales(x: &Array2<f32>, columns: &[Range<usize>]) -> Vec<Scale> {
    let width = |columns: &Range<usize>| Typical::of(x.slice(s![.., columns.clone()])).width;
    let widths: Vec<f64> = columns.iter().map(width).collect();
    let most = widths.iter().copied().fold(0.0, f64::max);
    widths.iter().map(|&width| Scale::for_width(if width > 0.0 { width } else { most })).collect()
}

/// Trains a quantizer for each part of `x` (n, d), at its scale and with a seed of its own.
fn fit_parts(
    x: &Array2<f32>,
    columns: &[Range<usize>],
    scales: &[Scale],
    seed: u64,
    observer: &mut dyn Observer,
    mut fit: impl FnMut(&Array2<f32>, Scale, u64, &mut dyn Observer) -> Result<Box<dyn Quantizer>>,
) -> Result<Vec<Box<dyn Quantizer>>> {
    let mut parts = Vec::with_capacity(columns.len());
    for (part, (columns, &scale)) in columns.iter().zip(scales).enumerate() {
        let mut x = x.slice(s![.., columns.clone()]).to_owned();
        scale.apply(&mut x);
        let observer = &mut InUnits { observer: &mut *observer, unit: scale.unit() };
        parts.push(scaled(fit(&x, scale, seed.wrapping_add((part as u64) << 40), observer)?, scale));
    }
    Ok(parts)
}

impl Product {
    /// One codebook (K, d_p) per part, the parts side by side.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codebook or one is unusable, or if they are not all of the same
    /// power of two of codewords.
    pub fn new(codebooks: Vec<Array2<f32>>) -> Result<Self> {
        Self::stacked(codebooks, 1, 1, &[])
    }

    /// A residual quantizer of `stages` codebooks per part, searched with a beam of width `beam`: the codebooks of the
    /// first part, then those of the second, and so on.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if the codebooks are not `stages` for each part or the beam is not 1 to 128.
    pub fn residual(codebooks: Vec<Array2<f32>>, stages: usize, beam: usize) -> Result<Self> {
        if stages < 1 {
            return Err(Error::input("0 stages; at least 1 is needed"));
        }
        Self::stacked(codebooks, stages, BEAM.check_count(beam)?, &[])
    }

    /// Codebooks in the vectors' own units, for parts that are quantized at these scales (at 1 if there are none).
    pub(super) fn stacked(
        codebooks: Vec<Array2<f32>>,
        stages: usize,
        beam: usize,
        scales: &[Scale],
    ) -> Result<Self> {
        if codebooks.is_empty() || !codebooks.len().is_multiple_of(stages) {
            let found = codebooks.len();
            return Err(Error::input(format!("{found} codebooks for parts of {stages} stages each")));
        }
        let bits = codebooks.iter().map(bits_of).collect::<Result<Vec<_>>>()?;
        if bits.iter().any(|&other| other != bits[0]) {
            return Err(Error::input(format!("codebooks of {bits:?} bits; all have to be of the same")));
        }
        let (bits, count) = (bits[0], codebooks.len() / stages);
        let spec = match stages {
            1 => spec::of_codebooks(count, bits),
            _ => spec::of_stages(count, stages, bits),
        };
        let mut parts = Vec::with_capacity(count);
        let mut codebooks = codebooks.into_iter();
        for part in 0..count {
            let scale = scales.get(part).copied().unwrap_or_default();
            let mut own: Vec<_> = codebooks.by_ref().take(stages).collect();
            own.iter_mut().for_each(|codebook| scale.apply(codebook));
            let quantizer: Box<dyn Quantizer> = match <[_; 1]>::try_from(own) {
                Ok([codebook]) => Box::new(Vq::new(codebook)?),
                Err(own) => Box::new(Residual::new(own, beam)?),
            };
            parts.push(scaled(quantizer, scale));
        }
        Ok(Self::side_by_side(parts, spec))
    }

    /// The quantizers `parts` of a few dimensions each, as `spec`.
    pub(super) fn side_by_side(parts: Vec<Box<dyn Quantizer>>, spec: Spec) -> Self {
        let mut start = 0;
        let parts = parts.into_iter().map(|quantizer| {
            let columns = start..start + quantizer.dim();
            start = columns.end;
            Subspace { columns, quantizer }
        });
        Self { parts: parts.collect(), spec }
    }

    /// Says how to train one.
    pub fn builder() -> ProductBuilder {
        ProductBuilder::default()
    }
}

/// The k-means of each part, where nothing else is said. It starts from random vectors: k-means++ would take two to six
/// times as long in all, to end .3 to 1 % lower.
pub(super) fn trainer() -> KMeans {
    KMeans::new(256).init(Init::Random)
}

/// How to train a [`Product`].
#[derive(Clone, Debug)]
pub struct ProductBuilder {
    parts: usize,
    stages: usize,
    bits: u32,
    beam: usize,
    refine: usize,
    trainer: Option<KMeans>,
    seed: u64,
}

impl Default for ProductBuilder {
    fn default() -> Self {
        Self {
            parts: 8,
            stages: 1,
            bits: 8,
            beam: BEAM.default_count(),
            refine: REFINE.default_count(),
            trainer: None,
            seed: 0,
        }
    }
}

/// How to train a product quantizer together with a rotation. Made by [`ProductBuilder::rotated`].
///
/// From the principal axes, dealt out so that every part has the same share of the variance, the rotation R and the
/// codebooks are fitted in turn, R by the orthogonal Procrustes problem (OPQ, Ge et al., TPAMI 2014).
#[derive(Clone, Debug)]
pub struct RotatedBuilder {
    product: ProductBuilder,
    rounds: usize,
}

impl RotatedBuilder {
    /// Trains on `x` (n, d), n ≥ 2^bits and d ≥ parts.
    ///
    /// # Errors
    /// As [`ProductBuilder::fit`], and if parts have more than one stage.
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<Rotated> {
        self.fit_observed(engine, x, &mut ())
    }

    /// [`fit`](Self::fit), telling `observer` of each iteration.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so.
    pub fn fit_observed(
        self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Rotated> {
        self.product.fit_rotated(engine, x, self.rounds, observer)
    }
}

impl ProductBuilder {
    /// How many parts; 8 if not said.
    pub fn parts(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }

    /// How many stages each part has; 1 if not said.
    pub fn stages(mut self, stages: usize) -> Self {
        self.stages = stages;
        self
    }

    /// Bits of every codebook; 8 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// The width of the beam, where parts have stages; 5 if not said.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// As [`ResidualBuilder::refine`](super::ResidualBuilder::refine), where parts have stages.
    pub fn refine(mut self, refits: usize) -> Self {
        self.refine = refits;
        self
    }

    /// The settings of k-means, in place of each quantizer's own; k and seed are taken from this builder.
    pub fn trainer(mut self, trainer: KMeans) -> Self {
        self.trainer = Some(trainer);
        self
    }

    /// The seed of everything random; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), n ≥ 2^bits and d ≥ parts.
    ///
    /// # Errors
    /// As [`KMeans::fit`], and for numbers of parts, stages or bits that cannot be.
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<Product> {
        self.fit_observed(engine, x, &mut ())
    }

    /// [`fit`](Self::fit), telling `observer` of each iteration in each part.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so.
    pub fn fit_observed(
        self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Product> {
        let sizes = joint::sizes(&[self.bits])?;
        let columns = split(x.dim(), self.parts)?;
        let trainer = self.trainer.clone().unwrap_or_else(trainer);
        let x = joint::sample(&trainer, &sizes, self.seed, x)?;
        let spec = match self.stages {
            1 => spec::of_codebooks(self.parts, self.bits),
            stages => spec::of_stages(self.parts, stages, self.bits),
        };
        let scales = part_scales(&x, &columns);
        let parts = fit_parts(&x, &columns, &scales, self.seed, observer, |x, _, seed, observer| {
            if self.stages == 1 {
                let codebook = joint::cluster(&trainer, sizes[0], seed, engine, x, observer)?;
                return Ok(Box::new(Vq::new(codebook)?) as Box<dyn Quantizer>);
            }
            let mut residual = Residual::builder()
                .bits(vec![self.bits; self.stages])
                .beam(self.beam)
                .refine(self.refine)
                .seed(seed);
            if let Some(trainer) = &self.trainer {
                residual = residual.trainer(trainer.clone());
            }
            Ok(Box::new(residual.fit_observed(engine, x, observer)?))
        })?;
        Ok(Product::side_by_side(parts, spec))
    }

    /// To be trained together with a rotation R, in `rounds` rounds.
    ///
    /// ```
    /// use wgvq::{Product, Quantizer};
    /// let engine = wgvq::Engine::cpu();
    /// let x = ndarray::Array2::from_shape_fn((300, 4), |(row, column)| ((row * (column / 2 + 2)) % 16) as f32);
    /// let opq = Product::builder().parts(2).bits(4).rotated(10).fit(&engine, &x)?;
    /// assert_eq!(opq.spec().to_string(), "OPQ2,PQ2x4");
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn rotated(self, rounds: usize) -> RotatedBuilder {
        RotatedBuilder { product: self, rounds }
    }

    fn fit_rotated(
        self,
        engine: &Engine,
        x: &dyn Vectors,
        rounds: usize,
        observer: &mut dyn Observer,
    ) -> Result<Rotated> {
        if self.stages != 1 {
            return Err(Error::input("a rotation is learned for parts of one stage; leave the stages out"));
        }
        let sizes = joint::sizes(&[self.bits])?;
        let columns = split(x.dim(), self.parts)?;
        let trainer = self.trainer.clone().unwrap_or_else(trainer);
        let mut x = joint::sample(&trainer, &sizes, self.seed, x)?;
        let (frame, far) = Frame::centred(x.view());
        frame.apply(&mut x);
        let quick = self.clone().trainer(trainer.clone().at_most(rotation::ITERATIONS));
        let start = rotation::principal(&x, &columns)?;
        let (rotation, codebooks) =
            rotation::fit(engine, &x, start, rounds, observer, |turned, before, observer| {
                quick.refit(engine, turned, &columns, before, observer)
            })?;
        let turned = rotation::apply(engine, &rotation, &x)?;
        let last = self.clone().trainer(trainer);
        let product = last.refit(engine, &turned, &columns, Some(codebooks), observer)?;
        let centre = frame.centre().cloned().unwrap_or_else(|| Array1::zeros(x.ncols())).insert_axis(Axis(0));
        if far {
            return Rotated::new(rotation, Box::new(product))?.about(centre);
        }
        // The parts take it back.
        let turned = rotation::apply(engine, &rotation, &centre)?;
        let parts = product.codebooks().into_iter().zip(&columns);
        let moved = parts.map(|(codebook, columns)| codebook + &turned.slice(s![.., columns.clone()]));
        Rotated::new(rotation, Box::new(Product::new(moved.collect())?))
    }

    /// Trains on all of `x`, from the codebooks of `before` on if there are any.
    fn refit(
        &self,
        engine: &Engine,
        x: &Array2<f32>,
        columns: &[Range<usize>],
        before: Option<Product>,
        observer: &mut dyn Observer,
    ) -> Result<Product> {
        let k = 1 << self.bits;
        let mut codebooks = Vec::new();
        for (part, columns) in columns.iter().enumerate() {
            let mut trainer = self.trainer.clone().unwrap_or_else(trainer);
            if let Some(before) = &before {
                trainer = trainer.init(Init::From(before.codebooks()[part].clone()));
            }
            let seed = self.seed.wrapping_add((part as u64) << 40);
            let part = x.slice(s![.., columns.clone()]).to_owned();
            codebooks.push(joint::cluster(&trainer, k, seed, engine, &part, observer)?);
        }
        Product::new(codebooks)
    }
}

impl sealed::Sealed for Product {}

impl Quantizer for Product {
    fn spec(&self) -> Spec {
        self.spec.clone()
    }

    fn layout(&self) -> Layout<'_> {
        let parts: Vec<_> = self.parts.iter().map(|part| part.quantizer.layout()).collect();
        let columns = self.parts.iter().zip(&parts);
        Layout {
            columns: columns
                .flat_map(|(part, layout)| vec![part.columns.clone(); layout.codebooks.len()])
                .collect(),
            codebooks: parts.iter().flat_map(|layout| layout.codebooks.clone()).collect(),
            ..Layout::without_codebooks(
                self.parts.last().map_or(0, |part| part.columns.end),
                parts.iter().flat_map(|layout| layout.codebook_sizes.clone()).collect(),
            )
        }
    }

    fn settings(&self) -> Map<String, Value> {
        let mut settings = self.parts.first().map(|part| part.quantizer.settings()).unwrap_or_default();
        settings.remove(SCALE);
        let scales: Vec<_> = self.parts.iter().map(|part| part.quantizer.scale()).collect();
        if scales.iter().any(|scale| !scale.is_one()) {
            settings.insert(SCALE.into(), json!(scales));
        }
        settings
    }

    fn scale(&self) -> Scale {
        self.parts.iter().map(|part| part.quantizer.scale()).min().unwrap_or_default()
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        let part =
            |part: &Subspace| Ok((part.columns.clone(), part.quantizer.prepare_with(engine, settings)?));
        Ok(Box::new(ProductCoder { parts: self.parts.iter().map(part).collect::<Result<_>>()? }))
    }
}

struct ProductCoder {
    parts: Vec<(Range<usize>, Box<dyn Coder>)>,
}

impl Coder for ProductCoder {
    fn dim(&self) -> usize {
        self.parts.last().map_or(0, |(columns, _)| columns.end)
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.parts.iter().flat_map(|(_, coder)| coder.codebook_sizes()).collect()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let codebooks: Vec<_> = self.parts.iter().filter_map(|(_, coder)| coder.codebook()).collect();
        if codebooks.len() == self.parts.len() {
            let columns: Vec<_> = self.parts.iter().map(|(columns, _)| columns.start).collect();
            return recorder.assign_parts(x, &columns, &codebooks, codes, distances);
        }
        let (engine, n, common) = (recorder.engine().clone(), x.rows(), self.scale());
        let mut further = engine.uninitialized(n, 1)?;
        let mut code = 0;
        for (columns, coder) in &self.parts {
            let m = coder.codebook_sizes().len();
            let mut part = engine.uninitialized(n, columns.len())?;
            let mut chosen = engine.uninitialized(n, m)?;
            recorder.copy_columns(x, columns.clone(), &mut part, 0)?;
            let own = if code == 0 { &mut *distances } else { &mut further };
            coder.record_encode(recorder, &part, &mut chosen, own)?;
            if coder.scale() != common {
                // At most 1: what vanishes is nothing beside the parts of larger values.
                let ratio = (coder.scale().unit() / common.unit()) as f32;
                recorder.update(Op::Mul, own, ratio)?;
            }
            if code > 0 {
                recorder.update(Op::Add, distances, &further)?;
            }
            recorder.copy_columns(&chosen, 0..m, codes, code)?;
            code += m;
        }
        Ok(())
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let (engine, n) = (recorder.engine().clone(), codes.rows());
        let mut first = 0;
        for (columns, coder) in &self.parts {
            let m = coder.codebook_sizes().len();
            let mut own_codes = engine.uninitialized(n, m)?;
            let mut own = engine.uninitialized(n, columns.len())?;
            recorder.copy_columns(codes, first..first + m, &mut own_codes, 0)?;
            coder.record_decode(recorder, &own_codes, &mut own)?;
            recorder.copy_columns(&own, 0..columns.len(), decoded, columns.start)?;
            first += m;
        }
        Ok(())
    }

    fn record_codebooks(&mut self, recorder: &mut Recorder<'_>, codebooks: &[&Matrix<f32>]) -> Result<()> {
        let mut rest = codebooks;
        for (_, coder) in &mut self.parts {
            let (own, others) = rest.split_at(coder.codebook_sizes().len());
            coder.record_codebooks(recorder, own)?;
            rest = others;
        }
        Ok(())
    }

    fn scale(&self) -> Scale {
        self.parts.iter().map(|(_, coder)| coder.scale()).min().unwrap_or_default()
    }

    fn scratch_bytes(&self) -> usize {
        let of = |(columns, coder): &(Range<usize>, Box<dyn Coder>)| {
            4 * (columns.len() + coder.codebook_sizes().len() + 1) + coder.scratch_bytes()
        };
        self.parts.iter().map(of).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_dimensions_and_differ_by_one_at_most() {
        assert_eq!(split(8, 4).unwrap(), [0..2, 2..4, 4..6, 6..8]);
        assert_eq!(split(7, 3).unwrap(), [0..3, 3..5, 5..7]);
        assert_eq!(split(3, 3).unwrap(), [0..1, 1..2, 2..3]);
        assert!(split(3, 4).unwrap_err().to_string().contains("4 parts of 3 dimensions"));
    }
}
