//! What a document says of where it was measured. Nothing in it names a person or a host.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, System};
use wgvq::Engine;

use crate::args::Common;

/// What older documents lack is `None` in them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Environment {
    /// The adapter, or `cpu`.
    pub device: String,
    /// What wgpu reaches the adapter by.
    pub backend: Option<String>,
    pub driver: Option<String>,
    /// The CPU's model.
    pub cpu: Option<String>,
    pub logical_cores: Option<usize>,
    /// Threads that computed.
    pub threads: usize,
    /// The clock of the fastest core just after the peaks were measured.
    pub cpu_mhz: Option<u64>,
    pub os: Option<String>,
    pub architecture: Option<String>,
    pub version: String,
    /// Whether this is a build for use: one for tests has checks in it, which take time.
    pub optimised: Option<bool>,
    /// What scores were to be computed with.
    pub precision: Option<String>,
}

impl Environment {
    pub fn of(engine: &Engine, common: &Common) -> Self {
        let info = engine.adapter_info();
        let mut system = System::new();
        system.refresh_cpu_list(CpuRefreshKind::nothing().with_frequency());
        let cpus = system.cpus();
        let brand = cpus.first().map(|cpu| cpu.brand().trim().to_string());
        Self {
            device: engine.name().into(),
            backend: info.map(|info| info.backend.to_string()),
            driver: info.map(|info| format!("{} {}", info.driver, info.driver_info)),
            cpu: brand.filter(|brand| !brand.is_empty()),
            logical_cores: (!cpus.is_empty()).then_some(cpus.len()),
            threads: rayon::current_num_threads(),
            cpu_mhz: cpus.iter().map(sysinfo::Cpu::frequency).max().filter(|&clock| clock > 0),
            os: System::long_os_version(),
            architecture: Some(System::cpu_arch()),
            version: env!("CARGO_PKG_VERSION").into(),
            optimised: Some(!cfg!(debug_assertions)),
            precision: Some(common.precision.to_string()),
        }
    }

    /// What is known, by name.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let adapter = match (&self.backend, &self.driver) {
            (Some(backend), Some(driver)) => format!("{} ({backend}, {driver})", self.device),
            _ => self.device.clone(),
        };
        let build = match self.optimised {
            Some(true) => ", optimised",
            Some(false) => ", a build for tests, which is slower",
            None => "",
        };
        let threads = match self.logical_cores {
            Some(cores) => format!("{} on {cores} logical cores", self.threads),
            None => self.threads.to_string(),
        };
        let system = match (&self.os, &self.architecture) {
            (Some(os), Some(architecture)) => Some(format!("{os}, {architecture}")),
            (os, architecture) => os.clone().or_else(|| architecture.clone()),
        };
        let rows = [
            ("device", Some(adapter)),
            ("CPU", self.cpu.clone()),
            ("clock", self.cpu_mhz.map(|clock| format!("{clock} MHz"))),
            ("threads", Some(threads)),
            ("system", system),
            ("wgvq", Some(format!("{}{build}", self.version))),
            ("precision", self.precision.clone()),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
