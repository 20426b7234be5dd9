//! Device buffers that are used again.
//!
//! Allocating on a GPU is slow and k-means asks for the same sizes every iteration, so a buffer that is
//! dropped goes back to its size class. Giving it out again at once is safe: whoever recorded work on it
//! holds an [`Arc`] until that work is submitted, and submissions run in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

/// Bytes kept for reuse at most; beyond that a dropped buffer is freed.
const KEPT_BYTES: u64 = 1 << 30;

/// A free list per size and use.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    buffers: HashMap<(u64, wgpu::BufferUsages), Vec<wgpu::Buffer>>,
    bytes: u64,
}

/// A buffer that returns to its pool when the last holder lets go.
pub(crate) struct Pooled {
    buffer: Option<wgpu::Buffer>,
    pool: Weak<Pool>,
}

impl Pool {
    /// A free buffer of `bytes` rounded up to a size class, or `None` if there is none.
    pub fn take(self: &Arc<Self>, bytes: u64, usage: wgpu::BufferUsages) -> Option<Pooled> {
        let size = size_class(bytes);
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let buffer = free.buffers.get_mut(&(size, usage))?.pop()?;
        free.bytes -= size;
        Some(Pooled { buffer: Some(buffer), pool: Arc::downgrade(self) })
    }

    /// Lets go of everything that is kept for reuse.
    pub fn clear(&self) {
        *self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Free::default();
    }

    /// Puts a newly created buffer of exactly `size_class` bytes under the pool's care.
    pub fn adopt(self: &Arc<Self>, buffer: wgpu::Buffer) -> Pooled {
        Pooled { buffer: Some(buffer), pool: Arc::downgrade(self) }
    }
}

impl Pooled {
    /// Frees the buffer instead of giving it back: for one whose state is not known.
    pub fn abandon(mut self) {
        self.buffer = None;
    }

    pub fn buffer(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("present until dropped")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let (Some(buffer), Some(pool)) = (self.buffer.take(), self.pool.upgrade()) else { return };
        let mut free = pool.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // A size that is no class of its own, next to the device's limit, is never asked for again.
        let reusable = buffer.size() == size_class(buffer.size());
        if reusable && free.bytes + buffer.size() <= KEPT_BYTES {
            free.bytes += buffer.size();
            free.buffers.entry((buffer.size(), buffer.usage())).or_default().push(buffer);
        }
    }
}

/// `bytes` rounded up to 1, 1.25, 1.5 or 1.75 times a power of two, and to 256 at least: at most a quarter
/// of a buffer is wasted, and nearby sizes share a class.
pub(crate) fn size_class(bytes: u64) -> u64 {
    if bytes <= 256 {
        return 256;
    }
    let step = 1 << (bytes.ilog2() - 2);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn size_classes_hold_what_is_asked_and_waste_at_most_a_quarter() {
        for bytes in (0..5000).chain([1 << 20, (1 << 20) + 1, (1 << 31) - 3]) {
            let class = size_class(bytes);
            assert!(class >= bytes && class.is_multiple_of(64), "{bytes} -> {class}");
            assert!(bytes <= 256 || class * 4 <= bytes * 5, "{bytes} -> {class}");
        }
    }
}
