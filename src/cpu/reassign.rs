//! The CPU twin of `reassign`: the nearest codeword of every row, from one that was the nearest before the codewords moved.
//!
//! Bounds that are kept from one time to the next say which codewords are to be scored ([`KeptBounds`]). Where the processor has a
//! unit for 16 bits, scores of outlines by that unit are the faster way until codes have settled ([`Nearer`]).

use rayon::prelude::*;

use super::assign::{self, UNDECIDED, assign};
use super::compare::Searched;
use super::kept_bounds::{self, KeptBounds};
use super::nearer::Nearer;
use super::outlines::{Axes, CodewordOutlines, RowOutlines};
use super::prepare_codebook::PackedCodebook;
use super::tile::{GROUP, Rows};
use crate::error::Result;
use crate::metrics::Metric;

/// Codewords, and products of rows, dimensions and codewords, below which there is too little for bounds to save, and products
/// below which it is not worth while to look for axes of outlines.
const LEAST_CODEWORDS: usize = 64;
const LEAST_WORK: usize = 1 << 26;
const LEAST_WORK_OF_OUTLINES: usize = 1 << 31;

/// The share of all pairs of a row and a codeword that may be scored: with more of them it is sooner done to score all, in f32 or
/// by a unit for 16 bits.
const WORTH: f64 = 0.75;
const WORTH_BESIDE_UNIT: f64 = 0.25;

/// Beside a unit for 16 bits codes have settled once fewer than one in so many changes: then bounds leave a tenth of the pairs.
const SETTLED: usize = 200;

/// What `reassign` keeps of its rows from one time to the next.
#[derive(Default)]
pub(crate) struct Kept {
    bounds: Option<Box<KeptBounds>>,
    /// For how many times all are scored before bounds are tried once more, and how many that were the last time.
    pause: u32,
    paused: u32,
    outlines: Outlines,
    /// Whether codes have settled.
    is_settled: bool,
}

#[derive(Default)]
enum Outlines {
    /// Nothing was tried yet.
    #[default]
    New,
    Drawn(Box<Axes>, RowOutlines),
    /// They would save no time.
    NotWorth,
}

impl Kept {
    /// Numbers that are kept of each row of `d` dimensions beside `k` codewords.
    pub fn numbers(k: usize, d: usize) -> usize {
        if k < LEAST_CODEWORDS { 0 } else { kept_bounds::numbers(k, d) }
    }
}

/// [`assign`], where `codes` and `distances` are what was found the last time. What it finds is the same. `kept` is of the same
/// rows.
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
    let (n, k) = (codebook.rows_in(x)?, codebook.k());
    if codes.len() != n || distances.len() != n || codebook.metric() != Metric::SquaredL2 {
        return assign(x, codebook, codes, distances);
    }
    codes.iter_mut().for_each(|code| *code = (k as u32 - 1).min(*code));
    if kept.is_settled || codebook.lowest().first_look().unit.is_none() {
        return by_bounds(x, codebook, kept, codes, distances);
    }
    let before = codes.to_vec();
    by_outlines(x, codebook, &mut kept.outlines, codes, distances)?;
    let changed = codes.iter().zip(before).filter(|&(&code, before)| code != before).count();
    if changed < n / SETTLED {
        (kept.is_settled, kept.outlines) = (true, Outlines::NotWorth);
    }
    Ok(())
}

