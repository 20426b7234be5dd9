//! Host side of `hadamard`: rotations by Hadamard matrices.

use ndarray::ArrayView2;

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::mixing::{BLOCK, Turn};

pub(crate) static SHADER: Shader = Shader {
    stem: "hadamard",
    source: &[super::GRID, include_str!("../../shaders/hadamard.wgsl")],
    reads: &["x", "moves"],
    writes: &["turned"],
    params: Params::FIELDS,
    variants: || vec![THERE.clone(), BACK.clone()],
};

static THERE: Variant = Variant::overriding(&[("BACK", 0.0)]);
static BACK: Variant = Variant::overriding(&[("BACK", 1.0)]);

shader_params!(Params { n: u32, d: u32, round: u32, blocks: u32 });

/// Blocks per workgroup.
const BLOCKS: u64 = super::WORKGROUP / (BLOCK as u64 / 4);

/// A rotation of d coordinates on a device: rounds of which each permutes them, changes some of their signs, and multiplies blocks of
/// them with Hadamard matrices.
pub(crate) struct Mixing {
    moves: Matrix<u32>,
}

impl Mixing {
    /// Rounds by their `moves` (rounds, d): each row is a permutation, with [`NEGATED`](crate::ops::mixing::NEGATED) set where a sign
    /// changes. There is a round at least.
    pub fn new(engine: &Engine, moves: ArrayView2<u32>) -> Result<Self> {
        Ok(Self { moves: engine.upload(moves)? })
    }

    pub fn d(&self) -> usize {
        self.moves.cols()
    }
}

impl Recorder<'_> {
    /// `turned[i]` becomes `x[i]`, turned there or back. A turn there and back is off by rounding alone, and each has the same bits
    /// on every device as long as no number on the way is below 2⁻¹²⁶.
    ///
    /// Shapes: `x` and `turned` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the moves are over the device's binding limit.
    pub(crate) fn hadamard(
        &mut self,
        x: &Matrix<f32>,
        mixing: &Mixing,
        turn: Turn,
        turned: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("hadamard", &[x.engine(), mixing.moves.engine(), turned.engine()])?;
        expect_shape("hadamard", "x", x.shape(), (n, mixing.d()))?;
        expect_shape("hadamard", "turned", turned.shape(), (n, d))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::hadamard::hadamard(x.host(), d, mixing.moves.host(), turn, turned.host_mut());
            return Ok(());
        }
        // Each round reads what the one before has written; the last one writes `turned`.
        let rounds = mixing.moves.rows();
        let mut between = self.engine().uninitialized(if rounds > 1 { n } else { 0 }, d)?;
        for done in 0..rounds {
            let round = match turn {
                Turn::There => done,
                Turn::Back => rounds - 1 - done,
            };
            let to_turned = (rounds - 1 - done).is_multiple_of(2);
            match (done, to_turned) {
                (0, true) => self.hadamard_round(x, mixing, turn, round, turned)?,
                (0, false) => self.hadamard_round(x, mixing, turn, round, &mut between)?,
                (_, true) => self.hadamard_round(&between, mixing, turn, round, turned)?,
                (_, false) => self.hadamard_round(turned, mixing, turn, round, &mut between)?,
            }
        }
        Ok(())
    }

    fn hadamard_round(
        &mut self,
        x: &Matrix<f32>,
        mixing: &Mixing,
        turn: Turn,
        round: usize,
        turned: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        let moves = mixing.moves.whole("hadamard: moves")?;
        let variant = match turn {
            Turn::There => &THERE,
            Turn::Back => &BACK,
        };
        let blocks = d.div_ceil(BLOCK);
        for window in grid::row_windows(n, [x.shard_rows(), turned.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                d: d as u32,
                round: (round * d) as u32,
                blocks: blocks as u32,
            };
            let bindings = [x.slice(window.clone()), moves.clone(), turned.slice(window.clone())];
            let workgroups = (window.len() as u64 * blocks as u64).div_ceil(BLOCKS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
