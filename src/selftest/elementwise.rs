//! Check of `elementwise`: every operation, with every way of broadcasting, in place and not.

use ndarray::{Array2, array};

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::kernels::elementwise::Operand;
use crate::ops::{Op, Unary};

/// Results below the normal numbers may be flushed to 0.
const TINY: f64 = f32::MIN_POSITIVE as f64;

const OPS: [Op; 6] = [Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Min, Op::Max];
const UNARIES: [Unary; 6] =
    [Unary::Abs, Unary::Square, Unary::Sqrt, Unary::Exp, Unary::Log, Unary::Reciprocal];

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (3, 1), (1, 5), (255, 3), (257, 16), (4099, 17)] {
        let a = with_zeros(check.normals(n, d, 0.0));
        for op in OPS {
            for shape in [(n, d), (1, d), (n, 1), (1, 1)] {
                let b = with_zeros(check.normals(shape.0, shape.1, 0.5));
                binary(check, op, &a, &b)?;
            }
        }
        for unary in UNARIES {
            map(check, unary, &a)?;
        }
    }
    // Exponents from the whole range, and what has a value of its own.
    let far = array![[0.0_f32, -0.0, 1.0, -1.0, 1e-30, 1e30, -1e30, 88.0, -87.0, 89.0, -90.0, 1e-37, 3e38]];
    for unary in [Unary::Abs, Unary::Sqrt, Unary::Exp, Unary::Log] {
        map(check, unary, &far)?;
    }
    constants(check)?;
    nothing(check)
}

/// Every seventh element is 0, to be divided by.
fn with_zeros(mut values: Array2<f32>) -> Array2<f32> {
    values.iter_mut().skip(2).step_by(7).for_each(|value| *value = 0.0);
    values
}

/// The exact result, and how many units of 2^-24 of it the computed one may be off: WGSL has sums, differences and
/// products round once and quotients within 2.5 ulp, and an ulp is at most two units.
fn exact(op: Op, a: f64, b: f64) -> (f64, f64) {
    match op {
        Op::Add => (a + b, 1.0),
        Op::Sub => (a - b, 1.0),
        Op::Mul => (a * b, 1.0),
        Op::Div if b == 0.0 => (0.0, 0.0),
        Op::Div => (a / b, 5.0),
        Op::Min => (a.min(b), 0.0),
        Op::Max => (a.max(b), 0.0),
    }
}

/// The same for one operand. A square root is 1/(1/√a) in WGSL, 2.5 + 2 ulp; math.wgsl counts exp and log.
fn exact_unary(unary: Unary, a: f64) -> (f64, f64) {
    match unary {
        Unary::Abs => (a.abs(), 0.0),
        Unary::Square => (a * a, 1.0),
        Unary::Sqrt => (a.max(0.0).sqrt(), 9.0),
        Unary::Exp => (a.exp().min(f64::from(f32::MAX)), 4.0),
        Unary::Log => (a.max(TINY).ln(), 4.0),
        Unary::Reciprocal if a == 0.0 => (0.0, 0.0),
        Unary::Reciprocal => (1.0 / a, 5.0),
    }
}

fn binary(check: &mut Check, op: Op, a: &Array2<f32>, b: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let case = format!("{op:?} of {:?} and {:?}", a.dim(), b.dim());
    let (left, right) = (engine.upload(a.view())?, engine.upload(b.view())?);
    let mut result = engine.uninitialized(a.nrows(), a.ncols())?;
    let mut target = engine.upload(a.view())?;
    let mut recorder = engine.recorder();
    recorder.elementwise(op, &left, &right, &mut result)?;
    recorder.update(op, &mut target, &right)?;
    recorder.submit()?;

    let b = b.broadcast(a.dim()).expect("a shape that broadcasts");
    let want: Vec<(f64, f64)> =
        a.iter().zip(b).map(|(&a, &b)| exact(op, f64::from(a), f64::from(b))).collect();
    compare(check, &case, result.download()?, &want);
    compare(check, &format!("{case}, in place"), target.download()?, &want);
    Ok(())
}

fn map(check: &mut Check, unary: Unary, a: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let case = format!("{unary:?} of {:?}", a.dim());
    let left = engine.upload(a.view())?;
    let mut result = engine.uninitialized(a.nrows(), a.ncols())?;
    let mut target = engine.upload(a.view())?;
    let mut recorder = engine.recorder();
    recorder.map(unary, &left, &mut result)?;
    recorder.map_in_place(unary, &mut target)?;
    recorder.submit()?;

    let want: Vec<(f64, f64)> = a.iter().map(|&a| exact_unary(unary, f64::from(a))).collect();
    compare(check, &case, result.download()?, &want);
    compare(check, &format!("{case}, in place"), target.download()?, &want);
    Ok(())
}

fn compare(check: &mut Check, case: &str, got: Array2<f32>, want: &[(f64, f64)]) {
    let values: Vec<f64> = want.iter().map(|&(value, _)| value).collect();
    check.close(case, got, &values, |at| want[at].1 * U * want[at].0.abs() + TINY);
}

fn constants(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let a = check.normals(300, 3, 0.0);
    let left = engine.upload(a.view())?;
    let mut scaled = engine.uninitialized(300, 3)?;
    let mut target = engine.upload(a.view())?;
    let mut recorder = engine.recorder();
    recorder.elementwise(Op::Mul, &left, 0.25, &mut scaled)?;
    recorder.update(Op::Max, &mut target, 0.5)?;
    recorder.submit()?;
    // A power of two scales exactly.
    check.same_bits("times a quarter", scaled.download()?, &a.iter().map(|a| a * 0.25).collect::<Vec<_>>());
    check.same_bits("at least a half", target.download()?, &a.iter().map(|a| a.max(0.5)).collect::<Vec<_>>());
    let refused = engine.recorder().update(Op::Add, &mut target, f32::INFINITY);
    check.holds("an infinite constant", "an error", refused.is_err());
    Ok(())
}

fn nothing(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let mut empty = engine.zeros::<f32>(0, 3)?;
    let row = engine.zeros::<f32>(1, 3)?;
    let mut recorder = engine.recorder();
    let fine = recorder.update(Op::Add, &mut empty, &row).and(recorder.map_in_place(Unary::Exp, &mut empty));
    check.holds("no rows", "nothing to do", fine.is_ok());
    let two = engine.zeros::<f32>(2, 1)?;
    let misfit = recorder.update(Op::Add, &mut empty, Operand::from(&two));
    check.holds("2 rows for none", "an error", misfit.is_err());
    recorder.submit()
}
