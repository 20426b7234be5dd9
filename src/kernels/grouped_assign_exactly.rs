//! Host side of `grouped_assign_exactly`: the second look of `grouped_assign`, in whole numbers.

use std::borrow::Cow;

use super::tile;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};

pub(crate) static SHADER: Shader = Shader {
    stem: "grouped_assign_exactly",
    source: &[
        super::GRID,
        tile::TRUSTED,
        tile::LISTED_ROWS,
        super::EXACTLY[0],
        super::EXACTLY[1],
        include_str!("../../shaders/grouped_assign_exactly.wgsl"),
    ],
    reads: &["x", "codebook", "groups", "listed"],
    writes: &["codes", "rows", "distances"],
    params: Params::FIELDS,
    variants: || vec![variant()],
};

shader_params!(Params { d: u32, k: u32, first: u32, factor: f32, underflow: f32 });

/// Few invocations share a row: a group's codebook is small, and to start many takes a software driver longer than a row does.
pub(super) fn variant() -> Variant {
    let prelude = "const PARTS = 1u;\nconst THREADS = 32u;\n";
    Variant { prelude: Cow::Borrowed(prelude), ..Variant::DEFAULT }
}
