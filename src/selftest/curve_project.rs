//! Check of `curve_project`: the chosen segment is a nearest one but for rounding, position and distance are right.

use ndarray::{Array2, ArrayView1, Axis, concatenate, s};
use rayon::prelude::*;

use super::assign::OF_EVERY_TILE;
use super::oracle::U;
use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::curve_project::Polyline;
use crate::metrics::Metric;

/// (n, d, k) at and about the edges of tiles and panels.
const SHAPES: [(usize, usize, usize); 11] = [
    (1, 1, 2),
    (63, 3, 3),
    (65, 4, 9),
    (127, 17, 16),
    (96, 2, 17),
    (129, 8, 129),
    (130, 5, 128),
    (257, 33, 100),
    (300, 128, 257),
    (12, 384, 40),
    (700, 100, 7),
];

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (n, d, k) in SHAPES {
        let (x, corners) = (check.normals(n, d, 0.0), walk(check, k, d));
        compare(check, &format!("n {n}, d {d}, k {k}"), &x, &corners)?;
    }
    check.on_further_tiles(|check, tile| {
        let (n, d, k) = OF_EVERY_TILE;
        let (x, corners) = (check.normals(n, d, 0.0), walk(check, k, d));
        compare(check, &format!("{tile}, n {n}, d {d}, k {k}"), &x, &corners)
    })?;
    let (x, corners) = (check.normals(200, 24, 1e4), check.normals(50, 24, 1e4));
    compare(check, "far from the origin", &x, &corners)?;
    // Segments without a length: corners twice and three times, at the ends and between, and all of them one.
    let once = check.normals(13, 6, 0.0);
    let often = [0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12];
    let (x, corners) = (check.normals(300, 6, 0.0), once.select(Axis(0), &often));
    compare(check, "corners more than once", &x, &corners)?;
    compare(check, "one corner three times", &x, &once.select(Axis(0), &[4, 4, 4]))?;
    // Vectors on the curve: at corners, and on segments.
    let corners = check.normals(40, 7, 0.0);
    let between = (&corners.slice(s![..39, ..]) + &corners.slice(s![1.., ..])) / 2.0;
    let x = concatenate(Axis(0), &[corners.view(), between.view()]).expect("the same width");
    compare(check, "vectors on the curve", &x, &corners)?;

    // Steps of 1 there and back, from whole numbers about a mean that is one: every score is exact, and every segment
    // there as near as the same one back.
    let mut corners = Array2::zeros((32, 3));
    for corner in 1..16 {
        let (axis, up) = (check.rng().below(3), check.rng().below(2) == 1);
        let before = corners.row(corner - 1).to_owned();
        corners.row_mut(corner).assign(&before);
        corners[[corner, axis]] += if up { 1.0_f32 } else { -1.0 };
    }
    for corner in 16..32 {
        let there = corners.row(31 - corner).to_owned();
        corners.row_mut(corner).assign(&there);
    }
    let x = Array2::from_shape_simple_fn((200, 3), || check.rng().below(33) as f32 / 4.0 - 4.0);
    let (segments, positions, _) = project(check, &x, &corners)?;
    let exact = Exact::new(&x, &corners);
    let lowest: Vec<u32> = (0..x.nrows()).map(|row| exact.lowest(row)).collect();
    // At a corner the position may belong to the next segment.
    let met = segments.iter().zip(&positions).zip(&lowest).map(|((&segment, &position), &lowest)| {
        if segment == lowest + 1 && position <= 0.0 { lowest } else { segment }
    });
    let met: Vec<u32> = met.collect();
    check.same("ties go to the lowest segment", met, &lowest);

    // A row's result is its own, whatever comes before and after it.
    let (x, corners) = (check.normals(300, 20, 1.0), check.normals(70, 20, 1.0));
    let (segments, positions, distances) = project(check, &x, &corners)?;
    let (own, own_positions, own_distances) = project(check, &x.slice(s![137.., ..]).to_owned(), &corners)?;
    let tail = |values: Array2<f32>| values.into_iter().skip(137).collect::<Vec<f32>>();
    check.same("another batch, segments", own, &segments.into_iter().skip(137).collect::<Vec<_>>());
    check.same_bits("another batch, positions", own_positions, &tail(positions));
    check.same_bits("another batch, distances", own_distances, &tail(distances));

    let refused = Polyline::new(&check.engine(), corners.slice(s![..1, ..])).is_err();
    check.holds("one corner", "an error", refused);
    Ok(())
}

/// Corners that each lie near the one before.
fn walk(check: &mut Check, k: usize, d: usize) -> Array2<f32> {
    let mut corners = check.normals(k, d, 0.0) * 0.7;
    corners.accumulate_axis_inplace(Axis(0), |before, own| *own = 0.7 * *own + 0.7 * before);
    corners
}

