//! Pictures, as SVG.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use wgvq::{Error, Result, io};

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

const SIZE: (u32, u32) = (760, 440);

/// The height of one chart of several.
const PANEL: u32 = 280;

/// The most lines whose names are shown.
const MOST_NAMES: usize = 8;

/// A line chart with marked points; `marked` is drawn larger, with its text.
pub fn lines(
    path: &Path,
    force: bool,
    labels: &Labels,
    series: &[Series],
    marked: Option<(f64, f64, String)>,
) -> Result<()> {
    write(path, SIZE, force, |area| {
        let mut chart = curves(area, labels, series)?;
        for (number, series) in series.iter().enumerate() {
            let color = Palette99::pick(number).to_rgba();
            let points = || series.points.iter().copied();
            let dots = points().map(|point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
        if let Some((x, y, text)) = &marked {
            let dot = Circle::new((*x, *y), 6, RED.stroke_width(2));
            let label = Text::new(format!("   {text}"), (*x, *y), ("sans-serif", 16));
            chart.draw_series([dot]).map_err(failed)?;
            chart.draw_series([label]).map_err(failed)?;
        }
        name_series(&mut chart, series)
    })
}

/// Line charts one above the other. Those without lines are left out.
pub fn panels(path: &Path, force: bool, panels: &[(Labels, Vec<Series>)]) -> Result<()> {
    let drawn: Vec<_> =
        panels.iter().filter(|(_, lines)| lines.iter().any(|l| !l.points.is_empty())).collect();
    let size = (SIZE.0, PANEL * drawn.len() as u32);
    write(path, size, force, |area| {
        for ((labels, series), area) in drawn.iter().zip(area.split_evenly((drawn.len(), 1))) {
            name_series(&mut curves(&area, labels, series)?, series)?;
        }
        Ok(())
    })
}

/// A chart with the lines in it.
fn curves<'a, 'b>(area: &'b Area<'a>, labels: &Labels, series: &[Series]) -> Result<Chart<'a, 'b>> {
    let all = || series.iter().flat_map(|series| &series.points);
    let (x, y) = (span(all().map(|point| point.0)), span(all().map(|point| point.1)));
    let mut chart = chart(area, labels, x, y)?;
    for (number, series) in series.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let points = series.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))
            .map_err(failed)?
            .label(series.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    Ok(chart)
}

/// Says which line is which, if there are several, and not more than can be told apart.
fn name_series<'a: 'b, 'b>(chart: &mut Chart<'a, 'b>, series: &[Series]) -> Result<()> {
    if !(2..=MOST_NAMES).contains(&series.len()) {
        return Ok(());
    }
    legend(chart, SeriesLabelPosition::MiddleRight)
}

/// Says what is what, of all that has a name.
pub fn legend<'a: 'b, 'b>(chart: &mut Chart<'a, 'b>, position: SeriesLabelPosition) -> Result<()> {
    let mut names = chart.configure_series_labels();
    names
        .position(position)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(failed)
}

/// One bar per value, in order.
pub fn bars(path: &Path, force: bool, labels: &Labels, values: &[f64]) -> Result<()> {
    let highest = values.iter().copied().fold(0.0, f64::max).max(1.0);
    write(path, SIZE, force, |area| {
        let mut chart = chart(area, labels, 0.0..values.len() as f64, 0.0..highest * 1.05)?;
        let color = Palette99::pick(0).to_rgba();
        let bars = values
            .iter()
            .enumerate()
            .map(|(at, &value)| Rectangle::new([(at as f64, 0.0), (at as f64 + 0.9, value)], color.filled()));
        chart.draw_series(bars).map_err(failed)?;
        Ok(())
    })
}

/// A page, or a part of one.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Chart<'a, 'b> = ChartContext<
    'b,
    SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

pub fn chart<'a, 'b>(
    area: &'b Area<'a>,
    labels: &Labels,
    x: Range<f64>,
    y: Range<f64>,
) -> Result<Chart<'a, 'b>> {
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
        lines(&path, false, &labels, &series, Some((0.0, 1.0, hostile.into()))).unwrap();
        let picture = std::fs::read_to_string(&path).unwrap();
        let shown = "&lt;/text&gt;&lt;script&gt;&amp;&quot;&apos;\\u001b\\u0000\\u202e";
        // The title, two axes, two names and a mark.
        assert_eq!(picture.matches(shown).count(), 6, "{picture}");
        assert!(!picture.contains("<script") && !picture.contains(|c: char| c.is_control() && c != '\n'));
    }
}
