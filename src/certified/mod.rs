//! The nearest codeword is the nearest: not by rounded scores, but by the values that vectors and codewords have.
//!
//! What is cheap to compute is rounded, so it cannot tell two codewords apart that are nearly as near. But how far rounding
//! can lead is known, so it can tell which codewords may be the nearest. A search therefore looks up to three times:
//!
//! 1. at cheap scores of all codewords. Where one is ahead by more than rounding can hide, it is the nearest. Where a few are
//!    not told apart, they are compared [exactly](exact). Rows of which more must be known are left open;
//! 2. at sums of differences, for rows that are open. Their rounding is a share of the distance itself, however far the
//!    data lie from the origin or from one another. What they leave are true near ties;
//! 3. at each codeword that is left, [exactly](exact).
//!
//! So codes depend on the values alone: not on the device, the order of summation, the precision of the first look, or which
//! rows were looked at twice. [`bounds`] has the proofs.

pub(crate) mod bounds;
pub(crate) mod exact;
