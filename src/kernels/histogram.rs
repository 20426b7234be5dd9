//! Host side of `histogram`: how often each code occurs.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "histogram",
    source: &[super::GRID, include_str!("../../shaders/histogram.wgsl")],
    reads: &["codes"],
    writes: &["counts"],
    params: Params::FIELDS,
    variants: || vec![CLEAR, COUNT],
};

const CLEAR: Variant = Variant::overriding(&[("PASS", 0.0)]);
const COUNT: Variant = Variant::overriding(&[("PASS", 1.0)]);

/// Codes per workgroup: `BLOCK` in the shader.
const BLOCK: u64 = 4096;

shader_params!(Params { n: u32, first: u32, k: u32 });

impl Recorder<'_> {
    /// `counts[c]` = how many of `codes` equal c.
    ///
    /// Shapes: `codes` (n, 1), `counts` (k, 1). A code that is not below k is not counted.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let codes = engine.upload(array![[2_u32], [0], [2]].view())?;
    /// let mut counts = engine.zeros::<u32>(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.histogram(&codes, &mut counts)?;
    /// recorder.submit()?;
    /// assert_eq!(counts.download()?, array![[1], [0], [2]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn histogram(&mut self, codes: &Matrix<u32>, counts: &mut Matrix<u32>) -> Result<()> {
        let (n, k) = (codes.rows(), counts.rows());
        self.same_engine("histogram", &[codes.engine(), counts.engine()])?;
        expect_shape("histogram", "codes", codes.shape(), (n, 1))?;
        expect_shape("histogram", "counts", counts.shape(), (k, 1))?;
        if k == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::histogram::histogram(codes.host(), counts.host_mut());
            return Ok(());
        }
        for bins in grid::row_windows(k, [counts.shard_rows()]) {
            let (first, k) = (bins.start as u32, bins.len() as u32);
            let counts = counts.slice(bins);
            let params = Params { n: 0, first, k };
            let bindings = [codes.slice(0..0), counts.clone()];
            self.dispatch(&SHADER, &CLEAR, &params, &bindings, u64::from(k).div_ceil(super::WORKGROUP))?;
            for window in grid::row_windows(n, [codes.shard_rows()]) {
                let params = Params { n: window.len() as u32, first, k };
                let workgroups = (window.len() as u64).div_ceil(BLOCK);
                self.dispatch(&SHADER, &COUNT, &params, &[codes.slice(window), counts.clone()], workgroups)?;
            }
        }
        Ok(())
    }
}
