//! The picture of a code's occurrence: the count of each codeword, and how the counts are distributed.

use std::path::Path;

use plotters::prelude::*;
use wgvq::Result;
use wgvq::privacy::{Measure, Occurrence};

use crate::axis::Axis;
use crate::plots::{self, Area, Key, LINE_APART, Labels, chart, color, failed, legend};

/// A chart, and the room beside it for what is what and for the measures.
const CHART: (u32, u32) = (760, 320);
const BESIDE: u32 = 330;

/// The most bars: more would not be told apart.
const MOST_BARS: usize = 256;

/// Bars of the distribution of counts.
const BINS: u64 = 40;

/// The numbers of the colours of what was found, and of a uniform code.
const FOUND: usize = 3;
const IDEAL: usize = 0;

pub fn draw(path: &Path, force: bool, title: &str, counts: &[u64], found: &Occurrence) -> Result<()> {
    plots::write(path, (CHART.0 + BESIDE, 2 * CHART.1), force, |area| {
        let (upper, lower) = area.split_vertically(CHART.1);
        let (chart, beside) = upper.split_horizontally(CHART.0);
        draw_counts(&chart, title, counts, found)?;
        let band = ("± standard deviation of a uniform code", Key::Area(band()));
        let named =
            [("vectors of a codeword", Key::Area(color(FOUND).into())), ("N/K", Key::Line(IDEAL)), band];
        let below = legend(&beside, &named)?;
        draw_measures(&beside, below + LINE_APART / 2, found)?;
        let (chart, beside) = lower.split_horizontally(CHART.0);
        draw_distribution(&chart, counts, found)?;
        let named = [("found", Key::Area(color(FOUND).into())), ("uniform code", Key::Line(IDEAL))];
        legend(&beside, &named)?;
        Ok(())
    })
}

/// Where the counts of a uniform code are, mostly.
fn band() -> RGBAColor {
    color(IDEAL).mix(0.25)
}

/// Each measure with its value for a uniform code, from the height `top` on.
fn draw_measures(area: &Area, top: i32, found: &Occurrence) -> Result<()> {
    let rows = [
        ("standard deviation", found.standard_deviation),
        ("KL divergence, bits", found.divergence),
        ("sparseness l2/l1", found.sparseness),
        ("worst-case disclosure, bits", found.worst_case),
        ("mean disclosure, bits", found.mean),
    ];
    let put = |text: String, x: i32, y: i32| {
        area.draw(&Text::new(text, (x, y), ("sans-serif", 14))).map_err(failed)
    };
    put("found".into(), 195, top)?;
    put("uniform".into(), 260, top)?;
    for (number, (name, Measure { found, ideal })) in rows.into_iter().enumerate() {
        let y = top + LINE_APART * (number as i32 + 1);
        put(name.into(), 4, y)?;
        put(format!("{found:.3}"), 195, y)?;
        put(format!("{ideal:.3}"), 260, y)?;
    }
    Ok(())
}

/// A bar per codeword in the order of the indices, or, where there are too many, of the counts.
fn draw_counts(area: &Area, title: &str, counts: &[u64], found: &Occurrence) -> Result<()> {
    let k = counts.len() as f64;
    let (bars, x) = if counts.len() <= MOST_BARS {
        (counts.to_vec(), "codeword")
    } else {
        let mut sorted = counts.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let thinned = (0..MOST_BARS).map(|bar| sorted[(2 * bar + 1) * counts.len() / (2 * MOST_BARS)]);
        (thinned.collect(), "codeword, by use")
    };
    let mean = found.vectors as f64 / k;
    let deviation = found.standard_deviation.ideal;
    let highest = bars.iter().map(|&count| count as f64).fold(mean + deviation, f64::max) * 1.05;
    let (across, up) = (Axis::whole(0.0..k), Axis::whole(0.0..highest));
    let mut chart = chart(area, &Labels { title, x, y: "vectors" }, across, up)?;
    let width = k / bars.len() as f64;
    let filled = if bars.len() < counts.len() { 1.0 } else { 0.9 };
    let bar = |(at, &count): (usize, &u64)| {
        let from = at as f64 * width;
        Rectangle::new([(from, 0.0), (from + filled * width, count as f64)], color(FOUND).filled())
    };
    chart.draw_series(bars.iter().enumerate().map(bar)).map_err(failed)?;
    let corners = [(0.0, (mean - deviation).max(0.0)), (k, mean + deviation)];
    chart.draw_series([Rectangle::new(corners, band().filled())]).map_err(failed)?;
    let line = LineSeries::new([(0.0, mean), (k, mean)], color(IDEAL).stroke_width(2));
    chart.draw_series(line).map_err(failed)?;
    Ok(())
}

/// The share of codewords that have each count, beside that of a uniform code.
fn draw_distribution(area: &Area, counts: &[u64], found: &Occurrence) -> Result<()> {
    let mean = found.vectors as f64 / counts.len() as f64;
    let reach = 3.5 * found.standard_deviation.ideal;
    let least = counts.iter().min().copied().unwrap_or(0).min((mean - reach).max(0.0) as u64);
    let most = counts.iter().max().copied().unwrap_or(0).max((mean + reach) as u64);
    let width = (most - least + 1).div_ceil(BINS);
    let bins: Vec<_> = (least..=most).step_by(width as usize).map(|from| from..from + width).collect();
    let shares: Vec<f64> = bins
        .iter()
        .map(|bin| counts.iter().filter(|count| bin.contains(count)).count() as f64 / counts.len() as f64)
        .collect();
    let ideal: Vec<f64> = bins.iter().map(|bin| found.ideal_share(bin.clone())).collect();
    let highest = shares.iter().chain(&ideal).copied().fold(0.0, f64::max) * 1.1;
    let x = least as f64 - 0.5..bins[bins.len() - 1].end as f64 - 0.5;
    let labels = Labels { title: "", x: "vectors of a codeword", y: "share of codewords" };
    let mut chart = chart(area, &labels, Axis::whole(x), Axis::even(0.0..highest))?;
    let bar = |(bin, &share): (&std::ops::Range<u64>, &f64)| {
        let from = bin.start as f64 - 0.5;
        Rectangle::new([(from, 0.0), (from + 0.9 * width as f64, share)], color(FOUND).filled())
    };
    chart.draw_series(bins.iter().zip(&shares).map(bar)).map_err(failed)?;
    let middle =
        |(bin, &share): (&std::ops::Range<u64>, &f64)| (bin.start as f64 - 0.5 + 0.45 * width as f64, share);
    let line = LineSeries::new(bins.iter().zip(&ideal).map(middle), color(IDEAL).stroke_width(2));
    chart.draw_series(line).map_err(failed)?;
    Ok(())
}
