//! Ways through all of a set of points: the travelling salesman's, by heuristics.

mod greedy;
mod nearest_neighbour;
mod two_opt;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Curve, order};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// An order of the rows of a matrix, as an open path or as a closed tour that goes back to where it began.
///
/// Paths through 2,000 uniformly random points of the square, against the greedy path after 2-opt (means of five seeds):
///
/// | greedy | nearest neighbour | Sierpiński | Hilbert | Peano | Lebesgue |
/// | --- | --- | --- | --- | --- | --- |
/// | 1.10 | 1.18 | 1.27 | 1.29 | 1.37 | 1.87 |
///
/// ```
/// use wgvq::curves::{Curve, Tour};
/// let x = ndarray::array![[0.0_f32, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
/// let tour = Tour::along(x.view(), Curve::Hilbert)?.closed().two_opt(x.view())?;
/// assert_eq!(tour.length(x.view())?, 4.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tour {
    order: Vec<usize>,
    closed: bool,
}

impl Tour {
    /// The open path that visits the rows in the given `order`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if that is no permutation of 0..n.
    pub fn new(order: Vec<usize>) -> Result<Self> {
        let mut seen = vec![false; order.len()];
        for &row in &order {
            match seen.get_mut(row) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(Error::input(format!("a tour that visits row {row} twice"))),
                None => {
                    return Err(Error::input(format!(
                        "a tour of {} rows that visits row {row}",
                        order.len()
                    )));
                }
            }
        }
        Ok(Self { order, closed: false })
    }

    /// The open path along a curve: see [`order`].
    ///
    /// # Errors
    /// As [`order`].
    pub fn along(x: ArrayView2<f32>, curve: Curve) -> Result<Self> {
        Ok(Self { order: order(x, curve)?, closed: false })
    }

    /// The open path that begins at row 0 and goes on to the nearest row that it has not visited. Time grows as n².
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are no points, or if a value is NaN or infinite.
    pub fn nearest_neighbour(x: ArrayView2<f32>) -> Result<Self> {
        Ok(Self { order: nearest_neighbour::path(&Points::new(x)?), closed: false })
    }

    /// The open path that takes the shortest edges first, of those that make no branch and no circle. Time grows as n².
    ///
    /// # Errors
    /// As [`nearest_neighbour`](Self::nearest_neighbour).
    pub fn greedy(x: ArrayView2<f32>) -> Result<Self> {
        Ok(Self { order: greedy::path(&Points::new(x)?), closed: false })
    }

    /// The same order, closed to a tour.
    pub fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    /// Replaces two edges by two shorter ones while there are any, which never makes it longer (Croes 1958).
    /// Only edges to the 16 nearest neighbours of a point are looked for. Time grows as n².
    ///
    /// # Errors
    /// As [`nearest_neighbour`](Self::nearest_neighbour) and [`length`](Self::length).
    pub fn two_opt(self, x: ArrayView2<f32>) -> Result<Self> {
        self.check(x)?;
        Ok(Self { order: two_opt::improve(&Points::new(x)?, self.order, self.closed), closed: self.closed })
    }

    /// The rows in the order in which they are visited.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The sum of the Euclidean lengths of its edges through the rows of `x` (n, d), that from the last to the first
    /// row included if it is closed.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `x` has other than n rows.
    pub fn length(&self, x: ArrayView2<f32>) -> Result<f64> {
        self.check(x)?;
        let distance = |from: usize, to: usize| Metric::SquaredL2.distance(x.row(from), x.row(to)).sqrt();
        let edges = self.order.windows(2).map(|edge| distance(edge[0], edge[1]));
        let back = match self.order[..] {
            [first, .., last] if self.closed => distance(last, first),
            _ => 0.0,
        };
        Ok(edges.sum::<f64>() + back)
    }

    fn check(&self, x: ArrayView2<f32>) -> Result<()> {
        let (rows, n) = (self.order.len(), x.nrows());
        if rows != n {
            return Err(Error::shape(format!("a tour of {rows} rows through {n} points")));
        }
        Ok(())
    }
}