/// [`reassign`] by bounds.
fn by_bounds(
    x: &[f32],
    codebook: &PackedCodebook,
    kept: &mut Kept,
    codes: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let (n, k) = (codes.len(), codebook.k());
    let is_worth = k >= LEAST_CODEWORDS && x.len().saturating_mul(k) >= LEAST_WORK;
    if kept.pause > 0 || !is_worth {
        kept.pause = kept.pause.saturating_sub(1);
        return assign(x, codebook, codes, distances);
    }
    let is_new = kept.bounds.is_none();
    let bounds = kept.bounds.get_or_insert_with(|| Box::new(KeptBounds::new(codebook, x)));
    let Some((searched, scored)) = bounds.search(x, codebook, (codes, distances), UNDECIDED) else {
        kept.bounds = None;
        return assign(x, codebook, codes, distances);
    };
    decide(x, codebook, &searched, codes, distances);
    let unit = codebook.lowest().first_look().unit;
    let worth = if unit.is_some() { WORTH_BESIDE_UNIT } else { WORTH };
    if !is_new && scored as f64 > worth * n as f64 * k as f64 {
        (kept.bounds, kept.paused) = (None, 2 * kept.paused + 1);
        kept.pause = kept.paused;
    }
    Ok(())
}

/// [`reassign`] by scores of outlines, which are drawn once.
fn by_outlines(
    x: &[f32],
    codebook: &PackedCodebook,
    kept: &mut Outlines,
    codes: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let d = codebook.d();
    if x.len().saturating_mul(codebook.k()) < LEAST_WORK_OF_OUTLINES || matches!(kept, Outlines::NotWorth) {
        return assign(x, codebook, codes, distances);
    }
    let drawn = match std::mem::replace(kept, Outlines::NotWorth) {
        Outlines::Drawn(axes, rows) => Some((axes, Some(rows))),
        _ => Axes::choose(codebook, Rows::whole(x, d), codes).map(|axes| (Box::new(axes), None)),
    };
    let outlines = drawn.and_then(|(axes, rows)| Some((CodewordOutlines::new(codebook, &axes)?, axes, rows)));
    let Some((codewords, axes, rows)) = outlines else { return assign(x, codebook, codes, distances) };
    let rows = rows.unwrap_or_else(|| {
        let mut rows = RowOutlines::default();
        rows.draw(&axes, &codewords, Rows::whole(x, d));
        rows
    });
    let groups =
        x.par_chunks(GROUP * d).zip(codes.par_chunks_mut(GROUP)).zip(distances.par_chunks_mut(GROUP));
    let search = |nearer: &mut Nearer, (g, ((values, codes), distances)): (usize, ((&[f32], _), _))| {
        let group = (Rows::whole(values, d), rows.group(&axes, g * GROUP));
        nearer.search(codebook, &codewords, group, (codes, distances), UNDECIDED)
    };
    let searched = groups.enumerate().map_init(|| Nearer::new(d), search);
    let searched = searched.reduce(Searched::default, Searched::and);
    decide(x, codebook, &searched, codes, distances);
    if axes.pay(codebook, codes.len(), searched.compared) {
        *kept = Outlines::Drawn(axes, rows);
    }
    Ok(())
}

