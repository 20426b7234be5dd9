//! Space-filling curves: an order of the points of the plane, or of a space, that keeps near ones near.
//!
//! A [`Curve`] runs through the unit square at any depth. [`hilbert`] and [`lebesgue`] number the cells of cubes of up to 64
//! dimensions. [`order`] sorts vectors along a curve, and [`Tour`] makes a way through all of them, by a curve or by other
//! heuristics of the travelling salesman.
//!
//! H. Sagan, *Space-Filling Curves* (Springer 1994); M. H. Vali, *Vector Quantization in Deep Neural Networks for Speech
//! and Image Processing* (Aalto University, 2025), chapter 4.

mod cube;
pub mod hilbert;
pub mod lebesgue;
mod order;
mod peano;
mod sierpinski;
#[cfg(test)]
mod testing;
mod tours;

use std::fmt;
use std::str::FromStr;

pub use order::{order, scratch_bytes};
pub use tours::Tour;

use crate::error::{Error, Result};

/// A curve through the unit square, which begins lower left.
///
/// At depth n it has a corner in each of as many cells of equal area, at its centroid. At any depth the curve runs through
/// the cells of the depth above it in the same order.
///
/// ```
/// use wgvq::curves::Curve;
/// let corners: Vec<_> = Curve::Hilbert.points(1)?.collect();
/// assert_eq!(corners, [[0.25, 0.25], [0.25, 0.75], [0.75, 0.75], [0.75, 0.25]]);
/// assert_eq!(Curve::Hilbert.index(1, [0.9, 0.6])?, 2);
/// assert_eq!("peano".parse::<Curve>()?, Curve::Peano);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// 4ⁿ square cells, each next to the one before; ends lower right.
    Hilbert,
    /// 9ⁿ square cells, each next to the one before; ends upper right.
    Peano,
    /// 4ⁿ square cells in Z order, with jumps; ends upper right.
    Lebesgue,
    /// 4ⁿ triangles, each next to the one before; closed, and symmetric about the diagonal.
    Sierpinski,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 4] = [Self::Hilbert, Self::Peano, Self::Lebesgue, Self::Sierpinski];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hilbert => "hilbert",
            Self::Peano => "peano",
            Self::Lebesgue => "lebesgue",
            Self::Sierpinski => "sierpinski",
        }
    }

    /// Whether the last cell is next to the first.
    pub fn is_closed(self) -> bool {
        self == Self::Sierpinski
    }

    /// The deepest recursion: 20 for Peano's curve and 31 for the others. Deeper, numbers of cells leave 64 bits.
    pub fn deepest(self) -> u32 {
        if self == Self::Peano { 20 } else { 31 }
    }

    /// How many cells it has at that depth: 9ⁿ for Peano's curve, 4ⁿ for the others.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the depth is 0 or beyond [`deepest`](Self::deepest).
    pub fn cells(self, depth: u32) -> Result<u64> {
        let deepest = self.deepest();
        if !(1..=deepest).contains(&depth) {
            return Err(Error::input(format!("a {self} curve of depth {depth}; give 1 to {deepest}")));
        }
        Ok(self.squares_per_side().pow(2 * depth))
    }

    /// All corners at that depth, in order.
    ///
    /// # Errors
    /// As [`cells`](Self::cells).
    pub fn points(self, depth: u32) -> Result<impl ExactSizeIterator<Item = [f64; 2]>> {
        let cells = usize::try_from(self.cells(depth)?)
            .map_err(|_| Error::input(format!("depth {depth} has more corners than can be counted here")))?;
        Ok((0..cells).map(move |index| self.corner(depth, index as u64)))
    }

    /// The corner with the number `index`, from 0: the centroid of its cell.
    ///
    /// # Errors
    /// As [`cells`](Self::cells), and if there are not so many cells.
    pub fn point(self, depth: u32, index: u64) -> Result<[f64; 2]> {
        let last = self.cells(depth)? - 1;
        if index > last {
            return Err(Error::input(format!(
                "corner {index} of a {self} curve of depth {depth}; the last is {last}"
            )));
        }
        Ok(self.corner(depth, index))
    }

    /// The number of the cell that a point of the unit square lies in. An edge belongs to one of its two cells.
    ///
    /// # Errors
    /// As [`cells`](Self::cells), and if the point is outside the square.
    pub fn index(self, depth: u32, point: [f64; 2]) -> Result<u64> {
        self.cells(depth)?;
        if let Some(axis) = point.iter().position(|value| !(0.0..=1.0).contains(value)) {
            return Err(Error::input(format!(
                "coordinate {axis} of the point is {}; in the unit square it is 0 to 1",
                point[axis]
            )));
        }
        Ok(self.number(depth, point))
    }

    /// Into how many squares a step of the recursion cuts a side.
    fn squares_per_side(self) -> u64 {
        if self == Self::Peano { 3 } else { 2 }
    }

    /// [`point`](Self::point) of a corner that there is.
    fn corner(self, depth: u32, index: u64) -> [f64; 2] {
        let cell = match self {
            Self::Hilbert => hilbert::corner(index, depth),
            Self::Peano => peano::cell(index, depth),
            Self::Lebesgue => {
                let mut cell = [0; 2];
                lebesgue::deal(index.into(), &mut cell, depth);
                cell
            }
            Self::Sierpinski => return sierpinski::point(index, depth),
        };
        let side = self.squares_per_side().pow(depth) as f64;
        cell.map(|coordinate| (f64::from(coordinate) + 0.5) / side)
    }

    /// [`index`](Self::index) of a point in the square, at a depth that there is.
    fn number(self, depth: u32, point: [f64; 2]) -> u64 {
        let side = self.squares_per_side().pow(depth);
        let cell = point.map(|value| ((value * side as f64) as u64).min(side - 1) as u32);
        match self {
            Self::Hilbert => hilbert::number(cell, depth),
            Self::Peano => peano::index(cell, depth),
            Self::Lebesgue => lebesgue::interleave(&cell, depth) as u64,
            Self::Sierpinski => sierpinski::index(point, depth),
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Curve {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name).ok_or_else(|| {
            Error::input(format!(
                "there is no curve '{name}'; it is one of hilbert, peano, lebesgue, sierpinski"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;

    #[test]
    fn first_corners_are_those_of_the_figures() {
        let cells = |curve: Curve, side: f64| -> Vec<_> {
            curve.points(1).unwrap().map(|point| point.map(|value| (side * value) as u32)).collect()
        };
        assert_eq!(cells(Curve::Hilbert, 2.0), [[0, 0], [0, 1], [1, 1], [1, 0]]);
        assert_eq!(cells(Curve::Lebesgue, 2.0), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        let peano = [[0, 0], [0, 1], [0, 2], [1, 2], [1, 1], [1, 0], [2, 0], [2, 1], [2, 2]];
        assert_eq!(cells(Curve::Peano, 3.0), peano);
        let sixths = [[3, 1], [5, 3], [3, 5], [1, 3]];
        for (point, sixth) in Curve::Sierpinski.points(1).unwrap().zip(sixths) {
            assert!(
                point.iter().zip(sixth).all(|(a, b)| (6.0 * a - f64::from(b)).abs() < 1e-12),
                "{point:?}"
            );
        }
    }

    #[test]
    fn every_corner_is_found_again_at_every_depth() {
        for curve in Curve::ALL {
            for depth in 1..=curve.deepest() {
                let cells = curve.cells(depth).unwrap();
                assert_eq!(cells, if curve == Curve::Peano { 9_u64 } else { 4 }.pow(depth));
                for index in (0..cells).step_by((cells / 1000 + 1) as usize) {
                    let point = curve.point(depth, index).unwrap();
                    assert_eq!(curve.index(depth, point).unwrap(), index, "{curve} of depth {depth}");
                }
            }
            assert_eq!(curve.points(4).unwrap().len() as u64, curve.cells(4).unwrap());
        }
    }

    #[test]
    fn a_finer_curve_runs_through_the_cells_of_a_coarser_one() {
        for curve in Curve::ALL {
            let each = curve.cells(1).unwrap();
            for (index, point) in curve.points(4).unwrap().enumerate() {
                assert_eq!(curve.index(3, point).unwrap(), index as u64 / each, "{curve}");
            }
        }
    }

    #[test]
    fn the_corners_of_the_square_are_in_it() {
        for curve in Curve::ALL {
            let ends = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]].map(|at| curve.index(9, at).unwrap());
            assert_eq!(ends[0], 0);
            let last = curve.cells(9).unwrap() - 1;
            match curve {
                Curve::Hilbert => assert_eq!(ends[2], last),
                Curve::Peano | Curve::Lebesgue => assert_eq!(ends[3], last),
                Curve::Sierpinski => assert_eq!(curve.index(9, [0.0, 1e-9]).unwrap(), last),
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (result, says) in [
            (Curve::Hilbert.cells(0), "depth 0; give 1 to 31"),
            (Curve::Peano.cells(21), "depth 21; give 1 to 20"),
            (Curve::Hilbert.index(2, [0.5, 1.5]), "coordinate 1 of the point is 1.5"),
            (Curve::Sierpinski.index(2, [f64::NAN, 0.5]), "coordinate 0 of the point is NaN"),
            ("spiral".parse::<Curve>().map(|_| 0), "no curve 'spiral'; it is one of hilbert, peano"),
            (Curve::Peano.point(1, 9).map(|_| 0), "the last is 8"),
            (hilbert::index(&[], 2).map(|_| 0), "0 dimensions; give 1 to 64"),
            (lebesgue::index(&[0; 65], 1).map(|_| 0), "65 dimensions"),
            (hilbert::index(&[0; 5], 26).map(|_| 0), "26 bits per dimension; in 5 dimensions give 1 to 25"),
            (hilbert::cell(0, 2, 33).map(|_| 0), "33 bits per dimension; in 2 dimensions give 1 to 32"),
            (lebesgue::cell(0, 2, 0).map(|_| 0), "0 bits"),
            (
                hilbert::index(&[0, 4], 2).map(|_| 0),
                "coordinate 1 of the cell is 4; with 2 bits it is at most 3",
            ),
            (hilbert::cell(16, 2, 2).map(|_| 0), "index 16; the last of 2 dimensions of 2 bits is 15"),
        ] {
            let sentence = refused(result);
            assert!(sentence.contains(says), "{sentence}");
        }
    }
}
