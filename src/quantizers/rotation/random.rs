//! A random rotation, which deals the variance out to all dimensions alike.

use std::f64::consts::TAU;
use std::fmt;

use ndarray::{Array2, Axis, Zip};

use super::{Rotated, TURNED_AT_ONCE, centre, settings_behind};
use crate::error::Result;
use crate::quantizers::Quantizer;
use crate::quantizers::kinds::{Kind, Place};
use crate::quantizers::model::Parts;
use crate::quantizers::spec::{Needs, Node, Piece, Spec};
use crate::quantizers::training::Fit;
use crate::rng::Rng;
use crate::settings::{Setting, Settings};
use crate::train::Holds;
use crate::vectors::Vectors;

pub(in crate::quantizers) static RR: Kind = Kind {
    name: "RR",
    letters: &["RR"],
    title: "a random rotation, before any but another",
    examples: &["RR,SQ4"],
    place: Place::Before,
    settings: &[],
    parse,
};

fn parse(piece: &Piece<'_>, inner: Option<Spec>) -> Result<Spec> {
    match inner {
        Some(inner) if piece.rest.is_empty() => Ok(Spec::new(RandomSpec { inner })),
        _ => Err(piece.incomplete()),
    }
}

struct RandomSpec {
    inner: Spec,
}

impl fmt::Display for RandomSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", RR.name, self.inner)
    }
}

/// Vectors that the centre is found by, at most.
const CENTRED: usize = 4096;

/// Copies of the rotation, and of the values that are turned at a time.
const SQUARES: f64 = 8.0;
const TURNING: f64 = 12.0;

impl Node for RandomSpec {
    fn kind(&self) -> &'static Kind {
        &RR
    }

    fn inner(&self) -> Option<&Spec> {
        Some(&self.inner)
    }

    fn settings(&self) -> Vec<&'static Setting> {
        settings_behind(&self.inner)
    }

    fn times(&self, factor: f32) -> Option<Spec> {
        Some(Spec::new(Self { inner: self.inner.times(factor) }))
    }

    fn needs(&self, settings: &Settings) -> Result<Needs> {
        self.inner.node().needs(settings)
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        let inner = self.inner.node().holds(settings, n, d)?;
        let turning = 4.0 * TURNING * TURNED_AT_ONCE.min(n * d) as f64;
        Ok(Holds { squares: SQUARES, fixed: inner.fixed + turning, ..inner })
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let rows: Vec<usize> = (0..x.len()).step_by(x.len().div_ceil(CENTRED).max(1)).collect();
        let offset = centre(x.read_each(&rows)?.view());
        let rotation = random(x.dim(), fit.seed);
        Ok(Box::new(Rotated::fit(rotation, offset, RR.name.to_string(), &self.inner, x, fit)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Rotated::load(parts, RR.name.to_string(), &self.inner)?))
    }
}

/// The stream of a seed that rotations are drawn from.
const STREAM: u64 = 0x726f_7461;

/// An orthogonal matrix (d, d): rounds in which all dimensions are paired at random and each pair is turned by a random angle.
/// Twice as many rounds as it takes until every dimension has a part in every other one.
fn random(d: usize, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, STREAM);
    let mut rotation = Array2::<f64>::eye(d);
    for _ in 0..2 * (d.next_power_of_two().ilog2() + 1) {
        let mut order: Vec<usize> = (0..d).collect();
        rng.shuffle(&mut order);
        for pair in order.chunks_exact(2) {
            let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            let (sin, cos) = (TAU * f64::from(rng.uniform())).sin_cos();
            let (mut above, mut below) = rotation.view_mut().split_at(Axis(0), high);
            Zip::from(above.row_mut(low)).and(below.row_mut(0)).for_each(|a, b| {
                (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
            });
        }
    }
    rotation.mapv(|value| value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_rotation_is_orthogonal_and_mixes_all_dimensions() {
        assert_eq!(random(1, 3), Array2::<f32>::eye(1));
        for d in [2, 3, 17, 64] {
            let rotation = random(d, 3);
            let off = rotation.dot(&rotation.t()) - Array2::<f32>::eye(d);
            // Sums of d products of numbers of unit length, rounded to f32 before.
            assert!(off.iter().all(|value| value.abs() < 1e-6 * (d as f32).sqrt()), "{d}");
            // Of a column of unit length no value has more than a share that depends on how evenly it is mixed.
            let most = rotation.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            assert!(d < 17 || most < 0.9, "{d}: {most}");
            assert_ne!(rotation, random(d, 4));
        }
    }
}
