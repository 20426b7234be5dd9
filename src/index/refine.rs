//! What is kept of each vector beside its code, so that the nearest by their codes can be compared once more.

use std::fmt;
use std::str::FromStr;

use half::f16;
use half::slice::HalfFloatSliceExt;
use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, Result};

/// What the nearest by their codes are compared by once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refinement {
    /// Nothing: the distances are those of codes.
    None,
    /// A byte per dimension.
    U8,
    /// A half per dimension.
    F16,
    /// The vectors themselves, where they were when they were added.
    Source,
}

impl Refinement {
    const ALL: [(Self, &str); 4] =
        [(Self::None, "none"), (Self::U8, "u8"), (Self::F16, "f16"), (Self::Source, "source")];
}

impl fmt::Display for Refinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = Self::ALL.iter().find(|(refinement, _)| refinement == self);
        f.write_str(own.map_or("", |(_, word)| word))
    }
}

impl FromStr for Refinement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let own = Self::ALL.iter().find(|(_, word)| *word == text);
        own.map(|(refinement, _)| *refinement).ok_or_else(|| Error::input("must be f16, u8, source or none"))
    }
}

/// A refinement with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Refine {
    None,
    /// Of each dimension the value of byte 0, and how far the next is.
    U8 {
        low: Vec<f32>,
        step: Vec<f32>,
    },
    F16,
    Source,
}

impl Refine {
    /// One for vectors like these.
    pub fn fit(refinement: Refinement, sample: ArrayView2<f32>) -> Self {
        match refinement {
            Refinement::None => Self::None,
            Refinement::F16 => Self::F16,
            Refinement::Source => Self::Source,
            Refinement::U8 => {
                let (low, step) = sample.axis_iter(Axis(1)).map(range).unzip();
                Self::U8 { low, step }
            }
        }
    }

    pub fn kind(&self) -> Refinement {
        match self {
            Self::None => Refinement::None,
            Self::U8 { .. } => Refinement::U8,
            Self::F16 => Refinement::F16,
            Self::Source => Refinement::Source,
        }
    }

    /// Bytes of a vector of `d` dimensions.
    pub fn bytes(&self, d: usize) -> usize {
        match self {
            Self::None | Self::Source => 0,
            Self::U8 { .. } => d,
            Self::F16 => 2 * d,
        }
    }

    /// Appends the vectors `x` (n, d), of which the first has the number `first` in messages.
    ///
    /// # Errors
    /// A value over what a half holds.
    pub fn write(&self, x: ArrayView2<f32>, first: usize, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::None | Self::Source => {}
            Self::U8 { low, step } => {
                let byte = |(at, value): (usize, &f32)| {
                    let column = at % low.len();
                    ((f64::from(*value) - f64::from(low[column])) / f64::from(step[column])).round() as u8
                };
                out.extend(x.iter().enumerate().map(byte));
            }
            Self::F16 => {
                if let Some(((row, column), value)) =
                    x.indexed_iter().find(|(_, value)| value.abs() > MOST_HALF)
                {
                    return Err(Error::input(format!(
                        "the value at row {}, column {column} is {value:e}, over what --refine f16 holds; take \
                         --refine source, or scale the vectors down",
                        first + row
                    )));
                }
                out.extend(x.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
            }
        }
        Ok(())
    }

    /// The vectors that were written, (n, d).
    pub fn read(&self, bytes: &[u8], d: usize) -> Array2<f32> {
        let values: Vec<f32> = match self {
            Self::None | Self::Source => Vec::new(),
            Self::U8 { low, step } => {
                let value = |(at, byte): (usize, &u8)| step[at % d].mul_add(f32::from(*byte), low[at % d]);
                bytes.iter().enumerate().map(value).collect()
            }
            Self::F16 => {
                let halves: Vec<f16> =
                    bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes)).collect();
                halves.to_f32_vec()
            }
        };
        Array2::from_shape_vec((values.len() / d.max(1), d), values).expect("d values per row")
    }
}

/// What rounds to the largest half.
const MOST_HALF: f32 = 65_519.0;

/// The value of byte 0 in a column, and the step to the next. Whole numbers that span 255 or less are kept exactly; other columns
/// have a sixteenth of their span to either side, for vectors to come.
fn range(column: ndarray::ArrayView1<f32>) -> (f32, f32) {
    let least = column.iter().copied().fold(f32::INFINITY, f32::min);
    let most = column.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = f64::from(most) - f64::from(least);
    if span <= 255.0 && column.iter().all(|value| value.fract() == 0.0) {
        // Bytes stay what they are.
        let low = if least >= 0.0 && most <= 255.0 { 0.0 } else { least };
        return (low, 1.0);
    }
    let low = f64::from(least) - span / 16.0;
    let step = (span * 1.125 / 255.0) as f32;
    (low as f32, if step > 0.0 { step } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;
    use ndarray::array;

    fn back(refine: &Refine, x: &Array2<f32>) -> Array2<f32> {
        let mut bytes = vec![];
        refine.write(x.view(), 0, &mut bytes).unwrap();
        assert_eq!(bytes.len(), x.nrows() * refine.bytes(x.ncols()));
        refine.read(&bytes, x.ncols())
    }

    #[test]
    fn bytes_are_exact_for_whole_numbers_and_near_for_others() {
        let whole = array![[0.0_f32, -100.0, 7.0], [255.0, 155.0, 7.0], [3.0, 0.0, 7.0]];
        let refine = Refine::fit(Refinement::U8, whole.view());
        assert_eq!(back(&refine, &whole), whole);
        let x = array![[0.1_f32, 1e-3], [0.9, 9e-3], [0.4, 4e-3]];
        let refine = Refine::fit(Refinement::U8, x.view());
        for (value, near) in x.iter().zip(&back(&refine, &x)) {
            // Half a step of 1.125 spans in 255, and the rounding of f32.
            let span = if *value > 0.05 { 0.8 } else { 8e-3 };
            assert!((value - near).abs() <= 0.5 * 1.126 / 255.0 * span, "{value} {near}");
        }
        // What lies beyond goes to the end and does not wrap.
        let far = back(&refine, &array![[50.0_f32, -50.0]]);
        assert!(far[[0, 0]] >= 0.9 && far[[0, 1]] <= 1e-3, "{far}");
    }

    #[test]
    fn halves_hold_what_they_can_and_refuse_the_rest() {
        let x = array![[1.0_f32, -0.333], [65_504.0, 1e-3]];
        let near = back(&Refine::F16, &x);
        // Halves have 11 bits.
        assert!(x.iter().zip(&near).all(|(x, near)| (x - near).abs() <= x.abs() * 2.0_f32.powi(-11)));
        let why = refused(Refine::F16.write(array![[0.0_f32], [7e4]].view(), 5, &mut vec![]));
        assert!(why.contains("row 6, column 0 is 7e4"), "{why}");
    }
}
