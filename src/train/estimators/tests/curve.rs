//! The estimators of a curve against the formulas at their heads, in float64.

use ndarray::{Array2, Axis, s};

use super::*;
use crate::ops::Op;
use crate::train::estimators::dither::Dither;

const SHAPE: (usize, usize, usize) = (48, 6, 5);
const STEP: u64 = 3;
const SEED: u64 = 7;

struct Passed {
    x: Array2<f64>,
    corners: Array2<f64>,
    gradient: Array2<f64>,
    /// λ of each segment.
    shares: Vec<f64>,
    codes: Vec<usize>,
    output: Array2<f64>,
    dx: Array2<f64>,
    dcorners: Array2<f64>,
}

fn double(values: &Matrix<f32>) -> Array2<f64> {
    values.download().unwrap().mapv(f64::from)
}

/// A forward and a backward pass; the gradient is `weight` times 2 (x' − x), or normal numbers if that is 0.
fn passes(engine: &Engine, estimator: &mut dyn Estimator, weight: f32) -> Passed {
    let (n, d, k) = SHAPE;
    let there = |seed, rows| engine.upload(normals(seed, (rows, d)).view()).unwrap();
    let (x, corners, mut gradient) = (there(1, n), there(2, k), there(3, n));
    let mut forward = Forward::new(engine, n, d).unwrap();
    let (mut dx, mut dcorners) = (engine.uninitialized(n, d).unwrap(), engine.uninitialized(k, d).unwrap());
    let mut recorder = engine.recorder();
    estimator.record_forward(&mut recorder, &x, &corners, STEP, &mut forward).unwrap();
    if weight > 0.0 {
        recorder.elementwise(Op::Sub, &forward.output, &x, &mut gradient).unwrap();
        recorder.update(Op::Mul, &mut gradient, 2.0 * weight).unwrap();
    }
    let pass = Backward {
        x: &x,
        codebook: &corners,
        forward: &forward,
        gradient: &gradient,
        dx: &mut dx,
        dcodebook: &mut dcorners,
    };
    estimator.record_backward(&mut recorder, pass).unwrap();
    let mut dither = Dither::new(SEED);
    let drawn = dither.record(&mut recorder, &corners, STEP).unwrap();
    recorder.submit().unwrap();
    Passed {
        shares: double(drawn.shares).into_iter().collect(),
        codes: forward.codes.download().unwrap().into_iter().map(|code| code as usize).collect(),
        output: double(&forward.output),
        x: double(&x),
        corners: double(&corners),
        gradient: double(&gradient),
        dx: double(&dx),
        dcorners: double(&dcorners),
    }
}

impl Passed {
    fn points(&self) -> Array2<f64> {
        let k = self.corners.nrows();
        let mut points = self.corners.slice(s![..k - 1, ..]).to_owned();
        for (segment, mut point) in points.rows_mut().into_iter().enumerate() {
            let along = &self.corners.row(segment + 1) - &self.corners.row(segment);
            point.scaled_add(self.shares[segment], &along);
        }
        points
    }
}

/// The largest difference, as a share of what rounding allows: 48 rows are added up whose terms are below 60, each of them
/// after fewer than 40 roundings.
fn off(got: &Array2<f64>, want: &Array2<f64>) -> f64 {
    let bound = 300.0 * 2f64.powi(-24) * 60.0;
    (got - want).fold(0.0, |worst: f64, difference| worst.max(difference.abs())) / bound
}

/// With the loss mean (x' − x)² the noise cancels: the loss is that of the points, and so are its gradients.
fn sf_nsvq(passed: &Passed, shares: &[f64]) -> f64 {
    let (points, mut dcorners) = (passed.points(), Array2::zeros(passed.corners.dim()));
    let weight = 1.0 / passed.x.len() as f64;
    for (row, &segment) in passed.codes.iter().enumerate() {
        let error = 2.0 * weight * (&points.row(segment) - &passed.x.row(row));
        dcorners.row_mut(segment).scaled_add(1.0 - shares[segment], &error);
        dcorners.row_mut(segment + 1).scaled_add(shares[segment], &error);
    }
    let squares = |a: &Array2<f64>| (a - &passed.x).mapv(|e| e * e).sum_axis(Axis(1)).insert_axis(Axis(1));
    let quantized =
        Array2::from_shape_fn(passed.x.dim(), |(row, column)| points[[passed.codes[row], column]]);
    off(&passed.dcorners, &dcorners).max(off(&squares(&passed.output), &squares(&quantized)))
}

/// Without noise x' is the point, and each corner gets its share of the gradient along the line to it.
fn sf_diveq(passed: &Passed, shares: &[f64]) -> f64 {
    let (mut dx, mut dcorners) = (passed.gradient.clone(), Array2::zeros(passed.corners.dim()));
    for (row, &segment) in passed.codes.iter().enumerate() {
        for (corner, share) in [(segment, 1.0 - shares[segment]), (segment + 1, shares[segment])] {
            let line = &passed.corners.row(corner) - &passed.x.row(row);
            let unit = &line / line.dot(&line).sqrt();
            let slope = share * passed.gradient.row(row).dot(&unit);
            dx.row_mut(row).scaled_add(-slope, &unit);
            dcorners.row_mut(corner).scaled_add(slope, &unit);
        }
    }
    let points = passed.points();
    let quantized =
        Array2::from_shape_fn(passed.x.dim(), |(row, column)| points[[passed.codes[row], column]]);
    off(&passed.dx, &dx).max(off(&passed.dcorners, &dcorners)).max(off(&passed.output, &quantized))
}

#[test]
fn noise_to_a_curve_is_its_formula() {
    for engine in engines() {
        let elements = (SHAPE.0 * SHAPE.1) as f32;
        let nsvq = passes(&engine, &mut SfNsvq::new(SEED), 1.0 / elements);
        let diveq = passes(&engine, &mut SfDiveq::new(0.0, SEED).unwrap(), 0.0);
        for (name, passed, formula) in
            [("sf-nsvq", &nsvq, sf_nsvq as fn(&Passed, &[f64]) -> f64), ("sf-diveq", &diveq, sf_diveq)]
        {
            let share = formula(passed, &passed.shares);
            assert!(share <= 1.0, "{name} on {}: {share} of the bound", engine.name());
            // With other shares than those drawn it is off.
            let others: Vec<f64> = passed.shares.iter().map(|share| 1.0 - share).collect();
            assert!(formula(passed, &others) > 1.0, "{name}: the check cannot tell");
            // The point is the nearest of all.
            let points = passed.points();
            for (row, &segment) in passed.codes.iter().enumerate() {
                let distance = |point: usize| (&points.row(point) - &passed.x.row(row)).mapv(|e| e * e).sum();
                let least = (0..points.nrows()).map(distance).fold(f64::INFINITY, f64::min);
                assert!(distance(segment) <= least + 1e-4, "{name}, row {row}");
            }
        }
    }
}

#[test]
fn one_corner_is_no_curve() {
    let engine = Engine::cpu();
    let (x, corner) = (engine.zeros(3, 2).unwrap(), engine.zeros(1, 2).unwrap());
    let mut forward = Forward::new(&engine, 3, 2).unwrap();
    let mut recorder = engine.recorder();
    for estimator in [&mut SfNsvq::new(1) as &mut dyn Estimator, &mut SfDiveq::new(0.0, 1).unwrap()] {
        let refused = estimator.record_forward(&mut recorder, &x, &corner, 0, &mut forward);
        assert!(refused.unwrap_err().to_string().contains("at least 2"));
    }
}
