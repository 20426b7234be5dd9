//! Pictures, as SVG.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use wgvq::{Error, Result, io};

use crate::axis::Axis;
use crate::words::visible;

/// A line of a chart.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// What a chart says around its lines.
pub struct Labels<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// How the values of lines are spread over an axis.
#[derive(Clone, Copy, Default)]
pub enum Scale {
    #[default]
    Even,
    /// From 0 on, with whole numbers.
    Counts,
    /// By their logarithms; they have to be above 0.
    Decades,
}

/// The scales of both axes.
#[derive(Clone, Copy, Default)]
pub struct Scales {
    pub x: Scale,
    pub y: Scale,
}

const SIZE: (u32, u32) = (760, 440);

/// The height of one chart of several.
const PANEL: u32 = 280;

/// The most lines whose names are shown.
const MOST_NAMES: usize = 8;

/// The most points of a line that are marked: few are measurements, many a curve.
const MOST_MARKED: usize = 30;

/// A line chart; `marked` is drawn larger, with its text.
pub fn lines(
    path: &Path,
    force: bool,
    labels: &Labels,
    scales: Scales,
    series: &[Series],
    marked: Option<(f64, f64, String)>,
) -> Result<()> {
    write(path, page(SIZE.1, series), force, |area| {
        let (left, right) = area.split_horizontally(SIZE.0);
        let mut chart = curves(&left, labels, scales, series)?;
        if let Some((x, y, text)) = &marked {
            let dot = Circle::new((*x, *y), 6, color(MARK).stroke_width(2));
            // Above the lines, most of which fall.
            let label = EmptyElement::at((*x, *y)) + Text::new(text.clone(), (8, -24), ("sans-serif", 16));
            chart.draw_series([dot]).map_err(failed)?;
            chart.draw_series([label]).map_err(failed)?;
        }
        name_lines(&right, series)
    })
}

/// Line charts one above the other. Those without lines are left out.
pub fn panels(path: &Path, force: bool, panels: &[(Labels, Scales, Vec<Series>)]) -> Result<()> {
    let drawn: Vec<_> =
        panels.iter().filter(|(_, _, lines)| lines.iter().any(|l| !l.points.is_empty())).collect();
    let all = drawn.iter().map(|(_, _, series)| page(PANEL, series).0);
    let size = (all.max().unwrap_or(SIZE.0), PANEL * drawn.len() as u32);
    write(path, size, force, |area| {
        for ((labels, scales, series), area) in drawn.iter().zip(area.split_evenly((drawn.len(), 1))) {
            let (left, right) = area.split_horizontally(SIZE.0);
            curves(&left, labels, *scales, series)?;
            name_lines(&right, series)?;
        }
        Ok(())
    })
}

/// Width and height of a chart of that height, with the names of its lines beside it.
fn page(height: u32, series: &[Series]) -> (u32, u32) {
    let named =
        if names_lines(series) { legend_width(series.iter().map(|line| line.name.as_str())) } else { 0 };
    (SIZE.0 + named, height)
}

/// Whether it says which line is which: if there are several, and not more than can be told apart.
fn names_lines(series: &[Series]) -> bool {
    (2..=MOST_NAMES).contains(&series.len())
}

/// A chart with the lines in it.
fn curves<'a, 'b>(
    area: &'b Area<'a>,
    labels: &Labels,
    scales: Scales,
    series: &[Series],
) -> Result<Chart<'a, 'b>> {
    let all = || series.iter().flat_map(|series| &series.points);
    let x = scales.x.axis(all().map(|point| point.0));
    let y = scales.y.axis(all().map(|point| point.1));
    let mut chart = chart(area, labels, x, y)?;
    for (number, series) in series.iter().enumerate() {
        let points = || series.points.iter().copied();
        let style = color(number).stroke_width(2);
        match dash(number) {
            None => chart.draw_series(LineSeries::new(points(), style)),
            Some((length, gap)) => chart.draw_series(DashedLineSeries::new(points(), length, gap, style)),
        }
        .map_err(failed)?;
        if series.points.len() <= MOST_MARKED {
            let dots = points().map(|point| Circle::new(point, 3, color(number).filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
    }
    Ok(chart)
}

/// Says which line is which, where there is room beside the chart.
fn name_lines(area: &Area, series: &[Series]) -> Result<()> {
    if names_lines(series) {
        let entries = series.iter().enumerate().map(|(at, line)| (line.name.as_str(), Key::Line(at)));
        legend(area, &entries.collect::<Vec<_>>())?;
    }
    Ok(())
}

impl Scale {
    /// The axis of the values with a little room, never empty.
    fn axis(self, values: impl Iterator<Item = f64>) -> Axis {
        match self {
            Self::Even => Axis::even(span(values)),
            Self::Counts => Axis::whole(0.0..1.05 * values.fold(1.0, f64::max)),
            Self::Decades => {
                let Range { start, end } = span(values.map(f64::log10));
                Axis::decades(10_f64.powf(start)..10_f64.powf(end))
            }
        }
    }
}

/// What stands for a name in a legend.
#[derive(Clone, Copy)]
pub enum Key {
    /// The line of that number.
    Line(usize),
    /// A filled area.
    Area(RGBAColor),
}

/// Pixels from one name to the next, and from the top of a chart to the first.
pub const LINE_APART: i32 = 22;
const LEGEND_TOP: i32 = 50;

/// Pixels that the names take.
fn legend_width<'a>(names: impl Iterator<Item = &'a str>) -> u32 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0) as u32;
    (60 + 8 * longest).min(MOST_LEGEND)
}

