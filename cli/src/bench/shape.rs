//! What is measured: how many vectors, dimensions and codewords.

use std::fmt;

use serde::{Deserialize, Serialize};
use wgvq::{Error, Result};

/// n vectors, d dimensions, k codewords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub n: usize,
    pub d: usize,
    pub k: usize,
}

/// The shapes that are measured unless one is asked for.
pub const NAMED: [Shape; 5] = [
    Shape { n: 100_000, d: 128, k: 256 },
    Shape { n: 200_000, d: 16, k: 256 },
    Shape { n: 100_000, d: 384, k: 1024 },
    Shape { n: 1_000_000, d: 128, k: 1024 },
    Shape { n: 65_536, d: 128, k: 65_536 },
];

/// The same where little time is to be spent.
pub const QUICK: [Shape; 3] = [NAMED[0], NAMED[1], Shape { n: 20_000, d: 384, k: 1024 }];

/// What a software rasteriser does in little time.
pub const QUICK_SOFTWARE: [Shape; 2] =
    [Shape { n: 20_000, d: 128, k: 256 }, Shape { n: 50_000, d: 16, k: 256 }];

/// Values of a matrix at most: 16 GiB.
const LARGEST: usize = 1 << 32;

/// Bytes of a value: on the device, on the host and on the way between.
const COPIES: usize = 12;

/// Products n·d·k beyond which a shape is left out on a software rasteriser.
const SOFTWARE_LIMIT: usize = 4_000_000_000;

impl Shape {
    /// About what a measurement of it takes.
    pub fn bytes(&self) -> u64 {
        COPIES.saturating_mul(self.n.saturating_add(self.k).saturating_mul(self.d)) as u64
    }

    /// Whether it is more than a software rasteriser is to do.
    pub fn is_large(&self) -> bool {
        self.n * self.d * self.k > SOFTWARE_LIMIT
    }

    /// Operations of the products of all vectors and codewords, a multiply-add counted as two.
    pub fn operations(&self) -> f64 {
        2.0 * (self.n * self.d) as f64 * self.k as f64
    }

    /// Operations for each byte that has to be read or written at least: vectors and codewords once, and a code and a
    /// distance for each vector.
    pub fn intensity(&self) -> f64 {
        let values = (self.n + self.k) as f64 * self.d as f64 + 2.0 * self.n as f64;
        self.operations() / (4.0 * values)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}, k {}", self.n, self.d, self.k)
    }
}

/// `N,D,K`.
pub fn parse(text: &str) -> Result<Shape> {
    let numbers: Vec<usize> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match numbers[..] {
        [n, d, k] if n > 0 && d > 0 && k > 0 && text.split(',').count() == 3 => {
            let largest = n.max(k).saturating_mul(d);
            if largest > LARGEST {
                return Err(Error::input(format!(
                    "{text}: {largest} values are too many; at most {LARGEST}"
                )));
            }
            Ok(Shape { n, d, k })
        }
        _ => Err(Error::input(format!("{text:?} is no shape; write N,D,K such as 100000,128,1024"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_three_positive_numbers() {
        assert_eq!(parse("10, 2,3").unwrap(), Shape { n: 10, d: 2, k: 3 });
        for wrong in ["", "1,2", "1,2,0", "1,2,3,4", "a,2,3", "1,,2,3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_value_is_moved_once() {
        // 2·3·5·7 operations; (3 + 7)·5 values are read, 2·3 written.
        assert_eq!(Shape { n: 3, d: 5, k: 7 }.intensity(), 210.0 / (4.0 * 56.0));
    }
}
