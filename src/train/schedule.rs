//! Learning rates that change as training goes on.

use std::f64::consts::PI;

use crate::error::{Error, Result};

/// How the learning rate goes on from the one an [`Optimizer`](super::Optimizer) starts with.
///
/// ```
/// use wgvq::train::Schedule;
/// let halved = Schedule::Step { every: 1000, factor: 0.5 };
/// assert_eq!(halved.rate(0.1, 999), 0.1);
/// assert_eq!(halved.rate(0.1, 2500), 0.025);
/// let warm = Schedule::Cosine { steps: 20_000, floor: 0.0 }.warm_up(100);
/// assert_eq!(warm.rate(0.1, 49), 0.05);
/// assert_eq!(warm.rate(0.1, 20_100), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Schedule {
    /// The same rate always.
    #[default]
    Constant,
    /// Times `factor` after every so many steps.
    Step {
        /// Steps from one change to the next, 1 or more.
        every: u64,
        /// Over 0, usually below 1.
        factor: f64,
    },
    /// Down to `floor` along half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts), and then there.
    Cosine {
        /// Steps on the way, 1 or more.
        steps: u64,
        /// The last rate: from 0 to the first one.
        floor: f64,
    },
    /// A rise in equal parts to the full rate, then another schedule.
    WarmUp {
        /// Steps of the rise; the last of them has the full rate.
        steps: u64,
        /// Whose steps count from the end of the rise.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// This schedule after a rise over `steps` steps.
    pub fn warm_up(self, steps: u64) -> Self {
        Self::WarmUp { steps, then: Box::new(self) }
    }

    /// The learning rate of step `step`, counted from 0, if that of the first is `base`.
    pub fn rate(&self, base: f64, step: u64) -> f64 {
        match self {
            Self::Constant => base,
            Self::Step { every, factor } => base * factor.powf((step / every) as f64),
            Self::Cosine { steps, floor } if step >= *steps => *floor,
            Self::Cosine { steps, floor } => {
                floor + (base - floor) * 0.5 * (1.0 + (PI * (step as f64 / *steps as f64)).cos())
            }
            Self::WarmUp { steps, .. } if step < *steps => base * ((step + 1) as f64 / *steps as f64),
            Self::WarmUp { steps, then } => then.rate(base, step - steps),
        }
    }

    /// Fails unless it makes sense for a first rate of `base`.
    pub(super) fn check(&self, base: f64) -> Result<()> {
        match self {
            Self::Step { every: 0, .. } => {
                Err(Error::input("a rate that changes every 0 steps; at least 1 is needed"))
            }
            Self::Step { factor, .. } if !(factor.is_finite() && *factor > 0.0) => {
                Err(Error::input(format!("a rate that changes by a factor of {factor}; it has to be over 0")))
            }
            Self::Cosine { steps: 0, .. } => Err(Error::input("a cosine over 0 steps; at least 1 is needed")),
            Self::Cosine { floor, .. } if !(0.0..=base).contains(floor) => Err(Error::input(format!(
                "a cosine from a rate of {base} down to {floor}; it can end between 0 and {base}"
            ))),
            Self::WarmUp { then, .. } => then.check(base),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 4.0 * f64::EPSILON * want.abs(), "{got}, not {want}");
    }

    #[test]
    fn steps_multiply() {
        let schedule = Schedule::Step { every: 3, factor: 0.1 };
        for (step, want) in [(0, 0.5), (2, 0.5), (3, 0.05), (5, 0.05), (6, 0.005), (30, 0.5e-10)] {
            near(schedule.rate(0.5, step), want);
        }
    }

    #[test]
    fn a_cosine_has_its_known_values() {
        let schedule = Schedule::Cosine { steps: 12, floor: 0.25 };
        // cos 0, π/6, π/4, π/3, π/2, 2π/3, π.
        let cosines = [
            (0, 1.0),
            (2, 3.0_f64.sqrt() / 2.0),
            (3, 0.5_f64.sqrt()),
            (4, 0.5),
            (6, 0.0),
            (8, -0.5),
            (12, -1.0),
            (99, -1.0),
        ];
        for (step, cosine) in cosines {
            near(schedule.rate(1.25, step), 0.75 + 0.5 * cosine);
        }
    }

    #[test]
    fn a_warm_up_comes_first() {
        let schedule = Schedule::Step { every: 2, factor: 0.5 }.warm_up(4);
        let rates: Vec<f64> = (0..8).map(|step| schedule.rate(8.0, step)).collect();
        assert_eq!(rates, [2.0, 4.0, 6.0, 8.0, 8.0, 8.0, 4.0, 4.0]);
        assert_eq!(Schedule::Constant.warm_up(0).rate(8.0, 0), 8.0);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong = [
            (Schedule::Step { every: 0, factor: 0.5 }, "every 0 steps"),
            (Schedule::Step { every: 1, factor: 0.0 }, "factor of 0;"),
            (Schedule::Step { every: 1, factor: f64::NAN }, "factor of NaN"),
            (Schedule::Cosine { steps: 0, floor: 0.0 }, "over 0 steps"),
            (Schedule::Cosine { steps: 5, floor: 0.2 }, "down to 0.2; it can end between 0 and 0.1"),
            (Schedule::Cosine { steps: 5, floor: -1.0 }.warm_up(3), "down to -1"),
        ];
        for (schedule, says) in wrong {
            let error = schedule.check(0.1).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        Schedule::Cosine { steps: 5, floor: 0.1 }.warm_up(3).check(0.1).unwrap();
        Schedule::Constant.check(0.1).unwrap();
    }
}
