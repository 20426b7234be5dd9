//! Lattices: codewords on a regular grid, which need no codebook.

use std::fmt;

use ndarray::Array2;

use crate::error::{Error, Result};

/// A lattice whose nearest point is found in closed form (Conway and Sloane 1982).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lattice {
    /// The integers.
    Z,
    /// The integer vectors of n + 1 dimensions whose sum is 0, seen in the n ≥ 2 dimensions that they span, at a least
    /// distance of 1; `A2` is hexagonal.
    A(usize),
    /// The integer vectors of even sum, in n ≥ 2 dimensions (the checkerboard).
    D(usize),
    /// D8 and its copy shifted by one half, in 8 dimensions.
    E8,
    /// The Leech lattice, in 24 dimensions.
    Leech24,
}

/// The most dimensions of an `An` or a `Dn`.
pub(crate) const MOST_DIMENSIONS: usize = 4096;

impl Lattice {
    /// The lattice that a spec calls so: `Z`, `A2`, `D4` (any `An` or `Dn` of 2 to 4096), `E8` or `Leech24`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Z" => Some(Lattice::Z),
            "E8" => Some(Lattice::E8),
            "Leech24" => Some(Lattice::Leech24),
            _ => {
                let family = name.strip_prefix('A').map(|n| (Lattice::A as fn(usize) -> Lattice, n));
                let (family, n) = family.or(name.strip_prefix('D').map(|n| (Lattice::D as _, n)))?;
                let n = Some(n).filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()))?;
                n.parse().ok().filter(|n| (2..=MOST_DIMENSIONS).contains(n)).map(family)
            }
        }
    }

    /// How many dimensions one block of it has.
    pub fn dim(&self) -> usize {
        match self {
            Lattice::Z => 1,
            Lattice::A(n) | Lattice::D(n) => *n,
            Lattice::E8 => 8,
            Lattice::Leech24 => 24,
        }
    }

    /// The coordinates of its points are whole multiples of this: 1 for Z and Dn, 1/2 for E8 (least distances 1, √2,
    /// √2), 1/√8 for the Leech lattice (least distance 2).
    ///
    /// Coordinate k, from 1 on, of a point of An is that along (1, … 1, −k, 0, … 0), k ones, in n + 1 dimensions. Of the
    /// point p it is the integer p_1 + … + p_k − k·p_(k+1), times 1/√(2k(k+1)): the length of (1, … 1, −k) and, for the least
    /// distance, 1/√2. As all of p sums to 0, that of the last coordinate is n + 1 times p_1 + … + p_n, which are its steps.
    pub(crate) fn step(&self, coordinate: usize) -> f64 {
        match (self, coordinate) {
            (Lattice::Z | Lattice::D(_), _) => 1.0,
            (Lattice::A(n), i) if i + 1 == *n => ((n + 1) as f64 / (2 * n) as f64).sqrt(),
            (Lattice::A(_), i) => (0.5 / ((i + 1) * (i + 2)) as f64).sqrt(),
            (Lattice::E8, _) => 0.5,
            (Lattice::Leech24, _) => 0.125_f64.sqrt(),
        }
    }

    /// How many steps of a coordinate are one of what `lattice_round` counts in: of An's coordinate k the places of k and of
    /// those before it, in n + 1 dimensions, are sums of steps over k(k + 1), or over n of the longer steps of the last.
    pub(crate) fn steps_in_a_place(&self, coordinate: usize) -> usize {
        match (self, coordinate) {
            (Lattice::A(n), i) if i + 1 == *n => *n,
            (Lattice::A(_), i) => (i + 1) * (i + 2),
            _ => 1,
        }
    }

    /// One of the shortest vectors between two points.
    pub(crate) fn shortest(&self) -> Vec<f64> {
        let ones = match self {
            Lattice::Z | Lattice::A(_) => vec![1.0],
            Lattice::D(_) | Lattice::E8 => vec![1.0; 2],
            Lattice::Leech24 => vec![2.0_f64.sqrt(); 2],
        };
        ones.into_iter().chain(std::iter::repeat(0.0)).take(self.dim()).collect()
    }

    /// How many steps a coordinate of a vector is at most from that of the nearest point: half the extent of the
    /// Voronoi cell.
    pub(crate) fn reach(&self, coordinate: usize) -> f64 {
        match (self, coordinate) {
            (Lattice::Z, _) => 0.5,
            (Lattice::D(_), _) => 1.0,
            // The vertices of the cell are the vectors of j ones and zeros less j / (n + 1), j from 1 to n: the farthest along
            // (1, … 1, −k) has its ones there.
            (Lattice::A(n), i) if i + 1 == *n => *n as f64 / (n + 1) as f64,
            (Lattice::A(_), i) => (i + 1) as f64,
            (Lattice::E8, _) => 2.0,
            (Lattice::Leech24, _) => 4.0,
        }
    }

    /// What a coordinate, in steps, is known modulo from the other coordinates of the block.
    ///
    /// The quotients, rounded down, of all points are all tuples of integers, each once.
    pub(crate) fn modulus(&self, coordinate: usize) -> i32 {
        match self {
            // p_1 + … + p_k − k·p_(k+1) is p_1 + … + p_(k+1), which follows from the later coordinates, less a multiple of k + 1.
            Lattice::A(n) if coordinate + 1 < *n => coordinate as i32 + 2,
            _ => 1 << self.implied_bits(coordinate),
        }
    }

    /// How many of the low bits of a coordinate, in steps, are known from the other coordinates of the block.
    fn implied_bits(&self, coordinate: usize) -> u32 {
        let last = coordinate + 1 == self.dim();
        match self {
            Lattice::Z | Lattice::A(_) => 0,
            // The sum is even.
            Lattice::D(_) => last.into(),
            // All are even or all odd, and the sum is a multiple of 4.
            Lattice::E8 => u32::from(coordinate > 0) + u32::from(last),
            // All are even or all odd; the next bits are a word of the Golay code, known from 12 of them; the sum is 0
            // or 4 modulo 8 as they are even or odd.
            Lattice::Leech24 if coordinate == 0 => 0,
            Lattice::Leech24 => 1 + u32::from(golay::FREE >> coordinate & 1 == 0) + u32::from(last),
        }
    }
}

