//! Pictures of points and codewords in the plane, as SVG.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, ArrayView1};
use plotters::prelude::*;

/// One picture: a cloud of points, and codewords over it.
pub struct Plane<'a> {
    pub title: String,
    /// (n, 2), drawn small and grey.
    pub cloud: &'a Array2<f32>,
    /// (k, 2).
    pub codewords: &'a Array2<f32>,
    /// Whether a line goes from each codeword to the next, from light to dark.
    pub connected: bool,
}

/// The most points of a cloud that are drawn.
const MOST_DRAWN: usize = 4000;

/// The side of a picture in pixels.
const SIDE: u32 = 460;

/// Draws `planes` in rows of `columns`, with as much of the cloud as the codewords reach to, and writes them to `path`.
pub fn draw(path: &Path, planes: &[Plane], columns: usize) -> Result<(), Box<dyn Error>> {
    let rows = planes.len().div_ceil(columns);
    let values = planes.iter().flat_map(|plane| plane.codewords);
    let reach = 1.1 * values.fold(0.0, |reach: f64, &value| reach.max(f64::from(value).abs()));
    let mut text = String::new();
    {
        let size = (SIDE * columns as u32, (SIDE + 20) * rows as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (plane, area) in planes.iter().zip(area.split_evenly((rows, columns))) {
            draw_one(plane, &area, reach)?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

fn draw_one(
    plane: &Plane,
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    reach: f64,
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(&plane.title, ("sans-serif", 18))
        .margin(8)
        .build_cartesian_2d(-reach..reach, -reach..reach)?;
    let at = |row: ArrayView1<f32>| (f64::from(row[0]), f64::from(row[1]));
    let grey = RGBColor(120, 120, 120).mix(0.6).filled();
    let cloud = plane.cloud.rows().into_iter().take(MOST_DRAWN).map(at);
    let inside = cloud.filter(|(x, y)| x.abs() < reach && y.abs() < reach);
    chart.draw_series(inside.map(|point| Circle::new(point, 1, grey)))?;
    let codewords = plane.codewords;
    if !plane.connected {
        let dots = codewords.rows().into_iter().map(|row| Circle::new(at(row), 4, UNORDERED.filled()));
        chart.draw_series(dots)?;
        return Ok(());
    }
    for (number, row) in codewords.rows().into_iter().enumerate() {
        let color = shade(number, codewords.nrows());
        if number + 1 < codewords.nrows() {
            let ends = vec![at(row), at(codewords.row(number + 1))];
            chart.draw_series([PathElement::new(ends, color.stroke_width(2))])?;
        }
        chart.draw_series([Circle::new(at(row), 4, color.filled())])?;
    }
    Ok(())
}

/// The colour of codewords that have no order.
const UNORDERED: RGBColor = RGBColor(0, 114, 178);

/// The colour of codeword `number` of `k`.
fn shade(number: usize, k: usize) -> HSLColor {
    let share = number as f64 / (k - 1).max(1) as f64;
    HSLColor(0.6 + 0.2 * share, 0.85, 0.72 - 0.5 * share)
}
