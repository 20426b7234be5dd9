//! How many codewords are enough: the distortion over a range of k, and its knee.

use serde::Serialize;

use super::{KMeans, Observer};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// The distortion over k. Made by [`elbow`].
#[derive(Clone, Debug, Serialize)]
pub struct Elbow {
    /// One per k, ascending.
    pub points: Vec<ElbowPoint>,
    /// The k at the knee.
    pub knee: usize,
}

/// The distortion of one codebook.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ElbowPoint {
    /// How many codewords.
    pub k: usize,
    /// The mean squared error on the training vectors.
    pub mse: f64,
}

/// Trains once per `k` (which have to ascend) with otherwise the same settings on the same vectors (the sample that
/// the largest k would take), and names the knee: the point
/// farthest from the chord between the first and the last one, both axes scaled to their range.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::{KMeans, elbow};
/// let x = array![[0.0_f32], [0.1], [5.0], [5.1], [10.0], [10.1]];
/// let found = elbow(&wgvq::Engine::cpu(), &x, &[1, 2, 3, 4, 5, 6], KMeans::new, &mut ())?;
/// assert_eq!(found.knee, 3);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if the ks do not ascend or are none; otherwise as
/// [`KMeans::fit`](super::KMeans::fit).
pub fn elbow(
    engine: &Engine,
    x: &dyn Vectors,
    ks: &[usize],
    settings: impl Fn(usize) -> KMeans,
    observer: &mut dyn Observer,
) -> Result<Elbow> {
    if ks.is_empty() || ks.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Error::input("the numbers of codewords have to ascend, and one is needed at least"));
    }
    // One sample for all, that of the largest k: errors on different vectors could not be compared.
    let largest = settings(ks[ks.len() - 1]);
    largest.check(x, None)?;
    let (x, _) = largest.sample(x, None)?;
    let mut points = Vec::new();
    for &k in ks {
        let trainer = settings(k).all_vectors();
        let found = trainer.fit_observed(engine, &x, None, observer)?;
        points.push(ElbowPoint { k, mse: found.mse });
        if observer.cancelled() {
            return Err(Error::cancelled(format!("stopped after k = {k}")));
        }
    }
    let knee = knee(&points);
    Ok(Elbow { points, knee })
}

fn knee(points: &[ElbowPoint]) -> usize {
    let (first, last) = (points[0], points[points.len() - 1]);
    let width = (last.k - first.k) as f64;
    let height = first.mse - last.mse;
    // Below the chord, in units of the axes' ranges; the distance to the chord is this over √2.
    let depth = |point: &ElbowPoint| {
        let across = if width > 0.0 { (point.k - first.k) as f64 / width } else { 0.0 };
        let down = if height > 0.0 { (first.mse - point.mse) / height } else { 0.0 };
        down - across
    };
    let deepest =
        points.iter().fold(first, |best, &point| if depth(&point) > depth(&best) { point } else { best });
    deepest.k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_farthest_from_the_chord() {
        let points =
            [(1, 10.0), (2, 4.0), (3, 1.0), (4, 0.8), (5, 0.7)].map(|(k, mse)| ElbowPoint { k, mse });
        assert_eq!(knee(&points), 3);
        assert_eq!(knee(&points[..1]), 1);
    }
}
