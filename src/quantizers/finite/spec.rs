//! How FSQ and LFQ are written in a spec, and what a spec does.

use std::fmt;

use super::{FiniteScalar, fit, grid};
use crate::error::{Context, Result};
use crate::quantizers::joint::MOST_JOINT;
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::spec::{Needs, Node, Piece, whole};
use crate::quantizers::training::Fit;
use crate::quantizers::training::memory::encoding;
use crate::quantizers::{Quantizer, Spec};
use crate::settings::Settings;
use crate::train::Holds;
use crate::vectors::Vectors;

pub(in crate::quantizers) static FSQ: Kind = Kind {
    name: "FSQ",
    letters: &["FSQ"],
    title: "finite scalar: a few learned coordinates, each rounded to so many levels; nothing is searched",
    examples: &["FSQ:8x5x5x5"],
    place: Place::Alone,
    settings: &[],
    parse: |piece, _| {
        let levels = behind_colon(piece)?.split('x').map(whole).collect::<Option<Vec<_>>>();
        let levels = levels.ok_or_else(|| piece.incomplete())?;
        levels.iter().try_for_each(|&count| piece.within("levels", count, 2..=grid::MOST).map(drop))?;
        grid::check(&levels).context(|| piece.text.to_string())?;
        Ok(of(levels))
    },
};

pub(in crate::quantizers) static LFQ: Kind = Kind {
    name: "LFQ",
    letters: &["LFQ"],
    title: "lookup-free: the signs of so many learned coordinates, a bit each",
    examples: &["LFQ:12"],
    place: Place::Alone,
    settings: &[],
    parse: |piece, _| {
        let bits = whole(behind_colon(piece)?).ok_or_else(|| piece.incomplete())?;
        Ok(of(vec![2; piece.within("coordinates", bits, 1..=MOST_JOINT / 2)?]))
    },
};

fn behind_colon<'a>(piece: &Piece<'a>) -> Result<&'a str> {
    piece.rest.strip_prefix(':').ok_or_else(|| piece.incomplete())
}

/// Coordinates of so many `levels`.
pub(super) fn of(levels: Vec<usize>) -> Spec {
    Spec::new(FiniteSpec { levels })
}

struct FiniteSpec {
    levels: Vec<usize>,
}

impl fmt::Display for FiniteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if grid::is_binary(&self.levels) {
            return write!(f, "LFQ:{}", self.levels.len());
        }
        let levels: Vec<String> = self.levels.iter().map(usize::to_string).collect();
        write!(f, "FSQ:{}", levels.join("x"))
    }
}

impl Node for FiniteSpec {
    fn kind(&self) -> &'static Kind {
        if grid::is_binary(&self.levels) { &LFQ } else { &FSQ }
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Ok(Needs::Sample(fit::SAMPLE))
    }

    fn holds(&self, _: &Settings, n: usize, d: usize) -> Result<Holds> {
        Ok(encoding(fit::holds(&self.levels, d), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(fit::fit(fit.engine, &self.levels, x, fit.seed, fit.observer)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(FiniteScalar::from_parts(parts, self.levels.len())?))
    }
}
