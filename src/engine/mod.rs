//! The engine: one handle to a device, a GPU through wgpu or the CPU.
//!
//! Everything above this module is written once, over [`Matrix`] and [`Recorder`], and does not know which
//! device runs it. Limits of devices (binding sizes, grid sides, alignments) are dealt with here and nowhere
//! else.

mod adapters;
mod cache_file;
mod core;
mod element;
pub(crate) mod gpu;
pub(crate) mod grid;
mod host_pool;
pub(crate) mod kept_tiles;
mod matrix;
pub(crate) mod matrix_unit;
mod origin;
mod pipelines;
mod pool;
mod precision;
mod recorder;
mod row_list;
pub(crate) mod shader;
pub(crate) mod tile;
pub(crate) mod tiles;
mod timing;
mod upload;

use std::sync::Arc;

use ndarray::ArrayView2;

pub use adapters::{DeviceInfo, devices};
pub use core::Core;
pub use element::{Convert, Element, Word};
pub use matrix::{Download, Matrix};
pub use precision::Precision;
pub use recorder::Recorder;
pub(crate) use recorder::expect_shape;
pub(crate) use row_list::RowList;
pub use timing::KernelTime;

use crate::cpu::first_look::{FirstLook, Looks};
use crate::cpu::half_peak;
use crate::cpu::half_unit::HalfUnit;
use crate::error::{Context, Error, Result};
use gpu::{Gpu, Slab};
use host_pool::HostPool;
use matrix_unit::{HalfProducts, MatrixUnit};
use tile::Tile;
use tiles::Tiles;

/// A device to compute on. Cheap to clone: clones are the same device.
///
/// ```
/// let engine = wgvq::Engine::auto()?;
/// println!("{}: {}", engine.name(), engine.reason());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    name: String,
    reason: String,
    tiles: Tiles,
    matrix_unit: Option<MatrixUnit>,
}

pub(crate) enum Backend {
    Cpu(Cpu),
    Gpu(Arc<Gpu>),
}

/// The CPU backend: kernels run at once, on rayon's current thread pool.
pub(crate) struct Cpu {
    /// Poison fresh matrices, as on a checked GPU.
    pub checked: bool,
    pub pool: Arc<HostPool>,
    pub first_look: FirstLook,
}

impl Drop for Cpu {
    fn drop(&mut self) {
        let looks = self.first_look.looks();
        if looks.vectors > 0 {
            let percent = 100.0 * looks.share();
            log::info!(
                "assign looked again at {percent:.2} % of {} vectors, of each part and stage one",
                looks.vectors
            );
        }
    }
}

impl Engine {
    /// The best real GPU, or the CPU backend where there is none; [`reason`](Self::reason) says which and why.
    ///
    /// A software rasteriser is never taken: it is there to test shaders, and the CPU backend is many times
    /// faster on the same cores.
    ///
    /// # Errors
    /// None today: a GPU that cannot be opened is passed over, with its error in the reason.
    pub fn auto() -> Result<Self> {
        EngineBuilder::new().build()
    }

    /// The CPU backend.
    pub fn cpu() -> Self {
        EngineBuilder::new().cpu_by(HalfUnit::fastest(), "asked for")
    }

    /// The device of that name: `auto`, `cpu`, `gpu` (the best adapter, a software one if there is no other),
    /// `gpu:N` (by the number that [`devices`] gives) or `gpu:NAME` (any part of its name).
    ///
    /// ```
    /// assert_eq!(wgvq::Engine::open("cpu")?.name(), "cpu");
    /// assert!(wgvq::Engine::open("quantum").is_err());
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a name that is none of these, with the list of devices there
    /// are; [`Device`](crate::ErrorKind::Device) if the device is there but does not open.
    pub fn open(name: &str) -> Result<Self> {
        EngineBuilder::new().device(name).build()
    }

