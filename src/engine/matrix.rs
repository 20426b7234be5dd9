//! A matrix that lives on the engine's device.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::element::Element;
use super::gpu::{Gpu, Reading, Slab};
use super::host_pool::HostBuffer;
use super::{Backend, Engine, grid};
use crate::cpu;
use crate::error::{Error, Result};

/// `rows × cols` elements, row-major, in the memory of an [`Engine`]'s device.
///
/// Made by [`Engine::upload`], [`Engine::zeros`] or [`Engine::wrap`], filled by the kernels that a
/// [`Recorder`](crate::Recorder) runs, read back with [`Matrix::download`]. On a GPU a matrix larger than one
/// binding is cut into shards of whole rows; nobody above the engine sees them.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(ndarray::array![[1.0_f32, 2.0], [3.0, 4.0]].view())?;
/// assert_eq!((x.rows(), x.cols()), (2, 2));
/// assert_eq!(x.download()?[[1, 0]], 3.0);
/// # Ok(())
/// # }
/// ```
pub struct Matrix<T: Element> {
    engine: Engine,
    rows: usize,
    cols: usize,
    storage: Storage<T>,
    /// The largest code of each column that the host has written; empty once a kernel has written, or if there are no codes.
    peaks: Vec<Peak>,
}

/// The largest code of a column, and a row that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peak {
    pub code: u32,
    pub row: usize,
}

enum Storage<T: Element> {
    Host(HostBuffer<T>),
    /// Shards of `shard_rows` rows each, the last one shorter.
    Device {
        slabs: Vec<Slab>,
        shard_rows: usize,
    },
}

impl<T: Element> Matrix<T> {
    pub(super) fn new(engine: &Engine, rows: usize, cols: usize) -> Result<Self> {
        let too_large = || Error::shape(format!("a {rows} × {cols} matrix of {} is too large", T::NAME));
        let elements = rows.checked_mul(cols).ok_or_else(too_large)?;
        elements.checked_mul(size_of::<T>()).filter(|&b| b <= isize::MAX as usize).ok_or_else(too_large)?;
        let storage = match engine.backend() {
            Backend::Cpu(cpu) => {
                let mut values = cpu.pool.take(elements);
                if cpu.checked {
                    values.fill(T::POISON);
                }
                Storage::Host(values)
            }
            Backend::Gpu(gpu) => {
                let row_bytes = (cols * size_of::<T>()) as u64;
                let shard_rows = grid::rows_per_shard(rows, row_bytes, gpu.max_binding())?;
                // Even an empty matrix has a slab: a binding cannot be empty.
                let slabs = grid::row_windows(rows.max(1), [shard_rows])
                    .into_iter()
                    .map(|window| gpu.allocate(window.len() as u64 * row_bytes))
                    .collect::<Result<_>>()?;
                Storage::Device { slabs, shard_rows }
            }
        };
        Ok(Self { engine: engine.clone(), rows, cols, storage, peaks: Vec::new() })
    }

    pub(super) fn wrapped(engine: &Engine, slab: Slab, rows: usize, cols: usize) -> Self {
        let storage = Storage::Device { slabs: vec![slab], shard_rows: rows.max(1) };
        Self { engine: engine.clone(), rows, cols, storage, peaks: Vec::new() }
    }

