//! Residual quantizers as specs, and their settings.

use std::fmt;

use ndarray::Array2;

use super::Residual;
use crate::error::Result;
use crate::kernels::beam_step::MOST_ENTRIES;
use crate::quantizers::gradient::{self, ByGradient};
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::spec::{Needs, Node, Piece, Spec};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::{self, encoding};
use crate::quantizers::{Quantizer, joint};
use crate::settings::{DefaultValue, Setting, Settings, Stage, Values};
use crate::train::settings::{INIT_OF_MANY, ITERATIONS_BEFORE_JOINT_FITS, RESTARTS, SAMPLE, TOLERANCE};
use crate::train::{Holds, KMeans};
use crate::vectors::Vectors;

pub(in crate::quantizers) static KIND: Kind = Kind {
    name: "RQ",
    letters: &["RQ"],
    title: "residual: stages, each for what those before leave over, by beam search; with a largest error a vector gets only the codes that it needs",
    examples: &["RQ8x8", "RQ1x10+7x8"],
    place: Place::Anywhere,
    settings: &[
        &BEAM,
        &REFINE,
        &MAX_ERROR,
        &INIT_OF_MANY,
        &ITERATIONS_BEFORE_JOINT_FITS,
        &TOLERANCE,
        &RESTARTS,
        &SAMPLE,
    ],
    parse,
};

pub(in crate::quantizers) static BEAM: Setting =
    Setting::new("beam", Values::Count(1, MOST_ENTRIES as u64), "Width of the beam; 1 is greedy")
        .by_default(DefaultValue::Count(5))
        .until(Stage::Encode);

pub(in crate::quantizers) static REFINE: Setting =
    Setting::new("refine", Values::Count(0, u64::MAX), "Joint fits of all codebooks, at most")
        .by_default(DefaultValue::Count(16));

pub(in crate::quantizers) static MAX_ERROR: Setting = Setting::new(
    "max_error",
    Values::SquaredDistance,
    "Squared error of a vector at which it gets no more codes; a model is trained with or without",
)
.by_default(DefaultValue::Unset("all codes"))
.until(Stage::Encode);

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let mut stages = Vec::new();
    for group in piece.rest.split('+') {
        let [count, bits] = piece.numbers_of(group)?;
        let (count, bits) = (piece.count("stages", count)?, piece.bits(bits)?);
        stages.resize(piece.count("stages", stages.len() + count)?, bits);
    }
    Ok(of_bits(stages))
}

/// The residual quantizer of stages of these bits.
pub(in crate::quantizers) fn of_bits(bits: Vec<u32>) -> Spec {
    Spec::new(ResidualSpec { bits })
}

pub(in crate::quantizers) struct ResidualSpec {
    /// Bits of each stage.
    pub bits: Vec<u32>,
}

impl fmt::Display for ResidualSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, group) in self.bits.chunk_by(|a, b| a == b).enumerate() {
            let joint = if number == 0 { "RQ" } else { "+" };
            write!(f, "{joint}{}x{}", group.len(), group[0])?;
        }
        Ok(())
    }
}

impl Node for ResidualSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Needs::of_bits(&self.bits)
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        Ok(encoding(memory::stack(5.3, &joint::sizes(&self.bits)?, d, settings), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let builder = Residual::builder()
            .bits(self.bits.clone())
            .beam(fit.settings.count(&BEAM))
            .refine(fit.settings.count(&REFINE))
            .trainer(KMeans::of(fit.settings).all_vectors())
            .seed(fit.seed);
        let builder = match fit.settings.given_number(&MAX_ERROR) {
            Some(limit) => builder.max_error(limit as f32),
            None => builder,
        };
        Ok(Box::new(builder.fit_observed(fit.engine, x, fit.observer)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Residual::from_parts(parts, self.bits.len())?))
    }

    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        Some(self)
    }
}

impl ByGradient for ResidualSpec {
    fn layout(&self, d: usize) -> Result<gradient::Layout> {
        Ok(gradient::Layout::residual(joint::sizes(&self.bits)?, d))
    }

    fn quantizer(&self, codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Residual::new(codebooks, beam)?))
    }
}
