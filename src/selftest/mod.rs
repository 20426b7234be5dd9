//! Every kernel, held against a float64 oracle on a device of the user's choice.
//!
//! Drivers do miscompile shaders; `wgvq selftest` is how a user finds out. The crate's own tests run the very
//! same checks, on the CPU twins and on a GPU, and prove that each comparison in them can fail.

mod activate;
mod activate_grad;
pub(crate) mod adversarial;
mod assign;
mod assign_again;
mod assign_exactly;
mod assign_half;
#[cfg(test)]
mod barriers;
mod beam_codes;
mod beam_step;
mod blend_means;
#[cfg(test)]
mod bounds;
mod check;
mod code_distances;
mod codebook_mean;
#[cfg(test)]
mod contract;
mod convert;
mod copy_columns;
mod counting_sort;
mod curve_project;
mod curve_runs;
mod displace;
mod displace_grad;
mod distance_matrix;
mod elementwise;
#[cfg(test)]
mod every_tile;
mod extend_codes;
mod fill;
mod fold;
mod gain_shape_decode;
mod gain_shape_encode;
mod gather;
mod grouped_assign;
mod grouped_assign_exactly;
mod hadamard;
mod half_products;
mod histogram;
mod keep_least;
mod lattice_decode;
mod lattice_round;
mod local_search;
mod lut_build;
mod lut_scan;
mod multiply_add;
mod normalize;
mod optimizer_step;
pub(crate) mod oracle;
mod prepare_codebook;
mod products;
mod random_fill;
mod reduce;
mod residual;
mod rotation_grad;
mod row_argmax;
mod row_distances;
mod row_sums;
pub(crate) mod running;
mod scalar_decode;
mod scalar_encode;
mod scan;
mod segment_center;
mod segment_mean;
mod soft_slopes;
mod soft_weights;
mod sum_codewords;
mod tally;
mod to_half;
mod top_w;
#[cfg(test)]
mod translation;
mod transpose;
mod transposed_matmul;
mod tree_rows;
mod unfold;
mod weighted_pick;

pub use check::Check;

use crate::engine::Engine;
use crate::engine::shader::Shader;
use crate::error::Result;
use crate::kernels;

/// A kernel: the stem of its files and what holds it to account.
pub(crate) struct Kernel {
    pub shader: &'static Shader,
    /// Runs the kernel on the check's engine, on edge shapes and adversarial values, and compares.
    pub check: fn(&mut Check) -> Result<()>,
}

/// Every kernel there is.
pub(crate) static KERNELS: &[Kernel] = &[
    Kernel { shader: &kernels::activate::SHADER, check: activate::check },
    Kernel { shader: &kernels::activate_grad::SHADER, check: activate_grad::check },
    Kernel { shader: &kernels::assign::SHADER, check: assign::check },
    Kernel { shader: &kernels::assign_again::SHADER, check: assign_again::check },
    Kernel { shader: &kernels::assign_exactly::SHADER, check: assign_exactly::check },
    Kernel { shader: &kernels::assign_half::SHADER, check: assign_half::check },
    Kernel { shader: &kernels::beam_codes::SHADER, check: beam_codes::check },
    Kernel { shader: &kernels::beam_step::SHADER, check: beam_step::check },
    Kernel { shader: &kernels::blend_means::SHADER, check: blend_means::check },
    Kernel { shader: &kernels::code_distances::SHADER, check: code_distances::check },
    Kernel { shader: &kernels::codebook_mean::SHADER, check: codebook_mean::check },
    Kernel { shader: &kernels::convert::SHADER, check: convert::check },
    Kernel { shader: &kernels::copy_columns::SHADER, check: copy_columns::check },
    Kernel { shader: &kernels::counting_sort::SHADER, check: counting_sort::check },
    Kernel { shader: &kernels::distance_matrix::SHADER, check: distance_matrix::check },
    Kernel { shader: &kernels::curve_project::SHADER, check: curve_project::check },
    Kernel { shader: &kernels::curve_runs::SHADER, check: curve_runs::check },
    Kernel { shader: &kernels::displace::SHADER, check: displace::check },
    Kernel { shader: &kernels::displace_grad::SHADER, check: displace_grad::check },
    Kernel { shader: &kernels::elementwise::SHADER, check: elementwise::check },
    Kernel { shader: &kernels::extend_codes::SHADER, check: extend_codes::check },
    Kernel { shader: &kernels::fill::SHADER, check: fill::check },
    Kernel { shader: &kernels::fold::SHADER, check: fold::check },
    Kernel { shader: &kernels::gain_shape_decode::SHADER, check: gain_shape_decode::check },
    Kernel { shader: &kernels::gain_shape_encode::SHADER, check: gain_shape_encode::check },
    Kernel { shader: &kernels::gather::SHADER, check: gather::check },
    Kernel { shader: &kernels::grouped_assign::SHADER, check: grouped_assign::check },
    Kernel { shader: &kernels::grouped_assign_exactly::SHADER, check: grouped_assign_exactly::check },
    Kernel { shader: &kernels::hadamard::SHADER, check: hadamard::check },
    Kernel { shader: &kernels::half_products::SHADER, check: half_products::check },
    Kernel { shader: &kernels::histogram::SHADER, check: histogram::check },
    Kernel { shader: &kernels::keep_least::SHADER, check: keep_least::check },
    Kernel { shader: &kernels::lattice_decode::SHADER, check: lattice_decode::check },
    Kernel { shader: &kernels::lattice_round::SHADER, check: lattice_round::check },
    Kernel { shader: &kernels::local_search::SHADER, check: local_search::check },
    Kernel { shader: &kernels::lut_build::SHADER, check: lut_build::check },
    Kernel { shader: &kernels::lut_scan::SHADER, check: lut_scan::check },
    Kernel { shader: &kernels::multiply_add::SHADER, check: multiply_add::check },
    Kernel { shader: &kernels::normalize::SHADER, check: normalize::check },
    Kernel { shader: &kernels::optimizer_step::SHADER, check: optimizer_step::check },
    Kernel { shader: &kernels::prepare_codebook::SHADER, check: prepare_codebook::check },
    Kernel { shader: &kernels::products::SHADER, check: products::check },
    Kernel { shader: &kernels::random_fill::SHADER, check: random_fill::check },
    Kernel { shader: &kernels::reduce::SHADER, check: reduce::check },
    Kernel { shader: &kernels::residual::SHADER, check: residual::check },
    Kernel { shader: &kernels::rotation_grad::SHADER, check: rotation_grad::check },
    Kernel { shader: &kernels::row_argmax::SHADER, check: row_argmax::check },
    Kernel { shader: &kernels::row_distances::SHADER, check: row_distances::check },
    Kernel { shader: &kernels::row_sums::SHADER, check: row_sums::check },
    Kernel { shader: &kernels::scalar_decode::SHADER, check: scalar_decode::check },
    Kernel { shader: &kernels::scalar_encode::SHADER, check: scalar_encode::check },
    Kernel { shader: &kernels::scan::SHADER, check: scan::check },
    Kernel { shader: &kernels::segment_center::SHADER, check: segment_center::check },
    Kernel { shader: &kernels::segment_mean::SHADER, check: segment_mean::check },
    Kernel { shader: &kernels::soft_slopes::SHADER, check: soft_slopes::check },
    Kernel { shader: &kernels::soft_weights::SHADER, check: soft_weights::check },
    Kernel { shader: &kernels::sum_codewords::SHADER, check: sum_codewords::check },
    Kernel { shader: &kernels::tally::SHADER, check: tally::check },
    Kernel { shader: &kernels::to_half::SHADER, check: to_half::check },
    Kernel { shader: &kernels::top_w::SHADER, check: top_w::check },
    Kernel { shader: &kernels::transpose::SHADER, check: transpose::check },
    Kernel { shader: &kernels::transposed_matmul::SHADER, check: transposed_matmul::check },
    Kernel { shader: &kernels::tree_rows::SHADER, check: tree_rows::check },
    Kernel { shader: &kernels::unfold::SHADER, check: unfold::check },
    Kernel { shader: &kernels::weighted_pick::SHADER, check: weighted_pick::check },
];

