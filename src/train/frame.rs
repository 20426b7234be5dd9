//! Where the numbers of training vectors are counted from, and in which units.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::scale::{Scale, Typical};
use crate::vectors::Vectors;

/// A centre that is taken off and a power of two that is multiplied with before vectors are trained on, so that sums keep
/// their digits and squares stay within f32: `(x − centre) · 2^e`.
///
/// Both are exact for all but outliers. A column has a centre only where it lies far from 0; the centre is then a round
/// number, so that vectors moved by another round number are trained on as the very same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    centre: Option<Array1<f32>>,
    scale: Scale,
}

/// Deviations from 0 at which a column is far: the difference to a centre is exact from half to twice the centre
/// (Sterbenz), and sums about 0 lose four bits there.
const FAR: f64 = 16.0;

impl Frame {
    /// The frame that suits `x` (n, d).
    pub fn of(x: ArrayView2<f32>) -> Self {
        let typical = Typical::of(x);
        Self { scale: Scale::for_width(typical.width), ..Self::about_typical(&typical) }
    }

    /// The frame that only takes off a centre.
    pub fn about(x: ArrayView2<f32>) -> Self {
        Self::about_typical(&Typical::of(x))
    }

    /// The frame that takes off a centre of every column, and whether any lies far from 0.
    pub fn centred(x: ArrayView2<f32>) -> (Self, bool) {
        let typical = Typical::of(x);
        let columns = typical.centre.iter().zip(&typical.deviation);
        let centre = columns.map(|(&centre, &deviation)| rounded(centre, deviation));
        let far = Self::about_typical(&typical).centre.is_some();
        (Self { centre: Some(Array1::from_iter(centre)), scale: Scale::ONE }, far)
    }

    /// The frame that takes off a centre of every column and scales to a width of 1 to 2.
    pub fn unit(x: ArrayView2<f32>) -> Self {
        Self { scale: Scale::to_unit(x), ..Self::centred(x).0 }
    }

    fn about_typical(typical: &Typical) -> Self {
        let columns = typical.centre.iter().zip(&typical.deviation);
        let centre = Array1::from_iter(columns.map(|(&centre, &deviation)| {
            let far = f64::from(centre).abs() > FAR * f64::from(deviation);
            if far { rounded(centre, deviation) } else { 0.0 }
        }));
        let centre = centre.iter().any(|&value| value != 0.0).then_some(centre);
        Self { centre, scale: Scale::ONE }
    }

    /// The frame that only scales.
    pub fn scaled(scale: Scale) -> Self {
        Self { centre: None, scale }
    }

    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The centre, if there is one, (d).
    pub fn centre(&self) -> Option<&Array1<f32>> {
        self.centre.as_ref()
    }

    /// Brings the rows of `x` (n, d) into the frame.
    pub fn apply(&self, x: &mut Array2<f32>) {
        if let Some(centre) = &self.centre {
            *x -= centre;
        }
        self.scale.apply(x);
    }

    /// Fails, naming the first, if a value of `x` (n, d), which is in the frame, is so far from the others that its square
    /// leaves the range of f32. `first` is the number of the first row.
    pub fn check(&self, x: ArrayView2<f32>, first: usize) -> Result<()> {
        let most = (f32::MAX / (16.0 * x.ncols().max(1) as f32)).sqrt();
        let are_near = |row: ArrayView1<f32>| row.iter().fold(true, |all, value| all & (value.abs() <= most));
        if x.axis_iter(Axis(0)).into_par_iter().all(are_near) {
            return Ok(());
        }
        let far = x.indexed_iter().find(|(_, value)| value.abs() > most);
        let ((row, column), value) = far.expect("one is");
        let centre = self.centre.as_ref().map_or(0.0, |centre| centre[column]);
        Err(Error::input(format!(
            "the value at row {} of the training vectors, column {column} is about {:e}; most others are so small that \
             squares are within f32 only up to {:.1e}",
            first + row,
            value * self.scale.inverse() + centre,
            most * self.scale.inverse()
        )))
    }

    /// What the rows of `x` (n, d) are outside of the frame.
    pub fn restore(&self, x: &Array2<f32>) -> Array2<f32> {
        let mut restored = self.scale.restore(x);
        if let Some(centre) = &self.centre {
            restored += centre;
        }
        restored
    }

    /// The same of codebooks whose codewords add up: the first takes the centre back.
    pub fn restore_sum(&self, codebooks: Vec<Array2<f32>>) -> Vec<Array2<f32>> {
        let mut restored: Vec<_> = codebooks.iter().map(|codebook| self.scale.restore(codebook)).collect();
        if let (Some(centre), Some(first)) = (&self.centre, restored.first_mut()) {
            *first += centre;
        }
        restored
    }

    /// `x`, brought into the frame as it is read.
    pub fn vectors<'a>(&'a self, x: &'a dyn Vectors) -> Framed<'a> {
        Framed { x, frame: self }
    }
}

/// `centre` as a multiple of the power of two next below the `deviation` from it.
fn rounded(centre: f32, deviation: f32) -> f32 {
    let (exact, deviation) = (f64::from(centre), f64::from(deviation));
    if deviation == 0.0 {
        return centre;
    }
    let grid = deviation.log2().floor().exp2();
    ((exact / grid).round() * grid) as f32
}

/// Vectors in a [`Frame`].
pub(crate) struct Framed<'a> {
    x: &'a dyn Vectors,
    frame: &'a Frame,
}

impl Framed<'_> {
    fn apply(&self, out: &mut [f32]) {
        let Frame { centre, scale } = self.frame;
        let factor = scale.factor();
        for row in out.chunks_exact_mut(self.x.dim().max(1)) {
            match centre {
                Some(centre) => {
                    row.iter_mut().zip(centre).for_each(|(value, c)| *value = (*value - c) * factor)
                }
                None => row.iter_mut().for_each(|value| *value *= factor),
            }
        }
    }
}

impl Vectors for Framed<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let first = rows.start;
        self.x.read(rows, out)?;
        self.apply(out);
        let shape = (out.len() / self.dim().max(1), self.dim());
        self.frame.check(ArrayView2::from_shape(shape, out).expect("whole rows"), first)
    }

    fn read_each(&self, rows: &[usize]) -> Result<Array2<f32>> {
        let mut x = self.x.read_each(rows)?;
        self.frame.apply(&mut x);
        self.frame.check(x.view(), 0)?;
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_far_column_is_moved_to_where_it_would_be_by_a_round_number() {
        let x = array![[1.0_f32, 3.0, 7.0], [5.0, -2.0, 7.0], [2.0, 4.0, 7.0]];
        let moved = &x + &array![1048576.0_f32, 0.0, 1e30];
        let frame = Frame::about(moved.view());
        let centre = frame.centre().unwrap();
        assert_eq!(centre[1], 0.0);
        // Values of the first column are 1 from their median or more: its centre is a whole number.
        assert_eq!(centre[0] % 1.0, 0.0);
        let mut framed = moved.clone();
        frame.apply(&mut framed);
        assert_eq!(framed.column(0).to_owned() + (centre[0] - 1048576.0), x.column(0));
        assert!(framed.column(2).iter().all(|&value| value == 0.0));
        assert_eq!(frame.restore(&framed), moved);
        assert_eq!(frame.vectors(&moved).read_rows(0..3).unwrap(), framed);
        assert_eq!(Frame::of(x.slice(ndarray::s![.., ..2])), Frame::scaled(Scale::ONE));
    }
}
