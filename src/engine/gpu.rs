//! The GPU behind an engine: its device and queue, memory, transfers, and what went wrong.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;

use super::pipelines::Pipelines;
use super::pool::{Pool, Pooled, size_class};
use super::upload::{self, Uploads};
use crate::error::{Context, Error, Result};

/// Bindings are kept to this even where the driver offers more: offsets past 2 GiB overflow the signed
/// 32-bit address arithmetic that some drivers compile to.
const MAX_BINDING: u64 = (2 << 30) - 256;

/// Host-to-device bytes that the queue stages before they are handed over, so that a large upload does not exist twice.
const UPLOAD_CHUNK: usize = 32 << 20;

/// Device-to-host bytes per staging buffer: the host copies from one while the device fills the next.
const DOWNLOAD_CHUNK: u64 = 8 << 20;

const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);
/// Of what has the grid of a dispatch in it.
const LIST: wgpu::BufferUsages = STORAGE.union(wgpu::BufferUsages::INDIRECT);
const UNIFORM: wgpu::BufferUsages = wgpu::BufferUsages::UNIFORM.union(wgpu::BufferUsages::COPY_DST);
const STAGING: wgpu::BufferUsages = wgpu::BufferUsages::MAP_READ.union(wgpu::BufferUsages::COPY_DST);

pub(crate) struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    pub pipelines: Pipelines,
    /// Poison fresh buffers and keep the shaders' bounds checks.
    pub checked: bool,
    /// The device is ours: we may poll it and we listen to its errors.
    pub owned: bool,
    pool: Arc<Pool>,
    uploads: Uploads,
    trouble: Arc<Trouble>,
    /// Where the device is from, and what was asked of it, if it is ours.
    origin: Option<(wgpu::Adapter, wgpu::DeviceDescriptor<'static>)>,
}

/// What went wrong on the device, outside a call that could have returned it.
#[derive(Default)]
struct Trouble(Mutex<Troubles>);

#[derive(Default)]
struct Troubles {
    /// The device is gone: every call fails from now on.
    lost: Option<String>,
    /// The first error since the last check. Whoever gives work to the device checks before it returns: so this is an error
    /// of that call, and not of the next.
    error: Option<String>,
}

impl Trouble {
    fn note(&self, error: String) {
        log::error!("{error}");
        self.lock().error.get_or_insert(error);
    }

    fn lose(&self, message: String) {
        log::error!("{message}");
        self.lock().lost.get_or_insert(message);
    }

