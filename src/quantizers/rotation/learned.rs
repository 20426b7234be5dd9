//! A rotation that is learned together with a product quantizer (OPQ), or with one in place of what is behind it.

use std::fmt;
use std::ops::Range;

use faer::Mat;
use ndarray::Array2;

use super::{Rotated, apply, centre, settings_behind};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::principal::principal_axes;
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::product::{PQ, PartedSpec};
use crate::quantizers::spec::{Needs, Node, Piece, Spec};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::{beside, codebooks, encoding};
use crate::quantizers::{Product, Quantizer, joint};
use crate::settings::{DefaultValue, Setting, Settings, Values};
use crate::train::{Holds, KMeans, Observer};
use crate::vectors::Vectors;

pub(in crate::quantizers) static OPQ: Kind = Kind {
    name: "OPQ",
    letters: &["OPQ"],
    title: "a rotation that is learned for so many parts, before a product quantizer or most others",
    examples: &["OPQ8,PQ8x8", "OPQ4,RQ4x6"],
    place: Place::Before,
    settings: &[&ROTATIONS, &REFINE],
    parse,
};

static ROTATIONS: Setting =
    Setting::new("rotations", Values::Count(0, u64::MAX), "Rounds of fitting the rotation of OPQ, at most")
        .by_default(DefaultValue::Count(20));

/// Another name of [`ROTATIONS`], where what is behind the rotation has no joint fits.
static REFINE: Setting = Setting::new(
    "refine",
    Values::Count(0, u64::MAX),
    "Rounds of fitting the rotation, at most; another name of rotations",
)
.by_default(DefaultValue::Count(20));

fn parse(piece: &Piece<'_>, inner: Option<Spec>) -> Result<Spec> {
    let parts = piece.count("parts", piece.number()?)?;
    let inner = inner.ok_or_else(|| piece.incomplete())?;
    let spec = OptimizedSpec { parts, inner };
    match spec.inner.of::<PartedSpec>() {
        Some(other) if other.parts != parts => Err(Error::input(format!(
            "{spec} rotates for {parts} parts and quantizes {}; both have to be the same, such as in OPQ8,PQ8x8",
            other.parts
        ))),
        _ => Ok(Spec::new(spec)),
    }
}

struct OptimizedSpec {
    parts: usize,
    inner: Spec,
}

/// Bits of the product quantizer that a rotation is learned with where none is behind it.
const PROXY_BITS: u32 = 8;

impl OptimizedSpec {
    fn piece(&self) -> String {
        format!("OPQ{}", self.parts)
    }

    /// The bits of the product quantizer that is behind it.
    fn product_bits(&self) -> Option<u32> {
        self.inner.of::<PartedSpec>().filter(|_| self.inner.kind().name == PQ.name).map(|spec| spec.bits)
    }

    fn rounds(&self, settings: &Settings) -> Result<usize> {
        // What has joint fits takes that name for them.
        let has_fits = self.inner.settings().iter().any(|setting| setting.name == REFINE.name);
        let refine = settings.given_count(&REFINE).filter(|_| !has_fits);
        match (settings.given_count(&ROTATIONS), refine) {
            (Some(_), Some(_)) => Err(Error::input(format!(
                "{} and {} both say how often the rotation is fitted; leave one out",
                ROTATIONS.name, REFINE.name
            ))),
            (given, refine) => Ok(given.or(refine).unwrap_or_else(|| ROTATIONS.default_count())),
        }
    }
}

impl fmt::Display for OptimizedSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.piece(), self.inner)
    }
}

