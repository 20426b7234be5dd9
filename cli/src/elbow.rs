//! `wgvq elbow`

use std::path::PathBuf;

use clap::Args;
use wgvq::settings::Spelling;
use wgvq::train::{Holds, elbow};
use wgvq::{Error, Result, Spec, Training, Vectors, io};

use crate::Verdict;
use crate::args::{Common, Data, NamedOutputs};
use crate::figures::{LossOf, print_json};
use crate::memory::Sample;
use crate::plots::{self, Labels, Scales, Series};
use crate::progress::Progress;
use crate::settings::KMeansSettings;
use crate::stdout::say;
use crate::train::Watch;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq elbow vectors.npy --k 2..256 --plot elbow.svg")]
pub struct Elbow {
    #[command(flatten)]
    pub data: Data,
    /// Codebook sizes: a range such as 2..256 (24 sizes at most) or a list such as 2,4,8
    #[arg(long, value_parser = parse_ks)]
    pub k: std::vec::Vec<usize>,
    /// Draw the curve to this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub settings: KMeansSettings,
}

pub fn run(command: &Elbow, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads(&command.data.data)?;
    command.plot.iter().try_for_each(|path| claims.writes_picture(path))?;
    let data = io::open_all(&command.data.data)?;
    let largest = command.k[command.k.len() - 1];
    let spec: Spec = format!("VQ{largest}").parse()?;
    let kmeans =
        |given| Training::new(spec.clone()).set_all(given, Spelling::Flag).seed(common.seed).kmeans();
    let settings = kmeans(command.settings.0.clone())?;
    // All are trained on the sample of the largest, which is kept.
    let mut given = command.settings.0.clone();
    given.remove("mini_batch");
    let held = kmeans(given)?;
    let holds = held.holds(data.dim());
    let holds = Holds { copies: 1.0 + holds.copies, ..holds };
    let sample = Sample {
        vectors: held.sample_size(data.len()),
        dim: data.dim(),
        codewords: (!command.settings.0.contains_key("sample")).then_some(largest),
        instead: "take a smaller --sample",
    };
    let vectors = common.training_vectors(&holds, &sample)?;
    let engine = common.engine()?;
    let total = command.k.len().saturating_mul(settings.most_iterations());
    let mut watch = Watch::new(Progress::new(common, "elbow", "iterations", total));
    let trainer = |k| settings.clone().k(k).most_vectors(vectors);
    let found = elbow(&engine, &data, &command.k, trainer, &mut watch)?;
    watch.progress.finish();

    let of = LossOf::TrainedOn;
    if let Some(path) = &command.plot {
        let points: Vec<_> = found.points.iter().map(|point| (point.k as f64, point.mse)).collect();
        let knee = points.iter().copied().find(|point| point.0 == found.knee as f64);
        let y = format!("mse, {of}");
        let labels = Labels { title: "Distortion over codebook size", x: "codewords", y: &y };
        let marked = knee.map(|(k, mse)| (k, mse, format!("knee: k = {k}")));
        let lines = [Series { name: "k-means".into(), points }];
        plots::lines(path, common.force, &labels, Scales::default(), &lines, marked)?;
    }
    if common.json {
        print_json(&serde_json::json!({
            "points": found.points,
            "knee": found.knee,
            "loss_of": of,
            "device": engine.name(),
        }))?;
        return Ok(Verdict::Done);
    }
    say!("{:>8} {:>16}, {of}", "k", "mse");
    for point in &found.points {
        let mark = if point.k == found.knee { "  <- knee" } else { "" };
        say!("{:>8} {:>16.6}{mark}", point.k, point.mse);
    }
    Ok(Verdict::Done)
}

/// The numbers of codewords that `--k` names: a list such as `2,4,8`, or a range such as `2..256`, of which at
/// most [`RANGE_POINTS`] numbers are taken, each about as much larger than the one before.
pub fn parse_ks(text: &str) -> Result<Vec<usize>> {
    let wrong = || Error::input(format!("{text:?} names no codebook sizes; write 2..256 or 2,4,8"));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&k| k > 0).ok_or_else(wrong);
    let Some((low, high)) = text.split_once("..") else {
        let ks: Vec<usize> = text.split(',').map(number).collect::<Result<_>>()?;
        return if ks.windows(2).all(|pair| pair[0] < pair[1]) { Ok(ks) } else { Err(wrong()) };
    };
    let (low, high) = (number(low)?, number(high)?);
    if low > high {
        return Err(wrong());
    }
    let ratio = high as f64 / low as f64;
    let last = (RANGE_POINTS - 1) as f64;
    let mut ks: Vec<usize> =
        (0..RANGE_POINTS).map(|at| (low as f64 * ratio.powf(at as f64 / last)).round() as usize).collect();
    ks.dedup();
    Ok(ks)
}

/// Codebooks trained for a range.
const RANGE_POINTS: usize = 24;

#[cfg(test)]
mod tests {
    use super::parse_ks;

    #[test]
    fn ranges_and_lists_of_k() {
        assert_eq!(parse_ks("2,4,8").unwrap(), [2, 4, 8]);
        assert_eq!(parse_ks("2..5").unwrap(), [2, 3, 4, 5]);
        let ks = parse_ks("2..256").unwrap();
        assert!(ks.len() > 15 && ks[0] == 2 && ks[ks.len() - 1] == 256 && ks.windows(2).all(|p| p[0] < p[1]));
        assert_eq!(parse_ks("7..7").unwrap(), [7]);
        for wrong in ["", "0..4", "5..2", "a", "4,2", "2..", "1,,2"] {
            assert!(parse_ks(wrong).is_err(), "{wrong}");
        }
    }
}
