//! Host memory that the device reads, used again.
//!
//! Memory for transfers is slow to get: the driver pins every page of it. So a few buffers are kept mapped; bytes are copied
//! into one, the device takes them from there, and the buffer is mapped again behind it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use rayon::prelude::*;

use super::gpu::{Gpu, Slab};
use crate::error::{Error, Result};

/// Bytes of one staging buffer.
const CHUNK: usize = 8 << 20;

/// Staging buffers at most: one that is filled while the device takes from the others.
const BUFFERS: usize = 4;

/// Bytes below which the queue's own staging is as fast.
pub(super) const SMALL: usize = 64 << 10;

const STAGING: wgpu::BufferUsages = wgpu::BufferUsages::MAP_WRITE.union(wgpu::BufferUsages::COPY_SRC);

/// Bytes that one thread copies at a time.
const PART: usize = 512 << 10;

/// The staging buffers of one device.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<Ring>>);

#[derive(Default)]
struct Ring {
    /// Mapped: to be filled.
    ready: Vec<wgpu::Buffer>,
    /// The submissions whose buffers are to be ready again, oldest first.
    flying: VecDeque<wgpu::SubmissionIndex>,
}

impl Uploads {
    /// Hands `bytes` to the device so that they are in `slab` before the next submission runs.
    pub fn write(&self, gpu: &Gpu, slab: &Slab, bytes: &[u8]) -> Result<()> {
        for (at, chunk) in bytes.chunks(CHUNK).enumerate() {
            let staging = self.take(gpu)?;
            let size = chunk.len() as u64;
            let mut view = staging
                .get_mapped_range_mut(..size)
                .map_err(|error| Error::device(format!("staging memory: {error}")))?;
            copy(chunk, view.slice(..));
            drop(view);
            staging.unmap();
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            let offset = slab.offset + (at * CHUNK) as u64;
            encoder.copy_buffer_to_buffer(&staging, 0, &slab.buffer, offset, size);
            let submission = gpu.queue.submit([encoder.finish()]);
            self.lock().flying.push_back(submission);
            let (ring, buffer) = (self.clone(), staging.clone());
            staging.map_async(wgpu::MapMode::Write, .., move |mapped| {
                ring.land(mapped.is_ok().then_some(buffer));
            });
        }
        gpu.check()
    }

    /// A mapped buffer: one that is ready, a new one as long as there are few, or the next that the device is done with.
    fn take(&self, gpu: &Gpu) -> Result<wgpu::Buffer> {
        loop {
            let oldest = {
                let mut ring = self.lock();
                if let Some(buffer) = ring.ready.pop() {
                    return Ok(buffer);
                }
                ring.flying.front().filter(|_| ring.flying.len() >= BUFFERS).cloned()
            };
            match oldest {
                Some(oldest) => gpu.wait_for(oldest)?,
                None => return gpu.create_mapped(CHUNK as u64, STAGING),
            }
        }
    }

    /// Takes back the buffer of the oldest submission, if it could be mapped.
    fn land(&self, buffer: Option<wgpu::Buffer>) {
        let mut ring = self.lock();
        ring.flying.pop_front();
        if ring.ready.len() < BUFFERS {
            ring.ready.extend(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Copies `from` to mapped memory, of the same length, by all threads.
fn copy(from: &[u8], to: wgpu::WriteOnly<'_, [u8]>) {
    let (parts, mut rest) = to.into_chunks::<PART>();
    let whole = from.chunks_exact(PART);
    rest.copy_from_slice(whole.remainder());
    let pairs: Vec<_> = whole.zip(parts).collect();
    pairs.into_par_iter().for_each(|(from, to)| wgpu::WriteOnly::<[u8]>::from(to).copy_from_slice(from));
}
