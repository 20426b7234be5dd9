//! Levels for one dimension that lose the least: Lloyd's iterations on a line.
//!
//! S. P. Lloyd, "Least squares quantization in PCM" (IEEE Transactions on Information Theory, 1982); J. Max,
//! "Quantizing for minimum distortion" (1960). On a line the cells are stretches of the sorted values, so that with
//! running sums an iteration takes k binary searches, whatever the number of values.

/// An iteration that gains less than this share of the error is the last.
const TOLERANCE: f64 = 1e-6;

/// The most iterations.
const ITERATIONS: usize = 500;

/// Up to `k` levels for `values` (at least one), ascending, of which the last is repeated so that there are `k`.
///
/// Starts from quantiles, from uniform levels and as dense as the cube root of the density, and keeps what loses least.
/// A level that serves no value stays where it is.
pub(super) fn lloyd_max(mut values: Vec<f32>, k: usize) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let line = Line::new(&values);
    let (_, best) = [line.quantiles(k), line.steps(k), line.cube_root(k)]
        .into_iter()
        .map(|start| line.settle(start))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("three starts");

    let mut levels: Vec<f32> = best.into_iter().map(|level| (level + line.centre) as f32).collect();
    levels.dedup();
    let last = levels[levels.len() - 1];
    levels.resize(k, last);
    levels
}

