//! Cells for the tests of this folder.

use proptest::prelude::*;

use super::cube;

/// All cells of a cube.
pub(super) fn cells(dims: usize, bits: u32) -> Vec<Vec<u32>> {
    let coordinate = |number: usize, axis: usize| (number >> (axis as u32 * bits)) as u32 & ((1 << bits) - 1);
    (0..1 << (dims as u32 * bits))
        .map(|number| (0..dims).map(|axis| coordinate(number, axis)).collect())
        .collect()
}

/// A cell of any cube, and the bits of its coordinates.
pub(super) fn cubes() -> impl Strategy<Value = (Vec<u32>, u32)> {
    let cube = (1..=cube::MOST_DIMENSIONS).prop_flat_map(|dims| (Just(dims), 1..=cube::bits_within(dims)));
    cube.prop_flat_map(|(dims, bits)| {
        let last = u32::MAX >> (cube::MOST_BITS - bits);
        (proptest::collection::vec(0..=last, dims), Just(bits))
    })
}
