//! Clusters that lost all their vectors.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::Array2;

use super::training::Training;
use crate::engine::Matrix;
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::rng::Rng;

/// Gives every empty cluster a vector of the cluster with the largest error, drawn in proportion to its
/// squared distance, and returns how many were filled.
///
/// The codeword of the split cluster stays where it is, so the objective cannot increase; a vector at
/// distance 0 is never drawn, so no new codeword falls on an old one. Where no error is left, nothing is filled:
/// there are fewer distinct vectors than codewords.
pub(super) fn split(
    data: &Training,
    codebook: &mut Codebook,
    codes: &Matrix<u32>,
    distances: &Matrix<f32>,
    mass: &Matrix<f32>,
    rng: &mut Rng,
) -> Result<usize> {
    let engine = data.x.engine();
    let (codes, mut distances) = (codes.download()?, distances.download()?);
    if let Some(weights) = &data.weights {
        distances *= &weights.download()?;
    }
    let empty: Vec<usize> =
        mass.download()?.iter().enumerate().filter(|(_, mass)| **mass == 0.0).map(|(code, _)| code).collect();
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); codebook.k()];
    let mut errors = vec![0.0_f64; codebook.k()];
    for (row, (&code, &distance)) in codes.iter().zip(&distances).enumerate() {
        if distance > 0.0 {
            members[code as usize].push(row as u32);
            errors[code as usize] += f64::from(distance);
        }
    }
    let mut worst: BinaryHeap<Cluster> =
        errors.iter().enumerate().map(|(code, &error)| Cluster { error, code }).collect();
    let mut takers = Vec::new();
    let mut taken = Vec::new();
    for code in empty {
        let Some(mut from) = worst.pop().filter(|cluster| cluster.error > 0.0) else { break };
        let members = &mut members[from.code];
        let mut left = rng.uniform_f64() * members.iter().map(|&row| cost(&distances, row)).sum::<f64>();
        let at = members.iter().position(|&row| {
            left -= cost(&distances, row);
            left < 0.0
        });
        let row = members.swap_remove(at.unwrap_or(members.len() - 1));
        takers.push(code);
        taken.push(row);
        // Two codewords share the error from now on; how evenly, the next assignment tells.
        from.error = if members.is_empty() { 0.0 } else { from.error / 2.0 };
        worst.push(from);
    }
    if taken.is_empty() {
        return Ok(0);
    }
    let rows = engine.upload(Array2::from_shape_vec((taken.len(), 1), taken).expect("a column").view())?;
    let mut vectors = engine.uninitialized(takers.len(), data.x.cols())?;
    let mut recorder = engine.recorder();
    recorder.gather(&data.x, &rows, &mut vectors)?;
    recorder.submit()?;
    let vectors = vectors.download()?;
    for (&code, vector) in takers.iter().zip(vectors.outer_iter()) {
        codebook.codewords_mut().write_rows(code, vector.insert_axis(ndarray::Axis(0)))?;
    }
    Ok(takers.len())
}

fn cost(distances: &Array2<f32>, row: u32) -> f64 {
    f64::from(distances[[row as usize, 0]])
}

/// Ordered by error; the lowest code first among equals.
struct Cluster {
    error: f64,
    code: usize,
}

impl Ord for Cluster {
    fn cmp(&self, other: &Self) -> Ordering {
        self.error.total_cmp(&other.error).then(other.code.cmp(&self.code))
    }
}

impl PartialOrd for Cluster {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cluster {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cluster {}
