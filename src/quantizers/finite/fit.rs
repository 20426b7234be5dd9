//! Training of the coordinates: principal axes, then by gradient, and codewords by least squares.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::{FiniteScalar, grid};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::graph::{Graph, Linear, Var};
use crate::principal::principal_axes;
use crate::quantizers::gradient::Batches;
use crate::quantizers::joint;
use crate::quantizers::training::InUnits;
use crate::quantizers::training::memory::{beside, codebooks};
use crate::train::estimators::Fsq;
use crate::train::frame::Frame;
use crate::train::{Holds, KMeans, Observer, Optimizer, Schedule, least_squares};
use crate::vectors::Vectors;

/// Vectors to train on, at most.
pub(super) const SAMPLE: usize = 1 << 16;

/// Steps by gradient, and the vectors of each at most. Four times as many steps gain nothing on sentence embeddings, and .2 % on
/// SIFT.
const STEPS: u64 = 500;
const BATCH: usize = 1024;

/// Steps between two reports.
const REPORT_EVERY: u64 = 100;

/// The first learning rate, in a row of length √d. Principal axes are a saddle point: LFQ:12 loses 4.8 % less than they do of
/// SIFT with it, .5 % less with a tenth of it.
const RATE: f64 = 0.2;

/// Codewords of the grid of one estimator, at most: it has them all in memory.
const MOST_POINTS: usize = 1 << 12;

/// Least squares in a row: what the ridge of one holds back the next makes good.
const FITS: usize = 2;

/// The share of the largest variance below which an axis has none.
const LEAST_SHARE: f64 = 1e-6;

/// What it holds of vectors of `d` dimensions.
pub(super) fn holds(levels: &[usize], d: usize) -> Holds {
    let (m, codewords) = (levels.len(), levels.iter().sum::<usize>());
    // What the operations between a batch and its loss hold, with gradients; the grids; the equations of the fit.
    let batch = BATCH * (8 * d + 12 * m) + 3 * MOST_POINTS * m;
    let equations = 16.0 * (codewords as f64).powi(2);
    beside(5.3, codebooks(levels, d) + 4.0 * batch as f64 + equations, 2 * m)
}

