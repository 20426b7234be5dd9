//! The CPU twin of `reassign`: the nearest codeword of every row, from one that was the nearest before the codewords moved.

use rayon::prelude::*;

use super::assign::{self, UNDECIDED, assign};
use super::nearer::{Nearer, Searched};
use super::outlines::{Axes, CodewordOutlines, RowOutlines};
use super::prepare_codebook::PackedCodebook;
use super::tile::{GROUP, Rows};
use crate::error::Result;

/// Products of rows, dimensions and codewords below which it is not worth while to look for axes.
const LEAST_WORK: usize = 1 << 31;

/// What `reassign` keeps of its rows from one time to the next.
#[derive(Default)]
pub(crate) struct Kept(State);

#[derive(Default)]
enum State {
    /// Nothing was tried yet.
    #[default]
    New,
    Drawn(Box<Axes>, RowOutlines),
    /// Outlines would save no time.
    NotWorth,
}

/// [`assign`], where `codes` are of codewords that are likely to be near. What it finds is the same. `kept` is of the same rows.
///
/// # Errors
/// As of `assign`.
pub(crate) fn reassign(
    x: &[f32],
    codebook: &PackedCodebook,
    kept: &mut Kept,
    codes: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let (n, k, d) = (codebook.rows_in(x)?, codebook.k(), codebook.d());
    let worth = x.len().saturating_mul(k) >= LEAST_WORK;
    if !worth || codes.len() != n || distances.len() != n || matches!(kept.0, State::NotWorth) {
        return assign(x, codebook, codes, distances);
    }
    codes.iter_mut().for_each(|code| *code = (k as u32 - 1).min(*code));
    let axes = match std::mem::replace(&mut kept.0, State::NotWorth) {
        State::Drawn(axes, rows) => Some((axes, Some(rows))),
        _ => Axes::choose(codebook, Rows::whole(x, d), codes).map(|axes| (Box::new(axes), None)),
    };
    let outlines = axes.and_then(|(axes, rows)| Some((CodewordOutlines::new(codebook, &axes)?, axes, rows)));
    let Some((codewords, axes, rows)) = outlines else { return assign(x, codebook, codes, distances) };
    let rows = rows.unwrap_or_else(|| RowOutlines::new(&axes, &codewords, Rows::whole(x, d)));
    let compared = search(x, codebook, (&axes, &codewords, &rows), codes, distances);
    if axes.pay(codebook, n, compared) {
        kept.0 = State::Drawn(axes, rows);
    }
    Ok(())
}

/// Finds the nearest codewords of all rows from those in `codes` on. Returns how many codewords were compared.
fn search(
    x: &[f32],
    codebook: &PackedCodebook,
    (axes, codewords, outlines): (&Axes, &CodewordOutlines, &RowOutlines),
    codes: &mut [u32],
    distances: &mut [f32],
) -> usize {
    let d = codebook.d();
    let groups =
        x.par_chunks(GROUP * d).zip(codes.par_chunks_mut(GROUP)).zip(distances.par_chunks_mut(GROUP));
    let search = |nearer: &mut Nearer, (g, ((values, codes), distances)): (usize, ((&[f32], _), _))| {
        let group = (Rows::whole(values, d), outlines.group(axes, g * GROUP));
        nearer.search(codebook, codewords, group, (codes, distances), UNDECIDED)
    };
    let searched = groups.enumerate().map_init(|| Nearer::new(axes, d), search);
    let searched = searched.reduce(Searched::default, Searched::and);
    codebook.lowest().first_look().count(codes.len(), searched.again + searched.left);
    if searched.left > 0 {
        assign::decide(|_| Rows::whole(x, d), &[codebook], codes, distances);
    }
    searched.compared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::{archs, bits, uniform};
    use crate::metrics::Metric;
    use crate::selftest::adversarial;

    /// Codes and distances from the guesses, by each kind of outlines on `count` axes, and how many codewords were compared.
    fn run(
        codebook: &PackedCodebook,
        x: &[f32],
        guesses: &[u32],
        count: usize,
    ) -> Vec<(Vec<u32>, Vec<f32>, usize)> {
        let each = |axes: Axes| {
            let codewords = CodewordOutlines::new(codebook, &axes)?;
            let rows = RowOutlines::new(&axes, &codewords, Rows::whole(x, codebook.d()));
            let (mut codes, mut distances) = (guesses.to_vec(), vec![f32::NAN; guesses.len()]);
            let compared = search(x, codebook, (&axes, &codewords, &rows), &mut codes, &mut distances);
            Some((codes, distances, compared))
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
