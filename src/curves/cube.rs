//! The cells of a cube: `dims` coordinates of `bits` bits each.

use crate::error::{Error, Result};

/// The most dimensions of a cube that a curve runs through.
pub(super) const MOST_DIMENSIONS: usize = 64;

/// The most bits of a coordinate.
pub(super) const MOST_BITS: u32 = 32;

/// The bits of an index.
const INDEX_BITS: usize = u128::BITS as usize;

/// The bits per dimension that an index has room for.
pub(super) fn bits_within(dims: usize) -> u32 {
    MOST_BITS.min((INDEX_BITS / dims) as u32)
}

/// Whether a curve can run through such a cube.
pub(super) fn check(dims: usize, bits: u32) -> Result<()> {
    if !(1..=MOST_DIMENSIONS).contains(&dims) {
        return Err(Error::input(format!("a cube of {dims} dimensions; give 1 to {MOST_DIMENSIONS}")));
    }
    let most = bits_within(dims);
    if !(1..=most).contains(&bits) {
        return Err(Error::input(format!(
            "{bits} bits per dimension; in {dims} dimensions give 1 to {most}"
        )));
    }
    Ok(())
}

/// Whether `cell` is one of the cells of its cube.
pub(super) fn check_cell(cell: &[u32], bits: u32) -> Result<()> {
    check(cell.len(), bits)?;
    let last = u32::MAX >> (MOST_BITS - bits);
    match cell.iter().position(|&coordinate| coordinate > last) {
        Some(at) => Err(Error::input(format!(
            "coordinate {at} of the cell is {}; with {bits} bits it is at most {last}",
            cell[at]
        ))),
        None => Ok(()),
    }
}

/// Whether the cube has a cell with this number.
pub(super) fn check_index(index: u128, dims: usize, bits: u32) -> Result<()> {
    check(dims, bits)?;
    let last = u128::MAX >> (INDEX_BITS - dims * bits as usize);
    if index > last {
        return Err(Error::input(format!(
            "index {index}; the last of {dims} dimensions of {bits} bits is {last}"
        )));
    }
    Ok(())
}
