//! Lebesgue's curve, the Z order, in up to 64 dimensions: the bits of the coordinates in turn, dimension 0 first.
//!
//! It jumps, so two cells that follow one another need not touch; the index is the cheapest there is.
//!
//! H. Sagan, *Space-Filling Curves* (Springer 1994), chapter 5; G. M. Morton (1966) for its use as an order of cells.

use super::cube;
use crate::error::Result;

/// The number along the curve of a `cell`, which has a coordinate of `bits` bits for each dimension.
///
/// ```
/// use wgvq::curves::lebesgue;
/// assert_eq!(lebesgue::index(&[0b11, 0b01], 2)?, 0b10_11);
/// assert_eq!(lebesgue::cell(0b10_11, 2, 2)?, [0b11, 0b01]);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if there are not 1 to 64 dimensions, if `bits` is not 1 to 32 or more than 128 in
/// all, or if a coordinate has more bits.
pub fn index(cell: &[u32], bits: u32) -> Result<u128> {
    cube::check_cell(cell, bits)?;
    Ok(interleave(cell, bits))
}

/// The cell with the number `index` along the curve: `dims` coordinates of `bits` bits.
///
/// # Errors
/// As [`index()`], and if there is no such cell.
pub fn cell(index: u128, dims: usize, bits: u32) -> Result<Vec<u32>> {
    cube::check_index(index, dims, bits)?;
    let mut cell = vec![0; dims];
    deal(index, &mut cell, bits);
    Ok(cell)
}

/// The bits of all coordinates, the highest ones first.
pub(super) fn interleave(cell: &[u32], bits: u32) -> u128 {
    let mut index = 0;
    for bit in (0..bits).rev() {
        for coordinate in cell {
            index = index << 1 | u128::from(coordinate >> bit & 1);
        }
    }
    index
}

/// Deals the bits of `index` out to the coordinates of a cell of zeros.
pub(super) fn deal(mut index: u128, cell: &mut [u32], bits: u32) {
    for bit in 0..bits {
        for coordinate in cell.iter_mut().rev() {
            *coordinate |= ((index & 1) as u32) << bit;
            index >>= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::curves::testing::{cells, cubes};

    #[test]
    fn the_curve_is_a_bijection_that_interleaves_bits() {
        for (dims, bits) in [(1, 5), (2, 4), (3, 3), (4, 2), (5, 2)] {
            let mut seen = vec![false; 1 << (dims as u32 * bits)];
            for cell in cells(dims, bits) {
                let index = index(&cell, bits).unwrap();
                let digits: String = (0..bits)
                    .rev()
                    .flat_map(|bit| cell.iter().map(move |c| c >> bit & 1))
                    .map(|b| b.to_string())
                    .collect();
                assert_eq!(format!("{index:0width$b}", width = digits.len()), digits);
                assert!(!std::mem::replace(&mut seen[index as usize], true));
            }
            assert!(seen.iter().all(|&seen| seen));
        }
    }

    #[test]
    fn it_jumps() {
        let [a, b] = [1, 2].map(|index| cell(index, 2, 1).unwrap());
        assert!(a[0] != b[0] && a[1] != b[1], "{a:?} {b:?}");
    }

    proptest! {
        #[test]
        fn cells_are_found_again((cell, bits) in cubes()) {
            let found = index(&cell, bits)?;
            prop_assert_eq!(super::cell(found, cell.len(), bits)?, cell);
        }
    }
}