    fn check(&self) -> Result<()> {
        let mut troubles = self.lock();
        let error = troubles.error.take();
        match troubles.lost.clone().or(error) {
            Some(message) => Err(Error::device(message)),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Troubles> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Gpu {
    /// Opens a device of our own and listens to its errors.
    pub fn open(
        adapter: &wgpu::Adapter,
        descriptor: &wgpu::DeviceDescriptor<'static>,
        checked: bool,
    ) -> Result<Self> {
        let (device, queue) = pollster::block_on(adapter.request_device(descriptor))
            .map_err(|error| Error::device(error.to_string()))?;
        let mut gpu = Self::new(device, queue, checked, true);
        gpu.origin = Some((adapter.clone(), descriptor.clone()));
        let trouble = Arc::clone(&gpu.trouble);
        gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            trouble.note(format!("the GPU reports: {}", one_line(&error.to_string())));
        }));
        let trouble = Arc::clone(&gpu.trouble);
        gpu.device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                trouble.lose(format!("the GPU was lost ({}); restart to use it again", one_line(&message)));
            }
        });
        Ok(gpu)
    }

    /// Opens another device of the same adapter, as this one was.
    pub fn open_another(&self) -> Result<Self> {
        let (adapter, descriptor) =
            self.origin.as_ref().ok_or_else(|| Error::device("the device is a host app's"))?;
        Self::open(adapter, descriptor, self.checked)
    }

    /// Uses the device of a host app, and installs nothing on it.
    pub fn borrowing(device: wgpu::Device, queue: wgpu::Queue, checked: bool) -> Self {
        Self::new(device, queue, checked, false)
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, checked: bool, owned: bool) -> Self {
        let info = device.adapter_info();
        Self {
            pipelines: Pipelines::new(&device, &info, checked),
            limits: device.limits(),
            pool: Arc::default(),
            uploads: Uploads::default(),
            trouble: Arc::default(),
            device,
            queue,
            info,
            checked,
            owned,
            origin: None,
        }
    }

    /// A rasteriser on the CPU, such as llvmpipe.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The largest binding, in bytes.
    pub fn max_binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size).min(MAX_BINDING)
    }

    /// Fails if the device is lost, and once for an error since the last check.
    pub fn check(&self) -> Result<()> {
        self.trouble.check()
    }

    /// A storage buffer of at least `bytes`, in whole words.
    pub fn allocate(&self, bytes: u64) -> Result<Slab> {
        self.allocate_for(bytes, STORAGE)
    }

    /// The same for a list of rows, which may also have the grid of a dispatch.
    pub fn allocate_list(&self, bytes: u64) -> Result<Slab> {
        self.allocate_for(bytes, LIST)
    }

    fn allocate_for(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<Slab> {
        let size = bytes.next_multiple_of(4).max(4);
        let buffer = self.take(size, usage)?;
        let slab = Slab { buffer: Arc::new(Memory::new(Source::Pooled(buffer))), offset: 0, size };
        if self.checked {
            let poison = vec![<u32 as super::Element>::POISON; slab.buffer.size() as usize / 4];
            self.stage(&slab, 0, bytemuck::cast_slice(&poison))?;
        }
        Ok(slab)
    }

    /// A uniform buffer for the parameters of many dispatches.
    pub fn allocate_uniform(&self, bytes: u64) -> Result<Arc<Memory>> {
        Ok(Arc::new(Memory::new(Source::Pooled(self.take(bytes, UNIFORM)?))))
    }

    fn take(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<Pooled> {
        self.check()?;
        if let Some(pooled) = self.pool.take(bytes, usage) {
            return Ok(pooled);
        }
        let size = size_class(bytes).min(self.limits.max_buffer_size.max(bytes));
        let buffer = self.create(size, usage, false)?;
        Ok(self.pool.adopt(buffer))
    }

    /// A mapped buffer of `bytes`, outside the pool.
    pub fn create_mapped(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.check()?;
        self.create(bytes, usage, true)
    }

    fn create(&self, size: u64, usage: wgpu::BufferUsages, mapped_at_creation: bool) -> Result<wgpu::Buffer> {
        let create = || {
            let label = Some("wgvq");
            self.device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation })
        };
        let created = scoped(&self.device, create).or_else(|_| {
            // What is kept for reuse may be in the way.
            self.pool.clear();
            self.wait()?;
            scoped(&self.device, create)
        });
        created.context(|| {
            let mebibytes = size as f64 / f64::from(1 << 20);
            format!("{} gives no {mebibytes:.1} MiB; use fewer rows at a time", self.info.name)
        })
    }

    /// Stages `bytes` so that they are in `slab` before the next submission runs.
    pub fn write(&self, slab: &Slab, bytes: &[u8]) -> Result<()> {
        slab.check_usage(wgpu::BufferUsages::COPY_DST, "writing to it")?;
        // To map a buffer again takes a poll, which on a host app's device is the app's.
        if self.owned && bytes.len() >= upload::SMALL {
            return self.uploads.write(self, slab, bytes);
        }
        for (at, chunk) in bytes.chunks(UPLOAD_CHUNK).enumerate() {
            if at > 0 {
                self.submit([])?;
                self.wait()?;
            }
            self.stage(slab, (at * UPLOAD_CHUNK) as u64, chunk)?;
        }
        self.check()
    }

    /// Copies `bytes` to memory of the queue's own, from where they go to `slab`, `at` bytes from its start.
    fn stage(&self, slab: &Slab, at: u64, bytes: &[u8]) -> Result<()> {
        let write = || self.queue.write_buffer(&slab.buffer, slab.offset + at, bytes);
        scoped(&self.device, write).context(|| format!("writing {} bytes", bytes.len()))
    }

    /// Starts to copy `slab` to the host, behind everything submitted so far.
    pub fn begin_read(self: &Arc<Self>, slab: &Slab) -> Result<Vec<Reading>> {
        slab.check_usage(wgpu::BufferUsages::COPY_SRC, "reading it back")?;
        let mut readings = Vec::new();
        let mut done = 0;
        while done < slab.size {
            let size = DOWNLOAD_CHUNK.min(slab.size - done);
            let staging = self.take(size, STAGING)?;
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&slab.buffer, slab.offset + done, staging.buffer(), 0, size);
            let submission = self.queue.submit([encoder.finish()]);
            let (sender, mapped) = oneshot::channel();
            let view = staging.buffer().slice(..size);
            view.map_async(wgpu::MapMode::Read, move |result| drop(sender.send(result)));
            let gpu = Arc::clone(self);
            readings.push(Reading { gpu, staging: Some(staging), size, submission, mapped });
            done += size;
        }
        self.check()?;
        Ok(readings)
    }

    pub fn submit(&self, commands: impl IntoIterator<Item = wgpu::CommandBuffer>) -> Result<()> {
        self.queue.submit(commands);
        self.check()
    }

    /// Blocks until everything submitted has run.
    pub fn wait(&self) -> Result<()> {
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    /// Blocks until `submission` has run, and calls back whoever waits for that.
    pub fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        self.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
    }

    fn poll(&self, until: wgpu::PollType) -> Result<()> {
        let polled = self.device.poll(until);
        self.check()?;
        polled.map(drop).map_err(|error| Error::device(format!("waiting for the GPU failed: {error}")))
    }
}

