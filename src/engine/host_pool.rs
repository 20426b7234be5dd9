//! Host memory that is used again, for the CPU backend.
//!
//! A batch asks for the same sizes as the batch before. Memory fresh from the system has to be cleared and mapped page by
//! page first, which takes longer than many a kernel.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use super::Element;
use super::pool::size_class;

/// Bytes kept for reuse at most; beyond that dropped memory is freed.
const KEPT_BYTES: usize = 256 << 20;

/// A free list per size.
#[derive(Default)]
pub(crate) struct HostPool {
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    buffers: HashMap<usize, Vec<Vec<u32>>>,
    bytes: usize,
}

/// Elements that return to their pool when dropped.
pub(crate) struct HostBuffer<T> {
    /// A size class of four-byte words, at the beginning of which the elements lie.
    words: Vec<u32>,
    /// How many elements there are.
    len: usize,
    pool: Arc<HostPool>,
    element: PhantomData<T>,
}

impl HostPool {
    /// `len` elements of whatever the memory held.
    pub fn take<T: Element>(self: &Arc<Self>, len: usize) -> HostBuffer<T> {
        let size = size_class((len * size_of::<T>()) as u64) as usize / 4;
        let mut free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let words = match free.buffers.get_mut(&size).and_then(Vec::pop) {
            Some(words) => {
                free.bytes -= 4 * size;
                words
            }
            None => vec![0; size],
        };
        HostBuffer { words, len, pool: Arc::clone(self), element: PhantomData }
    }
}

impl<T> Drop for HostBuffer<T> {
    fn drop(&mut self) {
        let words = std::mem::take(&mut self.words);
        let mut free = self.pool.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if free.bytes + 4 * words.len() <= KEPT_BYTES {
            free.bytes += 4 * words.len();
            free.buffers.entry(words.len()).or_default().push(words);
        }
    }
}

impl<T: Element> Deref for HostBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl<T: Element> DerefMut for HostBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_out_again() {
        let pool = Arc::new(HostPool::default());
        let mut first = pool.take::<f32>(1000);
        first[999] = 7.0;
        let at = first.as_ptr();
        drop(first);
        // 1000 and 1001 are of one size class, 2000 is not.
        let other = pool.take::<u32>(2000);
        let second = pool.take::<f32>(1001);
        assert_eq!((second.len(), second.as_ptr(), second[999]), (1001, at, 7.0));
        assert_ne!(other.as_ptr().cast(), at);
        drop(second);
        // Four times as many bytes take the same room.
        let third = pool.take::<u8>(4001);
        assert_eq!((third.len(), third.as_ptr().cast()), (4001, at));
    }
}
