//! Space-filling vector quantization of points in the plane (Fig. 5.4a of the thesis), beside plain VQ.
//!
//! ```text
//! cargo run --release --example sfvq_gaussian [FOLDER]
//! ```
//!
//! 6 bits on a Gaussian, on a ring and on a spiral. Prints the errors and how far codewords that follow one another are
//! apart, and draws both codebooks, coloured from light to dark by index, to FOLDER/gaussian.svg and so on
//! (`target/sfvq` if not said).

use std::error::Error;
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use plotters::prelude::*;
use wgvq::curves::Tour;
use wgvq::interpret::OrderedCodebook;
use wgvq::{Engine, Evaluation, GradientTraining, Projection, Quantizer, Rng, Trainer, Vq};

const BITS: u32 = 6;
const VECTORS: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/sfvq"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let engine = Engine::auto()?;
    println!("{VECTORS} points, {BITS} bits, on {}", engine.name());
    println!(
        "{:<9} {:<9} {:>11} {:>11} {:>10} {:>11} {:>10}",
        "points", "quantizer", "mse", "mse curve", "mean jump", "2-opt tour", "crossings"
    );
    for (name, points) in shapes() {
        let vq = Vq::builder().k(1 << BITS).seed(1).fit(&engine, &points)?;
        let training = GradientTraining::new(format!("SFVQ{BITS}").parse()?, Trainer::NSVQ);
        let sfvq = training.steps(15_000).batch(256).seed(1).fit(&engine, &points)?;
        let curve = sfvq.curve().ok_or("a curve")?.clone();
        for (label, quantizer, corners) in
            [("VQ", &vq as &dyn Quantizer, vq.codebook()), ("SFVQ", &*sfvq, &curve)]
        {
            let mse = Evaluation::of(&*quantizer.prepare(&engine)?, &engine, &points)?.distortion.mse();
            let along = if label == "SFVQ" {
                format!("{:.4}", Projection::of(&engine, &curve, &points)?.mse)
            } else {
                "–".to_string()
            };
            let jumps = (corners.nrows() - 1) as f64;
            // What the best order of the same codewords would have.
            let shortest = Tour::nearest_neighbour(corners.view())?.two_opt(corners.view())?;
            let mean = OrderedCodebook::new(corners.clone())?.jumps().mean;
            println!(
                "{name:<9} {label:<9} {mse:>11.4} {along:>11} {mean:>10.3} {:>11.3} {:>10}",
                shortest.length(corners.view())? / jumps,
                crossings(corners)
            );
        }
        draw(&folder.join(format!("{name}.svg")), &points, [("VQ", vq.codebook()), ("SFVQ", &curve)])?;
    }
    println!("pictures are in {}", folder.display());
    Ok(())
}

/// Points in the plane: all over, along a closed line, and along an open one.
fn shapes() -> [(&'static str, Array2<f32>); 3] {
    let mut rng = Rng::new(5, 0);
    let gaussian = Array2::from_shape_simple_fn((VECTORS, 2), || rng.normal());
    let mut along = |line: &dyn Fn(f32) -> (f32, f32)| {
        let mut points = Array2::zeros((VECTORS, 2));
        for mut point in points.rows_mut() {
            let (x, y) = line(rng.uniform_f64() as f32);
            point[0] = x + 0.05 * rng.normal();
            point[1] = y + 0.05 * rng.normal();
        }
        points
    };
    let ring = along(&|t| ((TAU * t).cos(), (TAU * t).sin()));
    // Even along its length, which grows with the square of the angle.
    let spiral = along(&|t| {
        let angle = 2.5 * TAU * t.sqrt();
        (t.sqrt() * angle.cos(), t.sqrt() * angle.sin())
    });
    [("gaussian", gaussian), ("ring", ring), ("spiral", spiral)]
}

/// How often the curve crosses itself.
fn crossings(corners: &Array2<f32>) -> usize {
    let side = |a: usize, b: usize, c: usize| {
        let at = |corner: usize, axis: usize| f64::from(corners[[corner, axis]]);
        (at(b, 0) - at(a, 0)) * (at(c, 1) - at(a, 1)) - (at(b, 1) - at(a, 1)) * (at(c, 0) - at(a, 0)) > 0.0
    };
    let segments = corners.nrows() - 1;
    let cross = |a: usize, b: usize| {
        side(a, a + 1, b) != side(a, a + 1, b + 1) && side(b, b + 1, a) != side(b, b + 1, a + 1)
    };
    (0..segments).map(|a| (a + 2..segments).filter(|&b| cross(a, b)).count()).sum()
}

/// The codebooks side by side over the points.
fn draw(
    path: &Path,
    points: &Array2<f32>,
    codebooks: [(&str, &Array2<f32>); 2],
) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (1000, 520)).into_drawing_area();
        area.fill(&WHITE)?;
        let reach = points.iter().fold(0.0_f32, |reach, value| reach.max(value.abs())).min(3.2) as f64;
        for ((name, corners), area) in codebooks.into_iter().zip(area.split_evenly((1, 2))) {
            let mut chart = ChartBuilder::on(&area)
                .caption(name, ("sans-serif", 20))
                .margin(10)
                .build_cartesian_2d(-reach..reach, -reach..reach)?;
            let at = |row: ndarray::ArrayView1<f32>| (f64::from(row[0]), f64::from(row[1]));
            let grey = RGBColor(150, 150, 150).mix(0.35).filled();
            let sample = points.rows().into_iter().take(4000);
            chart.draw_series(sample.map(|point| Circle::new(at(point), 1, grey)))?;
            let last = (corners.nrows() - 1) as f64;
            let color = |corner: usize| {
                let share = corner as f64 / last;
                HSLColor(0.6 + 0.2 * share, 0.85, 0.72 - 0.5 * share)
            };
            for corner in 0..corners.nrows() - 1 {
                let ends = vec![at(corners.row(corner)), at(corners.row(corner + 1))];
                chart.draw_series([PathElement::new(ends, color(corner).stroke_width(2))])?;
            }
            let dots = corners.rows().into_iter().enumerate();
            chart.draw_series(dots.map(|(corner, row)| Circle::new(at(row), 4, color(corner).filled())))?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
