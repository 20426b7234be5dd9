//! Plain float64 answers that the checks judge by, and how far rounding may lead from them.
//!
//! Two devices, or two orders of addition, may choose different codewords where they are nearly equally near. So a
//! check does not compare indices; it asks whether the chosen codeword's distance, in float64, exceeds the least one
//! by no more than the rounding of the scores can hide.

use ndarray::{Array2, ArrayView1};

use crate::metrics::Metric;

/// The unit roundoff of `f32`: one rounding changes a value by at most this share of it.
pub(crate) const U: f64 = 1.0 / 16_777_216.0;

/// How far a sum of `terms` products or squares computed in `f32`, in any order, may lie from the exact one:
/// `terms + 2` roundings of partial sums that never exceed `magnitude`, the sum of the terms' sizes (Higham,
/// *Accuracy and Stability of Numerical Algorithms*, section 3.1).
pub(crate) fn sum_bound(terms: usize, magnitude: f64) -> f64 {
    let steps = (terms + 2) as f64;
    steps * U / (1.0 - steps * U) * magnitude
}

/// Row numbers (n, 1) by their code, as `counting_sort` has them, and where each code of `k` begins, (k + 1, 1).
pub(crate) fn by_code(codes: &Array2<u32>, k: usize) -> (Array2<u32>, Array2<u32>) {
    let mut order: Vec<u32> = (0..codes.nrows() as u32).collect();
    order.sort_by_key(|&row| codes[[row as usize, 0]]);
    let start = |code: usize| order.partition_point(|&row| (codes[[row as usize, 0]] as usize) < code) as u32;
    let offsets = Array2::from_shape_fn((k + 1, 1), |(code, _)| start(code));
    (Array2::from_shape_vec((order.len(), 1), order).expect("one row number each"), offsets)
}

/// The distance in float64.
pub(crate) fn distance(metric: Metric, x: &[f32], c: &[f32]) -> f64 {
    metric.distance(ArrayView1::from(x), ArrayView1::from(c))
}

/// The indices of all `codewords` from the nearest to the farthest, equally near ones in order.
pub(crate) fn ranking(metric: Metric, x: &[f32], codewords: &[f32]) -> Vec<u32> {
    let distances: Vec<f64> = codewords.chunks_exact(x.len()).map(|c| distance(metric, x, c)).collect();
    let mut indices: Vec<u32> = (0..distances.len() as u32).collect();
    indices.sort_by(|&i, &j| distances[i as usize].total_cmp(&distances[j as usize]));
    indices
}

/// Whether `codes` are different codewords and the i-th, for every i, is no farther from `x` than the i-th nearest one,
/// but for what rounding of their scores hides.
pub(crate) fn check_nearest(
    metric: Metric,
    x: &[f32],
    codewords: &[f32],
    codes: &[u32],
) -> Result<(), String> {
    let codeword = |j: u32| &codewords[j as usize * x.len()..][..x.len()];
    let mean = mean(codewords, x.len());
    let mut seen = codes.to_vec();
    seen.sort();
    seen.dedup();
    if seen.len() < codes.len() {
        return Err(format!("a codeword twice among {codes:?}"));
    }
    let ranking = ranking(metric, x, codewords);
    // Where no score is off by more than e, the i-th least computed score is within e of the i-th least true one, and
    // within e of the true score of the codeword it belongs to.
    let hidden =
        2.0 * ranking.iter().map(|&j| score_error(metric, x, codeword(j), &mean)).fold(0.0, f64::max);
    for (i, (&code, &nearest)) in codes.iter().zip(&ranking).enumerate() {
        let (got, least) = (distance(metric, x, codeword(code)), distance(metric, x, codeword(nearest)));
        if got > least + hidden {
            return Err(format!(
                "{metric:?}: number {i} is {code} at {got}; {nearest} is at {least}, bound {hidden:e}"
            ));
        }
    }
    Ok(())
}

