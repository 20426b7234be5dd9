//! wgvq inside another wgpu app: vectors that the app computes on its own device are encoded and decoded there, behind
//! the app's own work, in the app's own command encoder. Nothing passes through the host in between, and the app
//! submits once.
//!
//! ```text
//! cargo run --release --example embed_in_app
//! ```

use wgvq::metrics::Metric;
use wgvq::ndarray::Array2;
use wgvq::wgpu;
use wgvq::{Codebook, Engine, Recorder, Result};

/// Vectors, dimensions and codewords.
const N: usize = 10_000;
const D: usize = 16;
const K: usize = 64;

/// The app's shader: points on waves of different lengths.
const WAVES: &str = "
    @group(0) @binding(0) var<storage, read_write> vectors: array<f32>;

    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
        if id.x < 160000u {
            let row = f32(id.x / 16u);
            let column = f32(id.x % 16u);
            vectors[id.x] = sin(row * 0.01 * (column + 1.0));
        }
    }
";

fn main() -> Result<()> {
    let Some((device, queue)) = open_device() else {
        println!("no adapter: this example needs a GPU or a software Vulkan driver");
        return Ok(());
    };
    let (x, codes, decoded) = encode_on(device, queue)?;
    let mse = wgvq::metrics::mse(x.view(), decoded.view())?;
    let used = codes.iter().collect::<std::collections::BTreeSet<_>>().len();
    println!("{N} vectors × {D}: mse {mse:.4} with {used} of {K} codewords in use");
    Ok(())
}

/// The app's own device.
fn open_device() -> Option<(wgpu::Device, wgpu::Queue)> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).ok()?;
    // Nothing special: the default limits of WebGPU are enough.
    pollster::block_on(adapter.request_device(&Default::default())).ok()
}

/// Computes vectors with the app's shader, and encodes and decodes them behind it; returns vectors, codes and
/// decoded vectors.
fn encode_on(device: wgpu::Device, queue: wgpu::Queue) -> Result<(Array2<f32>, Array2<u32>, Array2<f32>)> {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("vectors"),
        size: (N * D * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });

    // Once, at the start of the app: an engine on the app's device, a codebook, and room for the results.
    let engine = Engine::from_wgpu(device.clone(), queue.clone());
    let mut rng = wgvq::Rng::new(1, 0);
    let codewords = Array2::from_shape_simple_fn((K, D), || 2.0 * rng.uniform() - 1.0);
    let codebook = Codebook::new(&engine, codewords.view(), Metric::SquaredL2)?;
    let vectors = engine.wrap::<f32>(buffer.clone(), 0, N, D)?;
    let mut codes = engine.uninitialized::<u32>(N, 1)?;
    let mut distances = engine.uninitialized::<f32>(N, 1)?;
    let mut decoded = engine.uninitialized::<f32>(N, D)?;

    // Every frame: the app's own pass, then ours, in one encoder.
    let mut encoder = device.create_command_encoder(&Default::default());
    record_waves(&device, &buffer, &mut encoder);
    let mut recorder = Recorder::on(&engine, &mut encoder)?;
    recorder.assign(&vectors, &codebook, &mut codes, &mut distances)?;
    recorder.gather(codebook.codewords(), &codes, &mut decoded)?;
    drop(recorder);
    queue.submit([encoder.finish()]);

    Ok((vectors.download()?, codes.download()?, decoded.download()?))
}

fn record_waves(device: &wgpu::Device, buffer: &wgpu::Buffer, encoder: &mut wgpu::CommandEncoder) {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("waves"),
        source: wgpu::ShaderSource::Wgsl(WAVES.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("waves"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("waves"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups((N * D).div_ceil(64) as u32, 1, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_the_nearest_codewords_of_the_apps_vectors() {
        let Some((device, queue)) = open_device() else {
            assert!(std::env::var_os("WGVQ_REQUIRE_GPU").is_none(), "no adapter");
            return eprintln!("skipped: no adapter");
        };
        let (x, codes, decoded) = encode_on(device, queue).unwrap();
        // The app's shader has run: its waves start at 0 and stay within 1.
        assert!(x.row(0).iter().all(|&v| v == 0.0) && x.iter().all(|v| v.abs() <= 1.0));
        assert!(x[[50, 3]] != 0.0);
        assert!(codes.iter().all(|&code| (code as usize) < K));
        let mut rng = wgvq::Rng::new(1, 0);
        let codewords = Array2::from_shape_simple_fn((K, D), || 2.0 * rng.uniform() - 1.0);
        for (row, (x, decoded)) in x.outer_iter().zip(decoded.outer_iter()).enumerate() {
            assert_eq!(decoded, codewords.row(codes[[row, 0]] as usize), "{row}");
            let distance = |c| Metric::SquaredL2.distance(x, c);
            let least = codewords.outer_iter().map(distance).fold(f64::INFINITY, f64::min);
            // Scores of 16 dimensions with values up to 2: (16 + 3) roundings of at most 16 · 4.
            assert!(distance(decoded) <= least + 19.0 * 64.0 * 6e-8, "{row}");
        }
    }
}
