//! Finding a GPU.

use crate::error::{Error, Result};

/// A device that [`Engine::open`](crate::Engine::open) can take.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeviceInfo {
    /// What to ask for: `cpu`, or `gpu:N`.
    pub id: String,
    /// What the driver calls it.
    pub name: String,
    /// Discrete, integrated, virtual or software.
    pub kind: String,
    /// Vulkan, Metal, DX12; `cpu` for the CPU backend.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// The largest storage binding in bytes, before the engine's own cap of 2 GiB.
    pub max_binding: u64,
    /// Workgroup memory in bytes.
    pub workgroup_memory: u32,
    /// The largest workgroup, in invocations.
    pub workgroup_size: u32,
    /// Optional features that wgvq makes use of.
    pub features: Vec<String>,
    /// The shapes M × N × K of products that its matrix units take, with the types of operands and sums.
    pub matrix_units: Vec<String>,
    /// Whether `auto` takes it.
    pub auto: bool,
    /// Why `auto` takes it, or does not.
    pub reason: String,
}

/// Every device there is, the CPU backend last, and which one `auto` takes.
///
/// ```
/// let devices = wgvq::devices();
/// assert_eq!(devices.iter().filter(|device| device.auto).count(), 1);
/// assert_eq!(devices.last().unwrap().id, "cpu");
/// ```
pub fn devices() -> Vec<DeviceInfo> {
    let adapters = enumerate();
    let best = adapters.first().is_some_and(|adapter| is_real(&adapter.get_info()));
    let mut list: Vec<_> = adapters
        .iter()
        .enumerate()
        .map(|(number, adapter)| {
            let (info, limits) = (adapter.get_info(), adapter.limits());
            let auto = best && number == 0;
            let reason = match (auto, is_real(&info)) {
                (true, _) => "the best GPU there is",
                (false, true) => "a better GPU is there",
                (false, false) => "a software rasteriser, slower than the CPU backend",
            };
            DeviceInfo {
                id: format!("gpu:{number}"),
                kind: kind(info.device_type).into(),
                backend: info.backend.to_string(),
                driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
                name: info.name,
                max_binding: limits.max_storage_buffer_binding_size,
                workgroup_memory: limits.max_compute_workgroup_storage_size,
                workgroup_size: limits.max_compute_invocations_per_workgroup,
                features: (adapter.features() & WANTED)
                    .iter_names()
                    .map(|(name, _)| name.to_lowercase())
                    .collect(),
                matrix_units: adapter.cooperative_matrix_properties().iter().map(matrix_unit).collect(),
                auto,
                reason: reason.into(),
            }
        })
        .collect();
    let reason = if best { "a GPU is there".into() } else { no_real(&adapters) };
    list.push(DeviceInfo {
        id: "cpu".into(),
        name: format!("{} threads", rayon::current_num_threads()),
        kind: "cpu".into(),
        backend: "cpu".into(),
        driver: String::new(),
        max_binding: u64::MAX,
        workgroup_memory: 0,
        workgroup_size: 0,
        features: Vec::new(),
        matrix_units: Vec::new(),
        auto: !best,
        reason,
    });
    list
}

fn matrix_unit(unit: &wgpu::CooperativeMatrixProperties) -> String {
    let wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, .. } = unit;
    format!("{m_size}x{n_size}x{k_size} {ab_type:?} to {cr_type:?}").to_lowercase()
}

/// Features that are asked for where the adapter has them.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::PIPELINE_CACHE)
    .union(wgpu::Features::SUBGROUP)
    .union(wgpu::Features::SHADER_F16);

/// All adapters, the most capable kind first; the driver's order within a kind.
fn enumerate() -> Vec<wgpu::Adapter> {
    // OpenGL is left out: it lacks what the kernels need, and looking for it prints errors where there is
    // no display.
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    adapters
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn kind(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Other => "GPU",
        wgpu::DeviceType::Cpu => "software rasteriser",
    }
}

fn is_real(info: &wgpu::AdapterInfo) -> bool {
    info.device_type != wgpu::DeviceType::Cpu
}

fn no_real(adapters: &[wgpu::Adapter]) -> String {
    match adapters.first() {
        None => "no Vulkan, Metal or DX12 adapter was found".into(),
        Some(adapter) => format!("the only adapter is a software rasteriser ({})", adapter.get_info().name),
    }
}

/// The best adapter that is not a software rasteriser and why, or why there is none.
pub(super) fn best_real() -> Result<(wgpu::Adapter, String), String> {
    let adapters = enumerate();
    match adapters.iter().position(|adapter| is_real(&adapter.get_info())) {
        Some(at) => {
            let adapter = adapters[at].clone();
            let info = adapter.get_info();
            Ok((adapter, format!("the best of {} ({})", plural(adapters.len()), kind(info.device_type))))
        }
        None => Err(no_real(&adapters)),
    }
}

fn plural(adapters: usize) -> String {
    if adapters == 1 { "1 adapter".into() } else { format!("{adapters} adapters") }
}

/// The adapter of a name: `gpu`, `gpu:N` or `gpu:NAME`.
pub(super) fn find(name: &str) -> Result<wgpu::Adapter> {
    let adapters = enumerate();
    let wanted = match name.strip_prefix("gpu") {
        Some("") => adapters.first(),
        Some(rest) => match rest.strip_prefix(':') {
            Some(which) => match which.parse::<usize>() {
                Ok(number) => adapters.get(number),
                Err(_) => adapters.iter().find(|adapter| {
                    let known = adapter.get_info().name.to_lowercase();
                    !which.is_empty() && known.contains(&which.to_lowercase())
                }),
            },
            None => None,
        },
        None => None,
    };
    wanted.cloned().ok_or_else(|| {
        let mut known = vec!["auto".to_string(), "cpu".to_string()];
        if !adapters.is_empty() {
            known.push("gpu".into());
        }
        known.extend(
            adapters.iter().enumerate().map(|(at, found)| format!("gpu:{at} ({})", found.get_info().name)),
        );
        Error::input(format!("there is no device {name:?}; the devices here are {}", known.join(", ")))
    })
}

/// What to ask of a device: the features that we make use of, and the adapter's limits.
pub(super) fn wanted(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    wgpu::DeviceDescriptor {
        label: Some("wgvq"),
        required_features: adapter.features() & WANTED,
        required_limits: adapter.limits(),
        ..Default::default()
    }
}
