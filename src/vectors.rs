//! Where vectors come from: an array in memory, or files that are larger than memory.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use twox_hash::XxHash3_128;

use crate::error::{Error, Result};

/// `n` vectors of `d` dimensions that can be read a stretch of rows at a time, from several threads.
///
/// Arrays are vectors, and so is an [`io::Dataset`](crate::io::Dataset).
///
/// ```
/// use wgvq::Vectors;
/// let x = ndarray::array![[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]];
/// assert_eq!(x.read_rows(1..3)?, ndarray::array![[3.0, 4.0], [5.0, 6.0]]);
/// # Ok::<(), wgvq::Error>(())
/// ```
pub trait Vectors: Sync {
    /// How many vectors there are.
    fn len(&self) -> usize;

    /// How many dimensions each has.
    fn dim(&self) -> usize;

    /// Fills `out` (`rows.len() × dim` values, row-major) with the vectors `rows`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a value is NaN or infinite, naming where;
    /// [`Shape`](crate::ErrorKind::Shape) if `rows` reaches past the end; [`Io`](crate::ErrorKind::Io).
    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vectors `rows` as an array of their own.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_rows(&self, rows: Range<usize>) -> Result<Array2<f32>> {
        let shape = (rows.len(), self.dim());
        let mut values = Vec::new();
        self.read_into(rows, &mut values)?;
        Ok(Array2::from_shape_vec(shape, values).expect("one value per cell"))
    }

    /// The vectors `rows`, row-major, in place of what `values` holds.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_into(&self, rows: Range<usize>, values: &mut Vec<f32>) -> Result<()> {
        make_room(rows.len(), self.dim(), values)?;
        self.read(rows, values)
    }

    /// The vectors of the given numbers, which ascend.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_each(&self, rows: &[usize]) -> Result<Array2<f32>> {
        let shape = (rows.len(), self.dim());
        let mut values = Vec::new();
        make_room(shape.0, shape.1, &mut values)?;
        let mut out = Array2::from_shape_vec(shape, values).expect("one value per cell");
        for (&row, mut target) in rows.iter().zip(out.outer_iter_mut()) {
            self.read(row..row + 1, target.as_slice_mut().expect("rows are contiguous"))?;
        }
        Ok(out)
    }
}

/// The rows that a [`fingerprint`] is of.
const FINGERPRINT_ROWS: usize = 256;

/// A hash, in hexadecimal, of how many vectors there are, of how many dimensions, and of the values of 256 of them that lie
/// evenly between the first and the last: enough to tell other data from the same, without reading all.
///
/// # Errors
/// As [`Vectors::read`].
///
/// ```
/// use wgvq::{fingerprint, ndarray::array};
/// let x = array![[1.0_f32, 2.0], [3.0, 4.0]];
/// assert_eq!(fingerprint(&x)?, fingerprint(&x.clone())?);
/// assert_ne!(fingerprint(&x)?, fingerprint(&array![[1.0_f32, 2.0], [3.0, 5.0]])?);
/// # Ok::<(), wgvq::Error>(())
/// ```
pub fn fingerprint(x: &dyn Vectors) -> Result<String> {
    let (n, d) = (x.len(), x.dim());
    let last = n.saturating_sub(1);
    let mut rows: Vec<usize> = (0..FINGERPRINT_ROWS.min(n))
        .map(|at| (at as u128 * last as u128 / (FINGERPRINT_ROWS.min(n) - 1).max(1) as u128) as usize)
        .collect();
    rows.dedup();
    let mut bytes = [n as u64, d as u64].map(u64::to_le_bytes).concat();
    bytes.extend(x.read_each(&rows)?.iter().flat_map(|value| value.to_le_bytes()));
    Ok(format!("{:032x}", XxHash3_128::oneshot(&bytes)))
}

/// Makes `values` as long as `n` vectors of `d` dimensions, or fails where there is no memory for them.
fn make_room(n: usize, d: usize, values: &mut Vec<f32>) -> Result<()> {
    let length = n.checked_mul(d);
    let fits = |length: usize| values.try_reserve_exact(length.saturating_sub(values.len())).is_ok();
    if !length.is_some_and(fits) {
        return Err(Error::input(format!(
            "no memory for {n} × {d} vectors at once; take a sample or batches"
        )));
    }
    values.resize(n * d, 0.0);
    Ok(())
}

impl Vectors for ArrayView2<'_, f32> {
    fn len(&self) -> usize {
        self.nrows()
    }

    fn dim(&self) -> usize {
        self.ncols()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        if rows.start > rows.end || rows.end > self.nrows() {
            let n = self.nrows();
            return Err(Error::shape(format!("rows {}..{} of {n} vectors", rows.start, rows.end)));
        }
        let part = self.slice(ndarray::s![rows.clone(), ..]);
        let unfit = match part.as_slice() {
            Some(values) => copy_finite(values, out),
            None => {
                out.iter_mut().zip(part.iter()).for_each(|(target, &value)| *target = value);
                out.iter().position(|value| !value.is_finite())
            }
        };
        match unfit {
            None => Ok(()),
            Some(at) => {
                let (row, column) = (rows.start + at / self.ncols(), at % self.ncols());
                Err(Error::input(format!(
                    "the value at row {row}, column {column} is {}; every value has to be finite",
                    out[at]
                )))
            }
        }
    }
}

/// Copies `values` by all threads; tells where the first one lies that is not finite.
fn copy_finite(values: &[f32], out: &mut [f32]) -> Option<usize> {
    use rayon::prelude::*;
    /// Values that one thread copies at a time.
    const PART: usize = 1 << 16;
    let parts = out.par_chunks_mut(PART).zip(values.par_chunks(PART)).enumerate();
    parts.find_map_first(|(number, (out, values))| {
        out.copy_from_slice(values);
        // To test all before looking for one lets the usual case vectorise.
        if values.iter().fold(true, |all, value| all & value.is_finite()) {
            return None;
        }
        values.iter().position(|value| !value.is_finite()).map(|at| number * PART + at)
    })
}

impl Vectors for Array2<f32> {
    fn len(&self) -> usize {
        self.nrows()
    }

    fn dim(&self) -> usize {
        self.ncols()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.view().read(rows, out)
    }
}
