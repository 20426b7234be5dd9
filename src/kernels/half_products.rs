//! Host side of `half_products`: the peak of products in f16, and how they are added up.

use ndarray::Array2;

use super::half_blocks::{self, SUBGROUPS};
use super::matrix_trial;
use crate::cpu;
use crate::engine::matrix_unit::HalfProducts;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "half_products",
    source: &[super::GRID, half_blocks::BLOCKS, include_str!("../../shaders/half_products.wgsl")],
    reads: &["rows", "codewords"],
    writes: &["sums"],
    params: Params::FIELDS,
    variants: half_blocks::variants,
};

shader_params!(Params { blocks: u32, rounds: u32 });

/// Rows and columns of a block of sums.
pub(crate) const BLOCK: usize = 32;

/// Dimensions of the vectors.
pub(crate) const DIMENSIONS: usize = 16;

/// 1 and 1 in f16.
const ONES: u32 = 0x3c00_3c00;

impl Recorder<'_> {
    /// `sums[i, j] = first_i·first_j + rounds·(again_i·again_j)` for blocks of 32 × 32: `rows` and `codewords` (64, 8) are 32
    /// vectors of 16 dimensions in f16, two in a word, for `first`, and 32 for `again`; `sums` is (32 blocks, 32).
    pub(crate) fn half_products(
        &mut self,
        products: HalfProducts,
        rows: &Matrix<u32>,
        codewords: &Matrix<u32>,
        rounds: u32,
        sums: &mut Matrix<f32>,
    ) -> Result<()> {
        let blocks = sums.rows() / BLOCK;
        self.same_engine("half_products", &[rows.engine(), codewords.engine(), sums.engine()])?;
        expect_shape("half_products", "sums", sums.shape(), (blocks * BLOCK, BLOCK))?;
        for (name, matrix) in [("rows", rows), ("codewords", codewords)] {
            expect_shape("half_products", name, matrix.shape(), (2 * BLOCK, DIMENSIONS / 2))?;
        }
        if self.gpu().is_none() {
            cpu::half_products::half_products(rows.host(), codewords.host(), rounds, sums.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(sums.rows(), [sums.shard_rows()]) {
            let blocks = window.len() / BLOCK;
            let params = Params { blocks: blocks as u32, rounds };
            let bindings = [rows.whole("the rows")?, codewords.whole("the codewords")?, sums.slice(window)];
            let workgroups = blocks.div_ceil(SUBGROUPS) as u64;
            self.dispatch(&SHADER, &half_blocks::variant(products), &params, &bindings, workgroups)?;
        }
        Ok(())
    }

    /// Nothing but products of 16-bit floats (f16), to measure what the matrix unit of a GPU does at best: `rounds` times 16 in
    /// each element of `sums`, which has 32 columns and a multiple of 32 rows. Gives back the number of operations, a multiply-add
    /// counted as two.
    ///
    /// `None`, and nothing is recorded, where [`assign`](Self::assign) computes no scores in f16: on the CPU, with
    /// [`Precision::F32`](crate::Precision::F32), and on GPUs without such a unit.
    ///
    /// ```
    /// use wgvq::{Engine, Precision};
    /// let engine = Engine::builder().precision(Precision::F32).build()?;
    /// let mut sums = engine.zeros(320, 32)?;
    /// assert_eq!(engine.recorder().multiply_f16(&mut sums, 10)?, None);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `sums` has another shape; [`Device`](crate::ErrorKind::Device) if the unit was asked
    /// for and does not pass its trial.
    pub fn multiply_f16(&mut self, sums: &mut Matrix<f32>, rounds: u32) -> Result<Option<u64>> {
        let Some(products) = matrix_trial::products_for(self.engine(), usize::MAX, usize::MAX)? else {
            return Ok(None);
        };
        let ones = Array2::from_elem((2 * BLOCK, DIMENSIONS / 2), ONES);
        let ones = self.engine().upload(ones.view())?;
        self.half_products(products, &ones, &ones, rounds, sums)?;
        let products = (sums.rows() * BLOCK * DIMENSIONS) as u64 * (u64::from(rounds) + 1);
        Ok(Some(2 * products))
    }
}
