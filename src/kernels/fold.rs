//! The shader of `fold`, whose host side is that of [`unfold`](super::unfold), which it is the transpose of.

use crate::engine::shader::{Shader, Variant};

pub(crate) static SHADER: Shader = Shader {
    stem: "fold",
    source: &[super::GRID, include_str!("../../shaders/fold.wgsl")],
    reads: &["patches"],
    writes: &["image"],
    params: super::unfold::FIELDS,
    variants: || vec![Variant::DEFAULT],
};
