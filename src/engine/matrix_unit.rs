//! The matrix unit of a GPU: whether it has one that `assign` can compute scores with, and whether that was tried.
//!
//! wgpu calls its matrices experimental, so they are asked for on devices of our own alone, and a unit is used once a trial
//! (`kernels/matrix_trial.rs`) has passed on it. That is kept between runs beside the tiles.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::cache_file::CacheFile;
use super::origin::{Origin, adapter_file};
use crate::error::{Context, Result};

/// How blocks of products in f16 are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfProducts {
    /// By the matrix unit.
    Cooperative,
    /// By the same steps without one, as on a software rasteriser: for tests.
    Emulated,
}

impl HalfProducts {
    pub const ALL: [Self; 2] = [Self::Cooperative, Self::Emulated];
}

/// What a device needs beside WebGPU's least.
const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SHADER_F16);

/// Invocations of a subgroup, among which the shaders deal out blocks.
const SUBGROUP: u32 = 32;

/// Workgroup memory of the shaders, in bytes.
pub(crate) const WORKGROUP_MEMORY: u32 = 26_624;

/// Codewords and dimensions from which on scores in f16 pay: of fewer, most of the work is beside the products.
const LEAST: (usize, usize) = (256, 64);

/// Whether the adapter multiplies 16 × 16 × 16 numbers of f16 and adds them up in f32, by subgroups as the shaders have them.
pub(super) fn is_in(adapter: &wgpu::Adapter) -> bool {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let multiplies = |unit: &wgpu::CooperativeMatrixProperties| {
        (unit.m_size, unit.n_size, unit.k_size) == (16, 16, 16)
            && unit.ab_type == wgpu::CooperativeScalarType::F16
            && unit.cr_type == wgpu::CooperativeScalarType::F32
            && !unit.saturating_accumulation
    };
    adapter.features().contains(FEATURES)
        && (info.subgroup_min_size, info.subgroup_max_size) == (SUBGROUP, SUBGROUP)
        && limits.max_compute_workgroup_storage_size >= WORKGROUP_MEMORY
        && adapter.cooperative_matrix_properties().iter().any(multiplies)
}

/// Asks for the unit of an adapter that [has one](is_in).
pub(super) fn ask_for(descriptor: &mut wgpu::DeviceDescriptor<'_>) {
    descriptor.required_features |= FEATURES;
    // SAFETY: this says that we know experimental features to have faults which safe code can reach. What reaches them is the text
    // of two shaders of ours, whose indices are in range as those of all others are (`pipelines.rs`).
    descriptor.experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
}

/// The unit of an engine.
pub(crate) struct MatrixUnit {
    products: HalfProducts,
    /// Codewords and dimensions from which on it is used.
    least: (usize, usize),
    /// Whether it was asked for by name, so that a failure is an error.
    is_demanded: bool,
    trial: Mutex<Trial>,
}

/// What is known of the unit.
enum Trial {
    /// Nothing; where it is kept that it has passed.
    Open(Option<KeptPass>),
    Passed,
    Failed,
}

impl MatrixUnit {
    /// That of an adapter, of which an earlier run may have kept in `folder` that it has passed.
    pub fn of_device(info: &wgpu::AdapterInfo, folder: Option<PathBuf>, is_demanded: bool) -> Self {
        let kept = folder.map(|folder| KeptPass::at(info, folder));
        let trial = match kept {
            Some(kept) if kept.is_there() => Trial::Passed,
            kept => Trial::Open(kept),
        };
        let least = if is_demanded { (1, 1) } else { LEAST };
        Self { products: HalfProducts::Cooperative, least, is_demanded, trial: Mutex::new(trial) }
    }

    /// One that is used for every codebook, and needs no trial.
    pub fn proven(products: HalfProducts) -> Self {
        Self { products, least: (1, 1), is_demanded: true, trial: Mutex::new(Trial::Passed) }
    }

    pub fn products(&self) -> HalfProducts {
        self.products
    }

    /// How products for a codebook of `k` codewords of `d` dimensions are computed, if the unit has passed and that pays.
    pub fn known(&self, k: usize, d: usize) -> Option<HalfProducts> {
        let trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        (self.pays(k, d) && matches!(*trial, Trial::Passed)).then_some(self.products)
    }

