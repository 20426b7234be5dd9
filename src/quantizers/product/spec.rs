//! Quantizers of parts as specs: PQ is parts of VQ, PRQ parts of RQ, PLSQ parts of LSQ.

use std::fmt;

use ndarray::Array2;

use super::{Product, fit_parts, part_scales, split};
use crate::error::{Error, Result};
use crate::quantizers::gradient::{self, ByGradient};
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::residual::{self, BEAM, REFINE};
use crate::quantizers::scaled::scaled;
use crate::quantizers::spec::{Needs, Node, Piece, Spec};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::{self, beside, codebooks, encoding};
use crate::quantizers::{Quantizer, additive, joint, vq};
use crate::scale::Scale;
use crate::settings::Settings;
use crate::train::Holds;
use crate::train::settings::{
    INIT_OF_MANY, ITERATIONS, ITERATIONS_BEFORE_JOINT_FITS, RESTARTS, SAMPLE, TOLERANCE,
};
use crate::vectors::Vectors;

pub(in crate::quantizers) static PQ: Kind = Kind {
    name: "PQ",
    letters: &["PQ"],
    title: "product: parts of the dimensions, a codebook each, of uneven length where they have to be",
    examples: &["PQ8x8"],
    place: Place::Anywhere,
    settings: &[&INIT_OF_MANY, &ITERATIONS, &TOLERANCE, &RESTARTS, &SAMPLE],
    parse: |piece, _| {
        let [parts, bits] = piece.numbers()?;
        Ok(of_codebooks(piece.count("parts", parts)?, piece.bits(bits)?))
    },
};

pub(in crate::quantizers) static PRQ: Kind = Kind {
    name: "PRQ",
    letters: &["PRQ"],
    title: "product-residual: parts, each with stages of its own",
    examples: &["PRQ2x4x8"],
    place: Place::Anywhere,
    settings: &[&BEAM, &REFINE, &INIT_OF_MANY, &ITERATIONS_BEFORE_JOINT_FITS, &TOLERANCE, &RESTARTS, &SAMPLE],
    parse: |piece, _| numbers(piece).map(|(parts, stages, bits)| of_stages(parts, stages, bits)),
};

pub(in crate::quantizers) static PLSQ: Kind = Kind {
    name: "PLSQ",
    letters: &["PLSQ"],
    title: "parts, each the sum of codewords found by local search",
    examples: &["PLSQ2x4x8"],
    place: Place::Anywhere,
    settings: additive::LSQ.settings,
    parse: |piece, _| {
        let (parts, codebooks, bits) = numbers(piece)?;
        let inner = additive::of_local_search(codebooks, bits);
        Ok(Spec::new(PartedSpec { kind: &PLSQ, parts, stages: codebooks, bits, inner }))
    },
};

/// How many parts, codebooks in each, and bits.
fn numbers(piece: &Piece<'_>) -> Result<(usize, usize, u32)> {
    let [parts, codebooks, bits] = piece.numbers()?;
    piece.count("codebooks", parts.saturating_mul(codebooks))?;
    Ok((parts, codebooks, piece.bits(bits)?))
}

/// The product quantizer of codebooks of that many bits.
pub(super) fn of_codebooks(parts: usize, bits: u32) -> Spec {
    Spec::new(PartedSpec { kind: &PQ, parts, stages: 1, bits, inner: vq::spec(1 << bits) })
}

/// The residual quantizers of that many stages, side by side.
pub(super) fn of_stages(parts: usize, stages: usize, bits: u32) -> Spec {
    let inner = residual::of_bits(vec![bits; stages]);
    Spec::new(PartedSpec { kind: &PRQ, parts, stages, bits, inner })
}

#[derive(Clone)]
pub(in crate::quantizers) struct PartedSpec {
    kind: &'static Kind,
    pub parts: usize,
    /// Codebooks of a part.
    pub stages: usize,
    pub bits: u32,
    /// What each part is.
    inner: Spec,
}

impl fmt::Display for PartedSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}x", self.kind.name, self.parts)?;
        if self.kind.name != PQ.name {
            write!(f, "{}x", self.stages)?;
        }
        self.bits.fmt(f)
    }
}

impl Node for PartedSpec {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn has_part_scales(&self) -> bool {
        true
    }

    fn needs(&self, settings: &Settings) -> Result<Needs> {
        self.inner.node().needs(settings)
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        let sizes = joint::sizes(&vec![self.bits; self.stages])?;
        if self.kind.name == PQ.name {
            return Ok(beside(2.4, codebooks(&sizes, d), self.parts));
        }
        let copies = if self.kind.name == PLSQ.name { 6.3 } else { 5.3 };
        Ok(encoding(memory::stack(copies, &sizes, d, settings), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let columns = split(x.dim(), self.parts)?;
        let x = x.read_rows(0..x.len())?;
        let scales = match fit.has_part_scales {
            true => part_scales(&x, &columns),
            false => vec![Scale::ONE; self.parts],
        };
        let Fit { engine, settings, .. } = *fit;
        let parts = fit_parts(&x, &columns, &scales, fit.seed, fit.observer, |x, scale, seed, observer| {
            let settings = settings.times(1.0 / scale.unit());
            let fit = &mut Fit { engine, settings: &settings, seed, observer, has_part_scales: false };
            self.inner.node().fit(x, fit)
        })?;
        Ok(Box::new(Product::side_by_side(parts, Spec::new(self.clone()))))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        let scales = parts.part_scales().to_vec();
        if !scales.is_empty() && scales.len() != self.parts {
            return Err(Error::input(format!("{} scales of {} parts", scales.len(), self.parts)));
        }
        let mut quantizers = Vec::with_capacity(self.parts);
        for part in 0..self.parts {
            let scale = scales.get(part).copied().unwrap_or_default();
            let quantizer = parts.times(scale, |parts| self.inner.node().load(parts))?;
            if quantizer.spec() != self.inner {
                let (found, inner) = (quantizer.spec(), &self.inner);
                return Err(Error::input(format!("part {part} of {self} is {found}; must be {inner}")));
            }
            quantizers.push(scaled(quantizer, scale));
        }
        Ok(Box::new(Product::side_by_side(quantizers, Spec::new(self.clone()))))
    }

    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        if self.kind.name == PQ.name { Some(self) } else { None }
    }
}

impl ByGradient for PartedSpec {
    fn layout(&self, d: usize) -> Result<gradient::Layout> {
        let sizes = joint::sizes(&vec![self.bits; self.parts])?;
        Ok(gradient::Layout::parts(sizes, split(d, self.parts)?))
    }

    fn scales(&self, x: &Array2<f32>, layout: &gradient::Layout) -> Vec<Scale> {
        part_scales(x, &layout.columns)
    }

    fn quantizer(&self, codebooks: Vec<Array2<f32>>, _beam: usize) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Product::new(codebooks)?))
    }

    fn at_scales(
        &self,
        codebooks: Vec<Array2<f32>>,
        scales: &[Scale],
        _beam: usize,
    ) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Product::stacked(codebooks, 1, 1, scales)?))
    }
}