const MOST_LEGEND: u32 = 360;

/// Says what is what; where the next line of text has its place.
pub fn legend(area: &Area, entries: &[(&str, Key)]) -> Result<i32> {
    for (number, (name, key)) in entries.iter().enumerate() {
        let y = LEGEND_TOP + LINE_APART * number as i32;
        let ends = [(4, y), (34, y)];
        match key {
            Key::Line(line) => {
                let style = color(*line).stroke_width(2);
                match dash(*line) {
                    None => area.draw(&PathElement::new(ends, style)),
                    Some((length, gap)) => area.draw(&DashedPathElement::new(ends, length, gap, style)),
                }
            }
            Key::Area(color) => area.draw(&Rectangle::new([(4, y - 6), (34, y + 6)], color.filled())),
        }
        .map_err(failed)?;
        // A text hangs from its upper edge.
        area.draw(&Text::new(*name, (40, y - 7), ("sans-serif", 14))).map_err(failed)?;
    }
    Ok(LEGEND_TOP + LINE_APART * entries.len() as i32)
}

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

/// The colour of what is marked in a chart.
const MARK: usize = 4;

/// The colour of the line of that number.
pub fn color(number: usize) -> RGBColor {
    COLORS[number % COLORS.len()]
}

/// The length of the dashes and of the gaps of a line, if it has any.
fn dash(number: usize) -> Option<(u32, u32)> {
    [None, Some((10, 5)), Some((3, 4))][number % 3]
}

/// One bar per value, in order.
pub fn bars(path: &Path, force: bool, labels: &Labels, values: &[f64]) -> Result<()> {
    let highest = values.iter().copied().fold(0.0, f64::max).max(1.0);
    write(path, SIZE, force, |area| {
        let (x, y) = (Axis::whole(0.0..values.len() as f64), Axis::whole(0.0..highest * 1.05));
        let mut chart = chart(area, labels, x, y)?;
        let bars = values.iter().enumerate().map(|(at, &value)| {
            Rectangle::new([(at as f64, 0.0), (at as f64 + 0.9, value)], color(2).filled())
        });
        chart.draw_series(bars).map_err(failed)?;
        Ok(())
    })
}

/// A page, or a part of one.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

pub fn chart<'a, 'b>(area: &'b Area<'a>, labels: &Labels, x: Axis, y: Axis) -> Result<Chart<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .caption(labels.title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x, y)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc(labels.x)
        .y_desc(labels.y)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .label_style(("sans-serif", 13))
        .draw()
        .map_err(failed)?;
    Ok(chart)
}

/// A number as a person writes it: without the last digits, which are rounding, and 20 instead of 20.0.
pub fn number(value: &f64) -> String {
    format!("{value:.9e}").parse().unwrap_or(*value).to_string()
}

/// Draws on a white page and writes it whole.
pub fn write(
    path: &Path,
    size: (u32, u32),
    force: bool,
    draw: impl FnOnce(&Area) -> Result<()>,
) -> Result<()> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    // Names are escaped as they are drawn; control characters are none that XML could hold.
    io::write_file(path, visible(&text).as_bytes(), force)
}

/// The range of the values with a little room, never empty.
fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if !(low.is_finite() && high.is_finite()) {
        return 0.0..1.0;
    }
    let room = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
    low - room..high + room
}

/// What went wrong in drawing.
pub fn failed(error: impl std::fmt::Display) -> Error {
    Error::input(format!("the plot cannot be drawn: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_a_picture_is_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        let hostile = "</text><script>&\"'\u{1b}\u{0}\u{202e}";
        let series = [1.0, 2.0].map(|y| Series { name: hostile.into(), points: vec![(0.0, y), (1.0, y)] });
        let labels = Labels { title: hostile, x: hostile, y: hostile };
        let marked = Some((0.0, 1.0, hostile.into()));
        lines(&path, false, &labels, Scales::default(), &series, marked).unwrap();
        let picture = std::fs::read_to_string(&path).unwrap();
        let shown = "&lt;/text&gt;&lt;script&gt;&amp;&quot;&apos;\\u001b\\u0000\\u202e";
        // The title, two axes, two names and a mark.
        assert_eq!(picture.matches(shown).count(), 6, "{picture}");
        assert!(!picture.contains("<script") && !picture.contains(|c: char| c.is_control() && c != '\n'));
    }
}
