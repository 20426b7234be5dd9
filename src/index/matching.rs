//! Which rows a predicate holds of.

use std::ops::Range;

use rayon::prelude::*;

use super::Index;
use super::bits::RowBits;
use super::kept::{KeptColumn, last_bits};
use super::predicate::{Check, Predicate, Tree};
use super::segment::Segment;
use crate::error::Result;
use crate::lists::BLOCK;

/// Rows that are looked at together: what they are looked at by stays in the first-level cache.
const STRETCH: usize = 64 * BLOCK;

impl Index {
    /// The rows that are not deleted and of which the predicate holds, of each segment.
    ///
    /// # Errors
    /// A predicate that does not go with the columns; what is damaged.
    pub(super) fn matching(&self, predicate: &Predicate) -> Result<Vec<RowBits>> {
        let tree = predicate.of(&self.model.columns)?;
        self.segments.iter().map(|segment| matching(segment, &tree)).collect()
    }
}

fn matching(segment: &Segment, tree: &Tree<Check, usize>) -> Result<RowBits> {
    let mut stretches = Vec::new();
    for list in 0..segment.lists() {
        let Range { start, end } = segment.list(list);
        stretches.extend((start..end).step_by(STRETCH).map(|start| start..end.min(start + STRETCH)));
    }
    // Each list begins a block, so the words of stretches are those of blocks, in their order.
    let words = stretches.into_par_iter().map(|rows| Ok(Answers::of(tree, segment, rows)?.yes));
    let mut words = words.collect::<Result<Vec<_>>>()?.concat();
    words.iter_mut().zip(segment.deleted.words()).for_each(|(word, deleted)| *word &= !deleted);
    Ok(RowBits::of(words))
}

/// The rows of a stretch of which something holds and those of which it does not, in words; of others it is not known, as they are null.
struct Answers {
    yes: Vec<u32>,
    no: Vec<u32>,
}

impl Answers {
    fn of(tree: &Tree<Check, usize>, segment: &Segment, rows: Range<usize>) -> Result<Self> {
        let part = |part: &Tree<Check, usize>| Self::of(part, segment, rows.clone());
        match tree {
            Tree::Test { column, test } => Self::of_column(test, segment.kept(*column), rows),
            Tree::Not(inner) => part(inner).map(Self::turned),
            Tree::And(parts) => Self::all(parts, part),
            // a or b is not (not a and not b).
            Tree::Or(parts) => Self::all(parts, |inner| part(inner).map(Self::turned)).map(Self::turned),
        }
    }

    fn turned(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    /// Holds where all hold, and does not where one does not.
    fn all<T>(parts: &[T], mut answers: impl FnMut(&T) -> Result<Self>) -> Result<Self> {
        let mut all: Option<Self> = None;
        for part in parts {
            let answers = answers(part)?;
            let Some(all) = &mut all else {
                all = Some(answers);
                continue;
            };
            all.yes.iter_mut().zip(&answers.yes).for_each(|(all, yes)| *all &= yes);
            all.no.iter_mut().zip(&answers.no).for_each(|(all, no)| *all |= no);
        }
        Ok(all.expect("a conjunction has parts"))
    }

    fn of_column(check: &Check, column: KeptColumn<'_>, rows: Range<usize>) -> Result<Self> {
        let there = column.there(rows.clone())?;
        let int = |bytes: &[u8; 8]| i64::from_le_bytes(*bytes);
        let float = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes);
        let yes = match check {
            Check::Null => {
                let all = (0..rows.len()).step_by(BLOCK).map(|row| last_bits((rows.len() - row).min(BLOCK)));
                let yes = all.zip(&there).map(|(all, there)| all & !there).collect();
                return Ok(Self { yes, no: there });
            }
            Check::Int(range) => {
                let (low, high) = (*range.start(), *range.end());
                words(column.numbers(rows)?, |bytes| (low <= int(bytes)) & (int(bytes) <= high))
            }
            Check::IntIn(values) => {
                words(column.numbers(rows)?, |bytes| values.binary_search(&int(bytes)).is_ok())
            }
            Check::Float(range) => {
                let (low, high) = (*range.start(), *range.end());
                words(column.numbers(rows)?, |bytes| (low <= float(bytes)) & (float(bytes) <= high))
            }
            // Both zeros are one.
            Check::FloatIn(values) => words(column.numbers(rows)?, |bytes| {
                values.binary_search_by(|value| value.total_cmp(&(float(bytes) + 0.0))).is_ok()
            }),
            Check::Bool([of_false, of_true]) => {
                let word = |word: u32| if *of_true { word } else { 0 } | if *of_false { !word } else { 0 };
                column.bools(rows)?.into_iter().map(word).collect()
            }
            Check::String(comparison, text) => {
                words(&column.texts(rows)?, |found| comparison.holds((*found).cmp(text.as_bytes())))
            }
            Check::StringIn(texts) => words(&column.texts(rows)?, |found| {
                texts.binary_search_by(|text| text.as_bytes().cmp(found)).is_ok()
            }),
        };
        let no = yes.iter().zip(&there).map(|(yes, there)| !yes & there).collect();
        let yes = yes.into_iter().zip(there).map(|(yes, there)| yes & there).collect();
        Ok(Self { yes, no })
    }
}

/// A word for each block of values.
fn words<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Vec<u32> {
    let bit = |(at, value): (usize, &T)| u32::from(holds(value)) << at;
    values
        .chunks(BLOCK)
        .map(|block| block.iter().enumerate().map(bit).fold(0, |word, bit| word | bit))
        .collect()
}