    /// How many rows (vectors) there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns (dimensions) there are.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// `(rows, cols)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 || self.cols == 0
    }

    /// The engine whose device holds the elements.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Copies the matrix to the host, waiting for everything submitted before.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU failed in the meantime.
    pub fn download(&self) -> Result<Array2<T>> {
        self.download_rows(0..self.rows)
    }

    /// Copies `rows` to the host, waiting for everything submitted before.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `rows` reaches past the end; see also [`Matrix::download`].
    pub fn download_rows(&self, rows: Range<usize>) -> Result<Array2<T>> {
        pollster::block_on(self.read_back(rows, true))
    }

    /// [`Matrix::download`] without blocking the thread.
    ///
    /// An engine made [`from_wgpu`](Engine::from_wgpu) leaves polling the device to the app that owns it, as
    /// for the app's own buffer mappings; on any other engine a waiting thread does it.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let x = wgvq::Engine::cpu().upload(ndarray::array![[1.0_f32]].view())?;
    /// assert_eq!(futures::executor::block_on(x.download_async())?[[0, 0]], 1.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Matrix::download`].
    pub async fn download_async(&self) -> Result<Array2<T>> {
        self.read_back(0..self.rows, false).await
    }

    async fn read_back(&self, rows: Range<usize>, wait: bool) -> Result<Array2<T>> {
        self.begin_rows(rows)?.complete(wait).await
    }

    /// Starts to copy the matrix to the host, behind everything submitted so far and without waiting: what is
    /// submitted later does not delay it.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let x = wgvq::Engine::cpu().upload(ndarray::array![[1.0_f32]].view())?;
    /// let download = x.begin_download()?;
    /// // … submit the next piece of work …
    /// assert_eq!(download.finish()?[[0, 0]], 1.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Matrix::download`].
    pub fn begin_download(&self) -> Result<Download<T>> {
        self.begin_rows(0..self.rows)
    }

    fn begin_rows(&self, rows: Range<usize>) -> Result<Download<T>> {
        self.check_rows(&rows)?;
        let shape = (rows.len(), self.cols);
        let source = match &self.storage {
            Storage::Host(values) => {
                Source::Host(values[rows.start * self.cols..rows.end * self.cols].to_vec())
            }
            Storage::Device { shard_rows, .. } => {
                let mut readings = Vec::new();
                for window in grid::row_windows(self.rows, [*shard_rows]) {
                    let part = window.start.max(rows.start)..window.end.min(rows.end);
                    if !part.is_empty() && self.cols > 0 {
                        let (slab, mut wanted) = self.words(part);
                        for reading in self.gpu().begin_read(&slab)? {
                            let behind = wanted.end.saturating_sub(reading.bytes());
                            readings.push((wanted.start..wanted.end - behind, reading));
                            wanted = 0..behind;
                        }
                    }
                }
                Source::Device(readings)
            }
        };
        Ok(Download { shape, source })
    }

    /// Overwrites rows `first..first + values.nrows()`.
    ///
    /// On a GPU the new values are there before anything that is submitted later, and also before what is
    /// recorded already but not yet submitted.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `values` does not fit there; [`Input`](crate::ErrorKind::Input),
    /// naming row and column, if a value is NaN or infinite; [`Device`](crate::ErrorKind::Device).
    pub fn write_rows(&mut self, first: usize, values: ArrayView2<T>) -> Result<()> {
        self.check_rows(&(first..first.saturating_add(values.nrows())))?;
        if values.ncols() != self.cols {
            return Err(Error::shape(format!(
                "expected {} columns, as the matrix has, got {}",
                self.cols,
                values.ncols()
            )));
        }
        let values = values.as_standard_layout();
        let flat = values.as_slice().expect("standard layout");
        if let Some(at) = first_unacceptable(flat) {
            return Err(Error::input(format!(
                "the value at row {}, column {} is {:?}; every value has to be finite",
                first + at / self.cols,
                at % self.cols,
                flat[at]
            )));
        }
        let cols = self.cols;
        self.note_peaks(first, flat);
        match &mut self.storage {
            Storage::Host(own) => cpu::copy::copy(flat, &mut own[first * cols..][..flat.len()]),
            Storage::Device { shard_rows, .. } => {
                let rows = first..first + values.nrows();
                for window in grid::row_windows(self.rows, [*shard_rows]) {
                    let part = window.start.max(rows.start)..window.end.min(rows.end);
                    if part.is_empty() || cols == 0 {
                        continue;
                    }
                    let from = (part.start - first) * cols;
                    let bytes = bytemuck::cast_slice(&flat[from..from + part.len() * cols]);
                    self.write_bytes(part, bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the `bytes` of `rows`, which lie in one shard. A device takes whole words: where another row has a part in the
    /// first or last of them, that word is read first.
    fn write_bytes(&self, rows: Range<usize>, bytes: &[u8]) -> Result<()> {
        let shared_end = rows.end < self.rows;
        let (slab, own) = self.words(rows);
        if own == (0..slab.size as usize) {
            return self.gpu().write(&slab, bytes);
        }
        let mut words = vec![0; slab.size as usize];
        let last = slab.size - 4;
        for (at, shared) in [(0, own.start > 0), (last, own.end < words.len() && shared_end)] {
            if shared {
                let word = &mut words[at as usize..][..4];
                for reading in self.gpu().begin_read(&slab.part(at, 4))? {
                    pollster::block_on(reading.finish(true, |bytes| word.copy_from_slice(bytes)))?;
                }
            }
        }
        words[own].copy_from_slice(bytes);
        self.gpu().write(&slab, &words)
    }

    /// Keeps in mind the largest codes of the rows from `first` on, which the host gives.
    fn note_peaks(&mut self, first: usize, values: &[T]) {
        if values.first().and_then(T::code).is_none() {
            return;
        }
        // What all rows are overwritten with counts alone.
        if values.len() == self.rows * self.cols || self.host_peaks().is_empty() {
            self.peaks.clear();
        }
        self.peaks.resize(self.cols, Peak { code: 0, row: first });
        for (row, values) in values.chunks_exact(self.cols).enumerate() {
            for (peak, code) in self.peaks.iter_mut().zip(values.iter().filter_map(T::code)) {
                if code > peak.code {
                    *peak = Peak { code, row: first + row };
                }
            }
        }
        if let Storage::Device { slabs, .. } = &self.storage {
            slabs.iter().for_each(|slab| slab.buffer.set_computed(false));
        }
    }

    /// The largest code of each column, if all codes are what the host has written. None for what kernels have computed,
    /// whose codes are below the size of their codebook.
    pub(crate) fn host_peaks(&self) -> &[Peak] {
        match &self.storage {
            Storage::Device { slabs, .. } if slabs.iter().any(|slab| slab.buffer.is_computed()) => &[],
            _ => &self.peaks,
        }
    }

    fn check_rows(&self, rows: &Range<usize>) -> Result<()> {
        if rows.start > rows.end || rows.end > self.rows {
            return Err(Error::shape(format!(
                "rows {}..{} of a matrix that has {}",
                rows.start, rows.end, self.rows
            )));
        }
        Ok(())
    }

    /// The elements, on the CPU backend.
    pub(crate) fn host(&self) -> &[T] {
        match &self.storage {
            Storage::Host(values) => values,
            Storage::Device { .. } => unreachable!("only CPU twins ask, and only on the CPU backend"),
        }
    }

    /// The elements, on the CPU backend.
    pub(crate) fn host_mut(&mut self) -> &mut [T] {
        self.peaks.clear();
        match &mut self.storage {
            Storage::Host(values) => values,
            Storage::Device { .. } => unreachable!("only CPU twins ask, and only on the CPU backend"),
        }
    }

    fn gpu(&self) -> &Arc<Gpu> {
        match self.engine.backend() {
            Backend::Gpu(gpu) => gpu,
            Backend::Cpu(_) => unreachable!("a device matrix belongs to a GPU engine"),
        }
    }

    /// The height of a shard, for [`grid::row_windows`].
    pub(crate) fn shard_rows(&self) -> usize {
        match &self.storage {
            Storage::Host(_) => self.rows.max(1),
            Storage::Device { shard_rows, .. } => *shard_rows,
        }
    }

    /// What to bind for `rows`, which lie in one shard (a window from [`grid::row_windows`]) and begin with a word.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Slab {
        let (slab, own) = self.words(rows);
        debug_assert_eq!(own.start, 0, "rows that begin within a word");
        slab
    }

    /// The words that hold `rows`, which lie in one shard, and which of their bytes are those of the rows.
    fn words(&self, rows: Range<usize>) -> (Slab, Range<usize>) {
        let Storage::Device { slabs, shard_rows } = &self.storage else {
            unreachable!("only shaders and transfers ask, and only on a GPU")
        };
        let shard = rows.start / shard_rows;
        debug_assert!(rows.end <= (shard + 1) * shard_rows, "rows {rows:?} cross a shard of {shard_rows}");
        let row_bytes = self.cols * size_of::<T>();
        let offset = (rows.start - shard * shard_rows) * row_bytes;
        let own = offset % 4..offset % 4 + rows.len() * row_bytes;
        let size = own.end.next_multiple_of(4) as u64;
        (slabs[shard].part((offset - own.start) as u64, size), own)
    }

    /// What to bind for the whole matrix, which has to fit one binding.
    ///
    /// # Errors
    /// Names the matrix as `what` if it is sharded.
    pub(crate) fn whole(&self, what: &str) -> Result<Slab> {
        if self.rows > self.shard_rows() {
            return Err(Error::shape(format!(
                "{what} ({} × {}) is over this device's binding limit; at most {} rows fit",
                self.rows,
                self.cols,
                self.shard_rows()
            )));
        }
        Ok(self.slice(0..self.rows))
    }
}

/// A matrix on its way to the host. Made by [`Matrix::begin_download`].
pub struct Download<T> {
    shape: (usize, usize),
    source: Source<T>,
}

enum Source<T> {
    Host(Vec<T>),
    /// Stretches of words, and which of their bytes are wanted.
    Device(Vec<(Range<usize>, Reading)>),
}

impl<T: Element> Download<T> {
    /// Waits for the values.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU failed in the meantime.
    pub fn finish(self) -> Result<Array2<T>> {
        pollster::block_on(self.complete(true))
    }

    async fn complete(self, wait: bool) -> Result<Array2<T>> {
        let elements = match self.source {
            Source::Host(values) => values,
            Source::Device(readings) => {
                let mut elements = vec![T::zeroed(); self.shape.0 * self.shape.1];
                let mut rest = &mut elements[..];
                for (wanted, reading) in readings {
                    let (part, behind) = rest.split_at_mut(wanted.len() / size_of::<T>());
                    reading.finish(wait, |bytes| copy(&bytes[wanted], part)).await?;
                    rest = behind;
                }
                elements
            }
        };
        Ok(Array2::from_shape_vec(self.shape, elements).expect("one element per cell"))
    }
}

impl<T: Element> std::fmt::Debug for Matrix<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix<{}>({} × {} on {})", T::NAME, self.rows, self.cols, self.engine.name())
    }
}

/// Copies `bytes` by all threads: memory fresh from the system is mapped page by page as it is first written to.
fn copy<T: Element>(bytes: &[u8], to: &mut [T]) {
    use rayon::prelude::*;
    /// Elements that one thread copies at a time.
    const PART: usize = 1 << 17;
    // Staging memory is aligned to eight bytes at least.
    let from: &[T] = bytemuck::cast_slice(bytes);
    to.par_chunks_mut(PART).zip(from.par_chunks(PART)).for_each(|(to, from)| to.copy_from_slice(from));
}

/// The position of the first NaN or infinity.
fn first_unacceptable<T: Element>(values: &[T]) -> Option<usize> {
    use rayon::prelude::*;
    values.par_chunks(1 << 16).enumerate().find_map_first(|(chunk, part)| {
        // Testing all before looking for one lets the usual case vectorise.
        if part.iter().fold(true, |all, value| all & value.acceptable()) {
            return None;
        }
        part.iter().position(|value| !value.acceptable()).map(|at| (chunk << 16) + at)
    })
}
