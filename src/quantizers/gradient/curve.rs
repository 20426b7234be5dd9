//! The curve of a space-filling quantizer: where it starts, and how it grows from stage to stage (Publication IV).

use ndarray::{Array1, Array2, Axis, s};

/// Bits of the first stage.
const FIRST_BITS: u32 = 2;

/// Where the second corner of a pair goes: this share of a segment away from the first.
const OFFSET: f32 = 0.01;

/// Vectors that the start is found from, at most.
const SAMPLE: usize = 10_000;

/// The stages of a run: the curve has few corners in the first, and twice as many in each that follows. Every stage has
/// as many steps as every other.
pub(super) struct Stages {
    bits: u32,
    steps: u64,
}

impl Stages {
    /// The stages of a run of `steps` steps, for a curve with corners of that many bits.
    pub fn new(bits: u32, steps: u64) -> Self {
        Self { bits, steps }
    }

    fn count(&self) -> u64 {
        u64::from(self.bits.saturating_sub(FIRST_BITS)) + 1
    }

    /// Steps of a stage, but for the remainder that the last one has.
    pub fn length(&self) -> u64 {
        (self.steps / self.count()).max(1)
    }

    /// Which stage step `step` (counted from 0) is in.
    pub fn at(&self, step: u64) -> u64 {
        (step / self.length()).min(self.count() - 1)
    }

    /// Corners of a stage.
    pub fn corners(&self, stage: u64) -> usize {
        1 << (u64::from(self.bits.min(FIRST_BITS)) + stage)
    }

    /// The first step of a stage.
    pub fn begin(&self, stage: u64) -> u64 {
        stage * self.length()
    }

    /// The step after the last of a stage.
    pub fn end(&self, stage: u64) -> u64 {
        if stage + 1 == self.count() { self.steps } else { self.begin(stage + 1) }
    }
}

/// `k` corners to start from: the vectors `x` (n, d), n ≥ k, in the order of their longest axis, and the means of `k` equal
/// parts of them.
///
/// The publication's code takes the order of their norms; about a mean of zero that says nothing of where they are.
pub(super) fn start(x: &Array2<f32>, k: usize) -> Array2<f32> {
    let x = x.slice(s![..x.nrows().min(SAMPLE), ..]);
    let mean = x.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(x.ncols()));
    // Power iteration, from the vector that is farthest from the mean.
    let about = &x - &mean;
    let norm = |v: &Array1<f32>| v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32;
    let norms = about.rows().into_iter().map(|row| norm(&row.to_owned()));
    let farthest = norms.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(row, _)| row);
    let mut axis = about.row(farthest).to_owned();
    for _ in 0..20 {
        let next = about.dot(&axis).dot(&about);
        let length = norm(&next);
        if length == 0.0 || !length.is_finite() {
            break;
        }
        axis = next / length;
    }
    let along = about.dot(&axis);
    let mut order: Vec<usize> = (0..x.nrows()).collect();
    order.sort_by(|&a, &b| along[a].total_cmp(&along[b]));
    let mut corners = Array2::zeros((k, x.ncols()));
    for (part, mut corner) in corners.rows_mut().into_iter().enumerate() {
        let rows = &order[part * order.len() / k..(part + 1) * order.len() / k];
        corner.assign(&x.select(Axis(0), rows).mean_axis(Axis(0)).expect("every part has a vector"));
    }
    corners
}

/// Twice as many corners (2k, d): each and a point of the curve near it, behind it in the first half of the curve and
/// before it in the second.
pub(super) fn doubled(corners: &Array2<f32>) -> Array2<f32> {
    let (k, d) = corners.dim();
    let mut twice = Array2::zeros((2 * k, d));
    for corner in 0..k {
        let first_half = 2 * corner < k;
        let towards = if first_half { corner + 1 } else { corner - 1 };
        let own = corners.row(corner);
        let beside = &own + &(OFFSET * (&corners.row(towards) - &own));
        let (at, beside_at) = if first_half { (0, 1) } else { (1, 0) };
        twice.row_mut(2 * corner + at).assign(&own);
        twice.row_mut(2 * corner + beside_at).assign(&beside);
    }
    twice
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn stages_double_and_share_the_steps() {
        let stages = Stages::new(6, 1003);
        assert_eq!((stages.length(), stages.at(0), stages.at(199), stages.at(200)), (200, 0, 0, 1));
        assert_eq!((stages.at(1002), stages.end(3), stages.end(4)), (4, 800, 1003));
        assert_eq!((0..5).map(|stage| stages.corners(stage)).collect::<Vec<_>>(), [4, 8, 16, 32, 64]);
        let short = Stages::new(1, 10);
        assert_eq!((short.corners(0), short.end(0)), (2, 10));
    }

    #[test]
    fn a_curve_doubles_along_itself() {
        let twice = doubled(&array![[0.0], [100.0], [200.0], [400.0]]);
        assert_eq!(twice, array![[0.0], [1.0], [100.0], [101.0], [199.0], [200.0], [398.0], [400.0]]);
        let twice = doubled(&array![[0.0], [100.0]]);
        assert_eq!(twice, array![[0.0], [1.0], [99.0], [100.0]]);
    }

    #[test]
    fn it_starts_along_the_longest_axis() {
        let x = Array2::from_shape_fn((400, 2), |(row, column)| {
            let t = row as f32 * 7.0 % 400.0;
            if column == 0 { 5.0 + (row % 3) as f32 } else { t }
        });
        let corners = start(&x, 4);
        let along: Vec<f32> = corners.column(1).to_vec();
        let mut sorted = along.clone();
        sorted.sort_by(f32::total_cmp);
        assert!(along == sorted || along.iter().rev().eq(&sorted), "{along:?}");
        assert!((sorted[0] - 49.5).abs() < 1.0 && (sorted[3] - 349.5).abs() < 1.0, "{along:?}");
        // Equal vectors have no axis.
        assert_eq!(start(&Array2::ones((9, 3)), 4), Array2::<f32>::ones((4, 3)));
    }
}
