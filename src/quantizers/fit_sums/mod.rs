//! Fits to all vectors where they lie on many machines.

mod bytes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::even_levels::{Losses, Placements, Wanted};
use super::extent::Ranges;
use super::scalar::Scalar;
use super::{Quantizer, Training, scaled};
use crate::error::{Error, Result};
use crate::scale::{Scale, ScaledVectors};
use crate::vectors::Vectors;

/// What blocks of vectors say to the fit of a quantizer that is trained on all vectors: scalars of evenly spaced levels.
///
/// Their fit takes two passes. The first finds the range of each dimension; the second what the two ways to place levels there
/// lose, of which the better one is taken. Each machine makes the sums of its blocks, they are [added](Self::add), and
/// [`fitted`](Self::fitted) gives the quantizer. Losses are summed as whole numbers, so no bit of it depends on how the vectors were
/// cut into blocks, on who took which, or on the order in which they were added: it is that of [`Training::fit`] of all vectors, which
/// takes the same sums.
///
/// ```
/// use ndarray::s;
/// use wgvq::{FitSums, Training};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((3000, 4), |(row, column)| ((row * (column + 7)) % 101) as f32);
/// let training = Training::new("SQ4".parse()?);
///
/// // Two machines, with a block each.
/// let (here, there) = (x.slice(s![..1000, ..]), x.slice(s![1000.., ..]));
/// let mut first = FitSums::of(&training, &here, 0)?;
/// first.add(FitSums::from_bytes(&FitSums::of(&training, &there, 1)?.to_bytes())?)?;
/// let mut second = first.next(&here, 0)?;
/// second.add(first.next(&there, 1)?)?;
///
/// let whole = training.fit(&engine, &x, &mut ())?.quantizer;
/// assert_eq!(second.fitted(&training)?.tensors(), whole.tensors());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FitSums {
    plan: Plan,
    seen: Seen,
    /// In the second pass those that the first found.
    ranges: Ranges,
    second: Option<Second>,
}

/// What is fitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub spec: String,
    pub wanted: Wanted,
}

/// What a pass has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// The numbers of the blocks.
    blocks: BTreeSet<u64>,
    vectors: u64,
}

/// What the second pass finds.
#[derive(Clone, Debug, PartialEq)]
struct Second {
    /// What the first pass has seen.
    first: Seen,
    losses: Losses,
}

impl Plan {
    fn of(training: &Training) -> Result<Self> {
        training.plan_of_sums()?.ok_or_else(|| {
            Error::input(format!(
                "{} is not fitted by sums of blocks; SQ with evenly spaced levels is",
                training.spec()
            ))
        })
    }
}

impl Seen {
    fn one(block: u64, x: &dyn Vectors) -> Self {
        Self { blocks: BTreeSet::from([block]), vectors: x.len() as u64 }
    }
}

impl FitSums {
    /// What a block of vectors says in the first pass. `block` is a number that no other block has.
    ///
    /// Memory: 8 bytes for each dimension, and 32 more in the second pass.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the quantizer is [not fitted by sums](Training::fits_by_sums), or there are no vectors;
    /// what reading fails with.
    pub fn of(training: &Training, x: &dyn Vectors, block: u64) -> Result<Self> {
        let plan = Plan::of(training)?;
        Ok(Self { plan, seen: Seen::one(block, x), ranges: Ranges::of(x)?, second: None })
    }

