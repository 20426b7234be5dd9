//! How far rounding can lead.
//!
//! u = 2⁻²⁴ is the largest relative error of an f32 operation, and γ(n) = nu / (1 − nu) that of n in a row (Higham, *Accuracy
//! and Stability of Numerical Algorithms*, lemma 3.1). A result too small for a normal number is off by up to [`TINY`] instead.
//!
//! **Differences.** A term |x − c|^m takes m roundings of the difference and m − 1 products, and up to d sums: of all that is
//! positive, so a computed distance D̃ is within γ(d + 2m − 1)·D of D = Σ|x − c|^m, whatever the order of summation.
//!
//! **Scores of squared distances.** With a centre o, x' = fl(x − o) and c' = fl(c − o), the score is
//! s = ½‖c'‖² − x'·c', and S = ½‖c − o‖² − (x − o)·(c − o) is what orders the codewords, as ‖x − c‖² = ‖x − o‖² + 2S.
//!
//! - Rounding the centred values: c − o = c' + f with |f| ≤ u/(1−u)·|c'| in each dimension, and so for x'; hence
//!   |s − S| ≤ γ(1)·(‖c'‖² + 2‖x'‖‖c'‖), up to γ(1)².
//! - Summing: s̃ starts at ½‖c'‖², rounded once, and adds d products in any order, each rounded once at most beside the sums:
//!   |s̃ − s| ≤ γ(d + 1)·½‖c'‖² + γ(d + 1)·Σ|x'c'|, and Σ|x'c'| ≤ ‖x'‖‖c'‖.
//!
//! Together at most γ(d + 4)·½‖c'‖² + γ(d + 3)·‖x'‖‖c'‖. As ‖x'‖‖c'‖ ≤ ½‖x'‖² + ½‖c'‖², that splits into a part of the
//! codeword and one of the row: with a(c) = γ(2d + 8)·½‖c'‖² and r(x) = γ(d + 4)·½‖x'‖², each with a rounding to spare,
//! **S is between s̃ − a − r and s̃ + a + r**. A search compares l = s̃ − a, which only takes another start of the sum: if b has
//! the least l, c can be as near as b only if l(c) − r ≤ l(b) + 2a(b) + r.
//!
//! **Scores of values in 16 bits.** With x̃ and c̃ in bf16, x'·c' − x̃·c̃ = (x' − x̃)·c' + x̃·(c' − c̃), which is at most
//! ‖x' − x̃‖‖c'‖ + ‖x̃‖‖c' − c̃‖. Both lengths that were lost are measured. For any ρ, ‖x' − x̃‖‖c'‖ ≤ ½‖x' − x̃‖²/ρ + ½ρ‖c'‖²,
//! and so for the other: again a part of each, least where what is lost is a share ρ of the whole. Products of two are exact in
//! f32; ½‖c'‖² is a sum of f32 here. So a(c) = ½((ρ + γ)‖c'‖² + ‖c' − c̃‖²/ρ), and r(x) the same of x, with γ = γ(3d + 9) as
//! above but for the norms: ‖x̃‖ ≤ (1 + 2⁻⁸)‖x'‖, and sums of squares that are themselves sums of f32.
//!
//! **Scores of values in f16 on a GPU** are bounded the same way; three things differ.
//!
//! - A matrix unit adds products in blocks of an order of its own, and cuts off instead of rounding: it shifts the terms of a
//!   block and the sum so far to the largest exponent among them, keeps 24 digits, and cuts off what the block's sum has more. With
//!   b terms in a block that loses at most (b + 2)·2⁻²³ of the largest magnitude, which is no more than Σ|x̃c̃|; over d/b blocks of
//!   b ≥ 2 terms 2d·2⁻²³·Σ|x̃c̃| = γ(4d)·‖x̃‖‖c̃‖. That the unit of a device does no worse is tried on it ([`half_sum_error`]).
//! - f16 has few exponents. x' is scaled by a power of two of its own, and s̃ taken back by it: both are exact, but that what falls
//!   below 2⁻¹⁴ of the scaled vector becomes 0, which is part of the measured ‖x' − x̃‖. ‖x̃‖ ≤ (1 + 2⁻¹⁰)‖x'‖ also where
//!   the device cuts off when it rounds to f16. Lengths are measured of the scaled vector, so no square is lost in them that counts.
//! - Codewords with ½‖c'‖² ≥ 2⁹⁸ take no part. A row is decided only with ½‖x'‖² < 2⁹⁴ and l(b) < 2⁹⁶: then
//!   S(c) ≥ ‖c'‖(½‖c'‖ − ‖x'‖) ≥ 2⁴⁹·⁵·2⁴⁷·⁵ = 2⁹⁷, which is above S(b) < 2⁹⁶ + a(b) + r(x).
//!
//! Beside the products there are the centring, ½‖c'‖² as a sum of f32, the start and the last difference, with a few roundings to
//! spare: γ = γ(5d + 16).
//!
//! **Scores of outlines.** Instead of by all its coordinates, X = x − o can be told by y, those on p axes V (p, d), and the length
//! of the rest e(x) = X − Vᵀy; C = c − o by z and e(c). Then X·C = yᵀVVᵀz + y·Ve(c) + Ve(x)·z + e(x)·e(c), and with
//! ‖VVᵀ − I‖ ≤ η, ‖VX − y‖ ≤ ζ‖X‖ and ‖VC − z‖ ≤ ζ‖C‖,
//!
//! X·C ≤ y·z + ‖e(x)‖‖e(c)‖ + κ‖X‖‖C‖, κ = (3η + 2ζ)(1 + η + ζ)²: as VVᵀ = I + E and Ve(c) = (VC − z) − Ez.
//!
//! So the score of the outlines (y, ‖e(x)‖) and (z, ‖e(c)‖), with the codeword's own ½‖C‖², is at most the true one and
//! ½κ‖X‖² + ½κ‖C‖², which join the parts a and r. Each coordinate on an axis is a sum of f32: ζ = γ(d + 2)·√p·(1 + η). The rest has
//! ‖e(x)‖² = ‖X‖² − 2y·VX + ‖Vᵀy‖² ≤ ‖X‖² − ‖y‖² + (2ζ + η)(1 + η + ζ)²‖X‖², to which come what the two sums of squares are off.
//!
//! **Distances while codewords move.** If no codeword of a group is nearer to x than b, and each then moves by δ at most, none is
//! nearer than b − δ (the triangle inequality); and so on from there. While b is above the distance to the codeword that x has, which
//! is computed each time, no other codeword of the group is as near, nor equally near. b is the root of ‖X‖² + 2S by the least that a score says
//! S can be; it and the distance that it is held against are rounded apart, and what the subtraction may round is taken off too ([`lengths`]). A
//! copy of an earlier codeword has no score, so once it is none any more its group has no b.
//!
//! **Inner products** are scores with o = 0 and no half norm: γ(d + 1)·½‖c‖² and γ(d + 1)·½‖x‖², with a rounding to spare.
//!
//! **Cosines** are inner products of vectors that were divided by their length in f64 and rounded: γ(d + 4) in all.

