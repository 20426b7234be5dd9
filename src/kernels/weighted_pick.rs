//! Host side of `weighted_pick`: rows drawn by weight.

use crate::cpu;
use crate::cpu::reduce::BLOCK;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::rng;

pub(crate) static SHADER: Shader = Shader {
    stem: "weighted_pick",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/wide_product.wgsl"),
        include_str!("../../shaders/shared/philox.wgsl"),
        include_str!("../../shaders/weighted_pick.wgsl"),
    ],
    reads: &["weights", "nodes"],
    writes: &["picked"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params {
    n: u32,
    first_node: u32,
    candidates: u32,
    is_top: u32,
    level: u32,
    rows: u32,
    rows_per_child: u32,
    step_low: u32,
    step_high: u32,
    key_low: u32,
    key_high: u32,
});

impl Recorder<'_> {
    /// Draws row numbers, independently and with replacement, with probability proportional to the rows' weights:
    /// the D² sampling of k-means++ (Arthur and Vassilvitskii, SODA 2007), any number of candidates at once.
    ///
    /// Shapes: `weights` (n, 1) with n ≥ 1, none negative; `picked` (l, 1). A row of weight 0 is never picked, unless
    /// all are 0: then every row is as likely. Candidate c depends on `seed`, `step` and c alone (Philox counter c
    /// of that step), besides the weights.
    ///
    /// The draw descends a tree of sums over 256 rows, 256 of those, and so on, with 24 random bits at each level.
    /// So a row's probability is right up to a share of at most 65 · 2⁻²⁴ of its block's, at each level: the rounding
    /// of partial sums. Weights below [`f32::MIN_POSITIVE`] may count as 0; their sum has to be finite.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let weights = engine.upload(ndarray::array![[0.0_f32], [2.0], [0.0]].view())?;
    /// let mut picked = engine.zeros(4, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.weighted_pick(&weights, 7, 0, &mut picked)?;
    /// recorder.submit()?;
    /// assert_eq!(picked.download()?, ndarray::array![[1], [1], [1], [1]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or there is no row to pick.
    pub fn weighted_pick(
        &mut self,
        weights: &Matrix<f32>,
        seed: u64,
        step: u64,
        picked: &mut Matrix<u32>,
    ) -> Result<()> {
        let n = weights.rows();
        self.same_engine("weighted_pick", &[weights.engine(), picked.engine()])?;
        expect_shape("weighted_pick", "weights", weights.shape(), (n, 1))?;
        expect_shape("weighted_pick", "picked", picked.shape(), (picked.rows(), 1))?;
        if picked.is_empty() {
            return Ok(());
        }
        if n == 0 {
            return Err(Error::shape("weighted_pick: weights has 0 rows, of which none can be picked"));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::shape(format!(
                "weighted_pick: {n} rows are more than 32-bit row numbers can tell"
            )));
        }
        if self.gpu().is_none() {
            cpu::weighted_pick::weighted_pick(weights.host(), seed, step, picked.host_mut());
            return Ok(());
        }
        let mut sums: Vec<Matrix<f32>> = Vec::new();
        while let Some(level) = Some(sums.last().unwrap_or(weights)).filter(|level| level.rows() > BLOCK) {
            let mut next = self.engine().uninitialized(level.rows().div_ceil(BLOCK), 1)?;
            self.block_sums(level, &mut next)?;
            sums.push(next);
        }
        let [key_low, key_high] = rng::key(seed);
        let mut nodes = None;
        for level in (0..=sums.len()).rev() {
            let params = Params {
                n: 0,
                first_node: 0,
                candidates: picked.rows() as u32,
                is_top: u32::from(level == sums.len()),
                level: level as u32,
                rows: n as u32,
                rows_per_child: BLOCK.pow(level as u32) as u32,
                step_low: step as u32,
                step_high: (step >> 32) as u32,
                key_low,
                key_high,
            };
            if level == 0 {
                return self.descend(params, weights, nodes.as_ref(), picked);
            }
            let mut children = self.engine().uninitialized(picked.rows(), 1)?;
            self.descend(params, &sums[level - 1], nodes.as_ref(), &mut children)?;
            nodes = Some(children);
        }
        Ok(())
    }

    /// Takes every candidate from its node to one of the node's children.
    fn descend(
        &mut self,
        params: Params,
        weights: &Matrix<f32>,
        nodes: Option<&Matrix<u32>>,
        picked: &mut Matrix<u32>,
    ) -> Result<()> {
        let nodes = nodes.map(|nodes| nodes.whole("the candidates of weighted_pick")).transpose()?;
        let picked = picked.whole("the candidates of weighted_pick")?;
        for window in grid::row_windows(weights.rows(), [weights.shard_rows()]) {
            let params =
                Params { n: window.len() as u32, first_node: (window.start / BLOCK) as u32, ..params };
            let children = weights.slice(window);
            // At the top no nodes are read.
            let nodes = nodes.clone().unwrap_or_else(|| children.clone());
            let bindings = [children, nodes, picked.clone()];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, u64::from(params.candidates))?;
        }
        Ok(())
    }
}
