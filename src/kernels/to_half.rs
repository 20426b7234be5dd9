//! Host side of `to_half`: vectors in f16, and what that does to their scores.

use std::ops::Range;

use super::half_blocks::STEP;
use super::tile;
use crate::certified::bounds::HalfBound;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "to_half",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/to_half.wgsl")],
    reads: &["x", "mean"],
    writes: &["halves", "numbers"],
    params: Params::FIELDS,
    variants: || [4, 3].map(variant).to_vec(),
};

shader_params!(Params { n: u32, d: u32, rows: u32, quads: u32, square: f32, lost: f32, constant: f32 });

/// The variant for vectors of `d` dimensions.
fn variant(d: usize) -> Variant {
    Variant { pieces: vec![tile::rows_of(d)].into(), ..Variant::DEFAULT }
}

/// Vectors about a mean in f16.
pub(crate) struct Halves {
    /// (rows, words): two numbers of f16 in each, and zeros up to a whole number of steps.
    pub halves: Matrix<u32>,
    /// (rows, 4): what takes a vector back to its scale, half its squared norm, its part of the bound, and 0.
    pub numbers: Matrix<f32>,
}

impl Halves {
    /// Words of a row of `d` dimensions.
    pub fn words(d: usize) -> usize {
        2 * d.div_ceil(4).next_multiple_of(STEP)
    }

    /// Room for `rows` vectors of `d` dimensions.
    pub fn allocate(engine: &Engine, rows: usize, d: usize) -> Result<Self> {
        let halves = engine.uninitialized(rows, Self::words(d))?;
        Ok(Self { halves, numbers: engine.uninitialized(rows, 4)? })
    }

    /// Quads of dimensions of a row.
    pub fn quads(&self) -> usize {
        self.halves.cols() / 2
    }

    /// Dimensions of a row, with those of padding.
    pub fn dimensions(&self) -> usize {
        4 * self.quads()
    }
}

impl Recorder<'_> {
    /// Puts the rows of a `window` of `x` (n, d), less the `mean` (1, d or more), into the first `rows` rows of `to`; those behind
    /// the window's are zero, and infinitely far from everything.
    pub(crate) fn round_to_half(
        &mut self,
        x: &Matrix<f32>,
        window: Range<usize>,
        mean: &Matrix<f32>,
        to: &mut Halves,
        rows: usize,
    ) -> Result<()> {
        let d = x.cols();
        let bound = HalfBound::f16_on_gpu(to.dimensions());
        if self.gpu().is_none() {
            let x = &x.host()[window.start * d..window.end * d];
            let (words, numbers) = (rows * to.halves.cols(), 4 * rows);
            let (halves, numbers) =
                (&mut to.halves.host_mut()[..words], &mut to.numbers.host_mut()[..numbers]);
            cpu::to_half::to_half(x, mean.host(), d, bound, halves, numbers);
            return Ok(());
        }
        let params = Params {
            n: window.len() as u32,
            d: d as u32,
            rows: rows as u32,
            quads: to.quads() as u32,
            square: bound.square,
            lost: bound.lost,
            constant: bound.constant,
        };
        let bindings =
            [x.slice(window), mean.whole("the mean")?, to.halves.slice(0..rows), to.numbers.slice(0..rows)];
        self.dispatch(&SHADER, &variant(d), &params, &bindings, (rows as u64).div_ceil(super::ROWS))
    }
}