    /// Uses a host app's device and queue.
    ///
    /// Takes features and limits from the device as it is, installs no handler on it and never polls it
    /// while recording. Matrices are made from the app's buffers with [`Engine::wrap`], and kernels go into
    /// the app's encoder with [`Recorder::on`].
    ///
    /// ```no_run
    /// # fn demo(device: wgpu::Device, queue: wgpu::Queue) {
    /// let engine = wgvq::Engine::from_wgpu(device, queue);
    /// # }
    /// ```
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let gpu = Gpu::borrowing(device, queue, EngineBuilder::new().checked);
        let tiles = Tiles::of_device(&gpu.info, &gpu.limits, None);
        Self::on_gpu(Arc::new(gpu), tiles, None, "lent by the host app")
    }

    /// What a host app should ask of its own device, so that [`from_wgpu`](Self::from_wgpu) can make the most of it: the
    /// features that wgvq uses where there are any, and the adapter's limits. WebGPU's defaults are enough to run; larger
    /// limits mean fewer dispatches.
    ///
    /// ```no_run
    /// # async fn demo(adapter: wgpu::Adapter) -> Result<(), wgpu::RequestDeviceError> {
    /// let mut descriptor = wgvq::Engine::wanted(&adapter);
    /// descriptor.required_features |= wgpu::Features::DEPTH_CLIP_CONTROL; // and what the app needs
    /// let (device, queue) = adapter.request_device(&descriptor).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wanted(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
        adapters::wanted(adapter)
    }

    /// Says how to open a device where [`open`](Self::open) is not enough.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    pub(crate) fn on_gpu(gpu: Arc<Gpu>, tiles: Tiles, matrix_unit: Option<MatrixUnit>, reason: &str) -> Self {
        let (name, reason) = (gpu.info.name.clone(), reason.into());
        Self { inner: Arc::new(Inner { backend: Backend::Gpu(gpu), name, reason, tiles, matrix_unit }) }
    }

    /// The same GPU as an engine of its own, on which tiled kernels take no other tile.
    pub(crate) fn with_tile(&self, tile: Tile) -> Self {
        match self.backend() {
            Backend::Gpu(gpu) => Self::on_gpu(Arc::clone(gpu), self.tiles().only(tile), None, self.reason()),
            Backend::Cpu(_) => self.clone(),
        }
    }

    /// The same GPU as an engine of its own, on which `assign` computes all scores in f16 by these products, or in f32 if there are
    /// none.
    pub(crate) fn with_half_products(&self, products: Option<HalfProducts>) -> Self {
        match self.backend() {
            Backend::Gpu(gpu) => {
                let unit = products.map(MatrixUnit::proven);
                Self::on_gpu(Arc::clone(gpu), self.tiles().unmeasured(), unit, self.reason())
            }
            Backend::Cpu(_) => self.clone(),
        }
    }

    /// An engine on another device of the same adapter: what is tried there, and loses its device, does no harm here.
    pub(crate) fn apart(&self) -> Result<Self> {
        let Backend::Gpu(gpu) = self.backend() else { return Ok(self.clone()) };
        let gpu = gpu.open_another()?;
        Ok(Self::on_gpu(Arc::new(gpu), self.tiles().unmeasured(), None, self.reason()))
    }

    /// The matrix unit that scores may be computed with.
    pub(crate) fn matrix_unit(&self) -> Option<&MatrixUnit> {
        self.inner.matrix_unit.as_ref()
    }

    /// The tiles that its codebooks can be packed for.
    pub(crate) fn tiles(&self) -> &Tiles {
        &self.inner.tiles
    }

    /// The device's name: `cpu`, or what the driver calls the GPU.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Why this device was taken, as half a sentence for a log line.
    pub fn reason(&self) -> &str {
        &self.inner.reason
    }

    /// Whether kernels run as shaders.
    pub fn is_gpu(&self) -> bool {
        matches!(self.inner.backend, Backend::Gpu(_))
    }

    /// Whether kernels run as shaders on a software rasteriser.
    pub fn is_software(&self) -> bool {
        matches!(&self.inner.backend, Backend::Gpu(gpu) if gpu.is_software())
    }

    /// How often [`assign`](Recorder::assign) looked at a vector again so far; `None` on a GPU, of which it is not read back.
    ///
    /// ```
    /// assert_eq!(wgvq::Engine::cpu().looks().map(|looks| looks.vectors), Some(0));
    /// ```
    pub fn looks(&self) -> Option<Looks> {
        self.first_look().map(FirstLook::looks)
    }

    /// Nothing but products of 16-bit floats (bf16) on all threads, to measure what the processor does at best: `blocks` blocks
    /// of 32 × 32 products of 256 dimensions. Gives back the number of operations, a multiply-add counted as two.
    ///
    /// `None`, and nothing is done, where [`assign`](Recorder::assign) computes its scores in f32: on a GPU, with
    /// [`Precision::F32`], and on processors where those are as fast.
    ///
    /// ```
    /// use wgvq::{Engine, Precision};
    /// let engine = Engine::builder().device("cpu").precision(Precision::F32).build()?;
    /// assert_eq!(engine.multiply_bf16(10), None);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn multiply_bf16(&self, blocks: usize) -> Option<u64> {
        self.first_look()?.unit.map(|unit| half_peak::multiply(unit, blocks))
    }

    /// How the tiled kernels cut their work for a codebook of `k` codewords of `d` dimensions, as far as is known: `128x64/8x8`
    /// is 128 vectors × 64 codewords by a workgroup and 8 × 8 by an invocation, `direct` is [`Core::Direct`]. `None` on the CPU.
    ///
    /// ```
    /// assert_eq!(wgvq::Engine::cpu().tile(1024, 128), None);
    /// ```
    pub fn tile(&self, k: usize, d: usize) -> Option<String> {
        self.is_gpu().then(|| self.tiles().of(k, d).to_string())
    }

    /// How the first look of `assign` is done on the CPU.
    pub(crate) fn first_look(&self) -> Option<&FirstLook> {
        match &self.inner.backend {
            Backend::Cpu(cpu) => Some(&cpu.first_look),
            Backend::Gpu(_) => None,
        }
    }

    /// What wgpu says of the adapter; `None` on the CPU backend.
    pub fn adapter_info(&self) -> Option<&wgpu::AdapterInfo> {
        match &self.inner.backend {
            Backend::Cpu(_) => None,
            Backend::Gpu(gpu) => Some(&gpu.info),
        }
    }

    /// Whether `other` is a clone of this engine.
    pub fn is(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// A recorder of its own, to be [submitted](Recorder::submit).
    pub fn recorder(&self) -> Recorder<'static> {
        Recorder::new(self)
    }

    /// A matrix with the values of `values`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming row and column, if a value is NaN or infinite;
    /// [`Device`](crate::ErrorKind::Device) if the device has no room.
    pub fn upload<T: Element>(&self, values: ArrayView2<T>) -> Result<Matrix<T>> {
        let mut matrix = Matrix::new(self, values.nrows(), values.ncols())?;
        matrix.write_rows(0, values)?;
        Ok(matrix)
    }

    /// A matrix of zeros.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the device has no room.
    pub fn zeros<T: Element>(&self, rows: usize, cols: usize) -> Result<Matrix<T>> {
        let mut matrix = Matrix::new(self, rows, cols)?;
        match &self.inner.backend {
            Backend::Cpu(_) => matrix.host_mut().fill(T::zeroed()),
            Backend::Gpu(gpu) => {
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                for window in grid::row_windows(rows, [matrix.shard_rows()]) {
                    let slab = matrix.slice(window);
                    encoder.clear_buffer(&slab.buffer, slab.offset, Some(slab.size));
                }
                gpu.submit([encoder.finish()])?;
            }
        }
        Ok(matrix)
    }

    /// A matrix whose values are whatever the memory held: for a kernel to fill.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the device has no room.
    pub fn uninitialized<T: Element>(&self, rows: usize, cols: usize) -> Result<Matrix<T>> {
        Matrix::new(self, rows, cols)
    }

    /// A host app's buffer as a matrix, without a copy: `rows × cols` elements, row-major, from `offset` bytes behind its
    /// start on.
    ///
    /// It has to be a `STORAGE` buffer. Reading it back and copying from it need `COPY_SRC`, writing to it from the host and
    /// copying to it `COPY_DST`.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// use wgvq::wgpu::{BufferDescriptor, BufferUsages};
    /// # let instance = wgvq::wgpu::Instance::new(wgvq::wgpu::InstanceDescriptor::new_without_display_handle());
    /// # let Ok(adapter) = pollster::block_on(instance.request_adapter(&Default::default())) else { return Ok(()) };
    /// let descriptor = wgvq::Engine::wanted(&adapter);
    /// # let Ok((device, queue)) = pollster::block_on(adapter.request_device(&descriptor)) else { return Ok(()) };
    /// let engine = wgvq::Engine::from_wgpu(device.clone(), queue);
    /// let buffer = device.create_buffer(&BufferDescriptor {
    ///     label: Some("vectors of the app"),
    ///     size: 1024,
    ///     usage: BufferUsages::STORAGE,
    ///     mapped_at_creation: false,
    /// });
    /// let vectors = engine.wrap::<f32>(buffer, 256, 16, 4)?;
    /// assert_eq!(vectors.shape(), (16, 4));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) on the CPU backend; [`Shape`](crate::ErrorKind::Shape) if the buffer is too small,
    /// the offset is no multiple of the device's `min_storage_buffer_offset_alignment`, the elements do not fill whole words
    /// of four bytes, the matrix is over the device's binding limit, or the buffer lacks `STORAGE`.
    pub fn wrap<T: Element>(
        &self,
        buffer: wgpu::Buffer,
        offset: u64,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix<T>> {
        let Backend::Gpu(gpu) = &self.inner.backend else {
            return Err(Error::device("the CPU backend cannot wrap a wgpu buffer; upload the values"));
        };
        let bytes = (rows as u64).saturating_mul(cols as u64).saturating_mul(size_of::<T>() as u64);
        let alignment = u64::from(gpu.limits.min_storage_buffer_offset_alignment);
        if !offset.is_multiple_of(alignment) {
            return Err(Error::shape(format!(
                "a matrix from byte {offset} on; it has to be a multiple of {alignment} on this device"
            )));
        }
        if !bytes.is_multiple_of(4) {
            return Err(Error::shape(format!(
                "a {rows} × {cols} matrix of {} has {bytes} bytes; a device writes whole words, so it has to be a multiple of 4",
                T::NAME
            )));
        }
        // Even an empty matrix is bound, and a binding cannot be empty.
        let left = buffer.size().saturating_sub(offset);
        if bytes.max(4) > left {
            return Err(Error::shape(format!(
                "a {rows} × {cols} matrix of {} needs {bytes} bytes, the buffer has {left}",
                T::NAME
            )));
        }
        if bytes > gpu.max_binding() {
            return Err(Error::shape(format!(
                "a {rows} × {cols} matrix of {} needs {bytes} bytes, over the binding limit of {}; wrap fewer rows",
                T::NAME,
                gpu.max_binding()
            )));
        }
        let slab = Slab::foreign(buffer, offset, bytes);
        slab.check_usage(wgpu::BufferUsages::STORAGE, "binding it to a kernel")?;
        Ok(Matrix::wrapped(self, slab, rows, cols))
    }

    /// Waits until everything submitted has run.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU failed.
    pub fn wait(&self) -> Result<()> {
        match &self.inner.backend {
            Backend::Cpu(_) => Ok(()),
            Backend::Gpu(gpu) => gpu.wait(),
        }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.inner.backend
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({}: {})", self.name(), self.reason())
    }
}

