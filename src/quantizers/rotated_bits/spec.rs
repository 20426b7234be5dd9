//! How RBQ is written in a spec, and what a spec does.

use std::fmt;

use super::{MOST_BITS, RotatedBits, SAMPLE};
use crate::error::Result;
use crate::ops::gain_shape::LENGTH_CODES;
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::scaled::scaled;
use crate::quantizers::spec::{Needs, Node, Piece};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::{beside, encoding};
use crate::quantizers::{Quantizer, Spec};
use crate::scale::{Scale, ScaledVectors};
use crate::settings::Settings;
use crate::train::Holds;
use crate::vectors::Vectors;

pub(in crate::quantizers) static KIND: Kind = Kind {
    name: "RBQ",
    letters: &["RBQ"],
    title: "1 to 8 bits of each dimension after a random rotation, by levels for a normal distribution, and a length for each vector; \
            only the mean is learned",
    examples: &["RBQ4"],
    place: Place::Alone,
    settings: &[],
    parse: |piece: &Piece<'_>, _| {
        Ok(of(piece.within("bits", piece.number()?, 1..=MOST_BITS as usize)? as u32))
    },
};

/// So many bits of a dimension.
pub(super) fn of(bits: u32) -> Spec {
    Spec::new(RotatedBitsSpec { bits })
}

struct RotatedBitsSpec {
    bits: u32,
}

impl fmt::Display for RotatedBitsSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", KIND.name, self.bits)
    }
}

impl Node for RotatedBitsSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Ok(Needs::Sample(SAMPLE))
    }

    fn holds(&self, _: &Settings, n: usize, d: usize) -> Result<Holds> {
        // The sample, and a copy of it at a time: for the scale, and scaled for the mean.
        Ok(encoding(beside(2.0, 0.0, d + LENGTH_CODES), n, d))
    }

    /// Lengths are codes, and codes must not tell units: vectors are always brought to a width of 1 to 2.
    fn scales_itself(&self) -> bool {
        true
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let scale = Scale::to_unit(x.read_rows(0..x.len())?.view());
        let builder = RotatedBits::builder().bits(self.bits).seed(fit.seed);
        Ok(scaled(Box::new(builder.fit(fit.engine, &ScaledVectors::new(x, scale))?), scale))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(RotatedBits::from_parts(parts, self.bits)?))
    }
}
