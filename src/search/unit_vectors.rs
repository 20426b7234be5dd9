//! Vectors of length 1, whose squared distances are twice their cosine distances.

use std::ops::Range;

use ndarray::Array1;

use crate::error::Result;
use crate::vectors::Vectors;

/// What a squared distance of unit vectors is multiplied with to be 1 − cos.
pub(super) const COSINE: f64 = 0.5;

/// Rows whose mean direction is taken off.
const FIRST: usize = 4096;

/// Vectors scaled to length 1 and moved by what most of them have in common, in f64, so that the differences between
/// vectors of nearly the same direction keep their digits; rounded once, at the end.
///
/// Two columns more than the vectors have keep a vector of zeros, which has cosine 0 with every other, at the distance √2
/// from all of them: those of the base have a 1 in the first, those of the queries in the second.
pub(super) struct UnitVectors<'a> {
    x: &'a dyn Vectors,
    common: Array1<f64>,
    mark: usize,
}

impl<'a> UnitVectors<'a> {
    /// The base vectors and the queries.
    pub fn of(base: &'a dyn Vectors, queries: &'a dyn Vectors) -> Result<[Self; 2]> {
        let rows = base.len().min(FIRST);
        let mut common = Array1::<f64>::zeros(base.dim());
        let first = base.read_rows(0..rows)?;
        for row in first.rows() {
            let inverse = inverse_norm(row.iter());
            common.zip_mut_with(&row, |sum, &value| *sum += f64::from(value) * inverse / rows as f64);
        }
        let unit = |x, mark| Self { x, common: common.clone(), mark };
        Ok([unit(base, 0), unit(queries, 1)])
    }
}

/// 1 over the length; 0 of a vector of zeros.
fn inverse_norm<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    let norm = values.map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt();
    if norm > 0.0 { norm.recip() } else { 0.0 }
}

impl Vectors for UnitVectors<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim() + 2
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let d = self.x.dim();
        let x = self.x.read_rows(rows)?;
        for (row, out) in x.rows().into_iter().zip(out.chunks_exact_mut(d + 2)) {
            let inverse = inverse_norm(row.iter());
            let (unit, marks) = out.split_at_mut(d);
            for ((unit, &value), common) in unit.iter_mut().zip(row).zip(&self.common) {
                *unit = (f64::from(value) * inverse - common) as f32;
            }
            marks.fill(0.0);
            marks[self.mark] = if inverse == 0.0 { 1.0 } else { 0.0 };
        }
        Ok(())
    }
}
