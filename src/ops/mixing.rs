//! What a rotation by Hadamard matrices is, for its shader and its twin.

/// Coordinates that are turned among one another at most: `BLOCK` in the shader, a power of 4.
pub(crate) const BLOCK: usize = 256;

/// Which way a rotation is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The rotation.
    There,
    /// Its inverse.
    Back,
}

/// The bit of a move that says that the sign changes; the other bits are a coordinate.
pub(crate) const NEGATED: u32 = 1 << 31;
