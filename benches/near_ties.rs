//! What `assign` takes on the CPU for vectors that rounding does not decide, as a multiple of what it takes for normal ones.
//!
//! ```text
//! cargo bench --bench near_ties
//! ```
//!
//! Prints milliseconds (the median of five) and the multiple, for each shape and set of vectors and codewords.

use std::time::Instant;

use ndarray::Array2;
use wgvq::metrics::Metric;
use wgvq::{Codebook, Engine, Result, Rng};

const SHAPES: [(usize, usize, usize); 8] = [
    (100_000, 128, 256),
    (100_000, 128, 64),
    (100_000, 64, 64),
    (200_000, 32, 256),
    (200_000, 16, 256),
    (200_000, 16, 16),
    (200_000, 8, 256),
    (400_000, 4, 16),
];

const ROUNDS: usize = 5;

/// Vectors and codewords made of normal ones.
type Make = fn(Array2<f32>, Array2<f32>) -> (Array2<f32>, Array2<f32>);

const SETS: [(&str, Make); 8] = [
    ("normal", |x, c| (x, c)),
    ("two heaps, 6e4 apart", |x, c| (heaps(x, 3e4), heaps(c, 3e4))),
    ("two heaps, 6e6 apart", |x, c| (heaps(x, 3e6), heaps(c, 3e6))),
    ("a line", |x, c| (line(x, 1), line(c, 2))),
    ("copies of codewords", |x, c| {
        let c = second_half(c, |row| row);
        (x, c)
    }),
    ("near copies", |x, c| {
        let c = second_half(c, f32::next_up);
        (x, c)
    }),
    ("midpoints", |mut x, c| {
        let k = c.nrows();
        for (at, mut row) in x.rows_mut().into_iter().enumerate() {
            row.assign(&((&c.row(at % k) + &c.row((7 * at + 1) % k)) * 0.5));
        }
        (x, c)
    }),
    ("whole numbers", |x, c| (x.mapv(f32::round), c.mapv(f32::round))),
];

/// Half of the vectors far on one side, half on the other.
fn heaps(mut vectors: Array2<f32>, far: f32) -> Array2<f32> {
    for (at, mut row) in vectors.rows_mut().into_iter().enumerate() {
        row += if at % 2 == 0 { far } else { -far };
    }
    vectors
}

/// Vectors near a line.
fn line(vectors: Array2<f32>, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, 0);
    let mut vectors = vectors * 0.01;
    vectors.rows_mut().into_iter().for_each(|mut row| row += 1000.0 * rng.normal());
    vectors
}

/// The first half of the codewords twice, the second time changed.
fn second_half(mut codewords: Array2<f32>, change: fn(f32) -> f32) -> Array2<f32> {
    let half = codewords.nrows() / 2;
    for at in 0..half {
        let row = codewords.row(at).mapv(change);
        codewords.row_mut(half + at).assign(&row);
    }
    codewords
}

fn main() -> Result<()> {
    let engine = Engine::cpu();
    println!("{:>7} {:>4} {:>4}  {:20} {:>8} {:>9}", "n", "d", "k", "set", "ms", "multiple");
    for (n, d, k) in SHAPES {
        let mut rng = Rng::new(1, 2);
        let mut normals = |rows| Array2::from_shape_simple_fn((rows, d), || rng.normal());
        let (x, codewords) = (normals(n), normals(k));
        let mut plain = None;
        for (name, make) in SETS {
            let (x, codewords) = make(x.clone(), codewords.clone());
            let x = engine.upload(x.view())?;
            let codebook = Codebook::new(&engine, codewords.view(), Metric::SquaredL2)?;
            let (mut codes, mut distances) = (engine.zeros::<u32>(n, 1)?, engine.zeros::<f32>(n, 1)?);
            let mut times = [0.0; ROUNDS];
            for time in &mut times {
                let start = Instant::now();
                let mut recorder = engine.recorder();
                recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
                recorder.submit()?;
                *time = 1e3 * start.elapsed().as_secs_f64();
            }
            times.sort_by(f64::total_cmp);
            let median = times[ROUNDS / 2];
            let multiple = median / *plain.get_or_insert(median);
            println!("{n:>7} {d:>4} {k:>4}  {name:20} {median:>8.2} {multiple:>9.2}");
        }
    }
    Ok(())
}