/// Counts what was `searched`, and decides what that left undecided.
fn decide(
    x: &[f32],
    codebook: &PackedCodebook,
    searched: &Searched,
    codes: &mut [u32],
    distances: &mut [f32],
) {
    codebook.lowest().first_look().count(codes.len(), searched.again + searched.left);
    if searched.left > 0 {
        assign::decide(|_| Rows::whole(x, codebook.d()), &[codebook], codes, distances);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::first_look::FirstLook;
    use crate::cpu::half_unit::HalfUnit;
    use crate::cpu::oracle::{archs, bits, uniform};
    use crate::rng::Rng;
    use crate::selftest::adversarial;

    /// Codebooks as they come one after the other: they settle, with copies that come and go, codewords that jump to a row, and
    /// some that come straight at one.
    fn moving(x: &[f32], codewords: &[f32], d: usize) -> Vec<Vec<f32>> {
        let (n, k) = (x.len() / d, codewords.len() / d);
        let mut rng = Rng::new(7, 1);
        let (mut all, mut now) = (vec![codewords.to_vec()], codewords.to_vec());
        for step in 1..8 {
            for j in (0..k).filter(|j| (j + step) % 3 == 0) {
                let share = 0.1_f32.powi(step as i32);
                now[j * d..][..d].iter_mut().for_each(|c| *c += share * *c * rng.normal());
            }
            // What was a copy goes on from there, and another one becomes a copy.
            now.copy_within(step * d..(step + 1) * d, (k - 1 - step % 2) * d);
            let (row, jumping) = (step * 5 % n, (step * 11) % k);
            now[jumping * d..][..d].copy_from_slice(&x[row * d..][..d]);
            let (row, coming) = (step * 7 % n, (step * 17 + 3) % k);
            let coming = &mut now[coming * d..][..d];
            coming.iter_mut().zip(&x[row * d..]).for_each(|(c, &x)| *c += 0.5 * (x - *c));
            all.push(now.clone());
        }
        all
    }

    /// Searches with one codebook after the other, each time for what `assign` finds; how many pairs were scored each time.
    fn follow(arch: pulp::Arch, x: &[f32], codebooks: &[Vec<f32>], d: usize, name: &str) -> Vec<usize> {
        let n = x.len() / d;
        let pack = |codewords: &[f32]| {
            PackedCodebook::for_arch(arch, Metric::SquaredL2, codewords, d).unwrap().for_assign()
        };
        let (mut codes, mut distances) = (vec![0; n], vec![f32::NAN; n]);
        let mut kept = KeptBounds::new(&pack(&codebooks[0]), x);
        let search = |(step, codewords): (usize, &Vec<f32>)| {
            let codebook = pack(codewords);
            let (mut want, mut apart) = (vec![0; n], vec![0.0; n]);
            assign(x, &codebook, &mut want, &mut apart).unwrap();
            let (searched, scored) = kept.search(x, &codebook, (&mut codes, &mut distances), UNDECIDED)?;
            if searched.left > 0 {
                assign::decide(|_| Rows::whole(x, d), &[&codebook], &mut codes, &mut distances);
            }
            assert_eq!(codes, want, "{arch:?}: {name}, step {step}");
            assert_eq!(bits(&distances), bits(&apart), "{arch:?}: {name}, step {step}");
            Some(scored)
        };
        codebooks.iter().enumerate().map_while(search).collect()
    }

    #[test]
    fn it_finds_what_assign_finds_however_codewords_move() {
        let mut searched = 0;
        for adversarial::Set { name, x, codewords } in adversarial::sets() {
            let d = x.ncols();
            let (x, c) = (x.into_raw_vec_and_offset().0, codewords.into_raw_vec_and_offset().0);
            let codebooks = moving(&x, &c, d);
            for arch in archs() {
                searched += follow(arch, &x, &codebooks, d, &name).len();
            }
        }
        assert!(searched > 300, "{searched}");
    }

    #[test]
    fn a_codeword_that_comes_straight_at_a_row_is_met_once_it_is_nearer() {
        // The row is half way between two groups. Its own codeword is of the one, at the distance 1; one of the other comes from
        // far away, in equal steps, is nearer for a while, and goes back.
        let (d, k) = (8, 64);
        let mut c = uniform(3, k * d);
        c.chunks_exact_mut(d).enumerate().for_each(|(j, c)| c[0] += if j % 2 == 0 { 100.0 } else { -100.0 });
        c[..2 * d].fill(0.0);
        c[0] = 1.0;
        let places = (0..40).map(|step| -21.0 + 0.5 * step as f32).chain([-0.999, -0.999, -1.001, -30.0]);
        let codebooks: Vec<Vec<f32>> =
            places.map(|place| [&c[..d], &[place], &c[d + 1..]].concat()).collect();
        let scored = follow(pulp::Arch::new(), &[0.0; 24], &codebooks, d, "coming");
        assert!(scored[2..].contains(&0), "{scored:?}");
    }

    #[test]
    fn distances_that_scores_round_to_nothing_do_not_mislead() {
        // Two heaps far from their centre: squared distances are lost in the rounding of scores.
        let (n, d, k) = (400, 16, 128);
        let mut rng = Rng::new(5, 2);
        let mut heaps = |rows: usize| -> Vec<f32> {
            let heap = |at: usize| if (at / d).is_multiple_of(2) { 1e4 } else { -1e4 };
            (0..rows * d).map(|at| heap(at) + rng.normal()).collect()
        };
        let (x, mut c) = (heaps(n), heaps(k));
        let codebooks: Vec<Vec<f32>> = (0..12)
            .map(|_| {
                c.iter_mut().for_each(|c| *c += 0.03 * rng.normal());
                c.clone()
            })
            .collect();
        for arch in archs() {
            let scored = follow(arch, &x, &codebooks, d, "heaps");
            assert!(scored[11] < n * k * 3 / 4, "{scored:?}");
        }
    }

    #[test]
    fn few_codewords_are_scored_once_they_have_settled() {
        let (n, d, k) = (2000, 24, 300);
        let (x, c) = (uniform(1, n * d), uniform(2, k * d));
        let mut moved = c.clone();
        moved[..d].iter_mut().for_each(|c| *c *= 1.001);
        for arch in archs() {
            let scored = follow(arch, &x, &[c.clone(), c.clone(), moved.clone()], d, "settled");
            assert_eq!(scored[0], n * k);
            // Of the groups the one at most in which a row has found its codeword.
            assert!(scored[1] <= n * 32 && scored[2] < n * k / 100, "{arch:?}: {scored:?}");
        }
    }

    #[test]
    fn beside_a_unit_bounds_come_once_codes_have_settled() {
        let (n, d, k) = (16_384, 64, 2048);
        let squeezed = |seed, rows: usize| {
            let mut values = uniform(seed, rows * d);
            values.chunks_exact_mut(d).for_each(|row| row[12..].iter_mut().for_each(|value| *value *= 0.05));
            values
        };
        let (x, mut c) = (squeezed(1, n), squeezed(2, k));
        for unit in HalfUnit::all() {
            let (mut codes, mut distances, mut kept) = (vec![0; n], vec![0.0; n], Kept::default());
            let mut settled = Vec::new();
            for step in 0..5 {
                let codebook = PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap();
                let codebook = codebook.for_assign_by(FirstLook::by(Some(unit)));
                let (mut want, mut apart) = (vec![0; n], vec![0.0; n]);
                assign(&x, &codebook, &mut want, &mut apart).unwrap();
                match step {
                    0 => (codes, distances) = (want.clone(), apart.clone()),
                    _ => reassign(&x, &codebook, &mut kept, &mut codes, &mut distances).unwrap(),
                }
                assert_eq!((&codes, bits(&distances)), (&want, bits(&apart)), "{unit:?}, step {step}");
                settled.push(kept.is_settled);
                // First all of them move, then one in a hundred.
                let every = if step == 0 { 1 } else { 100 };
                c.chunks_exact_mut(d).step_by(every).for_each(|c| c[0] += 0.05);
            }
            assert_eq!(settled, [false, false, true, true, true], "{unit:?}");
            assert!(kept.bounds.is_some(), "{unit:?}");
        }
    }

    #[test]
    fn where_bounds_save_nothing_all_are_scored_for_a_while() {
        let (n, d, k) = (1024, 64, 1024);
        let x = uniform(4, n * d);
        let (mut codes, mut distances, mut kept) = (vec![0; n], vec![0.0; n], Kept::default());
        let mut tried = Vec::new();
        for step in 0..12 {
            // Each time quite others.
            let c = uniform(5 + step, k * d);
            let codebook = PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap();
            let codebook = codebook.for_assign_by(FirstLook::default());
            let (mut want, mut apart) = (vec![0; n], vec![0.0; n]);
            assign(&x, &codebook, &mut want, &mut apart).unwrap();
            reassign(&x, &codebook, &mut kept, &mut codes, &mut distances).unwrap();
            assert_eq!((&codes, bits(&distances)), (&want, bits(&apart)));
            tried.push(kept.bounds.is_some());
        }
        // Two times with bounds, one without; two with, three without.
        assert_eq!(tried[..8], [true, false, false, true, false, false, false, false]);
    }
}
