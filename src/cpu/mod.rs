//! The CPU face of the kernels: one file per stem, plain functions over slices.
//!
//! Parallel by rayon and deterministic whatever the number of threads; SIMD where it pays, chosen at run time.

pub(crate) mod activate;
pub(crate) mod activate_grad;
pub(crate) mod assign;
pub(crate) mod assign_again;
pub(crate) mod assign_exactly;
pub(crate) mod assign_half;
mod assign_large;
pub(crate) mod beam_codes;
pub(crate) mod beam_step;
pub(crate) mod blend_means;
pub(crate) mod code_distances;
pub(crate) mod codebook_mean;
mod codeword_groups;
mod compare;
pub(crate) mod convert;
pub(crate) mod copy;
pub(crate) mod copy_columns;
pub(crate) mod counting_sort;
pub(crate) mod curve_project;
pub(crate) mod curve_runs;
pub(crate) mod displace;
pub(crate) mod displace_grad;
pub(crate) mod distance;
pub(crate) mod distance_matrix;
pub(crate) mod elementwise;
pub(crate) mod extend_codes;
pub(crate) mod fast_scan;
pub(crate) mod fill;
pub(crate) mod first_look;
pub(crate) mod fold;
pub(crate) mod gain_shape_decode;
pub(crate) mod gain_shape_encode;
pub(crate) mod gather;
mod group_scores;
pub(crate) mod grouped_assign;
mod grouped_assign_exactly;
pub(crate) mod hadamard;
// Where no unit is known, what is behind one is never reached.
#[cfg_attr(not(target_arch = "x86_64"), allow(unreachable_code, unused_variables))]
mod half_panels;
#[cfg_attr(not(target_arch = "x86_64"), allow(unreachable_code, unused_variables))]
pub(crate) mod half_peak;
pub(crate) mod half_products;
#[cfg_attr(not(target_arch = "x86_64"), allow(unreachable_code, unused_variables))]
pub(crate) mod half_unit;
#[cfg(target_arch = "x86_64")]
mod half_vectors;
pub(crate) mod histogram;
pub(crate) mod keep_least;
mod kept_bounds;
pub(crate) mod lattice_decode;
pub(crate) mod lattice_round;
mod least;
pub(crate) mod leech24;
mod lengths;
pub(crate) mod local_search;
mod lowest_scores;
pub(crate) mod lut_build;
pub(crate) mod lut_scan;
pub(crate) mod math;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod matrix_unit;
pub(crate) mod multiply_add;
mod nearer;
pub(crate) mod normalize;
pub(crate) mod optimizer_step;
#[cfg(test)]
pub(crate) mod oracle;
mod outline_length;
mod outlines;
mod prefetch;
pub(crate) mod prepare_codebook;
pub(crate) mod products;
pub(crate) mod random_fill;
pub(crate) mod reassign;
pub(crate) mod reduce;
pub(crate) mod residual;
pub(crate) mod rotation_grad;
pub(crate) mod row_argmax;
pub(crate) mod row_distances;
mod row_lanes;
pub(crate) mod row_sums;
pub(crate) mod scalar_decode;
pub(crate) mod scalar_encode;
pub(crate) mod scan;
pub(crate) mod segment_center;
pub(crate) mod segment_mean;
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
mod two_least;
pub(crate) mod unfold;
pub(crate) mod weighted_pick;
mod widest;