/// A stretch of device memory on its way to the host.
pub(crate) struct Reading {
    gpu: Arc<Gpu>,
    /// Given back to the pool only once it is read: until then it is mapped, or about to be.
    staging: Option<Pooled>,
    size: u64,
    submission: wgpu::SubmissionIndex,
    mapped: oneshot::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Reading {
    /// How many bytes it brings.
    pub fn bytes(&self) -> usize {
        self.size as usize
    }

    /// Waits for the bytes and hands them to `take`.
    ///
    /// With `wait` the calling thread drives the device. Without it the future is woken when the device is
    /// polled: by the host app on its own device, by a thread of ours on our own.
    pub async fn finish(mut self, wait: bool, take: impl FnOnce(&[u8])) -> Result<()> {
        let failed = |why: &dyn std::fmt::Display| Error::device(format!("reading back failed: {why}"));
        let poll = wgpu::PollType::Wait { submission_index: Some(self.submission.clone()), timeout: None };
        if wait {
            let polled = self.gpu.device.poll(poll);
            self.gpu.check()?;
            polled.map_err(|error| failed(&error))?;
        } else if self.gpu.owned {
            let device = self.gpu.device.clone();
            // A failure of this poll reaches us as the mapping's own error.
            std::thread::spawn(move || drop(device.poll(poll)));
        }
        (&mut self.mapped).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let Some(staging) = self.staging.take() else { return Ok(()) };
        match staging.buffer().slice(..self.size).get_mapped_range() {
            Ok(bytes) => take(&bytes),
            Err(error) => {
                staging.abandon();
                return Err(failed(&error));
            }
        }
        staging.buffer().unmap();
        self.gpu.check()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(staging) = self.staging.take() {
            staging.abandon();
        }
    }
}

/// Runs `work` and returns the first error that the device reports of it.
pub(crate) fn scoped<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let scopes = [Internal, Validation, OutOfMemory].map(|filter| device.push_error_scope(filter));
    let done = work();
    // Scopes end in the reverse order of their begin.
    let mut found = None;
    for scope in scopes.into_iter().rev() {
        found = found.or(pollster::block_on(scope.pop()));
    }
    match found {
        None => Ok(done),
        Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::device("out of memory")),
        Some(error) => Err(Error::device(one_line(&error.to_string()))),
    }
}

