//! Line charts for the examples, as SVG.
#![allow(dead_code, reason = "no example draws every kind of chart")]

use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

/// One chart: its title, what its axes are, and its lines.
pub struct Panel<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub lines: Vec<Line>,
}

/// A name and points.
pub type Line = (String, Vec<(f64, f64)>);

/// Colours that the colour-blind tell apart (Okabe and Ito), dark and light in turn, so that they differ in grey too.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(0, 158, 115),
];

/// Width and height of a chart, and of the legend beside it, which so covers no line.
const SIZE: (u32, u32) = (680, 340);
const LEGEND: u32 = 230;

/// Draws `panels` one above the other and writes them to `path`.
pub fn draw(path: &Path, panels: &[Panel]) -> Result<(), Box<dyn std::error::Error>> {
    draw_each(path, panels, |panel, area| draw_lines(panel, area, panel.span(|point| point.0)))
}

/// The same with x from 1 to 100 by its logarithm.
pub fn draw_over_ranks(path: &Path, panels: &[Panel]) -> Result<(), Box<dyn std::error::Error>> {
    draw_each(path, panels, |panel, area| {
        let named = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        draw_lines(panel, area, (0.9..110.0).log_scale().with_key_points(named.to_vec()))
    })
}

/// Values of x that the axis names, at most.
const MOST_NAMED: usize = 11;

impl Panel<'_> {
    /// How many values of x the axis names: no more than there are whole numbers, where all are, such as bits.
    fn named(&self) -> usize {
        let values = || self.lines.iter().flat_map(|(_, points)| points).map(|point| point.0);
        let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let all = values().all(|x| x.fract() == 0.0).then_some((high - low) as usize + 1);
        all.unwrap_or(MOST_NAMED).min(MOST_NAMED)
    }

    /// The range of one of the coordinates, with a little room.
    fn span(&self, of: impl Fn((f64, f64)) -> f64) -> Range<f64> {
        let values = self.lines.iter().flat_map(|(_, points)| points.iter().copied()).map(of);
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let room = 0.05 * (high - low).max(1e-9);
        low - room..high + room
    }
}

fn draw_each(
    path: &Path,
    panels: &[Panel],
    draw: impl Fn(&Panel, &Area) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    {
        let size = (SIZE.0 + LEGEND, SIZE.1 * panels.len() as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (panel, area) in panels.iter().zip(area.split_evenly((panels.len(), 1))) {
            let (chart, legend) = area.split_horizontally(SIZE.0);
            draw(panel, &chart)?;
            draw_legend(panel, &legend)?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_lines<X>(panel: &Panel, area: &Area, x_axis: X) -> Result<(), Box<dyn std::error::Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(x_axis, panel.span(|point| point.1))?;
    let (x, y) = (short, short);
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(panel.x)
        .x_labels(panel.named())
        .x_label_formatter(&x)
        .y_label_formatter(&y)
        .light_line_style(WHITE)
        .draw()?;
    for (number, (_, points)) in panel.lines.iter().enumerate() {
        let style = color(number).stroke_width(2);
        let line = points.iter().copied();
        match dash(number) {
            None => chart.draw_series(LineSeries::new(line, style))?,
            Some((length, gap)) => chart.draw_series(DashedLineSeries::new(line, length, gap, style))?,
        };
        // Few points are measurements, many a curve.
        if points.len() <= MOST_MARKED {
            chart.draw_series(points.iter().map(|&at| Circle::new(at, 4, color(number).filled())))?;
        }
    }
    Ok(())
}

/// Points of a line that are marked, at most.
const MOST_MARKED: usize = 30;

fn draw_legend(panel: &Panel, area: &Area) -> Result<(), Box<dyn std::error::Error>> {
    for (number, (name, _)) in panel.lines.iter().enumerate() {
        let y = 50 + 22 * number as i32;
        let style = color(number).stroke_width(2);
        let ends = [(4, y), (34, y)];
        match dash(number) {
            None => area.draw(&PathElement::new(ends, style))?,
            Some((length, gap)) => {
                area.draw(&DashedPathElement::new(ends, length, gap, style))?;
            }
        }
        // A text hangs from its upper edge.
        area.draw(&Text::new(name.as_str(), (40, y - 7), ("sans-serif", 14)))?;
    }
    Ok(())
}

/// A number with the digits that it needs.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the axes ask for it")]
fn short(value: &f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn color(number: usize) -> RGBColor {
    COLORS[number % COLORS.len()]
}

/// The length of the dashes and of the gaps of a line, if it has any.
fn dash(number: usize) -> Option<(u32, u32)> {
    [None, Some((10, 5)), Some((3, 4))][number % 3]
}
