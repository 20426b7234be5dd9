//! How hard a soft choice is, step by step.

use crate::error::{Error, Result};

/// The factor τ on scores before their softmax, an inverse temperature: the larger, the nearer a soft choice is to a hard
/// one.
///
/// ```
/// use wgvq::train::estimators::Temperature;
/// # fn main() -> wgvq::Result<()> {
/// let annealed = Temperature::annealed(0.1, 10.0, 100)?;
/// assert_eq!(annealed.at(0), 0.1);
/// assert!((annealed.at(50) - 1.0).abs() < 1e-6);
/// assert_eq!(annealed.at(1000), 10.0);
/// assert!(Temperature::fixed(0.0).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature {
    first: f32,
    last: f32,
    steps: u64,
}

impl Temperature {
    /// The same τ always.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) unless it is over 0 and finite.
    pub fn fixed(tau: f32) -> Result<Self> {
        Self::annealed(tau, tau, 1)
    }

    /// From `first` to `last` in `steps` steps, each by the same factor, and then `last`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) unless both are over 0 and finite, and the steps at least 1.
    pub fn annealed(first: f32, last: f32, steps: u64) -> Result<Self> {
        for tau in [first, last] {
            if !(tau.is_normal() && tau > 0.0) {
                return Err(Error::input(format!(
                    "a temperature factor τ of {tau}; it has to be over 0 and finite"
                )));
            }
        }
        if steps == 0 {
            return Err(Error::input("a temperature annealed in 0 steps; at least 1 is needed"));
        }
        Ok(Self { first, last, steps })
    }

    /// The same, times `factor`.
    pub(crate) fn scaled(&self, factor: f32) -> Result<Self> {
        Self::annealed(self.first * factor, self.last * factor, self.steps)
    }

    /// τ at step `step`.
    pub fn at(&self, step: u64) -> f32 {
        if step == 0 {
            return self.first;
        }
        if step >= self.steps {
            return self.last;
        }
        let [first, last] = [self.first, self.last].map(|tau| f64::from(tau).ln());
        (first + (last - first) * step as f64 / self.steps as f64).exp() as f32
    }
}
