//! A part of a spec, as the kind that its letters name reads it: numbers, their ranges, and what is said where they do not fit.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};
use crate::quantizers::kinds::Kind;
use crate::settings::listed;

/// The most bits of a codebook that a multi-codebook quantizer may have.
const MOST_BITS: u32 = 16;

/// The most parts, stages or codebooks: vectors of more dimensions than this are hardly vectors.
const MOST_CODEBOOKS: usize = 4096;

/// A part of a spec between commas, to be parsed by the kind that its letters name.
pub(in crate::quantizers) struct Piece<'a> {
    pub text: &'a str,
    /// What follows the letters.
    pub rest: &'a str,
    pub kind: &'static Kind,
}

impl Piece<'_> {
    /// The error for a piece that lacks something or has too much.
    pub fn incomplete(&self) -> Error {
        let examples = listed(self.kind.examples, "or");
        Error::input(format!(
            "the spec {:?} is not complete or has too much; an example is {examples}",
            self.text
        ))
    }

    /// The number that follows the letters.
    pub fn number(&self) -> Result<usize> {
        whole(self.rest).ok_or_else(|| self.incomplete())
    }

    /// The `N` numbers joined by `x` that follow the letters.
    pub fn numbers<const N: usize>(&self) -> Result<[usize; N]> {
        self.numbers_of(self.rest)
    }

    /// The `N` numbers joined by `x` that `text` is.
    pub fn numbers_of<const N: usize>(&self, text: &str) -> Result<[usize; N]> {
        let found: Option<Vec<usize>> = text.split('x').map(whole).collect();
        found.and_then(|found| found.try_into().ok()).ok_or_else(|| self.incomplete())
    }

    /// `bits` as those of a codebook.
    pub fn bits(&self, bits: usize) -> Result<u32> {
        Ok(self.within("bits", bits, 1..=MOST_BITS as usize)? as u32)
    }

    /// `count` as a number of parts, stages or codebooks.
    pub fn count(&self, what: &str, count: usize) -> Result<usize> {
        self.within(what, count, 1..=MOST_CODEBOOKS)
    }

    /// `count`, if it is in the range.
    pub fn within(&self, what: &str, count: usize, range: RangeInclusive<usize>) -> Result<usize> {
        if range.contains(&count) {
            return Ok(count);
        }
        let (least, most) = range.into_inner();
        Err(Error::input(format!(
            "{}: the {what} must be {least} to {most}, such as in {}",
            self.text,
            self.example()
        )))
    }

    /// The example of the kind that is written most like this piece.
    pub fn example(&self) -> &'static str {
        let alike = |example: &&&str| {
            let signs = [':', 'x', '+'].into_iter();
            let signs = signs.filter(|&sign| example.contains(sign) == self.text.contains(sign)).count();
            (signs, example.chars().next() == self.text.chars().next())
        };
        // Of those that are as much alike the first.
        self.kind.examples.iter().rev().max_by_key(alike).copied().unwrap_or_default()
    }
}

/// The number that `text` is in decimal digits; those that no count reaches are [`usize::MAX`].
pub(in crate::quantizers) fn whole(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}