/// How to open a device. Made by [`Engine::builder`].
///
/// ```
/// let engine = wgvq::Engine::builder().device("cpu").checked(true).build()?;
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EngineBuilder {
    device: String,
    checked: bool,
    core: Option<Core>,
    precision: Precision,
    tune: bool,
    max_binding: u64,
}

impl EngineBuilder {
    fn new() -> Self {
        Self {
            device: "auto".into(),
            checked: cfg!(debug_assertions) || std::env::var_os("WGVQ_CHECKED").is_some(),
            core: None,
            precision: Precision::Auto,
            tune: false,
            max_binding: u64::MAX,
        }
    }

    /// The device's name, as [`Engine::open`] takes it. The default is `auto`.
    pub fn device(mut self, name: &str) -> Self {
        self.device = name.into();
        self
    }

    /// Checked mode: fresh memory is filled with NaN, and shaders keep their bounds checks. On by default in
    /// debug builds and where the environment has `WGVQ_CHECKED`.
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// How the tiled kernels run on a GPU, in place of the engine's own choice.
    pub fn core(mut self, core: Core) -> Self {
        self.core = Some(core);
        self
    }

    /// What numbers the scores of `assign` are computed with, in place of the engine's own choice.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Whether the engine measures how the tiled kernels are the fastest on its GPU, in place of what is so on most: when the
    /// first codebook of about a size is made, for a second at most and as long as it takes to compile those kernels in all
    /// their ways to cut the work. What it finds is kept in the user's cache directory (or that of `WGVQ_CACHE`) until the
    /// driver changes. No result depends on it. Off by default.
    ///
    /// Where there is one way nothing is measured: on the CPU, and on a software rasteriser unless
    /// [`Core::Staged`] is asked for. Nor is anything on a host app's device.
    ///
    /// ```
    /// let engine = wgvq::Engine::builder().tune(true).build()?;
    /// println!("{:?}", engine.tile(1024, 128)); // Some("128x256/8x8"), if that was the fastest
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn tune(mut self, tune: bool) -> Self {
        self.tune = tune;
        self
    }

