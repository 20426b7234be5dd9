//! What the kernels on blocks of products in f16 (`shaders/shared/half_*.wgsl`) have in common.

use crate::engine::matrix_unit::HalfProducts;
use crate::engine::shader::Variant;

/// The text that both kernels have.
pub(super) const BLOCKS: &str = include_str!("../../shaders/shared/half_blocks.wgsl");

const COOPERATIVE: &str = include_str!("../../shaders/shared/half_cooperative.wgsl");
const EMULATED: &str = include_str!("../../shaders/shared/half_emulated.wgsl");

/// Quads of dimensions that are multiplied at a time: `STEP`.
pub(super) const STEP: usize = 8;

/// Subgroups of a workgroup: `SUBGROUPS`.
pub(super) const SUBGROUPS: usize = 8;

/// The variant that computes products so.
pub(super) fn variant(products: HalfProducts) -> Variant {
    match products {
        HalfProducts::Cooperative => Variant {
            prelude: "enable f16;\nenable wgpu_cooperative_matrix;\n".into(),
            pieces: vec![COOPERATIVE].into(),
            ..Variant::DEFAULT
        },
        HalfProducts::Emulated => Variant { pieces: vec![EMULATED].into(), ..Variant::DEFAULT },
    }
}

/// Both variants, for the contract test.
pub(super) fn variants() -> Vec<Variant> {
    HalfProducts::ALL.map(variant).to_vec()
}