/// A quantizer of coordinates of so many `levels` for all of `x`, or a sample: of principal axes or after training by gradient,
/// whichever loses less.
pub(super) fn fit(
    engine: &Engine,
    levels: &[usize],
    x: &dyn Vectors,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<FiniteScalar> {
    let (m, d) = (levels.len(), x.dim());
    if m > d {
        let fewer = super::spec::of(levels[..d.max(1)].to_vec());
        return Err(Error::input(format!(
            "{m} coordinates of vectors of {d} dimensions; must be at most {d}, such as in {fewer}"
        )));
    }
    let sampler = KMeans::new(1).sample_per_codeword(SAMPLE).seed(seed);
    sampler.check(x, None)?;
    let mut x = sampler.sample(x, None)?.0;
    let frame = Frame::unit(x.view());
    frame.apply(&mut x);
    frame.check(x.view(), 0)?;
    let observer = &mut InUnits { observer, unit: frame.scale().unit() };

    let axes = Maps::principal(&x, levels)?;
    let (first, before) = axes.quantizer(engine, levels, &x)?;
    joint::report_round(observer, 0, before)?;
    let trained = axes.train(engine, levels, &x, seed, observer)?;
    let (last, after) = trained.quantizer(engine, levels, &x)?;
    let best = if after < before { last } else { first };

    let centre = frame.centre().cloned().unwrap_or_else(|| Array1::zeros(d));
    FiniteScalar::new(
        centre.insert_axis(Axis(0)),
        best.encoder,
        frame.scale().restore(&best.levels),
        frame.restore_sum(best.codebooks),
    )
}

/// A linear map to coordinates, and one back, trained straight through the tanh and the rounding of FSQ, whatever the levels are:
/// of signs alone too that loses less than the losses of LFQ, which draw coordinates to ±1 and even out their signs.
///
/// Vectors are divided by the `unit`, in which a row of either map is about as long as 1.
struct Maps {
    unit: f32,
    /// (m, d) and (1, m)
    encoder: [Array2<f32>; 2],
    /// (d, m) and (1, d)
    decoder: [Array2<f32>; 2],
}

impl Maps {
    /// The principal axes of `x` (n, d), the longest for the most levels, each stretched so that levels lose the least.
    fn principal(x: &Array2<f32>, levels: &[usize]) -> Result<Self> {
        let ((n, d), m) = (x.dim(), levels.len());
        let principal = principal_axes(x.view())?;
        let longest = principal.values[0];
        let deviation = |axis: usize| (principal.values[axis] / n as f64).sqrt();
        let has_length = |axis: usize| principal.values[axis] > LEAST_SHARE * longest;
        let variance: f64 = principal.values.iter().take(m).sum::<f64>() / (n * m) as f64;
        let unit = if longest > 0.0 { variance.sqrt() as f32 } else { 1.0 };
        let mean = x.mapv(f64::from).mean_axis(Axis(0)).expect("there are vectors");

        let mut encoder = [Array2::zeros((m, d)), Array2::zeros((1, m))];
        let mut decoder = [
            Array2::zeros((d, m)),
            (&mean / f64::from(unit)).mapv(|value| value as f32).insert_axis(Axis(0)),
        ];
        let mut most_first: Vec<usize> = (0..m).collect();
        most_first.sort_by_key(|&j| std::cmp::Reverse(levels[j]));
        for (axis, j) in most_first.into_iter().enumerate().filter(|&(axis, _)| has_length(axis)) {
            let direction = principal.axes.row(axis);
            let middle = direction.dot(&mean);
            let scores = x
                .dot(&direction.mapv(|value| value as f32))
                .mapv(|score| (f64::from(score) - middle) / deviation(axis));
            let (gain, slope) = stretch(scores.view(), levels[j]);
            let steepness = gain / deviation(axis);
            encoder[0]
                .row_mut(j)
                .assign(&direction.mapv(|value| (value * steepness * f64::from(unit)) as f32));
            encoder[1][[0, j]] = (-middle * steepness) as f32;
            let length = slope * deviation(axis) / f64::from(unit);
            decoder[0].column_mut(j).assign(&direction.mapv(|value| (value * length) as f32));
        }
        Ok(Self { unit, encoder, decoder })
    }

    /// The quantizer that encodes so, with the codewords that lose the least of `x` (n, d), and its mean squared error.
    fn quantizer(&self, engine: &Engine, levels: &[usize], x: &Array2<f32>) -> Result<(FiniteScalar, f64)> {
        let ([encoder, bias], [decoder, mean]) = (&self.encoder, &self.decoder);
        let (m, d) = encoder.dim();
        let most = levels.iter().copied().max().unwrap_or(0);
        let mut quantizer = FiniteScalar {
            offset: Array2::zeros((1, d)),
            encoder: encoder.clone(),
            levels: Array2::zeros((m, most)),
            codebooks: Vec::with_capacity(m),
        };
        for (j, &count) in levels.iter().enumerate() {
            let points = grid::points(count);
            for (c, value) in quantizer.levels.row_mut(j).iter_mut().enumerate() {
                let point = points[c.min(count - 1)] - f64::from(bias[[0, j]]);
                *value = (point * f64::from(self.unit)) as f32;
            }
            let codeword = |c, column| {
                let start = if j == 0 { f64::from(mean[[0, column]]) } else { 0.0 };
                let value = start + grid::level(c, count) * f64::from(decoder[[column, j]]);
                (value * f64::from(self.unit)) as f32
            };
            quantizer.codebooks.push(Array2::from_shape_fn((count, d), |(c, column)| codeword(c, column)));
        }
        let joint::Encoded { codes, mut errors, mut mse } = joint::encode(&quantizer, engine, x)?;
        for _ in 0..FITS {
            least_squares::update(&mut quantizer.codebooks, codes.view(), errors.view(), false)?;
            (errors, mse) = joint::errors(&quantizer, engine, x, &codes)?;
        }
        Ok((quantizer, mse))
    }

    /// The maps after training by gradient on `x` (n, d), straight through the rounding.
    fn train(
        &self,
        engine: &Engine,
        levels: &[usize],
        x: &Array2<f32>,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let (n, d) = x.dim();
        let batch = BATCH.min(n);
        let mut graph = Graph::new(engine);
        let input = graph.input(batch, d)?;
        let encoder = linear(&mut graph, "encoder", &self.encoder)?;
        let decoder = linear(&mut graph, "decoder", &self.decoder)?;
        let coordinates = encoder.apply(&mut graph, input)?;
        let rounded = round(&mut graph, coordinates, levels)?;
        let decoded = decoder.apply(&mut graph, rounded)?;
        let loss = graph.mse(decoded, input)?;

        let data = engine.upload((x / self.unit).view())?;
        let mut rows = engine.zeros::<u32>(batch, 1)?;
        let mut batches = Batches::new(n, seed);
        let schedule = Schedule::Cosine { steps: STEPS, floor: 0.0 };
        let mut optimizer = Optimizer::adam(RATE / (d as f64).sqrt()).schedule(schedule);
        let squared = f64::from(self.unit).powi(2) * d as f64;
        for step in 0..STEPS {
            rows.write_rows(0, batches.rows(step, batch).view())?;
            let mut recorder = engine.recorder();
            recorder.gather(&data, &rows, graph.value_mut(input)?)?;
            graph.record_forward(&mut recorder)?;
            graph.record_backward(&mut recorder, loss)?;
            graph.record_update(&mut recorder, &mut optimizer)?;
            recorder.submit()?;
            if (step + 1) % REPORT_EVERY == 0 {
                let mse = f64::from(graph.value(loss)?.download()?[[0, 0]]) * squared;
                joint::report_round(observer, step as usize + 1, mse)?;
            }
        }
        let values = |layer: Linear| -> Result<_> {
            Ok([graph.value(layer.weights)?.download()?, graph.value(layer.bias)?.download()?])
        };
        Ok(Self { unit: self.unit, encoder: values(encoder)?, decoder: values(decoder)? })
    }
}

fn linear(graph: &mut Graph, name: &str, [weights, bias]: &[Array2<f32>; 2]) -> Result<Linear> {
    Ok(Linear {
        weights: graph.parameter(&format!("{name}.weights"), weights.view())?,
        bias: graph.parameter(&format!("{name}.bias"), bias.view())?,
    })
}

/// `coordinates` (n, m), rounded: by estimators of some of them each, whose grids are small.
fn round(graph: &mut Graph, coordinates: Var, levels: &[usize]) -> Result<Var> {
    let mut parts = Vec::new();
    let mut first = 0;
    while first < levels.len() {
        let mut points = 1;
        let fits = |count: &&usize| {
            points *= **count;
            points <= MOST_POINTS
        };
        let end = first + levels[first..].iter().take_while(fits).count();
        let own: Vec<u32> = levels[first..end].iter().map(|&count| count as u32).collect();
        let fsq = Fsq::new(&own)?;
        let points = fsq.codebook();
        let codebook = graph.input(points.nrows(), points.ncols())?;
        graph.set(codebook, points.view())?;
        let part = graph.columns(coordinates, first..end)?;
        parts.push(graph.quantize(part, codebook, fsq)?);
        first = end;
    }
    graph.concat(&parts)
}

/// What `scores` are multiplied with so that so many `levels` lose the least of them, and what a level is multiplied with to
/// be nearest to them then.
fn stretch(scores: ArrayView1<f64>, levels: usize) -> (f64, f64) {
    let borders = grid::borders(levels);
    // Of each cell how many scores are in it, and their sum.
    let cells = |gain: f64| {
        let mut cells = vec![(0.0, 0.0); levels];
        for score in scores {
            let (count, sum) = &mut cells[borders.partition_point(|&border| border < gain * score)];
            *count += 1.0;
            *sum += score;
        }
        cells
    };
    let kept = |cells: &[(f64, f64)]| -> f64 {
        cells.iter().filter(|(count, _)| *count > 0.0).map(|(count, sum)| sum * sum / count).sum()
    };
    let gains = (-8..=8).map(|quarter| 2.0_f64.powf(f64::from(quarter) / 4.0));
    let best = gains.map(|gain| (gain, cells(gain))).max_by(|(_, a), (_, b)| kept(a).total_cmp(&kept(b)));
    let (gain, cells) = best.expect("there are some");
    let level = |(c, (count, sum)): (usize, &(f64, f64))| {
        let level = grid::level(c, levels);
        (level * sum, level * level * count)
    };
    let (products, squares) =
        cells.iter().enumerate().map(level).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    (gain, if squares > 0.0 { products / squares } else { 0.0 })
}

#[cfg(test)]
pub(super) fn principal(engine: &Engine, levels: &[usize], x: &Array2<f32>) -> Result<FiniteScalar> {
    Ok(Maps::principal(x, levels)?.quantizer(engine, levels, x)?.0)
}