/// The neighbours of a point that edges are looked for among.
const NEIGHBOURS: usize = 16;

/// The rows of a matrix as points, side by side.
struct Points {
    values: Vec<f32>,
    n: usize,
    d: usize,
}

impl Points {
    fn new(x: ArrayView2<f32>) -> Result<Self> {
        order::check(x)?;
        Ok(Self { values: x.iter().copied().collect(), n: x.nrows(), d: x.ncols() })
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.d..][..self.d]
    }

    /// In eight sums at once: a single one would wait for each of its additions.
    fn squared(&self, a: usize, b: usize) -> f64 {
        let square = |a: f32, b: f32| (f64::from(a) - f64::from(b)).powi(2);
        let (a, a_rest) = self.row(a).as_chunks::<8>();
        let (b, b_rest) = self.row(b).as_chunks::<8>();
        let mut sums = [0.0; 8];
        for (a, b) in a.iter().zip(b) {
            for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum += square(a, b);
            }
        }
        sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(&a, &b)| square(a, b)).sum::<f64>()
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        self.squared(a, b).sqrt()
    }

    /// The nearest neighbours of each point, the nearest first, of equally near ones the lowest.
    fn neighbours(&self) -> Vec<Vec<usize>> {
        let of = |row: usize| {
            let others = (0..self.n).filter(|&other| other != row);
            // Squared distances are not negative, and the bits of such numbers are in their order.
            let mut others: Vec<_> =
                others.map(|other| (self.squared(row, other).to_bits(), other)).collect();
            if others.len() > NEIGHBOURS {
                others.select_nth_unstable(NEIGHBOURS);
                others.truncate(NEIGHBOURS);
            }
            others.sort_unstable();
            others.into_iter().map(|(_, other)| other).collect()
        };
        (0..self.n).into_par_iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::io::testing::refused;
    use crate::rng::Rng;

    fn uniform(n: usize, d: usize, seed: u64) -> Array2<f32> {
        let mut rng = Rng::new(seed, 0);
        Array2::from_shape_simple_fn((n, d), || rng.uniform())
    }

    fn shuffled(n: usize, seed: u64) -> Tour {
        let mut order: Vec<_> = (0..n).collect();
        Rng::new(seed, 1).shuffle(&mut order);
        Tour::new(order).unwrap()
    }

    fn tours(x: ArrayView2<f32>) -> Vec<Tour> {
        let mut tours = vec![
            shuffled(x.nrows(), 3),
            Tour::along(x, Curve::Hilbert).unwrap(),
            Tour::nearest_neighbour(x).unwrap(),
            Tour::greedy(x).unwrap(),
        ];
        tours.extend(tours.clone().into_iter().map(Tour::closed));
        tours
    }

    #[test]
    fn every_tour_visits_each_point_once_and_two_opt_never_lengthens_it() {
        for (n, d) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 2), (40, 1), (300, 2), (200, 20)] {
            let x = uniform(n, d, 7);
            for tour in tours(x.view()) {
                let better = tour.clone().two_opt(x.view()).unwrap();
                let (before, after) = (tour.length(x.view()).unwrap(), better.length(x.view()).unwrap());
                assert!(after <= before * (1.0 + 1e-12), "{n} × {d}: {before} to {after}");
                for tour in [tour, better] {
                    assert!(Tour::new(tour.order).is_ok());
                }
            }
        }
    }

    #[test]
    fn lengths_are_sums_of_edges() {
        let x = array![[0.0_f32, 0.0], [3.0, 4.0], [3.0, 0.0]];
        let path = Tour::new(vec![0, 1, 2]).unwrap();
        assert_eq!(path.length(x.view()).unwrap(), 9.0);
        assert_eq!(path.closed().length(x.view()).unwrap(), 12.0);
        assert_eq!(Tour::new(vec![0]).unwrap().closed().length(array![[7.0_f32]].view()).unwrap(), 0.0);
    }

    /// The shortest tour of points of a circle is the perimeter, and the shortest path goes over all of it but one edge.
    #[test]
    fn the_best_tour_of_a_circle_is_its_perimeter() {
        let n = 100;
        let angle = |number: usize| (number as f32) * std::f32::consts::TAU / n as f32;
        let x = Array2::from_shape_fn((n, 2), |(row, axis)| {
            let angle = angle(row * 37 % n);
            if axis == 0 { angle.cos() } else { angle.sin() }
        });
        let edge = 2.0 * (std::f64::consts::PI / n as f64).sin();
        for tour in tours(x.view()) {
            let edges = if tour.closed { n } else { n - 1 } as f64;
            let length = tour.two_opt(x.view()).unwrap().length(x.view()).unwrap();
            assert!((length - edges * edge).abs() < 1e-4, "{length} of {}", edges * edge);
        }
    }

    #[test]
    fn paths_on_a_line() {
        let x = array![[0.0_f32], [1.0], [-1.5], [3.0], [3.2], [10.0]];
        assert_eq!(Tour::nearest_neighbour(x.view()).unwrap().order(), [0, 1, 3, 4, 2, 5]);
        assert_eq!(Tour::greedy(x.view()).unwrap().order(), [2, 0, 1, 3, 4, 5]);
    }

    /// Against all edges sorted by length, taken one after the other.
    #[test]
    fn greedy_is_that_of_the_sorted_edges() {
        for seed in 0..5 {
            let x = uniform(60, 2, seed);
            let points = Points::new(x.view()).unwrap();
            let mut edges: Vec<_> = (0..60).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
            edges.sort_by(|a, b| points.squared(a.0, a.1).total_cmp(&points.squared(b.0, b.1)));
            let (mut degree, mut part) = ([0; 60], std::array::from_fn::<usize, 60, _>(|row| row));
            let mut length = 0.0;
            for (a, b) in edges {
                if degree[a] < 2 && degree[b] < 2 && part[a] != part[b] {
                    (degree[a], degree[b]) = (degree[a] + 1, degree[b] + 1);
                    let joined = part[b];
                    part.iter_mut().filter(|part| **part == joined).for_each(|p| *p = usize::MAX);
                    let into = part[a];
                    part.iter_mut().filter(|part| **part == usize::MAX).for_each(|p| *p = into);
                    length += points.distance(a, b);
                }
            }
            let found = Tour::greedy(x.view()).unwrap().length(x.view()).unwrap();
            assert!((found - length).abs() < 1e-9, "{found} and {length}");
        }
    }

    #[test]
    fn what_is_no_tour_is_refused() {
        assert!(refused(Tour::new(vec![0, 1, 1])).contains("visits row 1 twice"));
        assert!(refused(Tour::new(vec![0, 3])).contains("a tour of 2 rows that visits row 3"));
        let tour = Tour::new(vec![1, 0]).unwrap();
        assert!(refused(tour.length(Array2::zeros((3, 1)).view())).contains("2 rows through 3 points"));
        assert!(refused(Tour::greedy(Array2::zeros((0, 1)).view())).contains("(0, 1)"));
        assert!(refused(tour.two_opt(array![[f32::NAN], [1.0]].view())).contains("row 0, column 0 is NaN"));
    }

    /// The figures of the documentation, with fewer points.
    #[test]
    fn curves_are_little_longer_than_the_best_path() {
        let x = uniform(800, 2, 1);
        let length = |tour: Tour| tour.length(x.view()).unwrap();
        let best = length(Tour::greedy(x.view()).unwrap().two_opt(x.view()).unwrap());
        for (curve, ratio) in
            [(Curve::Sierpinski, 1.27), (Curve::Hilbert, 1.29), (Curve::Peano, 1.37), (Curve::Lebesgue, 1.87)]
        {
            let found = length(Tour::along(x.view(), curve).unwrap()) / best;
            assert!((found / ratio - 1.0).abs() < 0.05, "{curve}: {found}");
        }
    }
}
