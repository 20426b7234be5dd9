//! Host side of `codebook_mean`: what squared L2 is centred about.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "codebook_mean",
    source: &[super::GRID, include_str!("../../shaders/codebook_mean.wgsl")],
    reads: &["codebook"],
    writes: &["mean"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { d: u32, k: u32, padded: u32 });

/// Dimensions per workgroup.
const DIMENSIONS: u64 = 16;

impl Recorder<'_> {
    /// The mean of the codewords (k, d), padded with zeros: `mean` (1, d or more).
    pub(crate) fn codebook_mean(&mut self, codewords: &Matrix<f32>, mean: &mut Matrix<f32>) -> Result<()> {
        let (k, d) = codewords.shape();
        self.same_engine("codebook_mean", &[codewords.engine(), mean.engine()])?;
        let padded = mean.cols().max(d);
        expect_shape("codebook_mean", "mean", mean.shape(), (1, padded))?;
        if self.gpu().is_none() {
            let mean = mean.host_mut();
            mean[..d].copy_from_slice(&cpu::codebook_mean::codebook_mean(codewords.host(), d));
            mean[d..].fill(0.0);
            return Ok(());
        }
        let params = Params { d: d as u32, k: k as u32, padded: padded as u32 };
        let bindings = [codewords.whole("the codebook")?, mean.whole("the mean")?];
        self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, (padded as u64).div_ceil(DIMENSIONS))
    }
}