/// The largest relative error of an f32 operation.
const U: f64 = 1.0 / 16_777_216.0;

/// How far an f32 operation can be off where the result is too small for a normal number.
const TINY: f64 = f32::MIN_POSITIVE as f64;

/// The largest square that scores are trusted with: their sums stay within f32.
pub(crate) const LARGEST_SQUARE: f32 = (1_u128 << 123) as f32;

/// γ(n): the largest relative error of n f32 operations in a row; infinite where nothing is known.
pub(crate) fn gamma(n: usize) -> f64 {
    let nu = n as f64 * U;
    if nu < 0.25 { nu / (1.0 - nu) } else { f64::INFINITY }
}

/// What a computed score s̃ says: the true one is from s̃ − a(c) − r(x) to s̃ + a(c) + r(x). The shares are rounded up, with
/// [`SPARE`] for the roundings of what is computed from them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScoreBound {
    /// a over ½‖c'‖².
    pub codeword: f32,
    /// r over ½‖x'‖².
    pub row: f32,
    /// What r has beside.
    pub constant: f32,
}

/// A factor for bounds that are computed in f32 by a few operations.
const SPARE: f64 = 1.0 + 1.0 / 65536.0;

/// Twice the largest share of a result by which an operation rounds it.
const ROUNDED: f32 = f32::EPSILON;

impl ScoreBound {
    fn new(codeword: f64, row: f64, constant: f64) -> Self {
        let up = |value| up(SPARE * value);
        Self { codeword: up(codeword), row: up(row), constant: up(constant) }
    }

