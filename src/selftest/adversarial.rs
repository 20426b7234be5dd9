//! Vectors and codebooks whose nearest codewords rounded scores do not tell.

use ndarray::Array2;

use crate::rng::Rng;

/// Vectors `x` (n, d) and codewords (k, d).
pub(crate) struct Set {
    pub name: String,
    pub x: Array2<f32>,
    pub codewords: Array2<f32>,
}

/// How many sets there are.
const SETS: u64 = 40;

/// The shapes of the sets in turn: (k, d).
const SHAPES: [(usize, usize); 5] = [(257, 1), (64, 2), (100, 5), (33, 33), (150, 128)];

/// Where vectors and codewords lie.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// About one point, this far from the origin.
    About(f32),
    /// About the ends of a line through the origin, this far from it.
    Heaps(f32),
    /// Codewords on a line, this far from one another, and vectors beside it.
    Line(f32),
    /// Codewords of whole numbers, and vectors half way between: many are equally far.
    Grid(f32),
    /// Codewords about the origin, and one this far away.
    Outlier(f32),
    /// All values this small, or large.
    Scaled(f32),
    /// Codewords that are copies of a few, but for the last bit.
    Copies(f32),
    /// Codewords at nearly the same distance: this share of it apart.
    Sphere(f32),
}

const PLACES: [Place; 20] = [
    Place::About(0.0),
    Place::About(1e4),
    Place::About(3e6),
    Place::Heaps(3e4),
    Place::Heaps(1e7),
    Place::Line(1e-3),
    Place::Line(1e-7),
    Place::Line(16.0),
    Place::Grid(1.0),
    Place::Grid(0.1),
    Place::Outlier(1e4),
    Place::Outlier(1e6),
    Place::Outlier(3e30),
    Place::Scaled(1e-18),
    Place::Scaled(1e-40),
    Place::Scaled(2e37),
    Place::Copies(0.0),
    Place::Copies(1.0),
    Place::Sphere(1e-6),
    Place::Sphere(1e-8),
];

/// All sets: the same for every device.
pub(crate) fn sets() -> impl Iterator<Item = Set> {
    (0..SETS).map(|number| {
        let place = PLACES[number as usize % PLACES.len()];
        let (k, d) = SHAPES[(number as usize * 3 + number as usize / PLACES.len()) % SHAPES.len()];
        let mut rng = Rng::new(number, 17);
        let (x, codewords) = draw(place, &mut rng, (60, k, d));
        Set { name: format!("{place:?}, k {k}, d {d}"), x, codewords }
    })
}

fn draw(place: Place, rng: &mut Rng, (n, k, d): (usize, usize, usize)) -> (Array2<f32>, Array2<f32>) {
    let mut normals = |rows| Array2::from_shape_simple_fn((rows, d), || rng.normal());
    let (mut x, mut c) = (normals(n), normals(k));
    match place {
        Place::About(offset) => {
            x += offset;
            c += offset;
        }
        Place::Heaps(offset) => {
            for values in [&mut x, &mut c] {
                for (row, mut values) in values.outer_iter_mut().enumerate() {
                    values += if row % 2 == 0 { offset } else { -offset };
                }
            }
        }
        Place::Line(spacing) => {
            c = Array2::from_shape_fn((k, d), |(j, _)| j as f32 * spacing);
            for mut row in x.outer_iter_mut() {
                row += rng.uniform() * k as f32 * spacing;
            }
        }
        Place::Grid(spacing) => {
            let mut grid = |rows, step: f32| {
                Array2::from_shape_simple_fn((rows, d), || (rng.below(7) as f32 - 3.0) * step)
            };
            (x, c) = (grid(n, spacing / 2.0), grid(k, spacing));
        }
        Place::Outlier(distance) => c.row_mut(k / 2).fill(distance),
        Place::Scaled(factor) => {
            x *= factor;
            c *= factor;
        }
        Place::Copies(ulps) => {
            for j in 5..k {
                let mut copy = c.row(j % 5).to_owned();
                copy[0] = if ulps > 0.0 && j % 3 == 0 { copy[0].next_up() } else { copy[0] };
                c.row_mut(j).assign(&copy);
            }
        }
        Place::Sphere(share) => {
            let center = x.row(0).to_owned();
            for row in x.outer_iter_mut().skip(1) {
                let mut row = row;
                row *= share;
                row += &center;
            }
            for (j, mut codeword) in c.outer_iter_mut().enumerate() {
                let length = codeword.iter().map(|c| c * c).sum::<f32>().sqrt();
                codeword *= (1.0 + share * (j % 7) as f32) / length;
                codeword += &center;
            }
        }
    }
    (x, c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certified::exact;
    use crate::metrics::Metric;

    #[test]
    fn plain_scores_are_misled_by_most_sets() {
        let misled = sets().filter(|set| {
            let codewords: Vec<Vec<f32>> = set.codewords.outer_iter().map(|c| c.to_vec()).collect();
            set.x.outer_iter().any(|x| {
                let x = x.to_vec();
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                let scores: Vec<f32> = codewords.iter().map(|c| 0.5 * dot(c, c) - dot(&x, c)).collect();
                let all: Vec<u32> = (0..scores.len() as u32).collect();
                let least =
                    all.iter().copied().min_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]));
                least != Some(exact::nearest(Metric::SquaredL2, &x, &all, |j| &codewords[j as usize]))
            })
        });
        let misled = misled.count();
        assert!(misled > SETS as usize / 4, "{misled}");
    }
}
