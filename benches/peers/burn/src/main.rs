//! burn's nearest codeword, as its users write it: the products by `matmul`, then `argmin`.
//!
//! ```text
//! cargo run --release -- ROUNDS N D K [N D K ...]
//! ```
//!
//! Prints one JSON object for each shape: the seconds of every round, of device time as the host sees it, on the same
//! adapter that wgpu picks for burn (a software rasteriser where there is no other).

use std::time::Instant;

use burn::backend::wgpu::{Wgpu, WgpuDevice};
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Tensor};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().expect("a whole number")).collect();
    let (rounds, shapes) = numbers.split_first().expect("ROUNDS N D K");
    let device = WgpuDevice::DefaultDevice;
    for shape in shapes.chunks_exact(3) {
        let (n, d, k) = (shape[0], shape[1], shape[2]);
        let x = Tensor::<Wgpu, 2>::random([n, d], Distribution::Normal(0.0, 1.0), &device);
        let codewords = Tensor::<Wgpu, 2>::random([k, d], Distribution::Normal(0.0, 1.0), &device);
        let half_norms = (codewords.clone() * codewords.clone()).sum_dim(1).transpose() * 0.5;
        let mut seconds = Vec::new();
        for round in 0..=*rounds {
            Wgpu::<f32, i32>::sync(&device).expect("the device");
            let start = Instant::now();
            let scores = half_norms.clone() - x.clone().matmul(codewords.clone().transpose());
            let codes = scores.argmin(1);
            Wgpu::<f32, i32>::sync(&device).expect("the device");
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
            drop(codes);
        }
        println!("{{\"n\": {n}, \"d\": {d}, \"k\": {k}, \"seconds\": {seconds:?}}}");
    }
}
