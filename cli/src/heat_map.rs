//! The picture of labels along a codebook.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use wgvq::interpret::LabelHistogram;
use wgvq::ndarray::Array2;
use wgvq::{Error, Result};

use crate::plots::{self, Area, failed, number};

const WIDTH: u32 = 900;

/// Pixels for the scale of colours on the right.
const SCALE: u32 = 90;

/// The most columns: of more codewords, neighbours are drawn as one.
const MOST_COLUMNS: usize = 256;

/// The most rows: more would have no room for their names.
const MOST_ROWS: usize = 100;

/// Labels down the side, in the order in which they lie along the codebook; codewords across. A cell is the share of the
/// label's vectors.
pub fn draw(path: &Path, force: bool, title: &str, histogram: &LabelHistogram) -> Result<()> {
    let (rows, k) = histogram.counts().dim();
    if rows > MOST_ROWS {
        return Err(Error::input(format!(
            "a heat map of {rows} labels; there is room for the names of {MOST_ROWS}"
        )));
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&row| histogram.quantile(row, 0.5));
    let shares = shares(histogram, &order, k.min(MOST_COLUMNS));
    let highest = shares.iter().copied().fold(0.0, f64::max);
    let height = 110 + (24 * rows as u32).max(160);
    plots::write(path, (WIDTH, height), force, |area| {
        let (map, scale) = area.split_horizontally(WIDTH - SCALE);
        let mut chart = ChartBuilder::on(&map)
            .caption(title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..k as f64, 0.0..rows as f64)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .y_labels(0)
            .x_label_formatter(&number)
            .x_desc("codeword")
            .y_desc("label")
            .label_style(("sans-serif", 13))
            .draw()
            .map_err(failed)?;
        let width = k as f64 / shares.ncols() as f64;
        // The first row is the uppermost.
        let floor = |row: usize| (rows - 1 - row) as f64;
        let cell = |((row, column), &share): ((usize, usize), &f64)| {
            let (left, bottom) = (column as f64 * width, floor(row));
            Rectangle::new([(left, bottom), (left + width, bottom + 1.0)], shade(share / highest).filled())
        };
        chart
            .draw_series(shares.indexed_iter().filter(|(_, share)| **share > 0.0).map(cell))
            .map_err(failed)?;
        let style = ("sans-serif", 13).into_text_style(area).pos(Pos::new(HPos::Right, VPos::Center));
        for (row, &label) in order.iter().enumerate() {
            let (x, y) = chart.plotting_area().map_coordinate(&(0.0, floor(row) + 0.5));
            let name = histogram.labels()[label].to_string();
            map.draw(&Text::new(name, (x - 8, y), style.clone())).map_err(failed)?;
        }
        draw_scale(&scale, height, highest)
    })
}

/// The share of the vectors of each label, in the given order, (labels, columns).
fn shares(histogram: &LabelHistogram, order: &[usize], columns: usize) -> Array2<f64> {
    let k = histogram.counts().ncols();
    let mut shares = Array2::zeros((order.len(), columns));
    for (at, &row) in order.iter().enumerate() {
        let counts = histogram.counts();
        let total = counts.row(row).sum() as f64;
        for (code, &count) in counts.row(row).iter().enumerate() {
            shares[[at, code * columns / k]] += count as f64 / total;
        }
    }
    shares
}

/// White to dark blue.
fn shade(part: f64) -> RGBColor {
    let mix = |dark: f64| (255.0 + part * (dark - 255.0)).round() as u8;
    RGBColor(mix(8.0), mix(48.0), mix(107.0))
}

/// Which colour is which share of a label's vectors.
fn draw_scale(area: &Area, height: u32, highest: f64) -> Result<()> {
    let (top, bottom) = (50, height as i32 - 60);
    let at = |part: f64| bottom - (part * f64::from(bottom - top)).round() as i32;
    const STEPS: usize = 50;
    for step in 0..STEPS {
        let (from, to) = (step as f64 / STEPS as f64, (step + 1) as f64 / STEPS as f64);
        let color = shade((from + to) / 2.0);
        area.draw(&Rectangle::new([(10, at(from)), (26, at(to))], color.filled())).map_err(failed)?;
    }
    area.draw(&Rectangle::new([(10, bottom), (26, top)], BLACK.mix(0.3))).map_err(failed)?;
    let style = ("sans-serif", 13).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
    for part in [0.0, 0.5, 1.0] {
        let text = format!("{:.0} %", 100.0 * part * highest);
        area.draw(&Text::new(text, (32, at(part)), style.clone())).map_err(failed)?;
    }
    Ok(())
}
