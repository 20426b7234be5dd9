//! Refits of codebooks to vectors that lie on many machines.

mod bytes;
mod fixed;
mod plan;
mod solve;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use self::plan::{Group, Plan};
use super::{Batching, EncodedBatch, Quantizer, encode_batches, model};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// Columns whose sums a thread takes at a time: the values of a cache line.
const COLUMNS: usize = 16;

/// What blocks of vectors say of a model's codebooks: how often its codewords occur, and the sums of the vectors that they
/// stand for.
///
/// This is an iteration of k-means (Lloyd 1982), or of joint least squares where codewords add up (Babenko and Lempitsky, CVPR
/// 2014), for vectors that no machine has all of. Each machine makes the sums of its blocks with the same model, they are
/// [added](Self::add), and [`refitted`](Self::refitted) gives the model whose codebooks are best for the codes that all the
/// vectors have. All sums are of whole numbers, so no bit of the result depends on how the vectors were cut into blocks, on who
/// took which, or on the order in which they were added.
///
/// ```
/// use ndarray::s;
/// use wgvq::{Quantizer, RefitSums, Training};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((3000, 4), |(row, column)| ((row * (column + 7)) % 101) as f32);
/// let first = Training::new("PQ2x3".parse()?).set("sample", 20).fit(&engine, &x, &mut ())?.quantizer;
///
/// // Two machines, with a block each.
/// let mut sums = RefitSums::of(&*first, &engine, &x.slice(s![..1000, ..]), 0)?;
/// let other = RefitSums::of(&*first, &engine, &x.slice(s![1000.., ..]), 1)?.to_bytes();
/// sums.add(RefitSums::from_bytes(&other)?)?;
/// assert_eq!(sums.vectors(), 3000);
///
/// let second = sums.refitted(&*first)?;
/// assert!(RefitSums::of(&*second, &engine, &x, 0)?.mse() <= sums.mse());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefitSums {
    plan: Plan,
    /// The numbers of the blocks.
    blocks: BTreeSet<u64>,
    vectors: u64,
    /// The sum of the squared errors.
    error: i128,
    groups: Vec<Sums>,
}

/// Those of a [`Group`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sums {
    /// How often two codewords occur in one vector, (k, k), of which the lower half counts; of one codebook how often each does.
    meetings: Vec<u64>,
    /// The sums of the vectors of each codeword, (columns, k).
    values: Vec<i128>,
}

impl RefitSums {
    /// Encodes a block of vectors and sums them up by their codes. `block` is a number that no other block of the pass has.
    ///
    /// Memory: 16 bytes for each codeword and dimension, and 8 for each pair of codewords that are refitted together.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the model has no codebooks that can be refitted, if the vectors are of other
    /// dimensions, or have values a billion times as large as the codebooks reach; what reading fails with.
    pub fn of(quantizer: &dyn Quantizer, engine: &Engine, x: &dyn Vectors, block: u64) -> Result<Self> {
        let plan = Plan::of(quantizer)?;
        let empty =
            |group: &Group| Sums { meetings: vec![0; group.meetings()], values: vec![0; group.sums()] };
        let groups = plan.groups.iter().map(empty).collect();
        let mut sums =
            Self { plan, blocks: BTreeSet::from([block]), vectors: x.len() as u64, error: 0, groups };
        let coder = quantizer.prepare(engine)?;
        let batching = Batching::of_coder(&*coder, engine);
        encode_batches(&*coder, engine, x, 0..x.len(), batching, |batch| sums.count(batch))?;
        Ok(sums)
    }

    fn count(&mut self, batch: &EncodedBatch) -> Result<()> {
        let Self { plan, error, groups, .. } = self;
        let squares = plan.unit.of_squares();
        for &distance in &batch.distances {
            *error += squares.count(distance)?;
        }
        for (group, sums) in plan.groups.iter().zip(groups) {
            group.count_meetings(batch.codes.view(), &mut sums.meetings);
            let k = group.codewords();
            let columns = sums
                .values
                .par_chunks_mut(COLUMNS * k)
                .zip(group.summed.clone().into_par_iter().step_by(COLUMNS));
            columns.try_for_each(|(values, first)| {
                for (x, codes) in batch.x.outer_iter().zip(batch.codes.outer_iter()) {
                    for (values, column) in values.chunks_mut(k).zip(first..) {
                        let value = plan.unit.count(f64::from(x[column]))?;
                        for (j, offset) in group.offsets[..group.len()].iter().enumerate() {
                            values[offset + codes[group.first + j] as usize] += value;
                        }
                    }
                }
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }

    /// Adds the sums of other blocks.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if they are of another model, or if a block is in both.
    pub fn add(&mut self, other: Self) -> Result<()> {
        if other.plan != self.plan {
            return Err(Error::input(format!(
                "sums of the model {} and of the model {} do not add up: all blocks of a pass take the same model",
                self.plan.model, other.plan.model
            )));
        }
        if let Some(twice) = self.blocks.intersection(&other.blocks).next() {
            return Err(Error::input(format!("block {twice} is in both sums; each block counts once")));
        }
        self.blocks.extend(other.blocks);
        self.vectors += other.vectors;
        self.error += other.error;
        for (sums, other) in self.groups.iter_mut().zip(other.groups) {
            sums.meetings.iter_mut().zip(other.meetings).for_each(|(sum, other)| *sum += other);
            sums.values.iter_mut().zip(other.values).for_each(|(sum, other)| *sum += other);
        }
        Ok(())
    }

    /// How many vectors were summed up.
    pub fn vectors(&self) -> u64 {
        self.vectors
    }

    /// The numbers of the blocks, in ascending order.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        self.blocks.iter().copied()
    }

    /// The mean squared error that the vectors have with the model the sums were made with; NaN of none.
    pub fn mse(&self) -> f64 {
        self.plan.unit.of_squares().value(self.error) / self.vectors as f64
    }

    /// The model with the codebooks that are best for the codes that the vectors have; `quantizer` is the model that the sums
    /// were made with. A codeword that stands for no vector stays where it is.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is another model, or the least squares cannot be solved.
    pub fn refitted(&self, quantizer: &dyn Quantizer) -> Result<Box<dyn Quantizer>> {
        if Plan::of(quantizer)? != self.plan {
            return Err(Error::input(format!(
                "the sums are of the model {}, not of this {}",
                self.plan.model,
                quantizer.spec()
            )));
        }
        let layout = quantizer.layout();
        let mut codebooks: Vec<Array2<f32>> =
            layout.codebooks.iter().map(|&codebook| codebook.clone()).collect();
        for (group, sums) in self.plan.groups.iter().zip(&self.groups) {
            let sums = solve::sums_of(group, sums, self.plan.unit, &layout);
            let own = &mut codebooks[group.first..][..group.len()];
            if let [codebook] = own {
                solve::means(codebook, &sums, layout.is_ragged);
            } else {
                solve::least_squares(own, group, &sums, layout.is_ragged)?;
            }
        }
        model::with_codebooks(quantizer, &codebooks)
    }
}

impl Group {
    fn count_meetings(&self, codes: ArrayView2<u32>, meetings: &mut [u64]) {
        let (books, k) = (self.len(), self.codewords());
        for codes in codes.outer_iter() {
            let codeword = |j: usize| self.offsets[j] + codes[self.first + j] as usize;
            if books == 1 {
                meetings[codeword(0)] += 1;
                continue;
            }
            for j in 0..books {
                for i in 0..=j {
                    meetings[codeword(j) * k + codeword(i)] += 1;
                }
            }
        }
    }
}
