//! Check of `assign_again`: blocks of rows that scores tell nothing of, between others of which they tell all.

use ndarray::{Array2, s};

use super::Check;
use super::adversarial::Set;
use super::assign_exactly::compare;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let shapes = [(1100, 3, 20), (700, 128, 70), (530, 17, 300)];
    shapes.into_iter().try_for_each(|shape| heaps(check, "heaps", shape))?;
    check.on_further_tiles(|check, tile| heaps(check, &format!("{tile}, heaps"), (530, 36, 300)))
}

/// Of a workgroup's rows, 64 to 256 of them, all, some or none are in heaps far from the codewords' mean.
fn heaps(check: &mut Check, name: &str, (n, d, k): (usize, usize, usize)) -> Result<()> {
    let mut codewords = check.normals(k, d, 0.0);
    let mut x = check.normals(n, d, 0.0);
    codewords.slice_mut(s![..k / 4, ..]).map_inplace(|value| *value += 3e4);
    codewords.slice_mut(s![k / 4..k / 2, ..]).map_inplace(|value| *value -= 3e4);
    x.slice_mut(s![..n / 2; 2, ..]).map_inplace(|value| *value -= 3e4);
    x.slice_mut(s![300..n / 3 * 2, ..]).assign(&Array2::zeros((n / 3 * 2 - 300, d)));
    compare(check, &Set { name: format!("{name}, n {n}, d {d}, k {k}"), x, codewords })
}
