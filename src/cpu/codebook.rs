//! A codebook made ready for the CPU's searches.

use pulp::Arch;

use super::tile::{AbsoluteDifference, Epilogue, Panels, PowerDifference, Product};
use crate::metrics::Metric;

/// Codewords packed so that a search scores them fast: the least score is the nearest codeword.
///
/// The score of `c` for `x` is
/// - squared L2: `½‖c'‖² − x'·c'`, where `x' = x − mean` and `c' = c − mean` for the mean codeword. Centring keeps the
///   score small when the data lie far from the origin, where `½‖c‖² − x·c` would cancel;
/// - L1, power: the distance itself;
/// - cosine: `−x̂·ĉ` for the unit vectors.
pub struct PackedCodebook {
    metric: Metric,
    codewords: Vec<f32>,
    d: usize,
    mean: Vec<f32>,
    panels: Panels,
}

impl PackedCodebook {
    pub fn new(metric: Metric, codewords: &[f32], d: usize) -> Self {
        Self::for_arch(Arch::new(), metric, codewords, d)
    }

    pub(super) fn for_arch(arch: Arch, metric: Metric, codewords: &[f32], d: usize) -> Self {
        let k = codewords.len() / d;
        let mut mean = vec![0.0; d];
        let panels = match metric {
            Metric::SquaredL2 => {
                mean = mean_of(codewords, d);
                let centred: Vec<f32> =
                    codewords.chunks_exact(d).flat_map(|c| c.iter().zip(&mean).map(|(c, m)| c - m)).collect();
                let half_norms: Vec<f32> =
                    centred.chunks_exact(d).map(|c| (0.5 * squared_norm(c)) as f32).collect();
                Panels::new(arch, &centred, d, &half_norms)
            }
            Metric::Cosine => {
                let unit: Vec<f32> = codewords
                    .chunks_exact(d)
                    .flat_map(|c| {
                        let scale = inverse_norm(c);
                        c.iter().map(move |&c| (f64::from(c) * scale) as f32)
                    })
                    .collect();
                Panels::new(arch, &unit, d, &vec![0.0; k])
            }
            Metric::L1 | Metric::Power(_) => Panels::new(arch, codewords, d, &vec![0.0; k]),
        };
        Self { metric, codewords: codewords.to_vec(), d, mean, panels }
    }

    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub fn d(&self) -> usize {
        self.d
    }

    pub fn codeword(&self, j: usize) -> &[f32] {
        &self.codewords[j * self.d..][..self.d]
    }

    /// Scores a group of rows against every codeword.
    pub(super) fn score<E: Epilogue>(&self, rows: &[f32], packed: &mut Vec<f32>, epilogue: E) {
        match self.metric {
            Metric::SquaredL2 => {
                let mean = &self.mean;
                self.panels.run(Product, rows, |_, i, x| mean[i] - x, packed, epilogue);
            }
            Metric::Cosine => {
                let scales: Vec<f64> = rows.chunks_exact(self.d).map(|x| -inverse_norm(x)).collect();
                self.panels.run(Product, rows, |row, _, x| (f64::from(x) * scales[row]) as f32, packed, epilogue);
            }
            Metric::L1 => self.panels.run(AbsoluteDifference, rows, |_, _, x| x, packed, epilogue),
            Metric::Power(m) => self.panels.run(PowerDifference(m), rows, |_, _, x| x, packed, epilogue),
        }
    }
}

fn mean_of(codewords: &[f32], d: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; d];
    for codeword in codewords.chunks_exact(d) {
        for (sum, &c) in sums.iter_mut().zip(codeword) {
            *sum += f64::from(c);
        }
    }
    let k = (codewords.len() / d) as f64;
    sums.into_iter().map(|sum| (sum / k) as f32).collect()
}

fn squared_norm(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// `1/‖x‖`, and 0 for the zero vector, whose cosine with everything is then 0.
fn inverse_norm(x: &[f32]) -> f64 {
    let norm = squared_norm(x).sqrt();
    if norm == 0.0 { 0.0 } else { 1.0 / norm }
}
