//! Nothing but products of 16-bit floats, to measure what the processor does at best.

use std::hint::black_box;

use rayon::prelude::*;

use super::half_unit::{BLOCK, HalfUnit, PANEL_STEP, STEP, Sums};

/// Steps of a block: its rows and its panel, 16 KiB each, stay in the cache nearest to a core.
const STEPS: usize = 8;

/// Operations of a block, a multiply-add counted as two.
const OPERATIONS: u64 = 2 * (BLOCK * BLOCK * STEPS * STEP) as u64;

/// Blocks that a thread does at least before it takes others, as making it ready takes time.
const AT_ONCE: usize = 64;

/// Numbers of a block that begin where a line of the cache does: the processor reads lines.
#[repr(align(64))]
struct Lines<const N: usize>([u16; N]);

/// 1 in bf16.
const ONE: u16 = 0x3f80;

static ROWS: Lines<{ BLOCK * STEPS * STEP }> = Lines([ONE; BLOCK * STEPS * STEP]);
static PANEL: Lines<{ STEPS * PANEL_STEP }> = Lines([ONE; STEPS * PANEL_STEP]);

/// Multiplies `blocks` blocks on all threads; the number of operations that this took.
pub(crate) fn multiply(unit: HalfUnit, blocks: usize) -> u64 {
    let starts = [0.0; BLOCK];
    (0..blocks).into_par_iter().with_min_len(AT_ONCE).for_each_init(
        || (unit.ready(), Sums::zeros()),
        |(ready, sums), _| {
            ready.multiply(&ROWS.0, &PANEL.0, &starts, sums);
            black_box(&*sums);
        },
    );
    blocks as u64 * OPERATIONS
}
