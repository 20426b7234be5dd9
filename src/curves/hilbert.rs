//! Hilbert's curve in up to 64 dimensions: two cells that follow one another share a face.
//!
//! H. Sagan, *Space-Filling Curves* (Springer 1994), chapter 2; J. Skilling, "Programming the Hilbert curve", AIP
//! Conference Proceedings 707 (2004) for d dimensions. The curve begins in the cell of zeros and ends in the last one
//! along dimension 0.

use super::{cube, lebesgue};
use crate::error::Result;

/// The number along the curve of a `cell`, which has a coordinate of `bits` bits for each dimension.
///
/// ```
/// use wgvq::curves::hilbert;
/// assert_eq!(hilbert::index(&[1, 0, 0], 1)?, 7);
/// assert_eq!(hilbert::cell(7, 3, 1)?, [1, 0, 0]);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if there are not 1 to 64 dimensions, if `bits` is not 1 to 32 or more than 128 in
/// all, or if a coordinate has more bits.
pub fn index(cell: &[u32], bits: u32) -> Result<u128> {
    cube::check_cell(cell, bits)?;
    let mut cell = cell.to_vec();
    unfold(&mut cell, bits);
    Ok(lebesgue::interleave(&cell, bits))
}

/// The cell with the number `index` along the curve: `dims` coordinates of `bits` bits.
///
/// # Errors
/// As [`index()`], and if there is no such cell.
pub fn cell(index: u128, dims: usize, bits: u32) -> Result<Vec<u32>> {
    cube::check_index(index, dims, bits)?;
    let mut cell = vec![0; dims];
    lebesgue::deal(index, &mut cell, bits);
    fold(&mut cell, bits);
    Ok(cell)
}

/// [`index()`] of a cell of the square.
pub(super) fn number(mut cell: [u32; 2], bits: u32) -> u64 {
    unfold(&mut cell, bits);
    lebesgue::interleave(&cell, bits) as u64
}

/// [`cell()`] of an index of the square.
pub(super) fn corner(index: u64, bits: u32) -> [u32; 2] {
    let mut cell = [0; 2];
    lebesgue::deal(index.into(), &mut cell, bits);
    fold(&mut cell, bits);
    cell
}

/// Turns a cell into that whose bits in turn are its index ("AxestoTranspose").
///
/// Every cube of half the side is turned and mirrored as the curve runs through it; undone from the largest cube down,
/// the curve visits the corners of each in the order of the Gray code.
pub(super) fn unfold(cell: &mut [u32], bits: u32) {
    let dims = cell.len();
    for bit in (1..bits).rev() {
        (0..dims).for_each(|axis| turn(cell, axis, bit));
    }
    (1..dims).for_each(|axis| cell[axis] ^= cell[axis - 1]);
    // The Gray code runs on from one cube to the next.
    let carried =
        (1..bits).filter(|bit| cell[dims - 1] >> bit & 1 == 1).fold(0, |carried, bit| carried ^ below(bit));
    cell.iter_mut().for_each(|coordinate| *coordinate ^= carried);
}

/// The inverse of [`unfold`] ("TransposetoAxes").
fn fold(cell: &mut [u32], bits: u32) {
    let dims = cell.len();
    let carried = cell[dims - 1] >> 1;
    (1..dims).rev().for_each(|axis| cell[axis] ^= cell[axis - 1]);
    cell[0] ^= carried;
    for bit in 1..bits {
        (0..dims).rev().for_each(|axis| turn(cell, axis, bit));
    }
}

/// What lies below `bit`: mirrored along dimension 0 in the upper half of `axis`, exchanged between the two in the lower.
fn turn(cell: &mut [u32], axis: usize, bit: u32) {
    if cell[axis] >> bit & 1 == 1 {
        cell[0] ^= below(bit);
    } else {
        let differ = (cell[0] ^ cell[axis]) & below(bit);
        cell[0] ^= differ;
        cell[axis] ^= differ;
    }
}

/// All bits below `bit`.
fn below(bit: u32) -> u32 {
    (1 << bit) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::curves::testing::{cells, cubes};

    #[test]
    fn neighbours_share_a_face_and_every_cell_is_visited_once() {
        for (dims, bits) in [(1, 6), (2, 1), (2, 2), (2, 5), (3, 1), (3, 4), (4, 3), (5, 2), (5, 3)] {
            let count = 1_u128 << (dims as u32 * bits);
            let path: Vec<_> = (0..count).map(|index| cell(index, dims, bits).unwrap()).collect();
            for pair in path.windows(2) {
                let apart: u32 = pair[0].iter().zip(&pair[1]).map(|(a, b)| a.abs_diff(*b)).sum();
                assert_eq!(apart, 1, "{pair:?} of {dims} dimensions, {bits} bits");
            }
            let (mut sorted, mut all) = (path.clone(), cells(dims, bits));
            sorted.sort_unstable();
            all.sort_unstable();
            assert_eq!(sorted, all);
            let mut end = vec![0; dims];
            assert_eq!(path[0], end);
            end[0] = (1 << bits) - 1;
            assert_eq!(path[path.len() - 1], end);
        }
    }

    #[test]
    fn in_the_plane_a_finer_curve_runs_through_the_cells_of_a_coarser_one() {
        for index in 0..1 << 12 {
            let (coarse, fine) = (cell(index >> 2, 2, 5).unwrap(), cell(index, 2, 6).unwrap());
            assert!(coarse.iter().zip(&fine).all(|(coarse, fine)| fine >> 1 == *coarse), "{index}");
        }
    }

    proptest! {
        #[test]
        fn cells_are_found_again((cell, bits) in cubes()) {
            let found = index(&cell, bits)?;
            prop_assert_eq!(super::cell(found, cell.len(), bits)?, cell);
        }

        #[test]
        fn neighbours_share_a_face_anywhere((cell, bits) in cubes()) {
            let (dims, here) = (cell.len(), index(&cell, bits)?);
            if here > 0 {
                let before = super::cell(here - 1, dims, bits)?;
                let apart: u64 = cell.iter().zip(&before).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                prop_assert_eq!(apart, 1);
            }
        }
    }
}
