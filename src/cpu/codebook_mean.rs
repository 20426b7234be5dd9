//! CPU twin of `shaders/codebook_mean.wgsl`.

use pulp::Arch;

use super::widest::widest;

/// The mean of the `codewords` (k, d), row-major.
pub(crate) fn codebook_mean(codewords: &[f32], d: usize) -> Vec<f32> {
    let mut sums = vec![0.0; d];
    widest(
        Arch::new(),
        #[inline(always)]
        || {
            for codeword in codewords.chunks_exact(d) {
                for (sum, &c) in sums.iter_mut().zip(codeword) {
                    *sum += f64::from(c);
                }
            }
        },
    );
    let k = (codewords.len() / d) as f64;
    sums.into_iter().map(|sum| (sum / k) as f32).collect()
}