    /// Bindings of at most that many bytes, where the device allows more. Larger matrices are cut into
    /// shards, which changes no result.
    pub fn max_binding(mut self, bytes: u64) -> Self {
        self.max_binding = bytes;
        self
    }

    /// Opens the device.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn build(self) -> Result<Engine> {
        if self.device == "cpu" {
            return self.cpu("asked for");
        }
        if self.device == "auto" {
            return match adapters::best_real() {
                Ok((adapter, reason)) => match self.gpu(adapter, &reason) {
                    Ok(engine) => Ok(engine),
                    Err(error) => self.cpu(&format!("the GPU does not open: {error}")),
                },
                Err(reason) => self.cpu(&reason),
            };
        }
        let adapter = adapters::find(&self.device)?;
        self.gpu(adapter, "asked for").context(|| format!("device {}", self.device))
    }

    fn cpu(&self, reason: &str) -> Result<Engine> {
        let unit = match self.precision {
            Precision::Auto => HalfUnit::fastest(),
            Precision::F32 => None,
            Precision::Bf16 | Precision::F16 => {
                let unit = HalfUnit::all().next();
                let offered = [Precision::F32, Precision::Bf16];
                let offered = &offered[..1 + usize::from(unit.is_some())];
                if !offered.contains(&self.precision) {
                    return Err(self.precision.refused("cpu", offered));
                }
                unit
            }
        };
        Ok(self.cpu_by(unit, reason))
    }

    fn cpu_by(&self, unit: Option<HalfUnit>, reason: &str) -> Engine {
        let first_look = FirstLook::by(unit);
        let backend = Backend::Cpu(Cpu { checked: self.checked, pool: Arc::default(), first_look });
        let tiles = Tiles::default();
        let (name, reason) = ("cpu".into(), reason.into());
        Engine { inner: Arc::new(Inner { backend, name, reason, tiles, matrix_unit: None }) }
    }

    fn gpu(&self, adapter: wgpu::Adapter, reason: &str) -> Result<Engine> {
        let has_unit = matrix_unit::is_in(&adapter);
        let offered = &[Precision::F32, Precision::F16][..1 + usize::from(has_unit)];
        if self.precision != Precision::Auto && !offered.contains(&self.precision) {
            return Err(self.precision.refused(&adapter.get_info().name, offered));
        }
        let mut descriptor = adapters::wanted(&adapter);
        let most = &mut descriptor.required_limits.max_storage_buffer_binding_size;
        *most = (*most).min(self.max_binding);
        let takes_unit = has_unit && self.precision != Precision::F32;
        if takes_unit {
            matrix_unit::ask_for(&mut descriptor);
        }
        let gpu = Gpu::open(&adapter, &descriptor, self.checked)?;
        let mut tiles = Tiles::of_device(&gpu.info, &gpu.limits, self.core);
        if self.tune {
            tiles = tiles.tuning(&gpu.info, pipelines::cache_dir());
        }
        let of_device = || {
            let (folder, is_demanded) = (pipelines::cache_dir(), self.precision == Precision::F16);
            MatrixUnit::of_device(&gpu.info, folder, is_demanded)
        };
        let matrix_unit = takes_unit.then(of_device);
        Ok(Engine::on_gpu(Arc::new(gpu), tiles, matrix_unit, reason))
    }
}