/// A driver's report on one line, for a message on one line.
pub(crate) fn one_line(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A buffer, and whether kernels have written to it since the host has.
pub(crate) struct Memory {
    source: Source,
    computed: AtomicBool,
}

/// A buffer from our pool, or one of the host app's.
enum Source {
    Pooled(Pooled),
    Foreign(wgpu::Buffer),
}

impl Memory {
    fn new(source: Source) -> Self {
        Self { source, computed: AtomicBool::new(false) }
    }

    pub fn is_computed(&self) -> bool {
        self.computed.load(Ordering::Relaxed)
    }

    pub fn set_computed(&self, computed: bool) {
        self.computed.store(computed, Ordering::Relaxed);
    }
}

impl Deref for Memory {
    type Target = wgpu::Buffer;
    fn deref(&self) -> &wgpu::Buffer {
        match &self.source {
            Source::Pooled(pooled) => pooled.buffer(),
            Source::Foreign(buffer) => buffer,
        }
    }
}

/// A stretch of a buffer, ready to bind. Holding it keeps the buffer out of the pool.
#[derive(Clone)]
pub(crate) struct Slab {
    pub buffer: Arc<Memory>,
    pub offset: u64,
    pub size: u64,
}

impl Slab {
    pub fn foreign(buffer: wgpu::Buffer, offset: u64, bytes: u64) -> Self {
        Self { buffer: Arc::new(Memory::new(Source::Foreign(buffer))), offset, size: bytes.max(4) }
    }

    /// Fails if the buffer, which may be an app's, cannot be used so.
    pub fn check_usage(&self, needed: wgpu::BufferUsages, what: &str) -> Result<()> {
        let usage = self.buffer.usage();
        if usage.contains(needed) {
            return Ok(());
        }
        Err(Error::shape(format!("the usage of the app's buffer is {usage:?}; {what} needs {needed:?}")))
    }

    /// The stretch of `size` bytes from `offset` on.
    pub fn part(&self, offset: u64, size: u64) -> Self {
        debug_assert!(offset + size <= self.size, "{offset} + {size} bytes of {}", self.size);
        // A binding cannot be empty; what has no elements is never read.
        Self { buffer: Arc::clone(&self.buffer), offset: self.offset + offset, size: size.max(4) }
    }

    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: wgpu::BufferSize::new(self.size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, Engine};
    use super::*;

    #[test]
    fn an_error_is_told_once_and_a_loss_for_good() {
        let trouble = Trouble::default();
        trouble.note("first".into());
        trouble.note("second".into());
        assert_eq!(trouble.check().unwrap_err().to_string(), "first");
        assert!(trouble.check().is_ok());
        trouble.note("third".into());
        trouble.lose("gone".into());
        for _ in 0..2 {
            assert_eq!(trouble.check().unwrap_err().to_string(), "gone");
        }
    }

    fn works(engine: &Engine) {
        let values = ndarray::array![[1.0_f32, 2.0]];
        assert_eq!(engine.upload(values.view()).unwrap().download().unwrap(), values);
    }

    #[test]
    fn what_happens_to_another_device_of_the_adapter_is_not_ours() {
        let Some(engine) = crate::test_gpu() else { return };
        let apart = engine.apart().unwrap();
        works(&apart);
        let (Backend::Gpu(gpu), Backend::Gpu(other)) = (engine.backend(), apart.backend()) else {
            unreachable!()
        };
        other.trouble.lose("gone".into());
        assert!(other.allocate(4).is_err() && gpu.check().is_ok());
        works(&engine);
    }

    #[test]
    fn the_engine_goes_on_after_an_error() {
        let Some(_) = crate::test_gpu() else { return };
        // A device of its own: other tests would hear of the last error.
        let engine = Engine::builder().device("gpu").build().unwrap();
        let Backend::Gpu(gpu) = engine.backend() else { unreachable!() };
        let error = gpu.allocate(gpu.limits.max_buffer_size + 4).err().unwrap();
        assert!(error.to_string().contains("use fewer rows"), "{error}");
        works(&engine);

        let slab = gpu.allocate(256).unwrap();
        let past_the_end = Slab { offset: 256, ..slab.clone() };
        assert!(gpu.write(&past_the_end, &[0; 4]).is_err());
        works(&engine);

        // Nobody asks for this error where it arises: only the device's listener hears of it.
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&slab.buffer, 256, Some(4));
        assert!(gpu.submit([encoder.finish()]).is_err());
        works(&engine);
    }
}
