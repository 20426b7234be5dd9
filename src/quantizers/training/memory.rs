//! How much memory the training of each kind takes.

use super::Training;
use crate::error::Result;
use crate::quantizers::projection::batch_bytes;
use crate::quantizers::{ScalarLevels, Spec, joint, lattice, scalar, tree_residual};
use crate::train::Holds;

/// Bytes that batches take while vectors are encoded, and as how many copies of a vector.
const BATCHES: f64 = (32 << 20) as f64;
const BATCH_COPIES: f64 = 8.0;

/// Copies of all codebooks.
const CODEBOOKS: f64 = 6.0;

impl Training {
    /// What it holds of a sample of `n` vectors of `d` dimensions.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained.
    pub fn holds(&self, n: usize, d: usize) -> Result<Holds> {
        let stack = |copies, bits: &[u32]| self.stack(copies, &joint::sizes(bits)?, d);
        let holds = match &self.spec {
            Spec::Vq { .. } | Spec::SpaceFilling { .. } => {
                let own = self.sampler()?.holds(d);
                return Ok(Holds { copies: 1.0 + own.copies, ..own });
            }
            Spec::Product { parts, bits } => {
                return Ok(beside(2.4, codebooks(&joint::sizes(&[*bits])?, d), *parts));
            }
            Spec::Scalar { .. } if self.levels == Some(ScalarLevels::LloydMax) => {
                // A sample of its own beside the batches, of which each thread sorts a column, and sums it up in f64.
                let columns = d as f64 + 8.0 * rayon::current_num_threads() as f64;
                let sample = 4.0 * scalar::SAMPLE.min(n) as f64 * columns;
                return Ok(beside(1.1, batch_bytes(n, d) as f64 + sample, 0));
            }
            Spec::Scalar { .. } | Spec::Equalized { .. } => {
                return Ok(beside(1.1, batch_bytes(n, d) as f64, 0));
            }
            Spec::OptimizedProduct { parts, bits } => {
                Holds { squares: 25.0, ..beside(8.7, codebooks(&joint::sizes(&[*bits])?, d), *parts) }
            }
            Spec::Residual { bits } => stack(5.3, bits)?,
            Spec::ProductResidual { stages, bits, .. } => stack(5.3, &vec![*bits; *stages])?,
            Spec::Additive { codebooks, bits } | Spec::LocalSearch { codebooks, bits } => {
                stack(6.3, &vec![*bits; *codebooks])?
            }
            Spec::TreeResidual { stages, bits } => {
                tree_residual::check_size(*stages, *bits, d)?;
                let family = tree_residual::sampled_codewords(*stages, *bits);
                beside(5.3, codebooks(&vec![family; *stages], d), *stages)
            }
            Spec::Lattice { .. } => {
                let tried = 12.0 * lattice::SAMPLE.min(n) as f64 * d as f64;
                beside(1.0, batch_bytes(n, d) as f64 + tried, 0)
            }
        };
        // These encode while they are trained.
        let batches = BATCHES.min(4.0 * BATCH_COPIES * n as f64 * d as f64);
        Ok(Holds { fixed: holds.fixed + batches, ..holds })
    }

    /// What a quantizer of codebooks of these `sizes` whose codewords are added up holds.
    fn stack(&self, copies: f64, sizes: &[usize], d: usize) -> Result<Holds> {
        let codewords = sizes.iter().sum::<usize>();
        let pairs = (codewords as f64).powi(2);
        // The equations of the joint fit and their factors are in f64, inner products of codewords in f32.
        let fits = codewords <= joint::MOST_JOINT && self.refinements != Some(0);
        let equations = if fits { 16.0 * pairs } else { 0.0 };
        let products = if self.beam == Some(1) { 0.0 } else { 4.0 * pairs };
        Ok(beside(copies, codebooks(sizes, d) + equations + products, sizes.len()))
    }
}

/// Bytes of codebooks.
fn codebooks(sizes: &[usize], d: usize) -> f64 {
    4.0 * CODEBOOKS * sizes.iter().sum::<usize>() as f64 * d as f64
}

/// Copies of vectors with so many codes each, and bytes that the quantizer takes.
fn beside(copies: f64, fixed: f64, codes: usize) -> Holds {
    Holds { copies, beside: 10.0 + 2.0 * codes as f64, squares: 0.0, fixed }
}
