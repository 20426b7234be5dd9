//! Distances of a query to vectors that are stored in 8, 16 or 32 bits a dimension.
//!
//! A distance is summed as [`sum_of`] does: its bits are the same on every processor.

use pulp::{Arch, Simd, WithSimd};

use super::super::distance::sum_of;
use super::super::prefetch::prefetch;
use crate::metrics::Metric;

/// How far ahead vectors are asked for.
const AHEAD: usize = 8;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Whole numbers of 8 bits, which stand for `low + step · number` of their dimension.
    U8,
    /// IEEE half precision, finite.
    F16,
    F32,
}

impl Numbers {
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    /// The numbers of `stored` bytes.
    #[inline(always)]
    fn read(self, stored: &[u8], values: &mut [f32]) {
        match self {
            Self::U8 => values.iter_mut().zip(stored).for_each(|(value, &number)| *value = f32::from(number)),
            Self::F16 => {
                let bits = stored.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes));
                values.iter_mut().zip(bits).for_each(|(value, bits)| *value = of_half(bits));
            }
            Self::F32 => {
                let numbers = stored.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
                values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number);
            }
        }
    }
}

/// A query, made ready to be compared with stored vectors: a distance is `start + Σ weight·(shift − u)²`, or
/// `start + Σ weight·u`, for the stored numbers u.
pub(crate) struct Reference {
    metric: Metric,
    numbers: Numbers,
    start: f32,
    shift: Vec<f32>,
    weight: Vec<f32>,
}

impl Reference {
    /// Of a query for vectors that are stored as they are.
    pub fn new(metric: Metric, numbers: Numbers, query: &[f32]) -> Self {
        let (shift, weight) = match metric {
            Metric::InnerProduct => (vec![0.0; query.len()], query.iter().map(|q| -q).collect()),
            _ => (query.to_vec(), vec![1.0; query.len()]),
        };
        Self { metric, numbers, start: 0.0, shift, weight }
    }

    /// Of a query for numbers of 8 bits with the least value and the step of each dimension.
    pub fn scaled(metric: Metric, query: &[f32], low: &[f32], step: &[f32]) -> Self {
        let dimensions = query.iter().zip(low).zip(step);
        let mut start = 0.0;
        let (shift, weight) = match metric {
            Metric::InnerProduct => {
                start = -query.iter().zip(low).map(|(&q, &low)| f64::from(q) * f64::from(low)).sum::<f64>()
                    as f32;
                dimensions.map(|((&q, _), &step)| (0.0, -q * step)).unzip()
            }
            _ => dimensions.map(|((&q, &low), &step)| ((q - low) / step, step * step)).unzip(),
        };
        Self { metric, numbers: Numbers::U8, start, shift, weight }
    }

    /// Bytes of a stored vector.
    pub fn bytes(&self) -> usize {
        self.shift.len() * self.numbers.bytes()
    }

    /// Appends the distance to each of so many `vectors`, which are asked for ahead of their turn.
    pub fn distances<'a>(&self, vectors: impl Fn(usize) -> &'a [u8], count: usize, out: &mut Vec<f32>) {
        Arch::new().dispatch(Distances { reference: self, vectors, count, out });
    }
}

struct Distances<'r, V> {
    reference: &'r Reference,
    vectors: V,
    count: usize,
    out: &'r mut Vec<f32>,
}

impl<'a, V: Fn(usize) -> &'a [u8]> WithSimd for Distances<'_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { reference: Reference { metric, numbers, start, shift, weight }, vectors, count, out } =
            self;
        let mut values = vec![0.0; shift.len()];
        (0..count.min(AHEAD)).for_each(|number| prefetch(vectors(number)));
        for number in 0..count {
            if number + AHEAD < count {
                prefetch(vectors(number + AHEAD));
            }
            numbers.read(vectors(number), &mut values);
            let sum = match metric {
                Metric::InnerProduct => {
                    sum_of(simd, [weight, &values], |[weight, u]| simd.mul_f32s(weight, u))
                }
                _ => sum_of(simd, [shift, weight, &values], |[shift, weight, u]| {
                    let difference = simd.sub_f32s(shift, u);
                    simd.mul_f32s(simd.mul_f32s(difference, difference), weight)
                }),
            };
            out.push(start + sum);
        }
    }
}

/// The value of a finite number in half precision: its bits as those of a f32 are 2⁻¹¹² of it, subnormal or not.
#[inline(always)]
fn of_half(bits: u16) -> f32 {
    let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    f32::from_bits(size.to_bits() | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::uniform;

    fn distance(reference: &Reference, stored: &[u8]) -> f64 {
        let mut out = Vec::new();
        reference.distances(|_| stored, 1, &mut out);
        f64::from(out[0])
    }

    #[test]
    fn a_half_is_what_it_stands_for() {
        for bits in (0..=u16::MAX).filter(|bits| bits & 0x7c00 != 0x7c00) {
            let expected = half::f16::from_bits(bits).to_f32();
            assert_eq!(of_half(bits).to_bits(), expected.to_bits(), "{bits:x}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        for d in [1, 15, 16, 33, 128] {
            let (q, x) = (uniform(1, d), uniform(2, d));
            let (low, step) =
                (uniform(3, d), uniform(4, d).iter().map(|x| x.abs() + 0.1).collect::<Vec<_>>());
            let small: Vec<u8> = (0..d).map(|i| (i * 37 % 256) as u8).collect();
            let halves: Vec<half::f16> = x.iter().map(|&x| half::f16::from_f32(x)).collect();
            let value = |i: usize| f64::from(low[i]) + f64::from(step[i]) * f64::from(small[i]);
            let forms: [(Numbers, Vec<u8>, Vec<f64>); 3] = [
                (
                    Numbers::F32,
                    x.iter().flat_map(|x| x.to_le_bytes()).collect(),
                    x.iter().map(|&x| f64::from(x)).collect(),
                ),
                (
                    Numbers::F16,
                    halves.iter().flat_map(|x| x.to_le_bytes()).collect(),
                    halves.iter().map(|x| x.to_f64()).collect(),
                ),
                (Numbers::U8, small.clone(), (0..d).map(value).collect()),
            ];
            for (metric, (numbers, stored, values)) in [Metric::SquaredL2, Metric::InnerProduct]
                .into_iter()
                .flat_map(|metric| forms.iter().map(move |form| (metric, form)))
            {
                let reference = match numbers {
                    Numbers::U8 => Reference::scaled(metric, &q, &low, &step),
                    _ => Reference::new(metric, *numbers, &q),
                };
                let terms = values.iter().zip(&q).map(|(x, &q)| match metric {
                    Metric::InnerProduct => -x * f64::from(q),
                    _ => (x - f64::from(q)).powi(2),
                });
                let exact: f64 = terms.clone().sum();
                // Shift, difference, square, weight, and sums of d/16 + 4 numbers and the start: each rounds its own by 2⁻²⁴. With
                // numbers of 8 bits a product is of parts as large as 255 steps and the least value.
                let size: f64 = match (metric, numbers) {
                    (Metric::InnerProduct, Numbers::U8) => (0..d)
                        .map(|i| {
                            f64::from(q[i].abs()) * (255.0 * f64::from(step[i]) + f64::from(low[i].abs()))
                        })
                        .sum(),
                    _ => terms.map(f64::abs).sum(),
                };
                let slack = size * (d as f64 / 16.0 + 16.0) * 2f64.powi(-24);
                let off = (distance(&reference, stored) - exact).abs();
                assert!(off <= slack, "{metric} {numbers:?} {d}: {off} > {slack}");
            }
        }
    }
}