    /// [`known`](Self::known), after `trial` if that was not done yet. It must not come here.
    ///
    /// # Errors
    /// That of the trial, where the unit was asked for by name.
    pub fn tried(
        &self,
        k: usize,
        d: usize,
        trial: impl FnOnce() -> Result<()>,
    ) -> Result<Option<HalfProducts>> {
        if !self.pays(k, d) {
            return Ok(None);
        }
        // Whoever else makes a codebook waits meanwhile.
        let mut known = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        if let Trial::Open(kept) = &mut *known {
            match trial() {
                Ok(()) => {
                    log::info!("the GPU's matrix unit has passed its trial");
                    kept.iter_mut().for_each(KeptPass::keep);
                    *known = Trial::Passed;
                }
                Err(error) if self.is_demanded => {
                    return Err(error).context(|| "the GPU's matrix unit is not used");
                }
                Err(error) => {
                    log::warn!("scores are computed in f32, as the GPU's matrix unit fails: {error}");
                    *known = Trial::Failed;
                }
            }
        }
        Ok(matches!(*known, Trial::Passed).then_some(self.products))
    }

    fn pays(&self, k: usize, d: usize) -> bool {
        k >= self.least.0 && d >= self.least.1
    }
}

/// A file that says of an adapter, a driver and a version that the unit has passed.
struct KeptPass {
    origin: Origin,
    file: CacheFile,
}

/// What is in it.
#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(flatten)]
    origin: Origin,
    passed: bool,
}

impl KeptPass {
    fn at(info: &wgpu::AdapterInfo, folder: PathBuf) -> Self {
        let file = CacheFile::new(folder.join(adapter_file(info, "matrix")));
        Self { origin: Origin::of(info), file }
    }

    fn is_there(&self) -> bool {
        let document = self.file.read().and_then(|data| serde_json::from_slice::<Document>(&data).ok());
        document.is_some_and(|document| document.passed && document.origin == self.origin)
    }

    /// A file that cannot be written costs a trial at the next start.
    fn keep(&mut self) {
        let document = Document { origin: self.origin.clone(), passed: true };
        let text = serde_json::to_vec_pretty(&document).expect("texts are JSON");
        if let Err(error) = self.file.grow(&text) {
            log::debug!("{} was not saved: {error}", self.file.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn adapter(driver_info: &str) -> wgpu::AdapterInfo {
        let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan);
        info.name = "Card".into();
        info.driver_info = driver_info.into();
        info
    }

    fn passes() -> Result<()> {
        Ok(())
    }

    fn fails() -> Result<()> {
        Err(Error::device("wrong sums"))
    }

    fn is_known() -> Result<()> {
        panic!("it is known")
    }

    const USED: Option<HalfProducts> = Some(HalfProducts::Cooperative);

    #[test]
    fn a_unit_is_used_once_it_has_passed_where_it_pays() {
        let unit = MatrixUnit::of_device(&adapter("1"), None, false);
        assert_eq!(unit.known(256, 64), None);
        assert_eq!(unit.tried(255, 64, is_known).unwrap(), None);
        assert_eq!(unit.tried(256, 64, passes).unwrap(), USED);
        assert_eq!(unit.tried(256, 64, is_known).unwrap(), USED);
        assert_eq!((unit.known(256, 64), unit.known(256, 63)), (USED, None));
    }

    #[test]
    fn a_failure_is_an_error_where_the_unit_was_asked_for() {
        let unit = MatrixUnit::of_device(&adapter("1"), None, false);
        assert_eq!(unit.tried(256, 64, fails).unwrap(), None);
        assert_eq!(unit.tried(256, 64, is_known).unwrap(), None);
        let demanded = MatrixUnit::of_device(&adapter("1"), None, true);
        let error = demanded.tried(1, 1, fails).unwrap_err().to_string();
        assert!(error.contains("not used") && error.contains("wrong sums"), "{error}");
    }

    #[test]
    fn a_pass_is_kept_for_the_driver() {
        let folder = tempfile::tempdir().unwrap();
        let open = |driver| MatrixUnit::of_device(&adapter(driver), Some(folder.path().into()), false);
        open("1").tried(256, 64, fails).unwrap();
        assert_eq!(open("1").known(256, 64), None);
        open("1").tried(256, 64, passes).unwrap();
        assert_eq!((open("1").known(256, 64), open("2").known(256, 64)), (USED, None));
        let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(path.file_name().unwrap(), "Card-vulkan.matrix");
        std::fs::write(path, "{").unwrap();
        assert_eq!(open("1").known(256, 64), None);
    }
}