/// The stem of every kernel's files, in the order in which [`run`] checks them.
///
/// ```
/// assert!(wgvq::selftest::stems().any(|stem| stem == "assign"));
/// ```
pub fn stems() -> impl Iterator<Item = &'static str> {
    KERNELS.iter().map(|kernel| kernel.shader.stem)
}

/// How one kernel fared.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    /// The kernel's stem.
    pub kernel: &'static str,
    /// How many results were compared with the oracle.
    pub comparisons: usize,
    /// What differed, or the error that stopped the check; empty if all is well.
    pub failures: Vec<String>,
    /// Wall time in seconds, the shader's compilation included.
    pub seconds: f64,
}

/// Checks every kernel whose stem contains `filter` (all, if empty) on `engine`, and tells `seen` after each.
///
/// ```
/// let engine = wgvq::Engine::cpu();
/// let outcomes = wgvq::selftest::run(&engine, "gather", |_| {});
/// assert!(outcomes.iter().all(|outcome| outcome.failures.is_empty()));
/// ```
pub fn run(engine: &Engine, filter: &str, mut seen: impl FnMut(&Outcome)) -> Vec<Outcome> {
    let chosen = KERNELS.iter().filter(|kernel| kernel.shader.stem.contains(filter));
    chosen
        .map(|kernel| {
            let outcome = run_one(kernel, engine);
            seen(&outcome);
            outcome
        })
        .collect()
}

/// Runs one kernel's check.
fn run_one(kernel: &Kernel, engine: &Engine) -> Outcome {
    let start = std::time::Instant::now();
    let mut check = Check::new(engine, kernel.shader.stem);
    let ended = (kernel.check)(&mut check);
    let (comparisons, mut failures) = check.into_findings();
    failures.extend(ended.err().map(|error| error.to_string()));
    Outcome { kernel: kernel.shader.stem, comparisons, failures, seconds: start.elapsed().as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cpu_twin_agrees_with_its_oracle() {
        for kernel in KERNELS {
            let outcome = run_one(kernel, &Engine::cpu());
            assert!(outcome.failures.is_empty(), "{outcome:#?}");
            assert!(outcome.comparisons > 0, "{} compared nothing", outcome.kernel);
        }
    }

    /// Gives each comparison of each kernel a wrong result: one that does not notice is no check.
    #[test]
    fn every_comparison_can_fail() {
        for kernel in KERNELS {
            let stem = kernel.shader.stem;
            let mut check = Check::new(&Engine::cpu(), stem).proving();
            (kernel.check)(&mut check).unwrap();
            assert!(check.blind().is_empty(), "{stem}: {:#?}", check.blind());
        }
    }
}
