//! What stays within `--memory`, and what is said where it cannot.

use std::fmt::Display;

use indicatif::BinaryBytes;
use wgvq::train::Holds;
use wgvq::{Error, Result};

use crate::args::Common;

/// Vectors per codeword below which no sample is made smaller: a codebook would learn them by heart.
const LEAST_PER_CODEWORD: usize = 32;

/// Bytes that a stream takes at least.
const STREAM: u64 = 1 << 18;

/// The vectors that a training is to have in memory.
pub struct Sample {
    pub vectors: usize,
    pub dim: usize,
    /// How many codewords they are for, if the sample may be smaller.
    pub codewords: Option<usize>,
    /// What to do where it does not fit.
    pub instead: &'static str,
}

impl Common {
    /// Fails if `what` takes more than `--memory`; `instead` says what would take less.
    pub fn check_memory(&self, needed: u64, what: impl Display, instead: &str) -> Result<()> {
        let memory = self.memory();
        if needed <= memory {
            return Ok(());
        }
        Err(Error::input(format!(
            "{what} takes about {}: --memory is {}; {instead}, or give --memory {}",
            BinaryBytes(needed),
            BinaryBytes(memory),
            enough(needed)
        )))
    }

    /// The part of `--memory` that is left to a stream beside the `held` bytes that `what` takes.
    pub fn memory_beside(&self, held: u64, what: impl Display, instead: &str) -> Result<u64> {
        self.check_memory(held.saturating_add(STREAM), what, instead)?;
        Ok(self.memory() - held)
    }

    /// How many vectors to train on: those of the sample, or as many as there is memory for where the sample may be
    /// smaller.
    pub fn training_vectors(&self, holds: &Holds, sample: &Sample) -> Result<usize> {
        let Sample { vectors, dim, codewords, instead } = *sample;
        let (room, needed) = (holds.vectors_within(self.memory(), dim), holds.bytes(vectors, dim));
        if vectors <= room {
            return Ok(vectors);
        }
        if codewords.is_some_and(|k| room >= k.saturating_mul(LEAST_PER_CODEWORD)) {
            log::warn!(
                "a sample of {room} vectors is trained on: {vectors} would take {}, and --memory is {}",
                BinaryBytes(needed),
                BinaryBytes(self.memory())
            );
            return Ok(room);
        }
        let squares = match holds.squares {
            0.0 => String::new(),
            count => format!(" and {count} matrices of {dim} x {dim}"),
        };
        let what = format!("training ({} copies of {vectors} x {dim} values{squares})", holds.copies);
        // Where there is no room beside the matrices, no sample is small enough.
        let instead = if room == 0 { "take another quantizer" } else { instead };
        self.check_memory(needed.max(self.memory() + 1), what, instead)?;
        Ok(vectors)
    }
}

/// An amount of memory of `bytes` or somewhat more, as `--memory` takes it.
fn enough(bytes: u64) -> String {
    let gibibytes = bytes as f64 / f64::from(1 << 30);
    match gibibytes {
        ..1.0 => format!("{}MiB", bytes.div_ceil(1 << 20)),
        _ => format!("{}GiB", (10.0 * gibibytes).ceil() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::enough;

    #[test]
    fn what_is_said_to_be_enough_is() {
        assert_eq!(enough(1), "1MiB");
        assert_eq!(enough((64 << 20) + 1), "65MiB");
        assert_eq!(enough(1 << 30), "1GiB");
        assert_eq!(enough((3 << 30) + 1), "3.1GiB");
    }
}
