//! Host side of `codebook_mean`: what squared L2 is centred about.

use super::tile::Core;
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
    /// The mean of the codewords (k, d), padded with zeros: `mean` (1, padded), where padded is what the tiled
    /// core asks for on a GPU and d on the CPU.
    pub(crate) fn codebook_mean(&mut self, codewords: &Matrix<f32>, mean: &mut Matrix<f32>) -> Result<()> {
        let (k, d) = codewords.shape();
        self.same_engine("codebook_mean", &[codewords.engine(), mean.engine()])?;
        let Some(gpu) = self.gpu() else {
            expect_shape("codebook_mean", "mean", mean.shape(), (1, d))?;
            mean.host_mut().copy_from_slice(&cpu::codebook_mean::codebook_mean(codewords.host(), d));
            return Ok(());
        };
        let padded = Core::of(&gpu).padded_dimensions(d);
        expect_shape("codebook_mean", "mean", mean.shape(), (1, padded))?;
        let params = Params { d: d as u32, k: k as u32, padded: padded as u32 };
        let bindings = [codewords.whole("the codebook")?, mean.whole("the mean")?];
        self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, (padded as u64).div_ceil(DIMENSIONS))
    }
}
