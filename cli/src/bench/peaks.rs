//! What the device can do at best, measured on the spot.

use serde::{Deserialize, Serialize};
use wgvq::ops::MULTIPLY_ADD_CHAINS;
use wgvq::{Engine, Result};

use super::timing::{shortest, time, time_host};

#[derive(Debug, Serialize, Deserialize)]
pub struct Peaks {
    /// Bytes read and written by a copy on the device, in 10⁹ per second.
    pub copy_gbs: f64,
    /// Fused multiply-adds in f32, counted as two operations, in 10⁹ per second.
    pub multiply_add_gflops: f64,
    /// The same with factors in bf16, where scores are computed with those.
    pub multiply_add_bf16_gflops: Option<f64>,
    /// The same with factors in f16, where a GPU computes scores with those.
    pub multiply_add_f16_gflops: Option<f64>,
    /// Microseconds in which the host records and submits a kernel, among many, on a GPU.
    pub dispatch_us: Option<f64>,
}

/// Values of each side of a copy: smaller than any binding limit, larger than most caches.
pub const COPIED: usize = 1 << 24;

/// Blocks of products in bf16 for each thread: some milliseconds.
const BLOCKS: usize = 1 << 14;

/// Kernels that are recorded one behind the other.
const DISPATCHES: usize = 2000;

/// Rows and columns of the sums of products in f16, and rounds of 16 products in each: some milliseconds.
const SUMS: (usize, usize) = (1 << 18, 32);
const ROUNDS: u32 = 4096;

impl Peaks {
    pub fn measure(engine: &Engine, repeat: usize) -> Result<Self> {
        Ok(Self {
            copy_gbs: copy(engine, repeat)?,
            multiply_add_gflops: multiply_add(engine, repeat)?,
            multiply_add_bf16_gflops: multiply_add_bf16(engine, repeat)?,
            multiply_add_f16_gflops: multiply_add_f16(engine, repeat)?,
            dispatch_us: dispatch(engine, repeat)?,
        })
    }
}

fn copy(engine: &Engine, repeat: usize) -> Result<f64> {
    let source = engine.zeros::<f32>(COPIED, 1)?;
    let mut target = engine.zeros::<f32>(COPIED, 1)?;
    let seconds = time(engine, repeat, |recorder| recorder.copy(&source, &mut target))?;
    Ok(2.0 * 4.0 * COPIED as f64 / shortest(&seconds) / 1e9)
}

fn multiply_add(engine: &Engine, repeat: usize) -> Result<f64> {
    let (elements, rounds) =
        if engine.is_gpu() && !engine.is_software() { (1 << 20, 4096) } else { (4096, 1024) };
    let mut sums = engine.zeros::<f32>(elements, 1)?;
    let seconds = time(engine, repeat, |recorder| recorder.multiply_add(&mut sums, rounds, 0.999, 0.001))?;
    let operations = 2.0 * MULTIPLY_ADD_CHAINS as f64 * elements as f64 * f64::from(rounds);
    Ok(operations / shortest(&seconds) / 1e9)
}

fn multiply_add_bf16(engine: &Engine, repeat: usize) -> Result<Option<f64>> {
    let blocks = BLOCKS * rayon::current_num_threads();
    let mut operations = None;
    let seconds = time_host(repeat, || {
        operations = engine.multiply_bf16(blocks);
        Ok(())
    })?;
    Ok(operations.map(|operations| operations as f64 / shortest(&seconds) / 1e9))
}

fn multiply_add_f16(engine: &Engine, repeat: usize) -> Result<Option<f64>> {
    if engine.recorder().multiply_f16(&mut engine.zeros(SUMS.1, SUMS.1)?, 0)?.is_none() {
        return Ok(None);
    }
    let mut sums = engine.zeros(SUMS.0, SUMS.1)?;
    let mut operations = None;
    let seconds = time(engine, repeat, |recorder| {
        operations = recorder.multiply_f16(&mut sums, ROUNDS)?;
        Ok(())
    })?;
    Ok(operations.map(|operations| operations as f64 / shortest(&seconds) / 1e9))
}

/// The device's own time does not count: nobody waits for it.
fn dispatch(engine: &Engine, repeat: usize) -> Result<Option<f64>> {
    if !engine.is_gpu() {
        return Ok(None);
    }
    let mut value = engine.zeros::<f32>(1, 1)?;
    let seconds = time_host(repeat, || {
        let mut recorder = engine.recorder();
        (0..DISPATCHES).try_for_each(|_| recorder.fill(&mut value, 1.0))?;
        recorder.submit()
    })?;
    engine.wait()?;
    Ok(Some(shortest(&seconds) / DISPATCHES as f64 * 1e6))
}
