//! On how many axes outlines take the least time: a trial with a few rows and codewords.

use ndarray::{Array2, Axis};

use super::half_unit::HalfUnit;
use super::prepare_codebook::PackedCodebook;
use super::tile::Rows;
use crate::principal::PrincipalAxes;

/// Rows and codewords that are tried.
const ROWS: usize = 64;
const CODEWORDS: usize = 2048;

/// What outlines may take of what scores of whole vectors take, at most.
const WORTH: f64 = 0.75;

/// What comparing a codeword takes for each of its dimensions, in products of scores: of those in f32, and of those by a unit for
/// 16 bits.
const COMPARISON: usize = 24;
const COMPARISON_BY_UNIT: usize = 64;

/// What comparing a codeword of `d` dimensions takes, in products of scores.
pub(super) fn comparison(d: usize, unit: Option<HalfUnit>) -> usize {
    d * if unit.is_some() { COMPARISON_BY_UNIT } else { COMPARISON }
}

/// The length of outlines on the axes `found` that takes the least time with rows like these, where `codes` are near; nothing if
/// none takes clearly less than scores of whole vectors do. Rounding is of no account here.
pub(super) fn best_length(
    codebook: &PackedCodebook,
    found: &PrincipalAxes,
    rows: Rows<'_>,
    codes: &[u32],
    unit: Option<HalfUnit>,
) -> Option<usize> {
    let (k, d) = (codebook.k(), codebook.d());
    let axes = found.axes.mapv(|value| value as f32);
    let on_axes = |vectors: Vec<&[f32]>| {
        let centred = |(row, i): (usize, usize)| vectors[row][i] - codebook.mean()[i];
        axes.dot(&Array2::from_shape_fn((vectors.len(), d), centred).t())
    };
    let tried: Vec<usize> = (0..rows.len()).step_by(rows.len().div_ceil(ROWS).max(1)).collect();
    let x = on_axes(tried.iter().map(|&row| rows.row(row)).collect());
    let c = on_axes((0..k as u32).step_by(k.div_ceil(CODEWORDS)).map(|j| codebook.codeword(j)).collect());
    // Of each vector what the axes so far leave of its square, and of each pair the squared distance on those axes.
    let squares = |vectors: &Array2<f32>| vectors.map_axis(Axis(0), |vector| vector.dot(&vector));
    let (mut x_rest, mut c_rest) = (squares(&x), squares(&c));
    // A search finds nearer ones as it goes.
    let products = x.t().dot(&c);
    let near = tried.iter().zip(products.rows()).zip(&x_rest).map(|((&row, products), x)| {
        let near = codebook.distance(rows.row(row), codes[row]);
        products.iter().zip(&c_rest).fold(near, |near, (product, c)| near.min(x + c - 2.0 * product))
    });
    let near: Vec<f32> = near.collect();

    let mut apart = Array2::<f32>::zeros((x.ncols(), c.ncols()));
    let step = if unit.is_some() { 32 } else { 16 };
    let (mut least, mut best) = (WORTH * d as f64, None);
    for length in (step..d).step_by(step) {
        for i in length.saturating_sub(step + 1)..length - 1 {
            c_rest.zip_mut_with(&c.row(i), |rest, c| *rest -= c * c);
            for ((x, rest), mut apart) in x.row(i).iter().zip(&mut x_rest).zip(apart.rows_mut()) {
                *rest -= x * x;
                apart.zip_mut_with(&c.row(i), |apart, c| *apart += (x - c) * (x - c));
            }
        }
        let mut compared = 0;
        for ((near, x), apart) in near.iter().zip(&x_rest).zip(apart.rows()) {
            let x = x.max(0.0).sqrt();
            let whole = |(apart, c): (&f32, &f32)| apart + (x - c.max(0.0).sqrt()).powi(2);
            compared += apart
                .iter()
                .zip(&c_rest)
                .map(whole)
                .filter(|whole| near.is_finite() && whole <= near)
                .count();
        }
        let share = compared as f64 / apart.len() as f64;
        let time = length as f64 + share * comparison(d, unit) as f64;
        if time < least {
            (least, best) = (time, Some(length));
        }
    }
    best
}
