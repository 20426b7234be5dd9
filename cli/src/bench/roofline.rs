//! `--plot`: arithmetic intensity against throughput, below the roofs of the device.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use wgvq::Result;

use super::document::Document;
use super::measure::{Measurement, Record};
use super::peaks::Peaks;
use crate::axis::Axis;
use crate::plots::{self, Labels, chart, color, failed};

/// Width of the chart, and of the column of names to its right.
const CHART: u32 = 720;
const NAMES: u32 = 340;

const LEAST_HEIGHT: u32 = 460;

/// Pixels from one name to the next, and those above the first and below the last.
const LINE: i32 = 18;
const MARGIN: i32 = 30;

/// Draws the measurements of `document` that compute.
pub fn draw(path: &Path, force: bool, document: &Document) -> Result<()> {
    let points: Vec<Point> = document.results.iter().filter_map(Point::of).collect();
    let roofs = roofs(&document.peaks);
    let (x, y) = ranges(&points, &roofs, document.peaks.copy_gbs);
    let height = LEAST_HEIGHT.max((LINE * (points.len() + roofs.len()) as i32 + 2 * MARGIN) as u32);
    let title = format!("roofline of {}", document.environment.device);
    let labels = Labels { title: &title, x: "operations per byte", y: "GFLOP/s" };
    plots::write(path, (CHART + NAMES, height), force, |area| {
        let (left, _) = area.split_horizontally(CHART);
        let mut chart = chart(&left, &labels, Axis::decades(x.clone()), Axis::decades(y))?;
        let gbs = document.peaks.copy_gbs;
        for (gflops, _) in &roofs {
            let corners = [x.start, gflops / gbs, x.end].map(|at| (at, (at * gbs).min(*gflops)));
            chart.draw_series(LineSeries::new(corners, BLACK.stroke_width(2))).map_err(failed)?;
        }
        let on_page = |x: f64, y: f64| chart.plotting_area().map_coordinate(&(x, y));
        let style = ("sans-serif", 13).into_text_style(area);
        // Left of the slope, where no point can be, below the first roof.
        let lowest = roofs[0].0 / 1.6;
        let (at_x, at_y) = on_page(lowest / gbs, lowest);
        let copy = format!("copy: {}", figure(gbs, "GB/s"));
        let before = style.clone().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(copy, (at_x - 10, at_y), before)).map_err(failed)?;

        let named = points.iter().map(|point| (on_page(point.x, point.y), point.color, &point.name));
        let of_roofs = roofs.iter().map(|(gflops, name)| (on_page(x.end, *gflops), 0, name));
        let mut named: Vec<_> = named.chain(of_roofs).collect();
        named.sort_by_key(|&((x, y), ..)| (y, -x));
        let wanted: Vec<i32> = named.iter().map(|&((_, y), ..)| y).collect();
        let rows = apart(&wanted, MARGIN, height as i32 - MARGIN);
        let after = style.pos(Pos::new(HPos::Left, VPos::Center));
        for ((place, number, name), row) in named.iter().zip(rows) {
            let name_at = (CHART as i32 + 8, row);
            let leader = PathElement::new([*place, name_at], color(*number).mix(0.35));
            area.draw(&leader).map_err(failed)?;
            area.draw(&Circle::new(*place, 4, color(*number).filled())).map_err(failed)?;
            area.draw(&Circle::new(name_at, 4, color(*number).filled())).map_err(failed)?;
            area.draw(&Text::new(name.as_str(), (name_at.0 + 10, row), after.clone())).map_err(failed)?;
        }
        Ok(())
    })
}

/// A measurement in the picture.
struct Point {
    x: f64,
    y: f64,
    color: usize,
    name: String,
}

impl Point {
    fn of(record: &Record) -> Option<Self> {
        let y = record.gflops_median?;
        let color = match record.name {
            Measurement::Assign => 2,
            Measurement::Project => 4,
            Measurement::Kmeans => 6,
            _ => 1,
        };
        let name = format!("{} {}: {}", record.name, record.shape, figure(y, "GFLOP/s"));
        Some(Self { x: record.shape.intensity(), y, color, name })
    }
}

/// What multiply-adds reach and how each is called, the lowest first.
fn roofs(peaks: &Peaks) -> Vec<(f64, String)> {
    let all = [
        ("f32", Some(peaks.multiply_add_gflops)),
        ("bf16", peaks.multiply_add_bf16_gflops),
        ("f16", peaks.multiply_add_f16_gflops),
    ];
    let named = all.into_iter().filter_map(|(name, gflops)| {
        let gflops = gflops?;
        Some((gflops, format!("multiply-add in {name}: {}", figure(gflops, "GFLOP/s"))))
    });
    let mut roofs: Vec<_> = named.collect();
    roofs.sort_by(|a, b| a.0.total_cmp(&b.0));
    roofs
}

/// The ranges of both axes: all points, where the roofs meet, and a decade of the slope.
fn ranges(points: &[Point], roofs: &[(f64, String)], gbs: f64) -> (Range<f64>, Range<f64>) {
    let (lowest, highest) = (roofs[0].0, roofs[roofs.len() - 1].0);
    let left = points.iter().map(|point| point.x / 2.0).fold(lowest / gbs / 10.0, f64::min);
    let right = points.iter().map(|point| point.x * 2.0).fold(highest / gbs * 3.0, f64::max);
    let bottom = points.iter().map(|point| point.y).fold(left * gbs, f64::min) / 1.5;
    let top = points.iter().map(|point| point.y).fold(highest, f64::max) * 2.0;
    (left..right, bottom..top)
}

/// Places for lines of text that are `wanted` in this order from top to bottom: a line apart, and from `first` to `last` as
/// far as there is room.
fn apart(wanted: &[i32], first: i32, last: i32) -> Vec<i32> {
    let mut places = Vec::with_capacity(wanted.len());
    let mut free = first;
    for &place in wanted {
        places.push(place.max(free));
        free = place.max(free) + LINE;
    }
    let mut free = last;
    for place in places.iter_mut().rev() {
        *place = (*place).min(free);
        free = *place - LINE;
    }
    places
}

/// A throughput with three digits at least.
fn figure(value: f64, unit: &str) -> String {
    match value {
        100.0.. => format!("{value:.0} {unit}"),
        10.0.. => format!("{value:.1} {unit}"),
        1.0.. => format!("{value:.2} {unit}"),
        _ => format!("{value:.3} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap_and_stay_on_the_page() {
        assert_eq!(apart(&[100, 200], 20, 400), [100, 200]);
        assert_eq!(apart(&[100, 101, 102], 20, 400), [100, 118, 136]);
        assert_eq!(apart(&[100, 390, 395], 20, 400), [100, 382, 400]);
        assert_eq!(apart(&[0, 0, 400, 400], 20, 74), [20, 38, 56, 74]);
    }
}
