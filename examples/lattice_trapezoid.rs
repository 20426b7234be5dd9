//! Lattice quantization of points in the plane (Fig. 2.7 of the thesis): a hexagonal lattice over a trapezoid.
//!
//! ```text
//! cargo run --release --example lattice_trapezoid
//! ```
//!
//! Points are even over a trapezoid; the codewords are the points of the lattice that some of them fall on. Prints their
//! number and the error beside those of a square lattice of cells of the same area, and of a codebook of as many
//! codewords by k-means, and draws all three to `target/lattice_trapezoid.svg`.

#[path = "shared/plane.rs"]
mod plane;

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis};
use wgvq::{Engine, Lattice, LatticeVq, Quantizer, Rng, Vq, metrics};

const VECTORS: usize = 50_000;
/// The area of a cell.
const CELL: f32 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::auto()?;
    let x = trapezoid();
    // The cells of A2 have the area √3/2, those of Z 1.
    let hexagonal = LatticeVq::builder(Lattice::A(2)).scale((CELL / 0.75_f32.sqrt()).sqrt());
    let square = LatticeVq::builder(Lattice::Z).scale(CELL.sqrt());
    let (hexagonal, square) = (hexagonal.fit(&engine, &x)?, square.fit(&engine, &x)?);
    let lattices: [(&str, &dyn Quantizer); 2] =
        [("hexagonal lattice", &hexagonal), ("square lattice", &square)];

    println!("{VECTORS} points of a trapezoid, cells of {CELL}, on {}", engine.name());
    println!("{:<20} {:>9} {:>10} {:>16}", "quantizer", "codewords", "mse", "second moment");
    let mut drawn = Vec::new();
    let mut report = |name: &str, quantizer: &dyn Quantizer| -> wgvq::Result<usize> {
        let back = quantizer.decode(&engine, &quantizer.encode(&engine, &x)?)?;
        let mse = metrics::mse(x.view(), back.view())?;
        let used = distinct(&back);
        let k = used.nrows();
        // Of a cell, per dimension, in units of its area.
        println!("{name:<20} {k:>9} {mse:>10.5} {:>16.5}", mse / 2.0 / f64::from(CELL));
        drawn.push((format!("{name}, {k} codewords"), used));
        Ok(k)
    };
    let mut k = 0;
    for (name, lattice) in lattices {
        k = k.max(report(name, lattice)?);
    }
    let vq = Vq::builder().k(k).seed(1).fit(&engine, &x)?;
    report("k-means", &vq)?;
    println!("second moments of whole cells: hexagonal 0.08019, square 0.08333");

    let planes: Vec<_> = drawn
        .iter()
        .map(|(title, codewords)| plane::Plane {
            title: title.clone(),
            cloud: &x,
            codewords,
            connected: false,
        })
        .collect();
    std::fs::create_dir_all("target")?;
    plane::draw(Path::new("target/lattice_trapezoid.svg"), &planes, 3)?;
    println!("the codewords are in target/lattice_trapezoid.svg");
    Ok(())
}

/// Even points of a trapezoid of height 2, which is 3 wide below and 1.5 above.
fn trapezoid() -> Array2<f32> {
    let mut rng = Rng::new(7, 0);
    let mut points = Array2::zeros((VECTORS, 2));
    for mut point in points.rows_mut() {
        loop {
            let (x, y) = (3.0 * rng.uniform() - 1.5, 2.0 * rng.uniform() - 1.0);
            if x.abs() <= 1.5 - 0.375 * (y + 1.0) {
                (point[0], point[1]) = (x, y);
                break;
            }
        }
    }
    points
}

/// The rows that differ, in ascending order.
fn distinct(rows: &Array2<f32>) -> Array2<f32> {
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    let key = |&row: &usize| (rows[[row, 1]], rows[[row, 0]]);
    order.sort_by(|a, b| key(a).partial_cmp(&key(b)).expect("decoded values are finite"));
    order.dedup_by_key(|row| key(row));
    rows.select(Axis(0), &order)
}
