//! Assignment to a large codebook: from the nearest of a few of its codewords on.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use super::assign::{UNDECIDED, assign, decide};
use super::compare::Searched;
use super::first_look::FirstLook;
use super::nearer::Nearer;
use super::outlines::{Axes, CodewordOutlines, RowOutlines};
use super::prepare_codebook::PackedCodebook;
use super::tile::{GROUP, Rows};
use crate::error::Result;
use crate::metrics::Metric;

/// Codewords from which on a codebook is large.
const LEAST_CODEWORDS: usize = 4096;

/// One codeword in so many is among the few.
const EVERY: usize = 32;

/// Products of rows, dimensions and codewords below which it is not worth while to look for axes.
const LEAST_WORK: usize = 1 << 30;

/// What searching a large codebook needs beside it.
pub(super) struct Large {
    axes: Axes,
    codewords: CodewordOutlines,
    /// Every [`EVERY`]th codeword.
    few: PackedCodebook,
    /// Cleared where outlines turn out to save no time.
    pays: AtomicBool,
}

impl Large {
    /// Whether it may pay to have one for the rows of `x`.
    pub fn is_worth(codebook: &PackedCodebook, x: &[f32]) -> bool {
        let (k, metric) = (codebook.k(), codebook.metric());
        k >= LEAST_CODEWORDS && metric == Metric::SquaredL2 && x.len().saturating_mul(k) >= LEAST_WORK
    }

    /// For this codebook and rows like these, if it saves time.
    pub fn new(codebook: &PackedCodebook, x: &[f32]) -> Option<Self> {
        let (d, n) = (codebook.d(), x.len() / codebook.d());
        let few: Vec<f32> = codebook.codewords().chunks_exact(d).step_by(EVERY).flatten().copied().collect();
        let look = FirstLook::by(codebook.lowest().first_look().unit);
        let few =
            PackedCodebook::for_arch(codebook.arch(), Metric::SquaredL2, &few, d).ok()?.for_assign_by(look);
        let (mut codes, mut distances) = (vec![0; n], vec![0.0; n]);
        assign(x, &few, &mut codes, &mut distances).ok()?;
        codes.iter_mut().for_each(|code| *code *= EVERY as u32);
        let axes = Axes::choose(codebook, Rows::whole(x, d), &codes)?;
        let codewords = CodewordOutlines::new(codebook, &axes)?;
        Some(Self { axes, codewords, few, pays: AtomicBool::new(true) })
    }

    pub fn pays(&self) -> bool {
        self.pays.load(Relaxed)
    }

    /// Finds the nearest codewords of all rows and their distances.
    ///
    /// # Errors
    /// As of [`assign`].
    pub fn assign(
        &self,
        x: &[f32],
        codebook: &PackedCodebook,
        codes: &mut [u32],
        distances: &mut [f32],
    ) -> Result<()> {
        let (Self { axes, codewords, few, .. }, d) = (self, codebook.d());
        assign(x, few, codes, distances)?;
        codes.iter_mut().for_each(|code| *code *= EVERY as u32);
        let groups =
            x.par_chunks(GROUP * d).zip(codes.par_chunks_mut(GROUP)).zip(distances.par_chunks_mut(GROUP));
        let scratch = || (Nearer::new(d), RowOutlines::default());
        let searched = groups.map_init(scratch, |(nearer, outlines), ((values, codes), distances)| {
            let rows = Rows::whole(values, d);
            outlines.draw(axes, codewords, rows);
            let group = (rows, outlines.group(axes, 0));
            nearer.search(codebook, codewords, group, (codes, distances), UNDECIDED)
        });
        let searched = searched.reduce(Searched::default, Searched::and);
        codebook.lowest().first_look().count(codes.len(), searched.again + searched.left);
        self.pays.store(axes.pay(codebook, codes.len(), searched.compared), Relaxed);
        if searched.left > 0 {
            decide(|_| Rows::whole(x, d), &[codebook], codes, distances);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::assign::assign_parts;
    use crate::cpu::oracle::{bits, uniform};

    #[test]
    fn it_finds_what_a_search_of_all_codewords_finds() {
        let (n, d, k) = (4096, 64, LEAST_CODEWORDS);
        let squeezed = |seed, rows: usize| {
            let mut values = uniform(seed, rows * d);
            values.chunks_exact_mut(d).for_each(|row| row[12..].iter_mut().for_each(|value| *value *= 0.05));
            values
        };
        let (mut x, mut c) = (squeezed(1, n), squeezed(2, k));
        // Copies, equally near codewords, and rows that are codewords.
        c.copy_within(0..100 * d, 3000 * d);
        x[..200 * d].copy_from_slice(&c[2900 * d..3100 * d]);
        x[0] = 1e30;
        let codebook = PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap().for_assign();
        assert!(codebook.large(&x[..1000 * d]).is_none());
        assert!(codebook.large(&x).is_some());
        let (mut codes, mut distances) = (vec![0; n], vec![0.0; n]);
        assign(&x, &codebook, &mut codes, &mut distances).unwrap();
        let (mut want, mut far) = (vec![0; n], vec![0.0; n]);
        assign_parts(&x, d, &[0], &[&codebook], &mut want, &mut far);
        assert_eq!(codes, want);
        assert_eq!(bits(&distances), bits(&far));
        assert!(codebook.large(&x).is_some(), "it saved no time");
    }
}
