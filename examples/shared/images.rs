//! Small grey images in rows, as SVG.

use std::error::Error;
use std::path::Path;

use ndarray::Array1;
use plotters::prelude::*;

/// Pixels of an image and of what is around it.
const SIDE: i32 = 120;
const CELL: (u32, u32) = (150, 160);

/// Draws rows of images of `side` × `side` values, each below its name, and writes them to `path`. The largest value of
/// all is black, the least white.
pub fn draw(path: &Path, rows: &[Vec<(String, Array1<f32>)>], side: usize) -> Result<(), Box<dyn Error>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let values = || rows.iter().flatten().flat_map(|(_, image)| image.iter().copied());
    let (low, high) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
    let shade = |value: f32| {
        let level = 255.0 * (high - value) / (high - low).max(f32::MIN_POSITIVE);
        RGBColor(level as u8, level as u8, level as u8)
    };
    // Where pixel `number` of a side begins.
    let edge = |number: usize| SIDE * number as i32 / side as i32;
    let mut text = String::new();
    {
        let size = (CELL.0 * columns as u32, CELL.1 * rows.len() as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (row, cells) in rows.iter().zip(area.split_evenly((rows.len(), 1))) {
            for ((name, image), cell) in row.iter().zip(cells.split_evenly((1, columns))) {
                cell.draw(&Text::new(name.as_str(), (15, 8), ("sans-serif", 15)))?;
                for (at, &value) in image.iter().enumerate() {
                    let (x, y) = (at % side, at / side);
                    let corners = [(15 + edge(x), 30 + edge(y)), (15 + edge(x + 1), 30 + edge(y + 1))];
                    cell.draw(&Rectangle::new(corners, shade(value).filled()))?;
                }
                let frame = [(15, 30), (15 + SIDE, 30 + SIDE)];
                cell.draw(&Rectangle::new(frame, BLACK.mix(0.3)))?;
            }
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