type Projected = (Array2<u32>, Array2<f32>, Array2<f32>);

fn project(check: &Check, x: &Array2<f32>, corners: &Array2<f32>) -> Result<Projected> {
    let engine = check.engine();
    let curve = Polyline::new(&engine, corners.view())?;
    let n = x.nrows();
    let mut segments = engine.uninitialized(n, 1)?;
    let mut positions = engine.uninitialized(n, 1)?;
    let mut distances = engine.uninitialized(n, 1)?;
    let mut recorder = engine.recorder();
    recorder.curve_project(
        &engine.upload(x.view())?,
        &curve,
        &mut segments,
        &mut positions,
        &mut distances,
    )?;
    recorder.submit()?;
    Ok((segments.download()?, positions.download()?, distances.download()?))
}

fn compare(check: &mut Check, case: &str, x: &Array2<f32>, corners: &Array2<f32>) -> Result<()> {
    let (segments, positions, distances) = project(check, x, corners)?;
    let exact = Exact::new(x, corners);
    let last = corners.nrows() - 2;
    let least: Vec<f64> = (0..x.nrows()).map(|row| exact.least(row)).collect();
    let hidden: Vec<f64> = (0..x.nrows()).into_par_iter().map(|row| exact.hidden(row)).collect();
    let excess = |row: usize, segment: usize| exact.square(row, segment) - least[row];
    check.choices(case, segments.iter().copied(), last + 1, excess, |row| hidden[row]);

    let chosen = |row: usize| (segments[[row, 0]] as usize).min(last);
    let placed: Vec<(f64, f64)> = (0..x.nrows()).map(|row| exact.position(row, chosen(row))).collect();
    let want: Vec<f64> = placed.iter().map(|place| place.0).collect();
    check.close(&format!("{case}, positions"), positions.iter().copied(), &want, |row| placed[row].1);

    let t = |row: usize| f64::from(positions[[row, 0]].clamp(0.0, 1.0));
    let missed: Vec<(f64, f64)> = (0..x.nrows()).map(|row| exact.miss(row, chosen(row), t(row))).collect();
    let want: Vec<f64> = missed.iter().map(|miss| miss.0).collect();
    check.close(&format!("{case}, distances"), distances, &want, |row| missed[row].1);
    Ok(())
}

/// The projection in float64, and how far rounding may lead from it.
struct Exact<'a> {
    x: &'a Array2<f32>,
    corners: &'a Array2<f32>,
    mean: Vec<f32>,
}

/// (x − c)·D, how far rounding may move it, and |D|².
struct Along {
    product: f64,
    error: f64,
    square: f64,
}

impl<'a> Exact<'a> {
    fn new(x: &'a Array2<f32>, corners: &'a Array2<f32>) -> Self {
        let mean = oracle::mean(corners.as_slice().expect("standard layout"), corners.ncols());
        Self { x, corners, mean }
    }

    /// x − c, and D, which is rounded to f32 (once, and the same everywhere).
    fn elements(&self, row: usize, segment: usize) -> impl Iterator<Item = (f64, f64)> {
        let rows: [ArrayView1<f32>; 3] =
            [self.x.row(row), self.corners.row(segment), self.corners.row(segment + 1)];
        (0..self.x.ncols()).map(move |i| {
            let [x, from, to] = rows.map(|row| row[i]);
            (f64::from(x) - f64::from(from), f64::from(to - from))
        })
    }

    fn along(&self, row: usize, segment: usize) -> Along {
        let (mut product, mut size, mut square) = (0.0, 0.0, 0.0);
        for (x, direction) in self.elements(row, segment) {
            product += x * direction;
            size += (x * direction).abs();
            square += direction * direction;
        }
        // A difference is rounded once, and then d products are added up.
        Along { product, error: oracle::sum_bound(self.x.ncols() + 1, size), square }
    }

    /// The squared distance to a segment.
    fn square(&self, row: usize, segment: usize) -> f64 {
        let Along { product, square, .. } = self.along(row, segment);
        let t = if square == 0.0 { 0.0 } else { (product / square).clamp(0.0, 1.0) };
        self.elements(row, segment).map(|(x, direction)| (x - t * direction).powi(2)).sum()
    }

    fn least(&self, row: usize) -> f64 {
        (0..self.corners.nrows() - 1).map(|segment| self.square(row, segment)).fold(f64::INFINITY, f64::min)
    }

    fn lowest(&self, row: usize) -> u32 {
        let least = self.least(row);
        (0..self.corners.nrows() as u32 - 1)
            .find(|&segment| self.square(row, segment as usize) == least)
            .expect("one is the least")
    }

