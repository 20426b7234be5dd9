//! Host side of `beam_codes`: the codes of the cheapest tuple of every beam.

use super::beam_step::Beam;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "beam_codes",
    source: &[super::GRID, include_str!("../../shaders/beam_codes.wgsl")],
    reads: &["ids", "offsets"],
    writes: &["codes"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, m: u32, width: u32 });

impl Recorder<'_> {
    /// The codes of the cheapest tuple of every beam, whose tuples hold one codeword of each codebook in any order.
    ///
    /// Shapes: `beam` of n rows and tuples of m, `offsets` (m + 1, 1): where each codebook starts; `codes` (n, m).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn beam_codes(
        &mut self,
        beam: &Beam,
        offsets: &Matrix<u32>,
        codes: &mut Matrix<u32>,
    ) -> Result<()> {
        let (n, m, width) = (beam.ids.rows(), beam.length, beam.ids.cols());
        self.same_engine("beam_codes", &[beam.ids.engine(), offsets.engine(), codes.engine()])?;
        expect_shape("beam_codes", "offsets", offsets.shape(), (m + 1, 1))?;
        expect_shape("beam_codes", "codes", codes.shape(), (n, m))?;
        if self.gpu().is_none() {
            cpu::beam_codes::beam_codes(beam.ids.host(), width, offsets.host(), codes.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(n, [beam.ids.shard_rows(), codes.shard_rows()]) {
            let params = Params { n: window.len() as u32, m: m as u32, width: width as u32 };
            let bindings =
                [beam.ids.slice(window.clone()), offsets.whole("the offsets")?, codes.slice(window.clone())];
            let workgroups = (window.len() as u64 * m as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
