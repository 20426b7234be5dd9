//! How the first look of `assign` is done on the CPU, and how often it did not decide.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::half_unit::HalfUnit;

/// What computes the scores, and what became of them; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstLook {
    /// What multiplies in 16 bits, if that is wanted.
    pub unit: Option<HalfUnit>,
    looks: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    vectors: AtomicU64,
    again: AtomicU64,
}

impl FirstLook {
    /// By `unit`, or in f32.
    pub fn by(unit: Option<HalfUnit>) -> Self {
        Self { unit, ..Self::default() }
    }

    /// Counts vectors, and those of them that scores did not decide.
    pub fn count(&self, vectors: usize, again: usize) {
        self.looks.vectors.fetch_add(vectors as u64, Relaxed);
        self.looks.again.fetch_add(again as u64, Relaxed);
    }

    /// What was counted so far.
    pub fn looks(&self) -> Looks {
        Looks { vectors: self.looks.vectors.load(Relaxed), again: self.looks.again.load(Relaxed) }
    }
}

/// How often [`assign`](crate::Recorder::assign) compared a vector with a codebook, and how often its scores did not decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Vectors, of each part and stage one.
    pub vectors: u64,
    /// Those of them that were looked at again: by differences, or in whole numbers.
    pub again: u64,
}

impl Looks {
    /// Those that were looked at again as a share of all; 0 if there were none.
    pub fn share(&self) -> f64 {
        self.again as f64 / (self.vectors as f64).max(1.0)
    }

    /// What came after `before`.
    pub fn since(&self, before: Looks) -> Self {
        Self { vectors: self.vectors - before.vectors, again: self.again - before.again }
    }
}