    /// Of ½‖c'‖² − x'·c' in `d` dimensions.
    pub fn squared_l2(d: usize) -> Self {
        Self::new(gamma(2 * d + 8), gamma(d + 4), underflow(d))
    }

    /// The same where ½‖c'‖² is a sum of f32 too, of d squares.
    pub fn squared_l2_on_gpu(d: usize) -> Self {
        Self::new(gamma(3 * d + 9), gamma(d + 4), underflow(d))
    }

    /// Of −x·c in `d` dimensions.
    pub fn inner_product(d: usize) -> Self {
        Self::new(gamma(d + 2), gamma(d + 2), underflow(d))
    }

    /// Of −x̂·ĉ for unit vectors of `d` dimensions.
    pub fn cosine(d: usize) -> Self {
        Self::new(0.0, 0.0, gamma(d + 5) + underflow(d))
    }

    /// The same where both parts have `share` more of half the squared norms.
    pub fn with(self, share: f32) -> Self {
        let more = |part: f32| up(f64::from(part) + f64::from(share));
        Self { codeword: more(self.codeword), row: more(self.row), ..self }
    }

    /// l = s̃ − a of the scores that may be of a nearest codeword, at most, where the least l is `least`, of a codeword with the
    /// given ½‖c'‖², and ½‖x'‖² is at most `row`.
    #[inline(always)]
    pub fn threshold(&self, least: f32, codeword: f32, row: f32) -> f32 {
        let apart = 2.0 * (self.codeword * codeword + self.row * row + self.constant);
        least + (apart + ROUNDED * (least.abs() + apart))
    }

    /// ½‖x'‖² at most, of the distance ‖x − c‖² to the codeword with the least l.
    ///
    /// ½‖x − o‖² is ½‖x − c‖² − S, and S ≥ l − r with r a small share of it.
    #[inline(always)]
    pub fn half_square_of_row(&self, distance: f32, least: f32) -> f32 {
        let rounded = 2.0 * self.row * (distance + least.abs() + self.constant);
        (1.0 + 4.0 * self.row) * (0.5 * distance - least).max(0.0) + rounded
    }
}

/// What a score of vectors in 16 bits says: the true one is from s̃ − a(c) − r(x) to s̃ + a(c) + r(x).
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfBound {
    /// What a part has of half a squared norm,
    pub square: f32,
    /// and of half that of what is lost by rounding.
    pub lost: f32,
    pub constant: f32,
}

/// ρ: about what rounding to eight digits takes from a vector, and to the eleven of f16.
const LOST: f64 = 1.0 / 724.0;
const LOST_BY_F16: f64 = LOST / 8.0;

impl HalfBound {
    /// Of vectors in bf16, for `d` dimensions.
    pub fn new(d: usize) -> Self {
        Self::of(d, gamma(3 * d + 9), 1.0 / 256.0, LOST)
    }

    /// Of vectors in f16, each times a power of two of its own, by a GPU's matrix unit; `d` counts dimensions of padding.
    pub fn f16_on_gpu(d: usize) -> Self {
        Self::of(d, gamma(5 * d + 16), 1.0 / 1024.0, LOST_BY_F16)
    }

    /// With ‖x̃‖ ≤ (1 + `digit`)·‖x'‖ and the ρ `share`.
    fn of(d: usize, gamma: f64, digit: f64, share: f64) -> Self {
        // ‖x̃‖² over ‖x'‖², and a sum of squares in f32 over the true one.
        let norms = (1.0 + digit).powi(2) * (1.0 + gamma) * SPARE;
        let constant = up(underflow(d));
        Self { square: up(norms * (share + gamma)), lost: up(norms / share), constant }
    }

    /// The same where a part has `share` more of half the squared norm.
    pub fn with(self, share: f32) -> Self {
        let square = f64::from(self.square) + SPARE * (1.0 + 1.0 / 256.0_f64).powi(2) * f64::from(share);
        Self { square: up(square), ..self }
    }

    /// a of a codeword, or r of a row, of these squared norms: its own and that of what is lost.
    #[inline(always)]
    pub fn part(&self, square: f32, lost: f32) -> f32 {
        0.5 * (self.square * square + self.lost * lost) + self.constant
    }

    /// As [`ScoreBound::threshold`], of the parts of the codeword and of the row.
    #[inline(always)]
    pub fn threshold(&self, least: f32, codeword: f32, row: f32) -> f32 {
        let apart = 2.0 * (codeword + row);
        least + (apart + ROUNDED * (least.abs() + apart))
    }
}

