//! NSVQ that ends with the codewords themselves.

use wgvq::train::estimators::{Backward, Estimator, Forward, Nsvq, Ste};
use wgvq::{Matrix, Recorder, Result};

/// NSVQ, and straight-through from step `from` on: the decoder, which had codewords with noise until then, learns to do
/// without noise, as it will have to.
pub struct HardEnd {
    from: u64,
    nsvq: Nsvq,
    ste: Ste,
    hard: bool,
}

impl HardEnd {
    pub fn new(from: u64, seed: u64) -> Result<Self> {
        Ok(Self { from, nsvq: Nsvq::new(seed), ste: Ste::new(1.0, 0.25)?, hard: false })
    }

    fn current(&mut self) -> &mut dyn Estimator {
        if self.hard { &mut self.ste } else { &mut self.nsvq }
    }
}

impl Estimator for HardEnd {
    fn name(&self) -> &'static str {
        "nsvq with a hard end"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        self.hard = step >= self.from;
        self.current().record_forward(recorder, x, codebook, step, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        self.current().record_backward(recorder, pass)
    }
}
