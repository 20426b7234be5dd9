//! Host side of `code_distances`: how far vectors are from the codewords that they have.

use std::ops::Range;

use super::tile;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "code_distances",
    source: &[super::GRID, include_str!("../../shaders/code_distances.wgsl")],
    reads: &["x", "codebook", "codes"],
    writes: &["distances"],
    params: Params::FIELDS,
    variants: || [4, 3].map(variant).to_vec(),
};

shader_params!(Params { n: u32, d: u32, k: u32 });

/// Rows of a workgroup.
const ROWS: u64 = super::WORKGROUP / 16;

/// The variant for vectors of `d` dimensions.
fn variant(d: usize) -> Variant {
    Variant { pieces: vec![tile::rows_of(d)].into(), ..Variant::DEFAULT }
}

impl Recorder<'_> {
    /// The squared distances of a `window` of the rows of `x` (n, d) to the rows of `codebook` (k, d) that `codes` (n, 1) says, in
    /// those rows of `distances` (n, 1).
    pub(crate) fn code_distances(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        codes: &Matrix<u32>,
        distances: &mut Matrix<f32>,
        window: Range<usize>,
    ) -> Result<()> {
        let (k, d) = codebook.shape();
        if self.gpu().is_none() {
            let x = &x.host()[window.start * d..window.end * d];
            let (codes, distances) =
                (&codes.host()[window.clone()], &mut distances.host_mut()[window.clone()]);
            cpu::code_distances::code_distances(x, codebook.host(), d, codes, distances);
            return Ok(());
        }
        let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
        let bindings = [
            x.slice(window.clone()),
            codebook.whole("the codebook")?,
            codes.slice(window.clone()),
            distances.slice(window.clone()),
        ];
        self.dispatch(&SHADER, &variant(d), &params, &bindings, (window.len() as u64).div_ceil(ROWS))
    }
}