/// How far a matrix unit's sum of `d` products of f16 is from the true one, over the sum of their magnitudes.
pub(crate) fn half_sum_error(d: usize) -> f64 {
    gamma(4 * d)
}

/// What the score of two outlines says: the true one is no lower than s̃ − a(c) − r(x).
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutlineBound {
    /// κ: what a and r have of half the squared norms beside what they have for scores of vectors.
    pub share: f32,
    /// What the square of the length of the rest has of the squared norm beside their difference to that of the coordinates.
    pub rest: f32,
}

impl OutlineBound {
    /// Of vectors of `d` dimensions on `p` axes, of which ‖VVᵀ − I‖ ≤ η.
    pub fn new(d: usize, p: usize, eta: f64) -> Self {
        let zeta = gamma(d + 2) * (p as f64).sqrt() * (1.0 + eta);
        let norms = SPARE * (1.0 + eta + zeta).powi(2);
        let share = up(norms * (3.0 * eta + 2.0 * zeta));
        let sums = 2.0 * gamma(d + 6) + 2.0 * gamma(p + 6);
        let rest = up(norms * (2.0 * zeta + eta) + SPARE * sums);
        Self { share, rest }
    }
}

/// What a computed squared norm ‖x − o‖² has of the true one, at most, more or less: it leads from scores to distances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SquareBound(f32);

impl SquareBound {
    /// Of `d` dimensions.
    pub fn new(d: usize) -> Self {
        Self(up(SPARE * gamma(d + 6)))
    }

    /// The part r of a row whose squared norm is computed as `square`.
    #[inline(always)]
    pub fn part(self, scores: &ScoreBound, square: f32) -> f32 {
        0.5 * scores.row * square * (1.0 + 2.0 * self.0) + scores.constant
    }

    /// The scores that codewords nearest to a row may have, at most, where one is at the computed distance `threshold` at most,
    /// the row's squared norm is computed as `square`, and its part of the bound is `part`.
    ///
    /// S ≤ ½‖x − c‖² − ½‖X‖².
    #[inline(always)]
    pub fn limit(self, threshold: f32, square: f32, part: f32) -> f32 {
        let limit = 0.5 * threshold - 0.5 * square + part;
        limit + (0.5 * self.0 * square + ROUNDED * (threshold + square + part))
    }

    /// The squared distance ‖x − c‖² to a codeword of the computed score l = s̃ − a, at least, where the row's squared norm is
    /// computed as `square`, and its part of the bound is `part`; no number where one of them is none.
    ///
    /// ‖x − c‖² = ‖X‖² + 2S and S ≥ l − r.
    #[inline(always)]
    pub fn least_distance(self, score: f32, square: f32, part: f32) -> f32 {
        let lost = self.0 * square + 2.0 * part;
        (square + 2.0 * score) - (lost + 2.0 * ROUNDED * (square + 2.0 * score.abs() + lost))
    }
}

/// What is kept of lengths while points move. A point at the distance b of another one is at b − δ of it at least, once that one
/// has moved by δ (Elkan 2003).
///
/// Lengths are square roots of computed squared distances, rounded up or down by [`SPARE`], which is more than their few roundings
/// take.
pub(crate) mod lengths {
    use super::{DistanceBound, ROUNDED, SPARE};

    /// The length whose square is computed as `distance`, at most.
    #[inline(always)]
    pub fn most(bound: DistanceBound, distance: f32) -> f32 {
        bound.threshold(distance).sqrt() * const { SPARE as f32 }
    }

    /// The same, at least.
    #[inline(always)]
    pub fn least(bound: DistanceBound, distance: f32) -> f32 {
        root((distance / bound.factor - bound.underflow) * const { (2.0 - SPARE) as f32 })
    }

    /// The length whose square is `square` at least.
    #[inline(always)]
    pub fn root(square: f32) -> f32 {
        square.clamp(0.0, f32::MAX).sqrt() * const { (2.0 - SPARE) as f32 }
    }

    /// What is taken off a length for each unit of its own, as the difference with a move is rounded.
    pub const LOST: f32 = ROUNDED;
}

