//! The host side of the kernels, and what some of them take: codebooks and curves prepared on a device, and operands.
//!
//! Each kernel is a method of [`Recorder`](crate::Recorder), in a file of its own, that checks shapes and records the
//! shader, or runs its CPU twin.

pub(crate) mod activate;
pub(crate) mod activate_grad;
pub(crate) mod assign;
pub(crate) mod assign_again;
pub(crate) mod assign_exactly;
pub(crate) mod assign_half;
pub(crate) mod beam_codes;
pub(crate) mod beam_step;
pub(crate) mod blend_means;
pub(crate) mod code_distances;
pub(crate) mod codebook_mean;
pub(crate) mod convert;
pub(crate) mod copy_columns;
pub(crate) mod counting_sort;
pub(crate) mod curve_project;
pub(crate) mod curve_runs;
pub(crate) mod displace;
pub(crate) mod displace_grad;
pub(crate) mod distance_matrix;
pub(crate) mod elementwise;
pub(crate) mod extend_codes;
pub(crate) mod fill;
pub(crate) mod fold;
pub(crate) mod gain_shape_decode;
pub(crate) mod gain_shape_encode;
pub(crate) mod gather;
pub(crate) mod grouped_assign;
pub(crate) mod grouped_assign_exactly;
pub(crate) mod hadamard;
mod half_blocks;
pub(crate) mod half_products;
pub(crate) mod histogram;
pub(crate) mod keep_least;
mod lanes;
pub(crate) mod lattice_decode;
pub(crate) mod lattice_round;
pub(crate) mod local_search;
pub(crate) mod lut_build;
pub(crate) mod lut_scan;
pub(crate) mod matrix_trial;
pub(crate) mod multiply_add;
pub(crate) mod normalize;
pub(crate) mod optimizer_step;
pub(crate) mod prepare_codebook;
pub(crate) mod products;
pub(crate) mod random_fill;
pub(crate) mod reduce;
pub(crate) mod residual;
pub(crate) mod rotation_grad;
pub(crate) mod row_argmax;
pub(crate) mod row_distances;
pub(crate) mod row_sums;
pub(crate) mod scalar_decode;
pub(crate) mod scalar_encode;
pub(crate) mod scan;
pub(crate) mod segment_center;
pub(crate) mod segment_mean;
pub(crate) mod segments;
pub(crate) mod soft_slopes;
pub(crate) mod soft_weights;
pub(crate) mod sum_codewords;
pub(crate) mod tally;
pub(crate) mod tile;
pub(crate) mod to_half;
pub(crate) mod top_w;
pub(crate) mod transpose;
pub(crate) mod transposed_matmul;
pub(crate) mod tree_rows;
pub(crate) mod tuner;
pub(crate) mod unfold;
pub(crate) mod weighted_pick;

pub use curve_project::Polyline;
pub use elementwise::Operand;
pub use prepare_codebook::Codebook;

/// `shaders/shared/grid.wgsl`, for the kernels that use it.
pub(crate) const GRID: &str = include_str!("../../shaders/shared/grid.wgsl");

/// `shaders/shared/exactly.wgsl` and what it takes, for the kernels that compare without rounding.
pub(crate) const EXACTLY: [&str; 2] = [
    include_str!("../../shaders/shared/wide_product.wgsl"),
    include_str!("../../shaders/shared/exactly.wgsl"),
];

/// `shaders/shared/activations.wgsl`, for the kernels of activation functions.
pub(crate) const ACTIVATIONS: &str = include_str!("../../shaders/shared/activations.wgsl");

/// `shaders/shared/least.wgsl`, for the kernels that look for the least of a row's values, with their [`lanes`].
pub(crate) const LEAST: &str = include_str!("../../shaders/shared/least.wgsl");

/// Invocations per workgroup of the kernels that give each invocation one element: `WORKGROUP` in
/// `shaders/shared/grid.wgsl`; the contract test compares the two.
pub(crate) const WORKGROUP: u64 = 256;

/// `shaders/shared/lengths.wgsl`, for the kernels that sum over rows, with their [`lanes`].
pub(crate) const LENGTHS: &str = include_str!("../../shaders/shared/lengths.wgsl");

/// Rows per workgroup of these kernels, and of others in which 32 invocations share a row: `ROWS` in their shaders.
pub(crate) const ROWS: u64 = WORKGROUP / 32;
