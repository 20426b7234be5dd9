//! Which vectors of an index are queries when its recall is measured, and the others without them.

use std::collections::BinaryHeap;
use std::ops::Range;

use twox_hash::XxHash3_128;

use crate::error::Result;
use crate::vectors::Vectors;

/// Vectors that are held out, at most: their recall of .95 has a standard error of about .0025.
const MOST: usize = 1000;

/// Of so many vectors one is held out.
const ONE_OF: usize = 10;

/// The rows of those vectors whose ids have the least hashes, in ascending order: a tenth of `n`, up to 1000.
///
/// So a vector that is held out when an index is built, and not trained on, is still when it is measured anew.
pub fn held_out(n: usize, mut id: impl FnMut(usize) -> Result<u64>) -> Result<Vec<usize>> {
    let count = (n / ONE_OF).min(MOST);
    let mut least = BinaryHeap::with_capacity(count + 1);
    for row in 0..n {
        let id = id(row)?;
        least.push((XxHash3_128::oneshot(&id.to_le_bytes()), id, row));
        if least.len() > count {
            least.pop();
        }
    }
    let mut rows: Vec<usize> = least.into_iter().map(|(_, _, row)| row).collect();
    rows.sort_unstable();
    Ok(rows)
}

/// Vectors but for some.
pub struct Without<'a> {
    x: &'a dyn Vectors,
    /// The rows that are left out, in ascending order.
    left_out: &'a [usize],
}

impl<'a> Without<'a> {
    /// `x` without the rows `left_out`, which ascend.
    pub fn new(x: &'a dyn Vectors, left_out: &'a [usize]) -> Self {
        Self { x, left_out }
    }

    /// How many rows are left out before the one that is at this place here.
    fn before(&self, at: usize) -> usize {
        let (mut low, mut high) = (0, self.left_out.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.left_out[middle] - middle <= at { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl Vectors for Without<'_> {
    fn len(&self) -> usize {
        self.x.len() - self.left_out.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, mut out: &mut [f32]) -> Result<()> {
        let Range { mut start, end } = rows;
        while start < end {
            let before = self.before(start);
            // Up to the next row that is left out, all follow one another.
            let stretch = self.left_out.get(before).map_or(end, |&next| end.min(next - before)) - start;
            let (now, later) = std::mem::take(&mut out).split_at_mut(stretch * self.dim());
            self.x.read(start + before..start + before + stretch, now)?;
            (start, out) = (start + stretch, later);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_others_are_all_but_those_left_out() {
        let x = Array2::from_shape_fn((9, 2), |(row, column)| (10 * row + column) as f32);
        for left_out in [&[][..], &[0], &[8], &[0, 1, 2, 8], &[3, 5, 6], &[0, 2, 4, 6, 8]] {
            let others = Without::new(&x, left_out);
            let rows: Vec<usize> = (0..9).filter(|row| !left_out.contains(row)).collect();
            assert_eq!(others.len(), rows.len());
            for start in 0..rows.len() {
                for end in start..=rows.len() {
                    let want = x.select(ndarray::Axis(0), &rows[start..end]);
                    assert_eq!(others.read_rows(start..end).unwrap(), want, "{left_out:?} {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn those_held_out_are_a_tenth_and_stay_so_when_others_come() {
        let rows = |n: usize| held_out(n, |row| Ok(7 * row as u64)).unwrap();
        assert_eq!(rows(9), [0; 0]);
        assert_eq!((rows(500).len(), rows(30_000).len()), (50, 1000));
        // About half of those of a tenth are among those of twice as many, less whatever is nearer to 0 by then.
        let (before, after) = (rows(5000), rows(10_000));
        assert!(before.is_sorted() && after.len() == 1000);
        let stay = before.iter().filter(|row| after.contains(row)).count();
        assert!(stay >= 450, "{stay} of 500");
    }
}