/// What a computed distance D̃ = Σ|x − c|^m says: the true one is from D̃/(1 + γ) to D̃/(1 − γ), but for what is lost below
/// normal numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistanceBound {
    /// Up to this times the least computed distance one may be that of a nearest codeword: (1 + γ)/(1 − γ).
    pub factor: f32,
    /// And this more.
    pub underflow: f32,
}

impl DistanceBound {
    /// Of `d` dimensions and the `power` m.
    pub fn new(d: usize, power: u32) -> Self {
        let gamma = gamma(d + 2 * power as usize).min(1.0);
        let underflow = 4.0 * underflow(d.saturating_mul(power as usize));
        Self { factor: up(SPARE * (1.0 + gamma) / (1.0 - gamma)), underflow: up(underflow) }
    }

    /// The computed distances that may be of a nearest codeword, at most, where the least is `least`.
    #[inline(always)]
    pub fn threshold(self, least: f32) -> f32 {
        let most = self.factor * least + self.underflow;
        if most < LARGEST_SQUARE { most } else { f32::INFINITY }
    }
}

/// Whether `value` is known to be above `threshold`: not where one of them is no number.
#[inline(always)]
pub(crate) fn is_beyond(value: f32, threshold: f32) -> bool {
    value > threshold
}

/// What `d` products and their sum can lose below normal numbers.
fn underflow(d: usize) -> f64 {
    (2 * d + 2) as f64 * TINY
}

/// The least f32 that is `value` or more; infinity for NaN.
fn up(value: f64) -> f32 {
    let rounded = value as f32;
    match f64::from(rounded) >= value {
        true => rounded,
        false if value.is_nan() => f32::INFINITY,
        false => rounded.next_up(),
    }
}