impl Node for OptimizedSpec {
    fn kind(&self) -> &'static Kind {
        &OPQ
    }

    fn inner(&self) -> Option<&Spec> {
        Some(&self.inner)
    }

    fn settings(&self) -> Vec<&'static Setting> {
        let mut settings = vec![&ROTATIONS];
        settings.extend(settings_behind(&self.inner));
        if settings.iter().all(|setting| setting.name != REFINE.name) {
            settings.push(&REFINE);
        }
        settings
    }

    fn times(&self, factor: f32) -> Option<Spec> {
        Some(Spec::new(Self { parts: self.parts, inner: self.inner.times(factor) }))
    }

    fn needs(&self, settings: &Settings) -> Result<Needs> {
        self.inner.node().needs(settings)
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        let sizes = joint::sizes(&[self.product_bits().unwrap_or(PROXY_BITS)])?;
        let own = Holds { squares: 25.0, ..beside(8.7, codebooks(&sizes, d), self.parts) };
        if self.product_bits().is_some() {
            return Ok(encoding(own, n, d));
        }
        let inner = self.inner.node().holds(settings, n, d)?;
        let (copies, sample) = match self.needs(settings)? {
            Needs::PerCodeword(_) | Needs::Sample(_) => (own.copies.max(2.0 + inner.copies), 0.0),
            // What is behind it holds no sample of so many copies.
            Needs::All => (inner.copies, 4.0 * own.copies * PROXY.min(n) as f64 * d as f64),
        };
        let beside = own.beside.max(inner.beside);
        Ok(Holds { copies, beside, squares: 25.0, fixed: own.fixed + inner.fixed + sample })
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let rounds = self.rounds(fit.settings)?;
        let builder = Product::builder().parts(self.parts).seed(fit.seed);
        if let Some(bits) = self.product_bits() {
            let builder = builder.bits(bits).trainer(KMeans::of(fit.settings).all_vectors());
            return Ok(Box::new(builder.rotated(rounds).fit_observed(fit.engine, x, fit.observer)?));
        }
        let sample = KMeans::new(1).sample_per_codeword(PROXY).seed(fit.seed).sample(x, None)?.0;
        let bits = sample.nrows().checked_ilog2().unwrap_or(0).clamp(1, PROXY_BITS);
        let learned = builder.bits(bits).rotated(rounds).fit_observed(fit.engine, &sample, fit.observer)?;
        let offset = centre(sample.view());
        Ok(Box::new(Rotated::fit(learned.rotation, offset, self.piece(), &self.inner, x, fit)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Rotated::load(parts, self.piece(), &self.inner)?))
    }
}

/// Vectors that a rotation is learned by where no product quantizer is behind it, at most.
const PROXY: usize = 1 << 16;

/// Iterations of k-means between two fits of the rotation.
pub(in crate::quantizers) const ITERATIONS: usize = 2;

/// The principal axes of `x`, dealt out to the parts: the largest first, each to the part whose variances have the
/// least product so far and that has room (Ge et al., section 4.2: for normal data this is optimal).
pub(in crate::quantizers) fn principal(x: &Array2<f32>, columns: &[Range<usize>]) -> Result<Array2<f32>> {
    let d = x.ncols();
    let principal = principal_axes(x.view())?;
    let mut rotation = Array2::zeros((d, d));
    let mut filled = vec![0; columns.len()];
    let mut logs = vec![0.0; columns.len()];
    // In units of the smallest, so that each makes its part's product larger; one of 0 goes anywhere.
    let positive = principal.values.iter().copied().filter(|&value| value > 0.0);
    let least = positive.fold(f64::INFINITY, f64::min);
    for (axis, &value) in principal.axes.outer_iter().zip(&principal.values) {
        let room = (0..columns.len()).filter(|&part| filled[part] < columns[part].len());
        let part = room.min_by(|&a, &b| f64::total_cmp(&logs[a], &logs[b])).expect("as much room as axes");
        rotation.row_mut(columns[part].start + filled[part]).assign(&axis.mapv(|value| value as f32));
        filled[part] += 1;
        logs[part] += (value / least).max(1.0).ln();
    }
    Ok(rotation)
}

/// Fits rotation and codebooks in turn, `rounds` times. `codebooks` refits a product quantizer to vectors that are turned,
/// from the last one on.
pub(in crate::quantizers) fn fit(
    engine: &Engine,
    x: &Array2<f32>,
    start: Array2<f32>,
    rounds: usize,
    observer: &mut dyn Observer,
    codebooks: impl Fn(&Array2<f32>, Option<Product>, &mut dyn Observer) -> Result<Product>,
) -> Result<(Array2<f32>, Product)> {
    let mut rotation = start;
    let mut product = codebooks(&apply(engine, &rotation, x)?, None, observer)?;
    for number in 0..rounds {
        let turned = apply(engine, &rotation, x)?;
        let encoded = joint::encode(&product, engine, &turned)?;
        joint::report_round(observer, number, encoded.mse)?;
        let decoded = &turned - &encoded.errors;
        rotation = procrustes(x, &decoded)?;
        product = codebooks(&apply(engine, &rotation, x)?, Some(product), observer)?;
    }
    Ok((rotation, product))
}

/// The orthogonal R that brings R·x nearest to y over all rows: V·Uᵀ of xᵀ·y = U·S·Vᵀ (Schönemann 1966).
fn procrustes(x: &Array2<f32>, y: &Array2<f32>) -> Result<Array2<f32>> {
    let d = x.ncols();
    let cross = x.t().dot(y);
    let cross = Mat::from_fn(d, d, |i, j| f64::from(cross[[i, j]]));
    let svd = cross.svd().map_err(|_| {
        Error::input("the vectors and what they decode to cannot be aligned; are all values moderate?")
    })?;
    let rotation = svd.V() * svd.U().transpose();
    Ok(Array2::from_shape_fn((d, d), |(i, j)| rotation[(i, j)] as f32))
}