/// How far rounding may move the score of `c`, in units of distance.
///
/// A sum of d products by fused multiply-adds in any order is off by at most d·u·Σ|products| (to first order in u, the
/// relative error of a rounding; the last factor below is for the rest).
pub(crate) fn score_error(metric: Metric, x: &[f32], c: &[f32], mean: &[f32]) -> f64 {
    let d = x.len() as f64;
    let first_order = match metric {
        // The score is half the distance. It starts with ½‖c'‖², rounded once, and adds d products; the elements of x'
        // and c' have been rounded once each, which moves ½‖c'‖² by up to u‖c'‖² and the products by 2u Σ|x'c'|.
        Metric::SquaredL2 => {
            let (mut products, mut norm) = (0.0, 0.0);
            for ((&x, &c), &mean) in x.iter().zip(c).zip(mean) {
                let (x, c) = (f64::from(x) - f64::from(mean), f64::from(c) - f64::from(mean));
                products += (x * c).abs();
                norm += c * c;
            }
            2.0 * U * ((d + 1.0) * (norm / 2.0 + products) + norm + 2.0 * products)
        }
        // The products with a unit vector, whose elements have been rounded once each, in units of ‖x‖.
        Metric::Cosine => (d + 8.0) * U,
        // The scores are distances.
        Metric::L1 | Metric::Power(_) | Metric::InnerProduct => distance_error(metric, x, c),
    };
    // A device's mean is an f32 sum of its own: the centre is not exactly the one assumed here.
    first_order * 1.1
}

/// Whether `got` is the distance of `x` and `c`, but for rounding.
#[cfg(test)]
pub(crate) fn check_distance(metric: Metric, x: &[f32], c: &[f32], got: f32) -> Result<(), String> {
    let (want, bound) = (distance(metric, x, c), 1.01 * distance_error(metric, x, c));
    if (got >= 0.0 || metric == Metric::InnerProduct) && (f64::from(got) - want).abs() <= bound {
        Ok(())
    } else {
        Err(format!("{metric:?}: distance {got}, not {want} ± {bound:e}"))
    }
}

/// How far rounding may move the distance of `x` and `c` that is summed from its definition, in any order, to first
/// order.
pub(crate) fn distance_error(metric: Metric, x: &[f32], c: &[f32]) -> f64 {
    let d = x.len() as f64;
    let distance = distance(metric, x, c);
    match metric {
        // A difference is rounded once, hence its m-th power by m roundings, which takes m − 1 products; then d
        // additions.
        Metric::SquaredL2 => (d + 3.0) * U * distance,
        Metric::L1 => (d + 1.0) * U * distance,
        Metric::Power(m) => (d + 2.0 * f64::from(m) - 1.0) * U * distance,
        // Three sums of d products: x·c, and the two squared norms, whose errors count half. Then two square roots, a
        // product, a division and a difference; on a GPU a root or quotient is good to a few units in the last place.
        Metric::Cosine => (2.0 * d + 24.0) * U,
        // A sum of d products, fused or rounded once each.
        Metric::InnerProduct => {
            (d + 1.0) * U * x.iter().zip(c).map(|(&x, &c)| (f64::from(x) * f64::from(c)).abs()).sum::<f64>()
        }
    }
}

pub(crate) fn mean(codewords: &[f32], d: usize) -> Vec<f32> {
    let k = (codewords.len() / d) as f64;
    (0..d)
        .map(|i| (codewords.iter().skip(i).step_by(d).map(|&c| f64::from(c)).sum::<f64>() / k) as f32)
        .collect()
}

/// Roundings in a sum over a row of `d` that 32 invocations share, or a CPU's 16 lanes: the product, what a lane adds,
/// and the tree.
pub(crate) fn row_sum_roundings(d: usize) -> f64 {
    (d.div_ceil(16) + 6) as f64
}

/// Σ a_i b_i in float64.
pub(crate) fn dot(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}
