//! Line charts for the examples, as SVG.

use std::path::Path;

use plotters::prelude::*;

/// One chart: its title, what its axes are, and its lines.
pub struct Panel<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Draws `panels` one above the other and writes them to `path`.
pub fn draw(path: &Path, panels: &[Panel]) -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    {
        let size = (820, 360 * panels.len() as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (panel, area) in panels.iter().zip(area.split_evenly((panels.len(), 1))) {
            let points = || panel.lines.iter().flat_map(|(_, points)| points.iter().copied());
            let span = |of: &dyn Fn((f64, f64)) -> f64| {
                let (low, high) =
                    points().map(of).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
                let room = 0.05 * (high - low).max(1e-9);
                low - room..high + room
            };
            let mut chart = ChartBuilder::on(&area)
                .caption(panel.title, ("sans-serif", 20))
                .margin(12)
                .x_label_area_size(40)
                .y_label_area_size(70)
                .build_cartesian_2d(span(&|point| point.0), span(&|point| point.1))?;
            chart.configure_mesh().x_desc(panel.x).light_line_style(WHITE).draw()?;
            for (number, (name, points)) in panel.lines.iter().enumerate() {
                let color = Palette99::pick(number).to_rgba();
                chart
                    .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
                    .label(name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
            }
            chart
                .configure_series_labels()
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.3))
                .draw()?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
