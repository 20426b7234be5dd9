//! Compiled shaders, kept in memory and, where the driver offers it, on disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::cache_file::{CacheFile, file_name};
use super::gpu::scoped;
use super::shader::{Shader, Variant};
use crate::error::{Context, Result};

pub(crate) struct Pipelines {
    checked: bool,
    /// By stem: the variants that were asked for so far.
    compiled: Mutex<HashMap<&'static str, Vec<Known>>>,
    disk: Option<DiskCache>,
}

type Known = (Variant, Slot);

/// Empty until the variant is compiled. Whoever needs it meanwhile waits here, and others do not.
type Slot = Arc<Mutex<Option<Arc<Compiled>>>>;

/// A variant of a shader, ready to be dispatched.
pub(crate) struct Compiled {
    pub pipeline: wgpu::ComputePipeline,
    /// What it binds.
    pub layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    pub fn new(device: &wgpu::Device, info: &wgpu::AdapterInfo, checked: bool) -> Self {
        Self { checked, compiled: Mutex::default(), disk: DiskCache::open(device, info) }
    }

    /// The pipeline of one variant, compiled at its first use.
    pub fn get(&self, device: &wgpu::Device, shader: &Shader, variant: &Variant) -> Result<Arc<Compiled>> {
        let slot = self.slot(shader, variant);
        let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(found) = &*slot {
            return Ok(Arc::clone(found));
        }
        let start = Instant::now();
        let pipeline = self.compile(device, shader, variant)?;
        let took = start.elapsed();
        log::debug!("compiled {} in {:.1} ms", shader.stem, 1e3 * took.as_secs_f64());
        if let Some(disk) = &self.disk {
            disk.compiled(took);
        }
        let layout = pipeline.get_bind_group_layout(0);
        let made = Arc::new(Compiled { pipeline, layout });
        *slot = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Where the variant is or will be.
    fn slot(&self, shader: &Shader, variant: &Variant) -> Slot {
        let mut compiled = self.compiled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let variants = compiled.entry(shader.stem).or_default();
        if let Some((_, slot)) = variants.iter().find(|(known, _)| known.is(variant)) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        variants.push((variant.clone(), Arc::clone(&slot)));
        slot
    }

    fn compile(
        &self,
        device: &wgpu::Device,
        shader: &Shader,
        variant: &Variant,
    ) -> Result<wgpu::ComputePipeline> {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(shader.stem),
            source: wgpu::ShaderSource::Wgsl(shader.text(variant).into()),
        };
        let compile = || {
            let module = if self.checked {
                device.create_shader_module(descriptor)
            } else {
                let checks = wgpu::ShaderRuntimeChecks::unchecked();
                // SAFETY: the text is ours, compiled into this crate, its loops are bounded and every index is in range.
                // Places and columns are, because the host compares all shapes before it records. Indices that are read
                // from a matrix (codes, row numbers, offsets) are, because the kernel that reads them skips or clamps what
                // is out of range if a public method can bring it there; the others get them from kernels of ours alone:
                // `grouped_assign`, `beam_step` and `local_search` (codes of the step before), `assign_again` and `assign_exactly`
                // (rows that the look before has left), `lut_scan` (codes checked on
                // the host). Those kernels write no other index than a counter of a loop over what is there, or 0, or
                // one that they clamp: whatever a comparison makes of a NaN or a denormal, the choice is one there is.
                // The tests run the same text with the checks on, and `selftest/bounds.rs` compares the results.
                unsafe { device.create_shader_module_trusted(descriptor, checks) }
            };
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(shader.stem),
                // Deduced from the shader, so that no list of bindings has to be kept beside it.
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &variant.overrides,
                    zero_initialize_workgroup_memory: self.checked,
                },
                cache: self.disk.as_ref().map(|disk| &disk.cache),
            })
        };
        scoped(device, compile).context(|| format!("this driver cannot compile the kernel {}", shader.stem))
    }
}

impl Shader {
    /// The whole WGSL text of a variant.
    pub fn text(&self, variant: &Variant) -> String {
        let texts =
            std::iter::once(&*variant.prelude).chain(self.source.iter().chain(&*variant.pieces).copied());
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Pipelines {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.save();
        }
    }
}

/// The driver's own pipeline cache, in the user's cache directory, one file per adapter and driver.
struct DiskCache {
    cache: wgpu::PipelineCache,
    file: Mutex<CacheFile>,
    /// Time spent on pipelines that the file may lack.
    unsaved: Mutex<Duration>,
}

/// Time spent on compiling after which the cache is saved: a program that is killed loses no more of it.
const WORTH_SAVING: Duration = Duration::from_secs(1);

impl DiskCache {
    fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = wgpu::util::pipeline_cache_key(info)?;
        let driver = file_name(&info.driver_info);
        let mut file = CacheFile::new(cache_dir()?.join(format!("{key}-{driver}.pipelines")));
        let data = file.read();
        // SAFETY: the file was written by `save` from the cache of an adapter with the same key, and
        // `fallback` makes the driver start afresh when the data's header does not fit it.
        let cache = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("wgvq"),
                data: data.as_deref(),
                fallback: true,
            })
        };
        // What the driver made of the file, which may be nothing.
        file.holds(cache.get_data().map_or(0, |data| data.len()));
        Some(Self { cache, file: Mutex::new(file), unsaved: Mutex::default() })
    }

    /// Takes note of a pipeline that took so long to compile.
    fn compiled(&self, took: Duration) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *unsaved += took;
        if *unsaved >= WORTH_SAVING {
            *unsaved = Duration::ZERO;
            self.save();
        }
    }

    /// Best effort: a cache that cannot be written costs a second at the next start, nothing else.
    fn save(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(error) = file.grow(&data) {
            log::debug!("the pipeline cache {} was not saved: {error}", file.path().display());
        }
    }
}

/// The folder for what wgvq keeps between runs: `WGVQ_CACHE` or the user's cache directory.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("WGVQ_CACHE") {
        return Some(folder.into());
    }
    use etcetera::BaseStrategy;
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("wgvq"))
}
