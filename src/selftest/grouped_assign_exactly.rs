//! Check of `grouped_assign_exactly`: vectors that mislead rounded distances get, in their group's codebook, the codes that the
//! values have without rounding.

use ndarray::{Array2, Axis, concatenate};

use super::Check;
use super::adversarial::{self, Set};
use super::assign_exactly::nearest;
use crate::error::Result;
use crate::kernels::grouped_assign::Family;

pub(super) fn check(check: &mut Check) -> Result<()> {
    adversarial::sets().try_for_each(|set| compare(check, &set))
}

/// Two codebooks, that of the set and the same from behind, for every other row each.
fn compare(check: &mut Check, set: &Set) -> Result<()> {
    let Set { name, x, codewords } = set;
    let (engine, (n, k)) = (check.engine(), (x.nrows(), codewords.nrows()));
    let reversed = codewords.select(Axis(0), &(0..k).rev().collect::<Vec<_>>());
    let both = concatenate(Axis(0), &[codewords.view(), reversed.view()]).expect("of the same width");
    let groups = Array2::from_shape_fn((n, 1), |(row, _)| row as u32 % 2);
    let (x_there, both, groups) =
        (engine.upload(x.view())?, engine.upload(both.view())?, engine.upload(groups.view())?);
    let (mut codes, mut rows) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
    let mut distances = engine.uninitialized(n, 1)?;
    let mut recorder = engine.recorder();
    let family = Family { codewords: &both, first: 0, k };
    recorder.grouped_assign(&x_there, family, &groups, &mut codes, &mut rows, &mut distances)?;
    recorder.submit()?;
    let nearest = [nearest(x, codewords), nearest(x, &reversed)];
    let want: Vec<u32> = (0..n).map(|row| nearest[row % 2][row]).collect();
    check.same(name, codes.download()?, &want);
    let want: Vec<u32> = (0..n).map(|row| (row % 2 * k) as u32 + nearest[row % 2][row]).collect();
    check.same(&format!("{name}, rows"), rows.download()?, &want);
    Ok(())
}
