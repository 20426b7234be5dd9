//! Check of `assign_exactly`: vectors and codebooks that mislead scores get the codes that the values have without rounding.

use ndarray::Array2;
use rayon::prelude::*;

use super::Check;
use super::adversarial::{self, Set};
use crate::certified::exact;
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    adversarial::sets().try_for_each(|set| compare(check, &set))
}

/// Holds the codes against a comparison without rounding.
pub(super) fn compare(check: &mut Check, set: &Set) -> Result<()> {
    let Set { name, x, codewords } = set;
    let engine = check.engine();
    let codebook = Codebook::new(&engine, codewords.view(), Metric::SquaredL2)?;
    let mut codes = engine.uninitialized(x.nrows(), 1)?;
    let mut distances = engine.uninitialized(x.nrows(), 1)?;
    let mut recorder = engine.recorder();
    recorder.assign(&engine.upload(x.view())?, &codebook, &mut codes, &mut distances)?;
    recorder.submit()?;
    check.same(name, codes.download()?, &nearest(x, codewords));
    Ok(())
}

/// The codes of rows without rounding.
pub(super) fn nearest(x: &Array2<f32>, codewords: &Array2<f32>) -> Vec<u32> {
    let all: Vec<u32> = (0..codewords.nrows() as u32).collect();
    let (values, d) = (codewords.as_slice().expect("standard layout"), codewords.ncols());
    let codeword = |j: u32| &values[j as usize * d..][..d];
    let rows = x.as_slice().expect("standard layout").par_chunks(d);
    rows.map(|x| exact::nearest(Metric::SquaredL2, x, &all, codeword)).collect()
}