/// A vector and two codewords of `d` dimensions whose scores all roundings move up, and down: the first product makes sums
/// just over 2, where half a unit in the last place is the largest share of them, and each of the others is a little more, or
/// less, than that half. Both are opposite to the vector, and equally far from it but for some units in the last place.
#[cfg(test)]
pub(crate) fn adversaries(d: usize) -> [Vec<f32>; 3] {
    let (first, rest, half) = (1.1548, 1.0 / 1024.0, f32::EPSILON);
    let vector = |first: f32, rest: f32| {
        let mut vector = vec![rest; d];
        vector[0] = first;
        vector
    };
    let x = vector(-first, -half / rest);
    [x, vector(first, rest * 1.001), vector(first, rest * 0.999)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The score as it is computed: multiply and add fused, from the half norm on.
    fn score(x: &[f32], c: &[f32]) -> f32 {
        let half = (0.5 * c.iter().map(|&c| f64::from(c) * f64::from(c)).sum::<f64>()) as f32;
        x.iter().zip(c).fold(half, |sum, (&x, &c)| (-x).mul_add(c, sum))
    }

    /// It without rounding: all values here are short enough for f64.
    fn exact(x: &[f32], c: &[f32]) -> f64 {
        let terms = x.iter().zip(c).map(|(&x, &c)| f64::from(c) * (0.5 * f64::from(c) - f64::from(x)));
        terms.sum()
    }

    fn half_square(x: &[f32]) -> f64 {
        0.5 * x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>()
    }

    fn bound(x: &[f32], c: &[f32]) -> f64 {
        let ScoreBound { codeword, row, constant } = ScoreBound::squared_l2(x.len());
        f64::from(codeword) * half_square(c) + f64::from(row) * half_square(x) + f64::from(constant)
    }

    #[test]
    fn no_score_is_beyond_its_bound_and_half_the_bound_would_not_do() {
        for d in [16, 128, 1024] {
            let [x, up, down] = adversaries(d);
            let mut share = [up, down].map(|c| (f64::from(score(&x, &c)) - exact(&x, &c)) / bound(&x, &c));
            share.sort_by(f64::total_cmp);
            assert!(share[0] >= -1.0 && share[1] <= 1.0, "{share:?}");
            // The bound has a few roundings to spare, which count in few dimensions.
            let most = if d < 100 { 0.6 } else { 0.9 };
            assert!(share[0] < -most && share[1] > most, "{share:?}");
        }
    }

    /// `value` rounded to f16, to nearest.
    fn to_f16(value: f32) -> f32 {
        half::f16::from_f32(value).to_f32()
    }

    /// The sum of the terms as a matrix unit has it that keeps no digit beyond f32's: of blocks of `block` terms, each term and
    /// the sum so far cut off at the last digit of the largest, and then the sum of the block.
    fn cut_off_sum(terms: &[f64], block: usize) -> f64 {
        let cut_off = |value: f64, of: f64| {
            let digit = (of.abs().log2().floor() - 23.0).exp2();
            if of == 0.0 { value } else { (value / digit).trunc() * digit }
        };
        terms.chunks(block).fold(0.0_f64, |sum, terms| {
            let largest = terms.iter().fold(sum.abs(), |largest, term| largest.max(term.abs()));
            let next = terms.iter().fold(cut_off(sum, largest), |next, &term| next + cut_off(term, largest));
            cut_off(next, next)
        })
    }

    /// a + r for vectors in f16, without what is for underflow.
    fn half_bound(x: &[f32], c: &[f32]) -> f64 {
        let bound = HalfBound::f16_on_gpu(x.len());
        let part = |v: &[f32]| {
            let lost: Vec<f32> = v.iter().map(|&v| v - to_f16(v)).collect();
            f64::from(bound.square) * half_square(v) + f64::from(bound.lost) * half_square(&lost)
        };
        part(x) + part(c)
    }

    /// What rounding to f16 and cutting off move the score by.
    fn half_error(x: &[f32], c: &[f32], block: usize) -> f64 {
        let terms = x.iter().zip(c).map(|(&x, &c)| f64::from(to_f16(x)) * f64::from(to_f16(c)));
        let exact: f64 = x.iter().zip(c).map(|(&x, &c)| f64::from(x) * f64::from(c)).sum();
        exact - cut_off_sum(&terms.collect::<Vec<_>>(), block)
    }

    #[test]
    fn no_score_in_f16_is_beyond_its_bound_and_half_the_bound_would_not_do() {
        for (d, block) in [(32, 4), (128, 8), (128, 16)] {
            // A little above, or below, the middle between two numbers of f16: all are rounded up, or down.
            for middle in [1.0 + 1.01 / 2048.0, 1.0 + 0.99 / 2048.0_f32] {
                let (x, c) = (vec![middle; d], vec![middle; d]);
                let opposite: Vec<f32> = c.iter().map(|c| -c).collect();
                for c in [c, opposite] {
                    let share = half_error(&x, &c, block) / half_bound(&x, &c);
                    assert!(share.abs() <= 1.0 && share.abs() > 0.5, "{share}");
                }
            }
        }
    }

    #[test]
    fn no_sum_that_is_cut_off_is_beyond_its_bound_and_a_third_of_it_would_not_do() {
        for (d, block) in [(32, 2), (256, 4), (1024, 16)] {
            // All but the first are a little less than the last digit of the sum.
            let mut terms = vec![0.999 / 8_388_608.0; d];
            terms[0] = 1.0 + 1.0 / 8_388_608.0;
            let exact: f64 = terms.iter().sum();
            // All terms are positive, so that is the sum of their magnitudes too.
            let share = (exact - cut_off_sum(&terms, block)) / (half_sum_error(d) * exact);
            assert!(share <= 1.0 && share > 1.0 / 3.0, "{share}");
        }
    }

    #[test]
    fn a_length_is_between_the_least_and_the_most() {
        for d in [1, 128, 4096] {
            let bound = DistanceBound::new(d, 2);
            for length in [1e-15_f32, 0.3, 7.0, 1e15] {
                let computed = up(f64::from(length).powi(2));
                let ends = [lengths::least(bound, computed), lengths::most(bound, computed)].map(f64::from);
                assert!(ends[0] < f64::from(length) && f64::from(length) < ends[1], "{d} {length}");
                assert!(lengths::root(computed) <= length);
            }
        }
        assert!(lengths::root(f32::NAN).is_nan());
    }

    #[test]
    fn thresholds_round_up() {
        assert_eq!(up(1.0), 1.0);
        assert_eq!(up(1.0 + 1e-12), 1.0_f32.next_up());
        assert_eq!(up(-1.0 + 1e-12), (-1.0_f32).next_up());
        assert_eq!(up(f64::NAN), f32::INFINITY);
        assert_eq!(up(1e300), f32::INFINITY);
        assert_eq!(DistanceBound::new(2, 2).threshold(f32::NAN), f32::INFINITY);
        assert_eq!(DistanceBound::new(2, 2).threshold(f32::INFINITY), f32::INFINITY);
        assert_eq!(gamma(1 << 23), f64::INFINITY);
    }
}