    /// What a block of vectors says in the second pass, behind these sums of the first over all blocks.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if these are of the second pass, if they did not see the block, or if the vectors are of
    /// other dimensions or values than then; what reading fails with.
    pub fn next(&self, x: &dyn Vectors, block: u64) -> Result<Self> {
        if self.second.is_some() {
            return Err(Error::input("the sums are of the second pass, which no other follows"));
        }
        if !self.seen.blocks.contains(&block) {
            return Err(Error::input(format!(
                "block {block} was not in the first pass; both take the same blocks"
            )));
        }
        if x.dim() != self.dim() {
            return Err(Error::input(format!(
                "block {block} has {} dimensions; the first pass was over {}",
                x.dim(),
                self.dim()
            )));
        }
        let (scale, placements) = self.placements()?;
        let losses = placements.losses(&ScaledVectors::new(x, scale))?;
        let second = Some(Second { first: self.seen.clone(), losses });
        Ok(Self { seen: Seen::one(block, x), second, ..self.clone() })
    }

    fn dim(&self) -> usize {
        self.ranges.low.len()
    }

    /// What levels there are to choose from for the vectors times a scale.
    fn placements(&self) -> Result<(Scale, Placements)> {
        let scale = Scale::for_width(self.ranges.widths().fold(0.0, f64::max));
        let ranges = self.ranges.clone().times(scale);
        ranges.check()?;
        Ok((scale, Placements::of(&ranges, self.plan.wanted)))
    }

    /// Adds the sums of other blocks.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if they are for another quantizer, of another pass or of other dimensions, or if a block is
    /// in both.
    pub fn add(&mut self, other: Self) -> Result<()> {
        if other.plan != self.plan {
            return Err(Error::input(format!(
                "sums for {} and for {} do not add up: all blocks take the same quantizer and settings",
                self.plan.spec, other.plan.spec
            )));
        }
        if other.dim() != self.dim() {
            return Err(Error::input(format!(
                "sums of {} dimensions and of {} do not add up: all vectors have as many",
                self.dim(),
                other.dim()
            )));
        }
        if let Some(twice) = self.seen.blocks.intersection(&other.seen.blocks).next() {
            return Err(Error::input(format!("block {twice} is in both sums; each block counts once")));
        }
        match (&mut self.second, other.second) {
            (None, None) => self.ranges.add(&other.ranges),
            (Some(own), Some(other_second))
                if own.first == other_second.first && self.ranges == other.ranges =>
            {
                for (own, other) in own.losses.iter_mut().flatten().zip(other_second.losses.iter().flatten())
                {
                    *own += other;
                }
            }
            _ => {
                return Err(Error::input(
                    "the sums are of different passes and do not add up: all blocks of the second follow the same sums of the \
                     first",
                ));
            }
        }
        self.seen.blocks.extend(other.seen.blocks);
        self.seen.vectors += other.seen.vectors;
        Ok(())
    }

    /// How many vectors the pass has seen.
    pub fn vectors(&self) -> u64 {
        self.seen.vectors
    }

    /// The numbers of the blocks that the pass has seen, in ascending order.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        self.seen.blocks.iter().copied()
    }

    /// The quantizer, of the sums of the second pass over all blocks; `training` is that which the sums were made with.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is another, if the sums are of the first pass, or if the second has not seen all that
    /// the first has.
    pub fn fitted(&self, training: &Training) -> Result<Box<dyn Quantizer>> {
        let plan = Plan::of(training)?;
        if plan != self.plan {
            return Err(Error::input(format!(
                "the sums are for {}, and not for {} with these settings",
                self.plan.spec, plan.spec
            )));
        }
        let Some(Second { first, losses }) = &self.second else {
            return Err(Error::input(
                "the sums are of the first pass; the second, over the same blocks, has to follow",
            ));
        };
        if let Some(missing) = first.blocks.difference(&self.seen.blocks).next() {
            return Err(Error::input(format!("block {missing} was in the first pass and not in the second")));
        }
        if first.vectors != self.seen.vectors {
            return Err(Error::input(format!(
                "the first pass saw {} vectors and the second {}; both take the same",
                first.vectors, self.seen.vectors
            )));
        }
        let (scale, placements) = self.placements()?;
        let levels = placements.best(losses);
        Ok(scaled(Box::new(Scalar::even(self.dim(), self.plan.wanted.k, &levels)?), scale))
    }
}
