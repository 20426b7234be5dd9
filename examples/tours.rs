//! Short ways through a codebook (Fig. 4.6 of the thesis): the travelling salesman's tour along space-filling curves, and
//! by other heuristics.
//!
//! ```text
//! cargo run --release --example tours
//! ```
//!
//! The 256 codewords of a plain VQ of Gaussian points in the plane, which k-means leaves in no order. Prints how long the
//! path through all of them is by each heuristic, as found and after 2-opt, mean and standard deviation over three seeds,
//! and draws those of the first seed to `target/tours.svg`.

#[path = "shared/plane.rs"]
mod plane;
#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use wgvq::curves::{Curve, Tour};
use wgvq::{Engine, Rng, Vq};

const VECTORS: usize = 20_000;
const CODEWORDS: usize = 256;
const SEEDS: u64 = 3;

/// What finds a path through the rows of a matrix.
type Heuristic = fn(ArrayView2<f32>) -> wgvq::Result<Tour>;

const HEURISTICS: [(&str, Heuristic); 5] = [
    ("as trained", |x| Tour::new((0..x.nrows()).collect())),
    ("Hilbert", |x| Tour::along(x, Curve::Hilbert)),
    ("Lebesgue", |x| Tour::along(x, Curve::Lebesgue)),
    ("nearest neighbour", Tour::nearest_neighbour),
    ("greedy", Tour::greedy),
];

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::auto()?;
    println!("{CODEWORDS} codewords of {VECTORS} Gaussian points, {SEEDS} seeds, on {}", engine.name());
    println!("{:<20} {:>18} {:>18}", "heuristic", "length", "after 2-opt");
    let mut books = Vec::new();
    for seed in 0..SEEDS {
        let mut rng = Rng::new(5, seed);
        let points = Array2::from_shape_simple_fn((VECTORS, 2), || rng.normal());
        let vq = Vq::builder().k(CODEWORDS).seed(seed).fit(&engine, &points)?;
        books.push((points, vq.codebook().clone()));
    }
    let (cloud, shown) = &books[0];
    let mut drawn = Vec::new();
    for (name, heuristic) in HEURISTICS {
        let (mut found, mut improved) = (Vec::new(), Vec::new());
        for (_, codebook) in &books {
            let x = codebook.view();
            let tour = heuristic(x)?;
            found.push(tour.length(x)?);
            improved.push(tour.two_opt(x)?.length(x)?);
        }
        let spread = |lengths: &[f64]| seeds::mean_and_spread(lengths, 2);
        println!("{name:<20} {:>18} {:>18}", spread(&found), spread(&improved));
        drawn.push((format!("{name}, length {:.1}", found[0]), heuristic(shown.view())?));
    }
    let shortest = Tour::greedy(shown.view())?.two_opt(shown.view())?;
    drawn.push((format!("greedy and 2-opt, length {:.1}", shortest.length(shown.view())?), shortest));

    let paths: Vec<Array2<f32>> = drawn.iter().map(|(_, tour)| shown.select(Axis(0), tour.order())).collect();
    let plane = |((title, _), codewords): (&(String, Tour), _)| plane::Plane {
        title: title.clone(),
        cloud,
        codewords,
        connected: true,
    };
    let planes: Vec<_> = drawn.iter().zip(&paths).map(plane).collect();
    std::fs::create_dir_all("target")?;
    plane::draw(Path::new("target/tours.svg"), &planes, 3)?;
    println!("the tours are in target/tours.svg");
    Ok(())
}
