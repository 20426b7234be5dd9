//! The time that may be spent.

use std::str::FromStr;
use std::time::{Duration, Instant};

use wgvq::{Error, Result};

use crate::interrupt;

/// An amount of time, written as 90s, 10m or 1.5h.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget(pub Duration);

/// Seconds in a month: nobody waits longer.
const MOST: f64 = 30.0 * 86_400.0;

impl FromStr for Budget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::input(format!(
                "{text:?} is no amount of time above 0, up to a month; write 90s, 10m or 1h"
            ))
        };
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            _ => return Err(wrong()),
        };
        let number = &text[..text.len() - unit.len_utf8()];
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let count: f64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
        match count * seconds {
            time if time > 0.0 && time <= MOST => Ok(Self(Duration::from_secs_f64(time))),
            _ => Err(wrong()),
        }
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    end: Instant,
}

impl Limit {
    /// From now on for so long.
    pub fn after(budget: Budget) -> Self {
        Self { end: Instant::now() + budget.0 }
    }

    /// Whether the time is over, or somebody asked to stop.
    pub fn is_over(&self) -> bool {
        self.left() == Duration::ZERO || interrupt::asked()
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_time() {
        let seconds = |text: &str| text.parse::<Budget>().unwrap().0.as_secs_f64();
        assert_eq!(["90s", "10m", "1.5h", ".5s"].map(seconds), [90.0, 600.0, 5400.0, 0.5]);
        for wrong in
            ["", "0", "0s", "0.0m", "10", "m", "-1s", "+1s", "1e3s", "infs", "NaNm", "999999h", "10µ", "1 m"]
        {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
        assert!(!Limit::after(Budget(Duration::from_secs(60))).is_over());
        assert!(Limit::after(Budget(Duration::ZERO)).is_over());
    }
}
