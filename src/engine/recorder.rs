//! Kernels, appended one after another.

use std::sync::Arc;

use super::gpu::{Gpu, Memory, Slab, scoped};
use super::row_list::{HEAD, RowList};
use super::shader::{Params, Shader, Variant};
use super::timing::{KernelTime, Timer};
use super::{Backend, Element, Engine, Matrix, grid};
use crate::cpu;
use crate::error::{Context, Error, Result};

/// Where kernels are appended: each method of a `Recorder` is one kernel.
///
/// On a GPU they go to a command encoder (the recorder's own, or a host app's) and run when it is submitted;
/// on the CPU backend each runs at once. Either way they see each other's results in order. Recording never
/// submits and never waits.
///
/// ```
/// use ndarray::array;
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let codebook = engine.upload(array![[0.0_f32, 0.0], [1.0, 1.0]].view())?;
/// let codes = engine.upload(array![[1_u32], [0], [1]].view())?;
/// let mut decoded = engine.zeros::<f32>(3, 2)?;
/// let mut recorder = engine.recorder();
/// recorder.gather(&codebook, &codes, &mut decoded)?;
/// recorder.submit()?;
/// assert_eq!(decoded.download()?, array![[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]);
/// # Ok(())
/// # }
/// ```
#[must_use = "what is recorded runs when the recorder is submitted"]
pub struct Recorder<'encoder> {
    engine: Engine,
    /// Where dispatches go, until something else is recorded.
    pass: Option<wgpu::ComputePass<'static>>,
    target: Target<'encoder>,
    /// Everything the recorded commands touch: kept out of the pool until they are submitted.
    kept: Vec<Arc<Memory>>,
    arenas: Vec<Arena>,
    timer: Option<Timer>,
}

enum Target<'encoder> {
    Cpu,
    Own(wgpu::CommandEncoder),
    Host(&'encoder mut wgpu::CommandEncoder),
}

impl Target<'_> {
    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        match self {
            Target::Own(encoder) => encoder,
            Target::Host(encoder) => encoder,
            Target::Cpu => unreachable!("the CPU backend has no encoder"),
        }
    }
}

/// How many workgroups a dispatch has.
enum Grid {
    Of([u32; 3]),
    /// As the head of this list of rows says.
    Listed(Slab),
}

/// Parameters of many dispatches, written in one go before the submission.
struct Arena {
    memory: Arc<Memory>,
    bytes: Vec<u8>,
}

const ARENA_BYTES: usize = 64 << 10;

impl Recorder<'static> {
    pub(super) fn new(engine: &Engine) -> Self {
        let target = match engine.backend() {
            Backend::Cpu(_) => Target::Cpu,
            Backend::Gpu(gpu) => Target::Own(gpu.device.create_command_encoder(&Default::default())),
        };
        Self { engine: engine.clone(), pass: None, target, kept: Vec::new(), arenas: Vec::new(), timer: None }
    }

    /// Hands what was recorded to the device, without waiting for it.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    pub fn submit(mut self) -> Result<()> {
        self.pass = None;
        self.write_params();
        match (std::mem::replace(&mut self.target, Target::Cpu), self.engine.backend()) {
            (Target::Own(encoder), Backend::Gpu(gpu)) => {
                let commands = if gpu.owned {
                    encoder.finish()
                } else {
                    // As in `dispatch`: nobody listens to a host app's device for us.
                    scoped(&gpu.device, || encoder.finish())?
                };
                gpu.submit([commands])
            }
            _ => Ok(()),
        }
    }
}

impl Recorder<'static> {
    /// Takes timestamps around every kernel from now on, where the device offers them; see
    /// [`submit_timed`](Self::submit_timed).
    pub fn timed(mut self) -> Self {
        self.timer = self.gpu().and_then(|gpu| Timer::new(&gpu));
        self
    }

    /// [`submit`](Self::submit), then waits and tells how long each kernel took on the device, in order. Empty where
    /// the device offers no timestamps, as on the CPU backend, or if the recorder is not [`timed`](Self::timed).
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::auto()?;
    /// let mut sums = engine.zeros(1000, 1)?;
    /// let mut recorder = engine.recorder().timed();
    /// recorder.multiply_add(&mut sums, 100, 0.5, 0.5)?;
    /// for time in recorder.submit_timed()? {
    ///     println!("{}: {:.3} ms", time.kernel, 1e3 * time.seconds);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_timed(mut self) -> Result<Vec<KernelTime>> {
        let Some(timer) = self.timer.take() else {
            self.submit()?;
            return Ok(Vec::new());
        };
        self.pass = None;
        self.write_params();
        match (std::mem::replace(&mut self.target, Target::Cpu), self.engine.backend()) {
            (Target::Own(encoder), Backend::Gpu(gpu)) => timer.submit(gpu, encoder),
            _ => Ok(Vec::new()),
        }
    }
}