    /// How much dearer than the nearest segment one may be that is taken for it: where no score is off by more than e,
    /// 2e, and twice that as a score is half a distance.
    fn hidden(&self, row: usize) -> f64 {
        let x = self.x.row(row).to_vec();
        let scores: Vec<(f64, f64)> = self
            .corners
            .outer_iter()
            .map(|corner| {
                let corner = corner.to_vec();
                let error = oracle::score_error(Metric::SquaredL2, &x, &corner, &self.mean) / 2.0;
                let centred = x.iter().zip(&corner).zip(&self.mean).map(|((&x, &c), &mean)| {
                    let (x, c) = (f64::from(x) - f64::from(mean), f64::from(c) - f64::from(mean));
                    c * c / 2.0 - x * c
                });
                (centred.sum::<f64>(), error)
            })
            .collect();
        let error = |segment: usize| {
            let ((from, from_error), (to, to_error)) = (scores[segment], scores[segment + 1]);
            let half = self.along(row, segment).square / 2.0;
            let size = from.abs() + to.abs() + half;
            // The product is off by the two scores, three roundings, and that of D, which moves ½|D|² by d + 2 roundings
            // in a device's own sum.
            let product =
                from_error + to_error + 3.0 * U * size + (self.x.ncols() + 2) as f64 * U * 2.0 * half;
            // A t that is off by e is dearer by ½e²|D|²: e|D|² is the error of the product and three roundings of t, and
            // e is 1 at most. Then come four roundings of the score itself.
            let t = (product + 3.0 * U * 2.0 * half) / 2.0;
            from_error + product + t + 4.0 * U * size
        };
        4.0 * 1.01 * (0..scores.len() - 1).map(error).fold(0.0, f64::max)
    }

    /// The position on a segment, and how far rounding may move it.
    fn position(&self, row: usize, segment: usize) -> (f64, f64) {
        let own = self.along(row, segment);
        let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
        let t = ratio(own.product, own.square);
        // |D|² is off by d + 2 roundings, and a quotient on a GPU by 2.5 units in the last place.
        let relative = (self.x.ncols() + 10) as f64 * U;
        let t_error = ratio(own.error, own.square) + relative * t.abs();
        let (near_start, near_end) = (t <= t_error, t >= 1.0 - t_error);
        if !near_start && !near_end {
            return (t, t_error);
        }
        let last = self.corners.nrows() - 2;
        let start = own.product <= 0.0;
        // The compression of what is beyond the ends is at most half as steep, and rounded three times.
        let cap = |excess: f64| 0.5 * excess / (1.0 + excess);
        let with_ends = t_error + 4.0 * U;
        let mut bound = with_ends;
        for (near, first, has_corner) in
            [(near_start, segment.wrapping_sub(1), segment > 0), (near_end, segment, segment < last)]
        {
            if near && has_corner {
                bound = bound.max(with_ends + self.turn(row, first).1);
            }
        }
        let inside = own.product > 0.0 && own.product < own.square;
        let position = match (inside, start) {
            (true, _) => t,
            (_, true) if segment == 0 => -cap(-t),
            (_, false) if segment == last => 1.0 + cap(t - 1.0),
            (_, true) => self.turn(row, segment - 1).0 - 1.0,
            (_, false) => 1.0 + self.turn(row, segment).0,
        };
        (position, bound)
    }

    /// How far a vector has turned from segment `first` to the next, and how far rounding may move that.
    fn turn(&self, row: usize, first: usize) -> (f64, f64) {
        let (before, after) = (self.along(row, first), self.along(row, first + 1));
        let length = |along: &Along| along.square.sqrt();
        let relative = (self.x.ncols() + 12) as f64 * U;
        let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
        let beyond = ratio(before.product - before.square, length(&before)).max(0.0);
        let ahead = ratio(-after.product, length(&after)).max(0.0);
        let error = ratio(before.error + relative * (before.square + before.product.abs()), length(&before))
            + ratio(after.error + relative * after.product.abs(), length(&after));
        let sum = beyond + ahead;
        let turn = if sum == 0.0 { 0.5 } else { beyond / sum };
        // A quotient of two numbers with that error in each; it stays within 0 and 1.
        (turn, if sum <= 2.0 * error { 1.0 } else { (2.0 * error / (sum - error) + 8.0 * U).min(1.0) })
    }

    /// ‖x − c − t D‖², and how far rounding may move it.
    fn miss(&self, row: usize, segment: usize, t: f64) -> (f64, f64) {
        let (mut square, mut moved) = (0.0, 0.0);
        for (x, direction) in self.elements(row, segment) {
            let miss = x - t * direction;
            square += miss * miss;
            // The difference, the product and their difference are rounded once each.
            let error = U * (x.abs() + (t * direction).abs() + miss.abs());
            moved += 2.0 * miss.abs() * error + error * error;
        }
        (square, 1.01 * (moved + oracle::sum_bound(self.x.ncols(), square)))
    }
}