/// Sorted values about their mean, so that the squares do not swallow the differences, and their running sums.
struct Line {
    centre: f64,
    values: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Line {
    fn new(values: &[f32]) -> Self {
        let centre = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
        let values: Vec<f64> = values.iter().map(|&value| f64::from(value) - centre).collect();
        let running = |term: fn(f64) -> f64| {
            let next = values.iter().scan(0.0, |sum, &value| {
                *sum += term(value);
                Some(*sum)
            });
            std::iter::once(0.0).chain(next).collect()
        };
        let (sums, squares) = (running(|value| value), running(|value| value * value));
        Self { centre, values, sums, squares }
    }

    /// The middle quantiles of k equal groups.
    fn quantiles(&self, k: usize) -> Vec<f64> {
        (0..k).map(|i| self.values[(share(i, k) * self.values.len() as f64) as usize]).collect()
    }

    /// The middles of k equal stretches.
    fn steps(&self, k: usize) -> Vec<f64> {
        let (least, greatest) = (self.values[0], self.values[self.values.len() - 1]);
        (0..k).map(|i| least + share(i, k) * (greatest - least)).collect()
    }

    /// Levels as dense as the cube root of the density of the values, which is best for many levels (Panter and Dite,
    /// "Quantization distortion in pulse-count modulation with nonuniform spacing of levels", 1951).
    fn cube_root(&self, k: usize) -> Vec<f64> {
        // A stretch of width w between neighbouring quantiles has a density of 1/w, and so w^(2/3) of the levels.
        let groups = 4 * k;
        let quantile = |i: usize| self.values[i * (self.values.len() - 1) / groups];
        let width = |i: usize| quantile(i + 1) - quantile(i);
        let total: f64 = (0..groups).map(|i| width(i).powf(2.0 / 3.0)).sum();
        if total == 0.0 {
            return self.quantiles(k);
        }
        let (mut levels, mut before) = (Vec::with_capacity(k), 0.0);
        for i in 0..groups {
            let own = width(i).powf(2.0 / 3.0) / total;
            while levels.len() < k && own > 0.0 && share(levels.len(), k) <= before + own {
                levels.push(quantile(i) + width(i) * (share(levels.len(), k) - before) / own);
            }
            before += own;
        }
        // Rounding of the shares may leave out the last.
        levels.resize(k, quantile(groups));
        levels
    }

    /// Lloyd's iterations from ascending `levels`: their squared error at the end, and they.
    fn settle(&self, mut levels: Vec<f64>) -> (f64, Vec<f64>) {
        let mut error = f64::INFINITY;
        for _ in 0..ITERATIONS {
            let mut first = 0;
            let mut next_error = 0.0;
            for i in 0..levels.len() {
                // The cell ends at the border to the next level, which it owns. Neither level has moved yet.
                let last = match levels.get(i + 1) {
                    Some(next) => {
                        let border = (levels[i] + next) / 2.0;
                        first + self.values[first..].partition_point(|&value| value <= border)
                    }
                    None => self.values.len(),
                };
                if last > first {
                    let (count, sum) = ((last - first) as f64, self.sums[last] - self.sums[first]);
                    // The mean; what rounding makes of it stays within the cell.
                    levels[i] = (sum / count).clamp(self.values[first], self.values[last - 1]);
                    let square = self.squares[last] - self.squares[first];
                    next_error += (square - sum * sum / count).max(0.0);
                }
                first = last;
            }
            let settled = next_error >= error * (1.0 - TOLERANCE);
            error = next_error;
            if settled {
                break;
            }
        }
        (error, levels)
    }
}

/// The middle of stretch `i` of `k` that share 0 to 1.
fn share(i: usize, k: usize) -> f64 {
    (i as f64 + 0.5) / k as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn losses(values: &[f32], levels: &[f32]) -> Vec<f64> {
        let square = |value: f32, level: f32| (f64::from(value) - f64::from(level)).powi(2);
        let nearest = |&value: &f32| {
            let above = levels.partition_point(|&level| level < value);
            let beside = levels[above.saturating_sub(1)..].iter().take(2);
            beside.map(|&level| square(value, level)).fold(f64::INFINITY, f64::min)
        };
        values.iter().map(nearest).collect()
    }

    fn loss(values: &[f32], levels: &[f32]) -> f64 {
        losses(values, levels).iter().sum::<f64>() / values.len() as f64
    }

    /// The least mean squared errors for a standard normal (Max 1960, table 1), and for many levels the limit
    /// π√3/2 / k² (Panter and Dite), which is 12 % high at 16 levels and comes nearer with each.
    #[test]
    fn normals_lose_what_max_found() {
        let mut rng = Rng::new(1, 0);
        let values: Vec<f32> = (0..200_000).map(|_| rng.normal()).collect();
        for (k, known) in [(1, 1.0), (2, 0.3634), (4, 0.1175), (8, 0.03454), (16, 0.009497), (256, 4.151e-5)]
        {
            let levels = lloyd_max(values.clone(), k);
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
            let found = loss(&values, &levels);
            let spread = losses(&values, &levels).iter().map(|loss| (loss - found).powi(2)).sum::<f64>();
            let error = spread.sqrt() / values.len() as f64;
            // Five standard errors, and what is left to settle.
            let slack = 5.0 * error + if k == 256 { 0.03 * known } else { 0.0005 * known };
            assert!((found - known).abs() < slack, "{k} levels lose {found}, not {known} ± {slack}");
        }
    }

    #[test]
    fn more_levels_than_values_lose_nothing() {
        let values = vec![3.0, -1.0, 3.0, 7.0, -1.0];
        let levels = lloyd_max(values.clone(), 8);
        assert_eq!((levels.len(), loss(&values, &levels)), (8, 0.0));
        assert!(levels.is_sorted());
        assert_eq!(lloyd_max(vec![5.5], 4), [5.5; 4]);
        assert_eq!(lloyd_max(vec![1e30, 1e30, 1e30], 2), [1e30; 2]);
    }

    /// A far cluster of few values: quantiles never give it a level, uniform steps do.
    #[test]
    fn the_better_start_wins() {
        let mut rng = Rng::new(2, 0);
        let mut values: Vec<f32> = (0..10_000).map(|_| rng.normal()).collect();
        values.extend([1000.0, 1000.5]);
        let levels = lloyd_max(values.clone(), 8);
        assert!(loss(&values, &levels) < 0.5, "{levels:?}");
    }
}
