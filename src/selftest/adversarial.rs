//! Vectors and codebooks whose nearest codewords rounded scores do not tell.

use ndarray::Array2;

use crate::rng::Rng;

/// Vectors `x` (n, d) and codewords (k, d).
#[derive(Clone)]
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
    use proptest::prelude::*;

    use super::*;
    use crate::certified::exact;
    use crate::engine::Engine;
    use crate::metrics::Metric;
    use crate::rng::Rng;
    use crate::selftest::{Check, assign_exactly};

    /// Heaps of codewords and of vectors: the heaps lie about a point `offset` from the origin, `spread` from one another, and
    /// within a heap the vectors are `spacing` times that apart. Every so many codewords are copies but for a last bit.
    #[derive(Clone, Debug)]
    struct Drawn {
        shape: (usize, usize, usize),
        heaps: usize,
        copies: usize,
        offset: f32,
        spread: f32,
        spacing: f32,
        seed: u64,
    }

    impl Drawn {
        fn any() -> impl Strategy<Value = Self> {
            let power =
                |exponents: std::ops::Range<i32>| exponents.prop_map(|exponent| 10_f32.powi(exponent));
            let shape = (1..40_usize, 1..150_usize, 1..70_usize);
            (shape, 1..6_usize, 2..9_usize, power(-10..8), power(-42..18), power(-9..1), any::<u64>())
                .prop_map(|(shape, heaps, copies, offset, spread, spacing, seed)| Self {
                    shape,
                    heaps,
                    copies,
                    offset: offset * spread,
                    spread,
                    spacing,
                    seed,
                })
        }

        fn set(&self) -> Set {
            let Self { shape: (n, k, d), heaps, copies, offset, spread, spacing, seed } = *self;
            let mut rng = Rng::new(seed, 18);
            let centers = Array2::from_shape_simple_fn((heaps, d), || offset + spread * rng.normal());
            let mut rows = |rows| {
                Array2::from_shape_fn((rows, d), |(row, i)| {
                    centers[[row % heaps, i]] + spread * spacing * rng.normal()
                })
            };
            let (x, mut codewords) = (rows(n), rows(k));
            for j in (copies..k).step_by(copies) {
                let mut copy = codewords.row(j / 2).to_owned();
                copy[d / 2] = if j % 2 == 0 { copy[d / 2].next_up() } else { copy[d / 2] };
                codewords.row_mut(j).assign(&copy);
            }
            Set { name: format!("{self:?}"), x, codewords }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_device_finds_the_nearest_of_what_is_drawn(drawn in Drawn::any()) {
            for engine in [Some(Engine::cpu()), crate::test_gpu()].into_iter().flatten() {
                let mut check = Check::new(&engine, "assign");
                assign_exactly::compare(&mut check, &drawn.set())?;
                let (_, failures) = check.into_findings();
                prop_assert!(failures.is_empty(), "{}: {failures:#?}", engine.name());
            }
        }
    }

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
