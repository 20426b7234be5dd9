//! The nearest codeword of each row of a group, from one that is near: by scores of outlines, and by distances where those do
//! not rule a codeword out.

use pulp::{Simd, WithSimd};

use super::compare::{Compare, Known, Searched, lanes};
use super::half_panels::HalfPanels;
use super::half_unit::{BLOCK, HalfLine, Sums};
use super::outlines::{CodewordOutlines, OutlineGroup};
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, Negated, Product, Rows};

/// Searches groups of rows; one for many groups saves allocations.
pub(super) struct Nearer {
    known: Known,
    sums: Box<Sums>,
    lines: Vec<CacheLine>,
}

impl Nearer {
    /// For vectors of `d` dimensions.
    pub fn new(d: usize) -> Self {
        Self { known: Known::new(d), sums: Sums::zeros(), lines: Vec::new() }
    }

    /// Finds the nearest codewords of a group of `rows` that have these `outlines`, from those in `codes` on, and their
    /// distances. Rows that are left get the code `left`.
    pub fn search(
        &mut self,
        codebook: &PackedCodebook,
        codewords: &CodewordOutlines,
        (rows, outlines): (Rows<'_>, OutlineGroup<'_>),
        (codes, distances): (&mut [u32], &mut [f32]),
        left: u32,
    ) -> Searched {
        let Self { known, sums, lines } = self;
        known.begin(codebook, rows, codes, (outlines.squares, outlines.parts), |_| None);
        let mut compare = Compare { codebook, rows, known };
        match codewords {
            CodewordOutlines::Floats(panels) => {
                let outlines = Rows::whole(outlines.floats, panels.d());
                panels.run(panels.starts(), Product, outlines, Negated, lines, &mut compare);
            }
            CodewordOutlines::Half(panels) => {
                let halves = &outlines.halves[..rows.len().next_multiple_of(BLOCK) * panels.lines()];
                codebook.arch().dispatch(HalfScores { panels, halves, sums, compare: &mut compare });
            }
        }
        known.settle(codebook, rows, codes, distances, left)
    }
}

impl Epilogue for Compare<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        for (r, sums) in (row..).zip(sums) {
            let limit = simd.splat_f32s(self.known.limits()[r]);
            for (v, &scores) in sums.iter().enumerate() {
                let within = lanes(simd, simd.less_than_or_equal_f32s(scores, limit));
                if within != 0 {
                    let first = codeword + v * S::F32_LANES;
                    self.push(simd, r, within, &CacheLine::of(simd, scores), |lane| (first + lane) as u32);
                }
            }
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        Compare::finish(self, simd);
    }
}

/// Scores the outlines of a group of rows in 16 bits.
struct HalfScores<'a, 'b> {
    panels: &'a HalfPanels,
    halves: &'a [HalfLine],
    sums: &'a mut Sums,
    compare: &'a mut Compare<'b>,
}

impl WithSimd for HalfScores<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.panels.multiply(simd, self.halves, self.sums, self.compare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::assign::{UNDECIDED, assign, decide};
    use crate::cpu::oracle::{archs, bits, uniform};
    use crate::cpu::outlines::{Axes, RowOutlines};
    use crate::cpu::tile::GROUP;
    use crate::metrics::Metric;
    use crate::selftest::adversarial;

    /// Codes and distances from the guesses, by each kind of outlines on `count` axes, and how many codewords were compared.
    fn run(
        codebook: &PackedCodebook,
        x: &[f32],
        guesses: &[u32],
        count: usize,
    ) -> Vec<(Vec<u32>, Vec<f32>, usize)> {
        let d = codebook.d();
        let each = |axes: Axes| {
            let codewords = CodewordOutlines::new(codebook, &axes)?;
            let (mut codes, mut distances) = (guesses.to_vec(), vec![f32::NAN; guesses.len()]);
            let (mut nearer, mut outlines) = (Nearer::new(d), RowOutlines::default());
            let mut searched = Searched::default();
            let groups = x.chunks(GROUP * d).zip(codes.chunks_mut(GROUP)).zip(distances.chunks_mut(GROUP));
            for ((values, codes), distances) in groups {
                let rows = Rows::whole(values, d);
                outlines.draw(&axes, &codewords, rows);
                let group = (rows, outlines.group(&axes, 0));
                let found = nearer.search(codebook, &codewords, group, (codes, distances), UNDECIDED);
                searched = searched.and(found);
            }
            if searched.left > 0 {
                decide(|_| Rows::whole(x, d), &[codebook], &mut codes, &mut distances);
            }
            Some((codes, distances, searched.compared))
        };
        Axes::all(codebook, count).into_iter().filter_map(each).collect()
    }

    #[test]
    fn it_finds_what_assign_finds_whatever_it_starts_from() {
        let mut searched = 0;
        for adversarial::Set { name, x, codewords } in adversarial::sets() {
            let (n, d, k) = (x.nrows(), x.ncols(), codewords.nrows());
            let (x, c) = (x.into_raw_vec_and_offset().0, codewords.into_raw_vec_and_offset().0);
            for arch in archs() {
                let codebook = PackedCodebook::for_arch(arch, Metric::SquaredL2, &c, d).unwrap().for_assign();
                let (mut want, mut distances) = (vec![0; n], vec![0.0; n]);
                assign(&x, &codebook, &mut want, &mut distances).unwrap();
                let far: Vec<u32> = (0..n).map(|row| (row * 7 % k) as u32).collect();
                for (guesses, count) in [(&far, d.div_ceil(2)), (&want, d.div_ceil(4)), (&far, d * 3 / 4)] {
                    for (codes, found, _) in run(&codebook, &x, guesses, count.max(1)) {
                        assert_eq!(codes, want, "{arch:?}: {name}, {count} axes");
                        assert_eq!(bits(&found), bits(&distances), "{arch:?}: {name}, {count} axes");
                        searched += 1;
                    }
                }
            }
        }
        assert!(searched > 100, "{searched}");
    }

    #[test]
    fn few_codewords_are_compared_where_a_few_axes_tell_most() {
        let (n, d, k) = (500, 64, 300);
        let squeezed = |seed, rows: usize| {
            let mut values = uniform(seed, rows * d);
            values.chunks_exact_mut(d).for_each(|row| row[16..].iter_mut().for_each(|value| *value *= 0.05));
            values
        };
        let (x, c) = (squeezed(1, n), squeezed(2, k));
        let codebook = PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap().for_assign();
        let (mut want, mut distances) = (vec![0; n], vec![0.0; n]);
        assign(&x, &codebook, &mut want, &mut distances).unwrap();
        for (codes, _, compared) in run(&codebook, &x, &want, 31) {
            assert_eq!(codes, want);
            assert!(compared < 10 * n, "{compared}");
        }
    }
}