impl fmt::Display for Lattice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lattice::Z => f.write_str("Z"),
            Lattice::A(n) => write!(f, "A{n}"),
            Lattice::D(n) => write!(f, "D{n}"),
            Lattice::E8 => f.write_str("E8"),
            Lattice::Leech24 => f.write_str("Leech24"),
        }
    }
}

/// The binary Golay code of 24 bits, six columns of four as in Curtis's Miracle Octad Generator.
///
/// A word's columns are all of even weight or all of odd weight, and so is its first row; and the columns, each the sum
/// over its ones of (0, 1, ω, ω̄) in GF(4), make a word of the hexacode. Conway and Sloane, *Sphere Packings, Lattices
/// and Groups*, chapter 11. `shaders/shared/golay.wgsl` has the same words.
pub(crate) mod golay {
    /// The positions whose bits can be chosen; the other 12 follow.
    pub(crate) const FREE: u32 = 0x0001_177f;

    /// The word that has one of the free bits, for each of them in order.
    const ROWS: [u32; 12] = [
        0x24_e881, 0x72_2882, 0xb8_4884, 0x1e_8888, 0x5c_6090, 0xc6_a0a0, 0x6a_c0c0, 0x96_6900, 0xaa_aa00,
        0xcc_cc00, 0xf0_f000, 0xff_0000,
    ];

    /// The word whose free bits are those of `bits`.
    pub(crate) fn word(bits: u32) -> u32 {
        let mut free = FREE;
        ROWS.iter().fold(0, |word, row| {
            let position = free.trailing_zeros();
            free &= free - 1;
            if bits >> position & 1 == 1 { word ^ row } else { word }
        })
    }
}

