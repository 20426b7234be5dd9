//! The binomial distribution in the log domain.

use std::f64::consts::TAU;
use std::ops::Range;

/// The number of successes among `n` trials, each of probability `p`, 0 < p < 1.
pub(super) struct Binomial {
    n: u64,
    p: f64,
}

impl Binomial {
    pub fn new(n: u64, p: f64) -> Self {
        Self { n, p }
    }

    pub fn mean(&self) -> f64 {
        self.n as f64 * self.p
    }

    pub fn standard_deviation(&self) -> f64 {
        (self.mean() * (1.0 - self.p)).sqrt()
    }

    /// The counts outside of which the probabilities together are below 10⁻³⁰: twelve standard deviations, and
    /// forty more for the long tail of a small mean.
    pub fn support(&self) -> Range<u64> {
        let reach = 12.0 * self.standard_deviation() + 40.0;
        let (low, high) = (self.mean() - reach, self.mean() + reach);
        low.max(0.0) as u64..(high.min(self.n as f64) as u64 + 1)
    }

    /// ln P(count), `count` ≤ n.
    ///
    /// C. Loader's saddle point expansion ("Fast and accurate computation of binomial probabilities", 2000): it is a
    /// sum of small terms, where differences of ln n! lose as many digits as n has.
    pub fn ln_probability(&self, count: u64) -> f64 {
        let (n, x) = (self.n as f64, count as f64);
        if count == 0 {
            return n * (-self.p).ln_1p();
        }
        if count == self.n {
            return n * self.p.ln();
        }
        let y = n - x;
        stirling_error(self.n)
            - stirling_error(count)
            - stirling_error(self.n - count)
            - deviance(x, n * self.p)
            - deviance(y, n - n * self.p)
            + 0.5 * (n / (TAU * x * y)).ln()
    }

    pub fn probability(&self, count: u64) -> f64 {
        self.ln_probability(count).exp()
    }
}

/// ln n! − ln(√(2πn) (n/e)ⁿ), n ≥ 1: what Stirling's formula lacks.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    // Up to here n! is exact in f64; from here on five terms of the series are.
    if n <= 15 {
        let factorial: f64 = (1..=n).map(|i| i as f64).product();
        return factorial.ln() - 0.5 * (TAU * x).ln() - x * x.ln() + x;
    }
    let square = x * x;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / x
}

/// x ln(x/m) + m − x, without cancellation where x is near m.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    // With v = (x − m)/(x + m), ln(x/m) = 2 (v + v³/3 + v⁵/5 + …).
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut power = 2.0 * x * v;
    for odd in (3..).step_by(2) {
        power *= v * v;
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_another_implementation() {
        // From ln Γ of 50 digits (mpmath).
        for (n, p, count, want) in [
            (1_000_000_000, 1.0 / 64.0, 15_625_000, -9.193255736848629),
            (1_000_000_000, 1.0 / 64.0, 15_700_000, -191.765_516_536_457_5),
            (1_000_000_000, 1e-6, 1, -993.0927437213507),
            (1_000_000_000, 0.5, 499_000_000, -2010.5887556068306),
            (20, 0.2, 0, -4.462871026284195),
            (20, 0.2, 20, -32.18875824868201),
            (1000, 0.25, 270, -4.609683867605189),
        ] {
            let found = Binomial::new(n, p).ln_probability(count);
            assert!((found / want - 1.0).abs() < 1e-13, "{n} {p} {count}: {found}, not {want}");
        }
    }

    #[test]
    fn small_ones_are_the_products_themselves() {
        let choose = [1.0, 7.0, 21.0, 35.0, 35.0, 21.0, 7.0, 1.0];
        for (count, ways) in choose.into_iter().enumerate() {
            let want = ways * 0.3_f64.powi(count as i32) * 0.7_f64.powi(7 - count as i32);
            let found = Binomial::new(7, 0.3).probability(count as u64);
            assert!((found / want - 1.0).abs() < 1e-13, "{count}: {found} {want}");
        }
    }

    #[test]
    fn probabilities_of_the_support_add_up() {
        for (n, p) in [(1, 0.5), (5, 0.01), (1000, 0.001), (100_000, 0.5), (1_000_000_000, 0.001)] {
            let binomial = Binomial::new(n, p);
            let (mut sum, mut mean) = (0.0, 0.0);
            for count in binomial.support() {
                sum += binomial.probability(count);
                mean += binomial.probability(count) * count as f64;
            }
            assert!(
                (sum - 1.0).abs() < 1e-11 && (mean / binomial.mean() - 1.0).abs() < 1e-11,
                "{n} {p}: {sum} {mean}"
            );
        }
    }
}
