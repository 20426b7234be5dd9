//! CPU twin of `shaders/elementwise.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::math;
use super::widest::widest;
use crate::ops::{Op, Unary};

/// The right operand.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    Same(&'a [f32]),
    Row(&'a [f32]),
    Column(&'a [f32]),
    Constant(f32),
}

/// Elements per task; a chunk stays in the first-level cache.
const CHUNK: usize = 4096;

/// Elements that are done before another thread would be awake.
const ALONE: usize = 1 << 15;

/// `result = op(left, right)`, or `op(result, right)` without a `left`, for rows of `d`.
pub(crate) fn binary(op: Op, left: Option<&[f32]>, right: Right, d: usize, result: &mut [f32]) {
    match op {
        Op::Add => combine(left, right, d, result, |a, b| a + b),
        Op::Sub => combine(left, right, d, result, |a, b| a - b),
        Op::Mul => combine(left, right, d, result, |a, b| a * b),
        Op::Div => combine(left, right, d, result, divide),
        Op::Min => combine(left, right, d, result, f32::min),
        Op::Max => combine(left, right, d, result, f32::max),
    }
}

/// `result = unary(left)`, or `unary(result)` without a `left`.
pub(crate) fn unary(unary: Unary, left: Option<&[f32]>, result: &mut [f32]) {
    match unary {
        Unary::Abs => map(left, result, f32::abs),
        Unary::Square => map(left, result, |a| a * a),
        Unary::Sqrt => map(left, result, |a| a.max(0.0).sqrt()),
        Unary::Exp => map(left, result, math::exp),
        Unary::Log => map(left, result, |a| math::ln(a.max(f32::MIN_POSITIVE))),
        Unary::Reciprocal => map(left, result, |a| divide(1.0, a)),
    }
}

#[inline(always)]
fn divide(a: f32, b: f32) -> f32 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn map(left: Option<&[f32]>, result: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    for_chunks(left, CHUNK, result, |_, chunk| {
        for a in chunk {
            *a = f(*a);
        }
    });
}

fn combine(
    left: Option<&[f32]>,
    right: Right,
    d: usize,
    result: &mut [f32],
    f: impl Fn(f32, f32) -> f32 + Sync,
) {
    let rows = (CHUNK / d).max(1);
    for_chunks(left, rows * d, result, |number, chunk| match right {
        Right::Same(all) => {
            for (a, &b) in chunk.iter_mut().zip(&all[number * rows * d..]) {
                *a = f(*a, b);
            }
        }
        Right::Row(row) => {
            for part in chunk.chunks_exact_mut(d) {
                for (a, &b) in part.iter_mut().zip(row) {
                    *a = f(*a, b);
                }
            }
        }
        Right::Column(column) => {
            for (part, &b) in chunk.chunks_exact_mut(d).zip(&column[number * rows..]) {
                for a in part {
                    *a = f(*a, b);
                }
            }
        }
        Right::Constant(b) => {
            for a in chunk {
                *a = f(*a, b);
            }
        }
    });
}

/// Calls `f` with the number of each chunk of `result`, which holds what `left` has there, if there is one.
fn for_chunks(left: Option<&[f32]>, size: usize, result: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
    let arch = Arch::new();
    result.par_chunks_mut(size).enumerate().with_min_len(ALONE.div_ceil(size)).for_each(|(number, chunk)| {
        if let Some(left) = left {
            chunk.copy_from_slice(&left[number * size..][..chunk.len()]);
        }
        widest(
            arch,
            #[inline(always)]
            || f(number, chunk),
        );
    });
}