/// A scaled lattice laid over a box of the space of vectors, and the codes of its points there.
///
/// A vector is cut into blocks of the lattice's dimension, the last one filled up with zeros. The code of a coordinate is
/// the nearest point's, in steps and divided by what is known modulo, less the least one that the box allows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    pub lattice: Lattice,
    pub d: usize,
    /// A row for each code of a vector: offset, step, 1 / step (over [`Lattice::steps_in_a_place`]), low, high and the least
    /// code.
    pub table: Array2<f32>,
    /// How many codes each coordinate has.
    pub sizes: Vec<usize>,
}

/// Coordinates in steps stay below that, where `f32` still has every integer.
const MOST_STEPS: f64 = (1 << 23) as f64;

impl Grid {
    /// Of the points `offset + scale · p` in or about the box from `low` to `high`, which all have d values.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the scale is not between 1e-30 and 1e30, or the box has too many points.
    pub fn new(lattice: Lattice, scale: f32, offset: &[f32], low: &[f32], high: &[f32]) -> Result<Self> {
        if !(1e-30..=1e30).contains(&scale) {
            return Err(Error::input(format!(
                "the scale of {lattice} is {scale}; it has to lie in 1e-30 to 1e30"
            )));
        }
        let d = offset.len();
        let columns = d.next_multiple_of(lattice.dim());
        let mut table = Array2::zeros((columns, 6));
        let mut sizes = Vec::with_capacity(columns);
        for (column, mut row) in table.rows_mut().into_iter().enumerate() {
            let coordinate = column % lattice.dim();
            let of = |values: &[f32]| values.get(column).copied().unwrap_or(0.0);
            let (offset, low, high) = (of(offset), of(low), of(high));
            let step = (f64::from(scale) * lattice.step(coordinate)) as f32;
            let steps = |value: f32| (f64::from(value) - f64::from(offset)) / f64::from(step);
            // Rounding may carry a coordinate a little farther than its reach.
            let reach = |steps: f64| lattice.reach(coordinate) + 1e-3 + steps.abs() / MOST_STEPS;
            let (least, most) = (steps(low) - reach(steps(low)), steps(high) + reach(steps(high)));
            if !(-MOST_STEPS < least && most < MOST_STEPS) {
                return Err(Error::input(format!(
                    "dimension {column} is {:.1e} steps of {lattice}:{scale} wide, and 2^24 is the most; raise the scale",
                    most - least
                )));
            }
            let code = |steps: f64| (steps as i32).div_euclid(lattice.modulus(coordinate));
            let (first, last) = (code(least.ceil()), code(most.floor()));
            let inverse = 1.0 / (f64::from(step) * lattice.steps_in_a_place(coordinate) as f64);
            row.assign(&ndarray::aview1(&[offset, step, inverse as f32, low, high, first as f32]));
            sizes.push((last - first + 1) as usize);
        }
        Ok(Self { lattice, d, table, sizes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear code of 2^12 words of 24 bits, no two of which differ in fewer than 8: there is only one.
    #[test]
    fn the_words_are_the_golay_code() {
        let mut weights = [0; 25];
        (0..1 << 17_u32).filter(|bits| bits & !golay::FREE == 0).for_each(|bits| {
            assert_eq!(golay::word(bits) & golay::FREE, bits);
            weights[golay::word(bits).count_ones() as usize] += 1;
        });
        let known = [(0, 1), (8, 759), (12, 2576), (16, 759), (24, 1)];
        assert!(known.iter().all(|&(weight, count)| weights[weight] == count), "{weights:?}");
    }

    /// The volume of a cell is the product of the steps that codes count in.
    #[test]
    fn no_code_is_wasted() {
        let a2 = 0.75_f64.sqrt();
        for (lattice, volume) in [
            (Lattice::Z, 1.0),
            (Lattice::A(2), a2),
            (Lattice::A(3), 0.5_f64.sqrt()),
            (Lattice::A(8), 3.0 / 16.0),
            (Lattice::D(4), 2.0),
            (Lattice::D(9), 2.0),
            (Lattice::E8, 1.0),
            (Lattice::Leech24, 1.0),
        ] {
            let step = |i| lattice.step(i) * f64::from(lattice.modulus(i));
            let found: f64 = (0..lattice.dim()).map(step).product();
            assert!((found - volume).abs() < 1e-12, "{lattice}: {found}");
        }
    }
}
