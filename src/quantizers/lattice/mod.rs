//! Lattices: codewords on a regular grid, which need no codebook.

use std::fmt;

/// A lattice whose nearest point is found in closed form (Conway and Sloane 1982).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lattice {
    /// The integers.
    Z,
    /// The hexagonal lattice, in two dimensions.
    A2,
    /// The integer vectors of even sum, in n ≥ 2 dimensions (the checkerboard).
    D(usize),
    /// D8 and its copy shifted by one half, in 8 dimensions.
    E8,
    /// The Leech lattice, in 24 dimensions.
    Leech24,
}

/// The most dimensions of a `Dn`.
const MOST_DIMENSIONS: usize = 4096;

impl Lattice {
    /// The lattice that a spec calls so: `Z`, `A2`, `D4` (any `Dn` of 2 to 4096), `E8` or `Leech24`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Z" => Some(Lattice::Z),
            "A2" => Some(Lattice::A2),
            "E8" => Some(Lattice::E8),
            "Leech24" => Some(Lattice::Leech24),
            _ => {
                let n = name.strip_prefix('D').filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()))?;
                n.parse().ok().filter(|n| (2..=MOST_DIMENSIONS).contains(n)).map(Lattice::D)
            }
        }
    }

    /// How many dimensions one block of it has.
    pub fn dim(&self) -> usize {
        match self {
            Lattice::Z => 1,
            Lattice::A2 => 2,
            Lattice::D(n) => *n,
            Lattice::E8 => 8,
            Lattice::Leech24 => 24,
        }
    }
}

impl fmt::Display for Lattice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lattice::Z => f.write_str("Z"),
            Lattice::A2 => f.write_str("A2"),
            Lattice::D(n) => write!(f, "D{n}"),
            Lattice::E8 => f.write_str("E8"),
            Lattice::Leech24 => f.write_str("Leech24"),
        }
    }
}
