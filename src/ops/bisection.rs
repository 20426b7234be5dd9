//! How a centre by a power of the error is searched.

use crate::error::{Error, Result};
use crate::metrics::Metric;

/// The search for the point whose sum of |error|^`power` to values within ±reach is least.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bisection {
    pub power: u32,
    /// A power of two, so that what steps add up to is exact as long as it fits the digits of a float.
    first: f32,
}

impl Bisection {
    /// Halvings of the step.
    pub const ROUNDS: u32 = 40;

    pub fn new(power: u32, reach: f32) -> Result<Self> {
        if !(1..=Metric::MOST_POWER).contains(&power) {
            return Err(Error::input(format!("a power of {power}; must be 1 to {}", Metric::MOST_POWER)));
        }
        if !(reach.is_finite() && reach >= 0.0) {
            return Err(Error::input(format!(
                "values within ±{reach}; a finite number of 0 or more is needed"
            )));
        }
        let first =
            f64::from(reach).max(f64::MIN_POSITIVE).log2().ceil().max(f64::from(f32::MIN_EXP)).exp2() / 2.0;
        Ok(Self { power, first: first as f32 })
    }

    /// The steps, the first of at least half the reach.
    pub fn steps(self) -> impl Iterator<Item = f32> {
        (0..Self::ROUNDS).map(move |round| self.first * 0.5_f32.powi(round as i32))
    }

    /// The last step, if the centre is a median, which then is put on one of the values.
    pub fn snaps(self) -> Option<f32> {
        self.steps().last().filter(|_| self.power == 1)
    }

    /// How far a median may still be from its value: as `shaders/segment_center.wgsl` has it.
    pub fn slack(step: f32, center: f32) -> f32 {
        2.0 * step + 0.5_f32.powi(22) * center.abs()
    }
}
