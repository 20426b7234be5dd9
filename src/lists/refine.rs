//! What rows are re-ranked by: their vectors, in 8, 16 or 32 bits a dimension.

use half::f16;

use crate::cpu::fast_scan::refined::{Numbers, Reference};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// How vectors are stored beside their codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Refine {
    /// Not at all: codes alone rank.
    None,
    /// In whole numbers u of 8 bits, which stand for `low + step·u` of their dimension.
    U8 {
        /// What 0 stands for, of each dimension.
        low: Vec<f32>,
        /// What a number is more than the one before, of each dimension; above 0.
        step: Vec<f32>,
    },
    /// In half precision, up to 65,504.
    F16,
    /// As they are.
    F32,
}

impl Refine {
    /// Numbers of 8 bits for vectors like those of `sample` (n, d), row-major.
    ///
    /// Where a dimension has whole numbers alone that span at most 255, they are stored as they are. Elsewhere its range is a
    /// sixteenth wider at either end than that of the sample, as later vectors may lie outside of it.
    ///
    /// ```
    /// use wgvq::lists::Refine;
    /// let refine = Refine::u8(&[3.0, 200.0, 17.0, 90.0], 2);
    /// let mut stored = Vec::new();
    /// refine.write(&[4.0, 250.0], 2, 0, &mut stored)?;
    /// assert_eq!((&stored[..], &refine.read(&stored, 2)[..]), (&[4, 250][..], &[4.0, 250.0][..]));
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn u8(sample: &[f32], d: usize) -> Self {
        let rows = || sample.chunks_exact(d.max(1));
        let dimension = |i: usize| {
            let values = || rows().map(|row| row[i]);
            let (least, most) =
                (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max));
            if values().all(|x| x.fract() == 0.0) && most - least <= 255.0 {
                // Whole numbers of 8 bits begin at 0 more often than not.
                let low = if (0.0..=255.0).contains(&least) && most <= 255.0 { 0.0 } else { least };
                return if low.is_finite() { (low, 1.0) } else { (0.0, 1.0) };
            }
            let margin = (most / 16.0 - least / 16.0).max(f32::MIN_POSITIVE);
            let step = (most / 255.0 - least / 255.0 + margin / 127.5).max(f32::MIN_POSITIVE);
            (least - margin, step)
        };
        let (low, step) = (0..d).map(dimension).unzip();
        Self::U8 { low, step }
    }

    /// Bytes of a vector of d dimensions.
    pub fn bytes(&self, d: usize) -> usize {
        self.numbers().map_or(0, |numbers| numbers.bytes() * d)
    }

    fn numbers(&self) -> Option<Numbers> {
        match self {
            Self::None => None,
            Self::U8 { .. } => Some(Numbers::U8),
            Self::F16 => Some(Numbers::F16),
            Self::F32 => Some(Numbers::F32),
        }
    }

    /// Appends `vectors` (n, d), of which errors call the first row `first`. Of numbers of 8 bits, what lies outside of the range is the end of it: a row there ranks as if it
    /// was no farther.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming row and column, for a value over what half precision holds.
    pub fn write(&self, vectors: &[f32], d: usize, first: usize, out: &mut Vec<u8>) -> Result<()> {
        out.reserve(vectors.len() / d.max(1) * self.bytes(d));
        match self {
            Self::None => {}
            Self::F32 => out.extend(vectors.iter().flat_map(|x| x.to_le_bytes())),
            Self::F16 => {
                for (at, &x) in vectors.iter().enumerate() {
                    let half = f16::from_f32(x);
                    if !half.is_finite() {
                        let (row, column) = (first + at / d, at % d);
                        return Err(Error::input(format!(
                            "the value at row {row}, column {column} is {x:e}, over the 65504 that half precision holds; refine by other numbers, \
                             or scale the vectors down"
                        )));
                    }
                    out.extend(half.to_le_bytes());
                }
            }
            Self::U8 { low, step } => {
                let number = |(at, x): (usize, &f32)| ((x - low[at % d]) / step[at % d]).round() as u8;
                out.extend(vectors.iter().enumerate().map(number));
            }
        }
        Ok(())
    }

    /// The vectors (n, d) that `stored` bytes stand for.
    pub fn read(&self, stored: &[u8], d: usize) -> Vec<f32> {
        match self {
            Self::None => Vec::new(),
            Self::F32 => stored.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Self::F16 => {
                stored.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()
            }
            Self::U8 { low, step } => {
                let value = |(at, &number): (usize, &u8)| low[at % d] + step[at % d] * f32::from(number);
                stored.iter().enumerate().map(value).collect()
            }
        }
    }

    /// A query, to be compared with what is stored, if anything is.
    pub(super) fn reference(&self, metric: Metric, query: &[f32]) -> Option<Reference> {
        match self {
            Self::U8 { low, step } => Some(Reference::scaled(metric, query, low, step)),
            _ => self.numbers().map(|numbers| Reference::new(metric, numbers, query)),
        }
    }
}
