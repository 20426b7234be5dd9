//! Check of `convert`: every element is the nearest of the other type, bit for bit.

use half::f16;
use ndarray::Array2;

use super::Check;
use crate::engine::{Convert, Element};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // Every f16 there is but infinities and NaN, which is no number of a matrix.
    let halves = (0..=u16::MAX).map(f16::from_bits).filter(|half| half.is_finite());
    let halves = Array2::from_shape_vec((63_488 / 64, 64), halves.collect()).expect("31 of 32 exponents");
    let floats = halves.mapv(f16::to_f64).mapv(|half| half as f32);
    same(check, "f16 as f32", &halves, &floats, f32::to_bits)?;
    same(check, "f32 that are f16", &floats, &halves, |half| half.to_bits().into())?;

    // Between two f16 that follow one another: the mean, which goes to the even one, and its neighbours.
    let mut between = Vec::new();
    let mut nearest = Vec::new();
    for bits in (0..0x7bff_u16).step_by(7).chain([0, 1, 0x3fe, 0x3ff, 0x400, 0x401, 0x7bfe]) {
        let (lower, upper) = (f16::from_bits(bits), f16::from_bits(bits + 1));
        let mean = ((lower.to_f64() + upper.to_f64()) / 2.0) as f32;
        let even = if bits.is_multiple_of(2) { lower } else { upper };
        for (value, half) in [(mean, even), (mean.next_down(), lower), (mean.next_up(), upper)] {
            between.extend([value, -value]);
            nearest.extend([half, -half]);
        }
    }
    for (value, half) in [
        (f32::MAX, f16::MAX),
        (65_519.0, f16::MAX),
        (65_520.0, f16::MAX),
        (1e-30, f16::from_bits(0)),
        (f32::from_bits(1), f16::from_bits(0)),
    ] {
        between.extend([value, -value]);
        nearest.extend([half, -half]);
    }
    let column = |n| (n, 1);
    let nearest = Array2::from_shape_vec(column(nearest.len()), nearest).expect("a column");
    let between = Array2::from_shape_vec(column(between.len()), between).expect("a column");
    same(check, "f32 between f16", &between, &nearest, |half| half.to_bits().into())?;

    for (n, d) in [(1, 1), (3, 1), (255, 3), (257, 128), (1001, 33)] {
        let codes = Array2::from_shape_simple_fn((n, d), || check.rng().below(300) as u32);
        let bytes = codes.mapv(|code| code.min(255) as u8);
        same(check, &format!("{n} × {d} u32 as u8"), &codes, &bytes, u32::from)?;
        same(check, &format!("{n} × {d} u8 as u32"), &bytes, &bytes.mapv(u32::from), |code| code)?;
        same(check, &format!("{n} × {d} u8 as f32"), &bytes, &bytes.mapv(f32::from), f32::to_bits)?;
    }
    Ok(())
}

fn same<A: Convert<B>, B: Element>(
    check: &mut Check,
    case: &str,
    source: &Array2<A>,
    want: &Array2<B>,
    bits: impl Fn(B) -> u32,
) -> Result<()> {
    let engine = check.engine();
    let mut converted = engine.uninitialized::<B>(source.nrows(), source.ncols())?;
    let mut recorder = engine.recorder();
    recorder.convert(&engine.upload(source.view())?, &mut converted)?;
    recorder.submit()?;
    let want: Vec<u32> = want.iter().map(|&value| bits(value)).collect();
    check.same(case, converted.download()?.into_iter().map(bits), &want);
    Ok(())
}
