//! Host side of `random_fill`: random numbers by seed, step and place.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, grid};
use crate::error::Result;
use crate::ops::Distribution;
use crate::rng;

pub(crate) static SHADER: Shader = Shader {
    stem: "random_fill",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/wide_product.wgsl"),
        include_str!("../../shaders/shared/philox.wgsl"),
        include_str!("../../shaders/shared/math.wgsl"),
        include_str!("../../shaders/random_fill.wgsl"),
    ],
    reads: &[],
    writes: &["filled"],
    params: Params::FIELDS,
    variants: || vec![UNIFORM, NORMAL, GUMBEL],
};

const UNIFORM: Variant = Variant::overriding(&[("DISTRIBUTION", 0.0)]);
const NORMAL: Variant = Variant::overriding(&[("DISTRIBUTION", 1.0)]);
const GUMBEL: Variant = Variant::overriding(&[("DISTRIBUTION", 2.0)]);

shader_params!(Params {
    block_low: u32,
    block_high: u32,
    step_low: u32,
    step_high: u32,
    key_low: u32,
    key_high: u32,
    elements: u32,
});

impl Recorder<'_> {
    /// Fills a matrix (n, d) with independent random numbers.
    ///
    /// Counter-based (Philox4x32-10: Salmon et al., SC 2011): an element's number depends on `seed`, `step` and its
    /// place `row · d + column` alone, not on threads, shards or what was drawn before. Another seed or step draws
    /// other numbers.
    ///
    /// ```
    /// use wgvq::ops::Distribution;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let (mut short, mut long) = (engine.zeros(2, 3)?, engine.zeros(4, 3)?);
    /// let mut recorder = engine.recorder();
    /// recorder.random_fill(Distribution::Normal, 7, 0, &mut short)?;
    /// recorder.random_fill(Distribution::Normal, 7, 0, &mut long)?;
    /// recorder.submit()?;
    /// assert_eq!(short.download()?, long.download_rows(0..2)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `filled` is on another engine.
    pub fn random_fill(
        &mut self,
        distribution: Distribution,
        seed: u64,
        step: u64,
        filled: &mut Matrix<f32>,
    ) -> Result<()> {
        self.same_engine("random_fill", &[filled.engine()])?;
        if filled.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::random_fill::random_fill(distribution, seed, step, filled.host_mut());
            return Ok(());
        }
        let variant = match distribution {
            Distribution::Uniform => &UNIFORM,
            Distribution::Normal => &NORMAL,
            Distribution::Gumbel => &GUMBEL,
        };
        let [key_low, key_high] = rng::key(seed);
        let d = filled.cols() as u64;
        for window in grid::row_windows(filled.rows(), [filled.shard_rows()]) {
            // Shards start at multiples of 256 rows, so a window starts with a whole block.
            let block = window.start as u64 * d / 4;
            let elements = window.len() as u64 * d;
            let params = Params {
                block_low: block as u32,
                block_high: (block >> 32) as u32,
                step_low: step as u32,
                step_high: (step >> 32) as u32,
                key_low,
                key_high,
                elements: elements as u32,
            };
            let workgroups = elements.div_ceil(4).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, variant, &params, &[filled.slice(window)], workgroups)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four uniforms from the shader, of a block that no matrix is large enough to reach.
    fn block_on_gpu(
        engine: &crate::engine::Engine,
        counter: [u32; 4],
        key: [u32; 2],
        block: u64,
    ) -> Vec<f32> {
        let first = (u64::from(counter[1]) << 32 | u64::from(counter[0])).wrapping_sub(block);
        let params = Params {
            block_low: first as u32,
            block_high: (first >> 32) as u32,
            step_low: counter[2],
            step_high: counter[3],
            key_low: key[0],
            key_high: key[1],
            elements: 4 * (block as u32 + 1),
        };
        let filled = engine.zeros(block as usize + 1, 4).unwrap();
        let mut recorder = engine.recorder();
        let bindings = [filled.whole("filled").unwrap()];
        recorder
            .dispatch(&SHADER, &UNIFORM, &params, &bindings, (block + 1).div_ceil(crate::kernels::WORKGROUP))
            .unwrap();
        recorder.submit().unwrap();
        filled.download_rows(block as usize..block as usize + 1).unwrap().into_iter().collect()
    }

    /// The known answers that come with Random123, as far as a uniform shows them, and a carry between the halves of
    /// the block number.
    #[test]
    fn the_shader_gives_the_published_answers() {
        let Some(engine) = crate::test_gpu() else { return };
        let known = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, words) in known {
            assert_eq!(block_on_gpu(&engine, counter, key, 0), words.map(rng::unit));
        }
        let carried = [2, 5, 0, 0];
        assert_eq!(block_on_gpu(&engine, carried, [1, 0], 300), rng::philox(carried, [1, 0]).map(rng::unit));
    }
}
