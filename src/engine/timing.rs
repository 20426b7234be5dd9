//! How long each kernel took on the device, by its own clock.

use serde::Serialize;

use super::gpu::Gpu;
use crate::error::{Error, Result};

/// One kernel's time on the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KernelTime {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Seconds between its start and its end on the device.
    pub seconds: f64,
}

/// Timestamps of the dispatches of one recorder: two each.
pub(super) struct Timer {
    queries: wgpu::QuerySet,
    kernels: Vec<&'static str>,
}

/// Dispatches that are timed at most: a query set holds 4096 timestamps. Later ones run untimed.
const MOST: usize = 2048;

impl Timer {
    /// `None` where the device offers no timestamps.
    pub fn new(gpu: &Gpu) -> Option<Self> {
        gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Self {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("wgvq"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * MOST as u32,
            }),
            kernels: Vec::new(),
        })
    }

    /// Where the next dispatch, of `kernel`, writes its two timestamps.
    pub fn next(&mut self, kernel: &'static str) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let first = 2 * self.kernels.len() as u32;
        (self.kernels.len() < MOST).then(|| {
            self.kernels.push(kernel);
            wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            }
        })
    }

    /// Submits `encoder` and reads the times.
    pub fn submit(self, gpu: &Gpu, mut encoder: wgpu::CommandEncoder) -> Result<Vec<KernelTime>> {
        if self.kernels.is_empty() {
            gpu.submit([encoder.finish()])?;
            return Ok(Vec::new());
        }
        let bytes = 16 * self.kernels.len() as u64;
        let buffer = |usage| {
            let size = bytes.next_multiple_of(wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT);
            let label = Some("timestamps");
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label,
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        encoder.resolve_query_set(&self.queries, 0..2 * self.kernels.len() as u32, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
        gpu.submit([encoder.finish()])?;
        let view = staging.slice(..bytes);
        view.map_async(wgpu::MapMode::Read, |_| {});
        gpu.wait()?;
        let mapped =
            view.get_mapped_range().map_err(|error| Error::device(format!("timestamps: {error}")))?;
        let period = f64::from(gpu.queue.get_timestamp_period()) * 1e-9;
        let ticks =
            |at: usize| u64::from_le_bytes(mapped[8 * at..8 * at + 8].try_into().expect("eight bytes"));
        let time = |(number, &kernel): (usize, &&'static str)| KernelTime {
            kernel,
            // A clock that was reset in between would give a negative time.
            seconds: ticks(2 * number + 1).saturating_sub(ticks(2 * number)) as f64 * period,
        };
        Ok(self.kernels.iter().enumerate().map(time).collect())
    }
}
