//! Heat maps of labels along a codebook, as SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use wgvq::interpret::LabelHistogram;

/// A map for each histogram, one below the other, labels down and indices across: the darker, the more of the label's
/// vectors have that index.
pub fn draw(path: &Path, maps: &[(&str, &LabelHistogram)]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (900, 360 * maps.len() as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        for ((name, histogram), area) in maps.iter().zip(area.split_evenly((maps.len(), 1))) {
            draw_one(&area, name, histogram)?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

fn draw_one(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    title: &str,
    histogram: &LabelHistogram,
) -> Result<(), Box<dyn Error>> {
    let counts = histogram.counts();
    let (labels, k) = counts.dim();
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..k as f64, 0.0..labels as f64)?;
    let whole = |value: &f64| format!("{value:.0}");
    chart
        .configure_mesh()
        .disable_mesh()
        .x_label_formatter(&whole)
        .y_labels(0)
        .x_desc("index")
        .y_desc("label")
        .draw()?;
    let beside = ("sans-serif", 13).into_text_style(area).pos(Pos::new(HPos::Right, VPos::Center));
    for (row, counts) in counts.rows().into_iter().enumerate() {
        let all = counts.sum().max(1) as f64;
        let most = counts.iter().copied().max().unwrap_or(0) as f64 / all;
        chart.draw_series(counts.iter().enumerate().filter(|(_, count)| **count > 0).map(
            |(index, &count)| {
                let share = count as f64 / all / most;
                let corners = [(index as f64, row as f64), (index as f64 + 1.0, row as f64 + 1.0)];
                Rectangle::new(corners, HSLColor(0.6, 0.8, 1.0 - 0.75 * share).filled())
            },
        ))?;
        let (x, y) = chart.plotting_area().map_coordinate(&(0.0, row as f64 + 0.5));
        let name = histogram.labels()[row].to_string();
        area.draw(&Text::new(
            name,
            (x - area.get_pixel_range().0.start - 6, y - area.get_pixel_range().1.start),
            beside.clone(),
        ))?;
    }
    Ok(())
}
