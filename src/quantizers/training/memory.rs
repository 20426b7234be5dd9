//! How much memory the training of each kind takes, in parts that kinds put together.

use crate::quantizers::joint;
use crate::quantizers::residual::{BEAM, REFINE};
use crate::settings::Settings;
use crate::train::Holds;

/// Bytes that batches take while vectors are encoded, and as how many copies of a vector.
const BATCHES: f64 = (32 << 20) as f64;
const BATCH_COPIES: f64 = 8.0;

/// Copies of all codebooks.
const CODEBOOKS: f64 = 6.0;

/// What training holds that encodes `n` vectors of `d` dimensions meanwhile.
pub(in crate::quantizers) fn encoding(holds: Holds, n: usize, d: usize) -> Holds {
    let batches = BATCHES.min(4.0 * BATCH_COPIES * n as f64 * d as f64);
    Holds { fixed: holds.fixed + batches, ..holds }
}

/// What a quantizer of codebooks of these `sizes` whose codewords are added up holds.
pub(in crate::quantizers) fn stack(copies: f64, sizes: &[usize], d: usize, settings: &Settings) -> Holds {
    let codewords = sizes.iter().sum::<usize>();
    let pairs = (codewords as f64).powi(2);
    // The equations of the joint fit and their factors are in f64, inner products of codewords in f32.
    let fits = codewords <= joint::MOST_JOINT && settings.given_count(&REFINE) != Some(0);
    let equations = if fits { 16.0 * pairs } else { 0.0 };
    let products = if settings.given_count(&BEAM) == Some(1) { 0.0 } else { 4.0 * pairs };
    beside(copies, codebooks(sizes, d) + equations + products, sizes.len())
}

/// Bytes of codebooks.
pub(in crate::quantizers) fn codebooks(sizes: &[usize], d: usize) -> f64 {
    4.0 * CODEBOOKS * sizes.iter().sum::<usize>() as f64 * d as f64
}

/// Copies of vectors with so many codes each, and bytes that the quantizer takes.
pub(in crate::quantizers) fn beside(copies: f64, fixed: f64, codes: usize) -> Holds {
    Holds { copies, beside: 10.0 + 2.0 * codes as f64, squares: 0.0, fixed }
}
