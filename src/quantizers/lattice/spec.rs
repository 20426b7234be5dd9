//! How lattices are written in a spec, and what a spec does.

use std::fmt;

use super::kept::SAMPLE_VALUES;
use super::{LatticeVq, SAMPLE, TruncatedLattice};
use crate::error::{Error, Result};
use crate::lattice::{Lattice, MOST_DIMENSIONS};
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::projection::batch_bytes;
use crate::quantizers::spec::{Needs, Node, Piece, whole};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::{beside, encoding};
use crate::quantizers::{Quantizer, Spec};
use crate::settings::{DefaultValue, Setting, Settings, Values};
use crate::train::Holds;
use crate::vectors::Vectors;

pub(in crate::quantizers) static KIND: Kind = Kind {
    name: "lattices",
    letters: &["Z", "Zx", "A", "D", "E", "Leech"],
    title: "lattices; behind x the bits of a block, for the points that carry the data alone; behind : the scale, which \
            otherwise follows from the data",
    examples: &["Z", "A2", "D4", "E8", "Leech24", "E8x12", "E8:0.5"],
    place: Place::Anywhere,
    settings: &[&RATE],
    parse,
};

pub(super) static RATE: Setting = Setting::new(
    "rate",
    Values::Positive(10.0),
    "Bits of entropy per dimension that a lattice without bits and scale is scaled for",
)
.by_default(DefaultValue::Number(4.0));

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let text = piece.text;
    let (points, scale) = text.split_once(':').map_or((text, None), |(points, scale)| (points, Some(scale)));
    let (lattice, bits) =
        points.split_once('x').map_or((points, None), |(lattice, bits)| (lattice, Some(bits)));
    if let Some(dim) = lattice.strip_prefix(['A', 'D']).and_then(whole) {
        piece.within("dimensions", dim, 2..=MOST_DIMENSIONS)?;
    }
    let lattice = Lattice::named(lattice).ok_or_else(|| piece.incomplete())?;
    let bits = bits.map(|bits| piece.bits(whole(bits).ok_or_else(|| piece.incomplete())?)).transpose()?;
    let number = |scale: &str| match scale.parse::<f32>() {
        Ok(number) if number > 0.0 && number.is_normal() => Ok(number),
        Ok(_) => Err(Error::input(format!("{text}: the scale must be 1.2e-38 to 3.4e38, such as in E8:0.5"))),
        Err(_) => Err(piece.incomplete()),
    };
    Ok(Spec::new(LatticeSpec { lattice, bits, scale: scale.map(number).transpose()? }))
}

/// All points about the training data.
pub(super) fn of_box(lattice: Lattice, scale: f32) -> Spec {
    Spec::new(LatticeSpec { lattice, bits: None, scale: Some(scale) })
}

/// 2^`bits` points.
pub(super) fn of_points(lattice: Lattice, bits: u32, scale: f32) -> Spec {
    Spec::new(LatticeSpec { lattice, bits: Some(bits), scale: Some(scale) })
}

#[derive(Clone, Copy)]
struct LatticeSpec {
    lattice: Lattice,
    /// Bits of a block, where some points are kept; a code for each coordinate if not said.
    bits: Option<u32>,
    /// The distance that 1 becomes; chosen from the data if not said.
    scale: Option<f32>,
}

impl fmt::Display for LatticeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lattice.fmt(f)?;
        if let Some(bits) = self.bits {
            write!(f, "x{bits}")?;
        }
        if let Some(scale) = self.scale {
            write!(f, ":{scale}")?;
        }
        Ok(())
    }
}

impl Node for LatticeSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn settings(&self) -> Vec<&'static Setting> {
        if self.scale.is_none() && self.bits.is_none() { KIND.settings.to_vec() } else { Vec::new() }
    }

    fn times(&self, factor: f32) -> Option<Spec> {
        self.scale.map(|scale| Spec::new(Self { scale: Some(scale * factor), ..*self }))
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Ok(Needs::All)
    }

    fn holds(&self, _: &Settings, n: usize, d: usize) -> Result<Holds> {
        let batches = batch_bytes(n, d) as f64;
        let Some(bits) = self.bits else {
            let tried = 4.0 * SAMPLE.min(n) as f64 * d as f64;
            return Ok(encoding(beside(1.0, batches + tried, 0), n, d));
        };
        // Blocks about the mean, all and those that are counted; their nearest points and their codes, here and on the device;
        // and their order, by a slice and a number each.
        let dim = self.lattice.dim();
        let blocks = 4.0 * SAMPLE_VALUES.min(n * d) as f64 * (6.5 + 6.0 / dim as f64);
        // The points, and those about each block's mean.
        let points = 4.0 * (1 << bits) as f64 * (3 * d + 4 * dim) as f64;
        Ok(encoding(beside(1.0, batches + blocks + points, 0), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        if let Some(bits) = self.bits {
            let builder = TruncatedLattice::builder(self.lattice).bits(bits).seed(fit.seed);
            let builder = self.scale.map_or(builder.clone(), |scale| builder.scale(scale));
            return Ok(Box::new(builder.fit(fit.engine, x)?));
        }
        let builder = LatticeVq::builder(self.lattice).seed(fit.seed);
        let builder = match self.scale {
            Some(scale) => builder.scale(scale),
            None => builder.rate(fit.settings.number(&RATE)),
        };
        Ok(Box::new(builder.fit(fit.engine, x)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        let scale = self.scale.ok_or_else(|| Error::input(format!("its spec {self} names no scale")))?;
        Ok(match self.bits {
            Some(bits) => Box::new(TruncatedLattice::from_parts(parts, self.lattice, bits, scale)?),
            None => Box::new(LatticeVq::from_parts(parts, self.lattice, scale)?),
        })
    }
}
