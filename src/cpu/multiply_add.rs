//! CPU twin of `shaders/multiply_add.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::ops::MULTIPLY_ADD_CHAINS as CHAINS;

/// `sums[i] = Σ_j v_j` over the chains, after `rounds` of `v ← v·factor + addend` from `v_j = j / CHAINS`.
pub(crate) fn multiply_add(sums: &mut [f32], rounds: u32, factor: f32, addend: f32) {
    let arch = Arch::new();
    // Two elements at a time keep enough chains going for the widest vectors.
    sums.par_chunks_mut(2).with_min_len(64).for_each(|sums| {
        arch.dispatch(Chains { sums, rounds, factor, addend });
    });
}

struct Chains<'a> {
    sums: &'a mut [f32],
    rounds: u32,
    factor: f32,
    addend: f32,
}

impl WithSimd for Chains<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 8>(simd),
            8 => self.run::<S, 16>(simd),
            4 => self.run::<S, 32>(simd),
            _ => self.run::<S, 128>(simd),
        }
    }
}

impl Chains<'_> {
    /// `V` vectors hold the chains of two elements.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let starts: [f32; 2 * CHAINS] = std::array::from_fn(|chain| (chain % CHAINS) as f32 / CHAINS as f32);
        let mut chains = [simd.splat_f32s(0.0); V];
        chains.copy_from_slice(S::as_simd_f32s(&starts).0);
        let (factor, addend) = (simd.splat_f32s(self.factor), simd.splat_f32s(self.addend));
        for _ in 0..self.rounds {
            for chain in &mut chains {
                *chain = simd.mul_add_e_f32s(*chain, factor, addend);
            }
        }
        for (sum, chains) in self.sums.iter_mut().zip(chains.chunks(V / 2)) {
            *sum = chains.iter().map(|&chain| simd.reduce_sum_f32s(chain)).sum();
        }
    }
}
