//! Every shader is right, and gives the same bits without bounds checks as with them, in many shards as in one.
//!
//! `engine/pipelines.rs` says why no index is out of range. With the checks, such an index would read or write another
//! place than it does without; fresh memory differs too, and nothing may depend on that.

use super::{Check, KERNELS, Kernel};
use crate::engine::shader::Variant;
use crate::engine::tile::Tile;
use crate::engine::{Core, Engine};
use crate::kernels::LENGTHS;

/// The results that a kernel's check compares with the oracle's, and that have to be right.
fn results(engine: &Engine, kernel: &Kernel) -> Vec<u32> {
    let stem = kernel.shader.stem;
    let mut check = Check::new(engine, stem);
    (kernel.check)(&mut check).unwrap_or_else(|error| panic!("{stem}: {error}"));
    let results = check.results().to_vec();
    assert!(!results.is_empty(), "{stem}: no results");
    let (_, failures) = check.into_findings();
    assert!(failures.is_empty(), "{stem}: {failures:#?}");
    results
}

/// Whether the kernel has another form on the core of GPUs: it is tiled, or lanes share its rows.
fn differs_by_core(kernel: &Kernel) -> bool {
    let is_for = |variant: &Variant, tile: Tile| variant.prelude.starts_with(&tile.constants());
    let is_tiled = |variant: &Variant| Tile::ALL.into_iter().any(|tile| is_for(variant, tile));
    let has_lanes = |variant: &Variant| variant.overrides.iter().any(|(name, _)| *name == "LANES");
    (kernel.shader.variants)().iter().any(|variant| is_tiled(variant) || has_lanes(variant))
}

fn compare(core: Core, kernels: impl Iterator<Item = &'static Kernel>) {
    let Some(_) = crate::test_gpu() else { return };
    // Of 256 KiB the checks' larger matrices fall into several shards.
    let [unchecked, checked] = [(false, u64::MAX), (true, 256 << 10)].map(|(checked, most)| {
        Engine::builder().device("gpu").checked(checked).core(core).max_binding(most).build().unwrap()
    });
    assert!(checked.is_gpu());
    for kernel in kernels {
        let want = results(&checked, kernel);
        // Those are compared on the core that GPUs take.
        if core == Core::Direct && differs_by_core(kernel) {
            continue;
        }
        let got = results(&unchecked, kernel);
        let differing = want.iter().zip(&got).filter(|(want, got)| want != got).count();
        assert!(differing == 0 && want.len() == got.len(), "{}: {differing} differ", kernel.shader.stem);
    }
}

#[test]
fn every_shader_agrees_with_its_oracle_checked_or_not() {
    compare(Core::Direct, KERNELS.iter());
}

/// A software rasteriser takes the direct core; GPUs take this one. The other kernels are the same on both.
#[test]
fn kernels_that_differ_by_core_are_right_on_the_staged_core_checked_or_not() {
    let differ = || KERNELS.iter().filter(|kernel| differs_by_core(kernel));
    assert!(differ().any(|kernel| kernel.shader.stem == "assign"));
    assert!(differ().any(|kernel| kernel.shader.stem == "local_search"));
    assert!(differ().count() >= 8);
    compare(Core::Staged, differ());
}

/// How many invocations share a row, each core has it otherwise; sums over a row have an order of their own.
#[test]
fn sums_over_rows_are_the_same_on_both_cores() {
    let Some(_) = crate::test_gpu() else { return };
    let [direct, staged] = [Core::Direct, Core::Staged]
        .map(|core| Engine::builder().device("gpu").checked(false).core(core).build().unwrap());
    let summing = || KERNELS.iter().filter(|kernel| kernel.shader.source.contains(&LENGTHS));
    assert!(summing().count() >= 6);
    for kernel in summing() {
        assert_eq!(results(&direct, kernel), results(&staged, kernel), "{}", kernel.shader.stem);
    }
}
