//! The picture of a code's occurrence: the count of each codeword, and how the counts are distributed.

use std::path::Path;

use plotters::prelude::*;
use wgvq::Result;
use wgvq::privacy::Occurrence;

use crate::plots::{self, Area, Labels, chart, failed, legend};

const SIZE: (u32, u32) = (760, 640);

/// The most bars: more would not be told apart.
const MOST_BARS: usize = 256;

/// Bars of the distribution of counts.
const BINS: u64 = 40;

const FOUND: RGBColor = RGBColor(86, 130, 176);
const IDEAL: RGBColor = RGBColor(200, 60, 40);

pub fn draw(path: &Path, force: bool, title: &str, counts: &[u64], found: &Occurrence) -> Result<()> {
    plots::write(path, SIZE, force, |area| {
        let (upper, lower) = area.split_vertically(SIZE.1 / 2);
        draw_counts(&upper, title, counts, found)?;
        draw_distribution(&lower, counts, found)
    })
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
    // With room above for what the colours mean.
    let highest = bars.iter().map(|&count| count as f64).fold(mean + deviation, f64::max) * 1.4;
    let mut chart = chart(area, &Labels { title, x, y: "vectors" }, 0.0..k, 0.0..highest)?;
    let width = k / bars.len() as f64;
    let filled = if bars.len() < counts.len() { 1.0 } else { 0.9 };
    let bar = |(at, &count): (usize, &u64)| {
        let from = at as f64 * width;
        Rectangle::new([(from, 0.0), (from + filled * width, count as f64)], FOUND.filled())
    };
    chart.draw_series(bars.iter().enumerate().map(bar)).map_err(failed)?;
    let band =
        Rectangle::new([(0.0, (mean - deviation).max(0.0)), (k, mean + deviation)], IDEAL.mix(0.2).filled());
    chart
        .draw_series([band])
        .map_err(failed)?
        .label("± standard deviation of a uniform code")
        .legend(|(x, y)| Rectangle::new([(x, y - 4), (x + 18, y + 4)], IDEAL.mix(0.2).filled()));
    chart
        .draw_series(LineSeries::new([(0.0, mean), (k, mean)], IDEAL.stroke_width(2)))
        .map_err(failed)?
        .label("N/K")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], IDEAL.stroke_width(2)));
    legend(&mut chart, SeriesLabelPosition::UpperRight)
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
    let mut chart = chart(area, &labels, x, 0.0..highest)?;
    let bar = |(bin, &share): (&std::ops::Range<u64>, &f64)| {
        let from = bin.start as f64 - 0.5;
        Rectangle::new([(from, 0.0), (from + 0.9 * width as f64, share)], FOUND.filled())
    };
    chart
        .draw_series(bins.iter().zip(&shares).map(bar))
        .map_err(failed)?
        .label("found")
        .legend(|(x, y)| Rectangle::new([(x, y - 4), (x + 18, y + 4)], FOUND.filled()));
    let middle =
        |(bin, &share): (&std::ops::Range<u64>, &f64)| (bin.start as f64 - 0.5 + 0.45 * width as f64, share);
    chart
        .draw_series(LineSeries::new(bins.iter().zip(&ideal).map(middle), IDEAL.stroke_width(2)))
        .map_err(failed)?
        .label("uniform code")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], IDEAL.stroke_width(2)));
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}
