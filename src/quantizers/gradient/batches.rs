//! The order in which a run goes through its vectors.

use ndarray::Array2;

use crate::rng::Rng;

/// Which vectors each step takes: all of them in a random order, then all in another.
pub(in crate::quantizers) struct Batches {
    n: usize,
    seed: u64,
    /// The order, and which one it is.
    order: Option<(u64, Vec<u32>)>,
}

impl Batches {
    pub fn new(n: usize, seed: u64) -> Self {
        Self { n, seed, order: None }
    }

    /// Those of step `step`, (batch, 1).
    pub fn rows(&mut self, step: u64, batch: usize) -> Array2<u32> {
        let first = step * batch as u64;
        let mut rows = Vec::with_capacity(batch);
        for at in first..first + batch as u64 {
            let (epoch, place) = (at / self.n as u64, (at % self.n as u64) as usize);
            rows.push(self.order(epoch)[place]);
        }
        Array2::from_shape_vec((batch, 1), rows).expect("one per vector")
    }

    fn order(&mut self, epoch: u64) -> &[u32] {
        const STREAM: u64 = 0x6261_7463_6800_0000;
        let current = self.order.take().filter(|&(of, _)| of == epoch);
        let (_, order) = self.order.insert(current.unwrap_or_else(|| {
            let mut order: Vec<u32> = (0..self.n as u32).collect();
            Rng::new(self.seed, STREAM.wrapping_add(epoch)).shuffle(&mut order);
            (epoch, order)
        }));
        order
    }
}