impl<'encoder> Recorder<'encoder> {
    /// Records into a host app's `encoder`, behind what is already there; the app submits it.
    ///
    /// The engine has to be one made from the same device: [`Engine::from_wgpu`].
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the engine is the CPU backend, which has no encoder.
    pub fn on(engine: &Engine, encoder: &'encoder mut wgpu::CommandEncoder) -> Result<Self> {
        match engine.backend() {
            Backend::Cpu(_) => Err(Error::device(
                "the CPU backend cannot record into a wgpu encoder; make the engine with Engine::from_wgpu",
            )),
            Backend::Gpu(_) => Ok(Self {
                engine: engine.clone(),
                pass: None,
                target: Target::Host(encoder),
                kept: Vec::new(),
                arenas: Vec::new(),
                timer: None,
            }),
        }
    }

    /// The engine this recorder belongs to.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Copies the whole of `source` over `target`, which has the same shape.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn copy<T: Element>(&mut self, source: &Matrix<T>, target: &mut Matrix<T>) -> Result<()> {
        self.same_engine("copy", &[source.engine(), target.engine()])?;
        expect_shape("copy", "target", target.shape(), source.shape())?;
        if source.is_empty() {
            return Ok(());
        }
        let Some(_) = self.gpu() else {
            cpu::copy::copy(source.host(), target.host_mut());
            return Ok(());
        };
        for window in grid::row_windows(source.rows(), [source.shard_rows(), target.shard_rows()]) {
            let (from, to) = (source.slice(window.clone()), target.slice(window));
            to.buffer.set_computed(true);
            self.copy_slab(&from, &to)?;
            self.kept.extend([from.buffer, to.buffer]);
        }
        Ok(())
    }

    /// Copies `source` (n, d) over the rows of `target` from row `first` on.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `target` is of another width or has too few rows.
    pub(crate) fn copy_rows(
        &mut self,
        source: &Matrix<f32>,
        target: &mut Matrix<f32>,
        first: usize,
    ) -> Result<()> {
        self.same_engine("copy_rows", &[source.engine(), target.engine()])?;
        let ((n, d), (rows, cols)) = (source.shape(), target.shape());
        if d != cols || first + n > rows {
            return Err(Error::shape(format!(
                "copy_rows: expected a target of {d} columns and {} rows or more, got {rows} × {cols}",
                first + n
            )));
        }
        if source.is_empty() {
            return Ok(());
        }
        let Some(_) = self.gpu() else {
            target.host_mut()[first * d..][..n * d].copy_from_slice(source.host());
            return Ok(());
        };
        // Cut where either one starts a shard, in rows of the target.
        let mut window = first..first;
        while window.end < first + n {
            window.start = window.end;
            let own =
                (window.start - first) / source.shard_rows() * source.shard_rows() + source.shard_rows();
            let theirs = window.start / target.shard_rows() * target.shard_rows() + target.shard_rows();
            window.end = theirs.min(first + own).min(first + n);
            let from = source.slice(window.start - first..window.end - first);
            let to = target.slice(window.clone());
            self.copy_slab(&from, &to)?;
            self.kept.extend([from.buffer, to.buffer]);
        }
        Ok(())
    }

    /// Copies all of `from` to the start of `to`.
    fn copy_slab(&mut self, from: &Slab, to: &Slab) -> Result<()> {
        from.check_usage(wgpu::BufferUsages::COPY_SRC, "copying from it")?;
        to.check_usage(wgpu::BufferUsages::COPY_DST, "copying to it")?;
        self.encoder().copy_buffer_to_buffer(&from.buffer, from.offset, &to.buffer, to.offset, from.size);
        Ok(())
    }

    /// The encoder, for what is not a dispatch.
    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.target.encoder()
    }

    /// The GPU, or `None` on the CPU backend: then the caller runs its twin.
    pub(crate) fn gpu(&self) -> Option<Arc<Gpu>> {
        match self.engine.backend() {
            Backend::Gpu(gpu) => Some(Arc::clone(gpu)),
            Backend::Cpu(_) => None,
        }
    }

    /// Appends one dispatch of `workgroups` (a linear count) with `bindings` in the shader's order.
    pub(crate) fn dispatch<P: Params>(
        &mut self,
        shader: &Shader,
        variant: &Variant,
        params: &P,
        bindings: &[Slab],
        workgroups: u64,
    ) -> Result<()> {
        let gpu = self.gpu().expect("dispatches are for GPUs");
        let groups = grid::fold(workgroups, gpu.limits.max_compute_workgroups_per_dimension)?;
        self.append(&gpu, shader, variant, params, bindings, Grid::Of(groups))
    }

    /// Appends a dispatch over the rows of `list`, with as many workgroups as the kernel that left them has asked for.
    pub(crate) fn dispatch_listed<P: Params>(
        &mut self,
        shader: &Shader,
        variant: &Variant,
        params: &P,
        bindings: &[Slab],
        list: &RowList,
    ) -> Result<()> {
        let gpu = self.gpu().expect("dispatches are for GPUs");
        self.append(&gpu, shader, variant, params, bindings, Grid::Listed(list.slab()))
    }

    /// A list without rows yet, and room for `rows` of them.
    pub(crate) fn row_list(&mut self, rows: usize) -> Result<RowList> {
        let gpu = self.gpu().expect("lists of rows are for GPUs");
        let list = RowList::allocate(&gpu, rows)?;
        let slab = list.slab();
        self.encoder().clear_buffer(&slab.buffer, slab.offset, Some((HEAD * size_of::<u32>()) as u64));
        self.kept.push(slab.buffer);
        Ok(list)
    }

    fn append<P: Params>(
        &mut self,
        gpu: &Gpu,
        shader: &Shader,
        variant: &Variant,
        params: &P,
        bindings: &[Slab],
        grid: Grid,
    ) -> Result<()> {
        debug_assert_eq!(bindings.len(), shader.reads.len() + shader.writes.len(), "{}", shader.stem);
        let (reads, writes) = bindings.split_at(shader.reads.len());
        let both = |write: &Slab| reads.iter().any(|read| **read.buffer == **write.buffer);
        if writes.iter().any(both) {
            return Err(Error::shape(format!(
                "{}: one buffer is read and written at once; wrap another for the result",
                shader.stem
            )));
        }
        writes.iter().for_each(|write| write.buffer.set_computed(true));
        let compiled = gpu.pipelines.get(&gpu.device, shader, variant)?;
        let (arena, offset) = self.store_params(gpu, bytemuck::bytes_of(params))?;
        let uniform = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &arena,
            offset,
            size: wgpu::BufferSize::new(size_of::<P>() as u64),
        });
        let entries: Vec<_> = std::iter::once(uniform)
            .chain(bindings.iter().map(Slab::binding))
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
            .collect();
        let mut record = || {
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(shader.stem),
                layout: &compiled.layout,
                entries: &entries,
            });
            // Timestamps are those of a pass.
            if self.timer.is_some() {
                self.pass = None;
            }
            let pass = self.pass.get_or_insert_with(|| {
                let timestamp_writes = self.timer.as_mut().and_then(|timer| timer.next(shader.stem));
                let label = Some(shader.stem);
                let descriptor = wgpu::ComputePassDescriptor { label, timestamp_writes };
                self.target.encoder().begin_compute_pass(&descriptor).forget_lifetime()
            });
            pass.set_pipeline(&compiled.pipeline);
            pass.set_bind_group(0, &group, &[]);
            match &grid {
                Grid::Of([x, y, z]) => pass.dispatch_workgroups(*x, *y, *z),
                Grid::Listed(list) => pass.dispatch_workgroups_indirect(&list.buffer, list.offset),
            }
            if !gpu.owned {
                // What is wrong with a dispatch shows when its pass ends.
                self.pass = None;
            }
        };
        if gpu.owned {
            record();
        } else {
            // Nobody listens to a host app's device for us, and an error that nobody hears is a panic.
            scoped(&gpu.device, record).context(|| shader.stem)?;
        }
        self.kept.extend(bindings.iter().map(|slab| Arc::clone(&slab.buffer)));
        Ok(())
    }

    /// Puts parameters where the device finds them; returns the buffer and the offset in it.
    fn store_params(&mut self, gpu: &Gpu, bytes: &[u8]) -> Result<(Arc<Memory>, u64)> {
        let step = bytes.len().next_multiple_of(gpu.limits.min_uniform_buffer_offset_alignment as usize);
        if self.arenas.last().is_none_or(|arena| arena.bytes.len() + step > ARENA_BYTES) {
            let memory = gpu.allocate_uniform(ARENA_BYTES as u64)?;
            self.arenas.push(Arena { memory, bytes: Vec::new() });
        }
        let arena = self.arenas.last_mut().expect("just made");
        let offset = arena.bytes.len();
        arena.bytes.extend_from_slice(bytes);
        arena.bytes.resize(offset + step, 0);
        Ok((Arc::clone(&arena.memory), offset as u64))
    }

    fn write_params(&mut self) {
        let Some(gpu) = self.gpu() else { return };
        for arena in self.arenas.drain(..) {
            gpu.queue.write_buffer(&arena.memory, 0, &arena.bytes);
            self.kept.push(arena.memory);
        }
    }

    /// Fails unless every matrix lives on this recorder's engine.
    pub(crate) fn same_engine(&self, kernel: &str, engines: &[&Engine]) -> Result<()> {
        match engines.iter().find(|engine| !engine.is(&self.engine)) {
            None => Ok(()),
            Some(other) => Err(Error::shape(format!(
                "{kernel}: a matrix on {} was given to a recorder on {}; upload it to the same engine",
                other.name(),
                self.engine.name()
            ))),
        }
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        self.pass = None;
        // The host app submits later: write the parameters now, and keep the buffers until it has.
        self.write_params();
        if let Target::Host(encoder) = &mut self.target {
            let kept = std::mem::take(&mut self.kept);
            encoder.on_submitted_work_done(move || drop(kept));
        }
    }
}

/// Fails, naming kernel and argument, unless `got` is `expected`.
pub(crate) fn expect_shape(
    kernel: &str,
    argument: &str,
    got: (usize, usize),
    expected: (usize, usize),
) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::shape(format!(
        "{kernel}: expected {argument} to be {} × {}, got {} × {}",
        expected.0, expected.1, got.0, got.1
    )))
}
