//! The tiled `assign` against the obvious shader, one invocation per vector, on the same adapter.
//!
//! ```text
//! cargo bench --bench naive
//! ```
//!
//! Prints GFLOP/s of both and their ratio; the two take turns.

use std::time::Instant;

use wgvq::metrics::Metric;
use wgvq::ops::Distribution;
use wgvq::{Codebook, Engine, Recorder, Result, wgpu};

const SHAPES: [(usize, usize, usize); 3] = [(20_000, 128, 256), (20_000, 128, 1024), (5_000, 384, 1024)];
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let (device, queue) = match open_device() {
        Some(opened) => opened,
        None => return Err(wgvq::Error::device("no adapter")),
    };
    let engine = Engine::from_wgpu(device.clone(), queue.clone());
    let naive = pipeline(&device);
    println!("{}", engine.name());
    println!("{:>7} {:>5} {:>6} {:>12} {:>12} {:>7}", "n", "d", "k", "tiled", "naive", "ratio");
    for (n, d, k) in SHAPES {
        let buffer = |elements: usize| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 4 * elements as u64,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::UNIFORM
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let [x_buffer, codewords_buffer, codes_buffer, distances_buffer] = [n * d, k * d, n, n].map(buffer);
        // llvmpipe ends a loop after 65,535 iterations: as many codewords per dispatch as that allows.
        let step = 65_000 / (d + 1);
        let groups: Vec<_> = (0..k)
            .step_by(step)
            .map(|first| {
                let params = buffer(4);
                let sizes = [n, d, first, (first + step).min(k)];
                queue.write_buffer(&params, 0, &sizes.map(|size| (size as u32).to_le_bytes()).concat());
                let bound = [&params, &x_buffer, &codewords_buffer, &codes_buffer, &distances_buffer];
                let entries: Vec<_> = bound
                    .iter()
                    .enumerate()
                    .map(|(binding, buffer)| wgpu::BindGroupEntry {
                        binding: binding as u32,
                        resource: buffer.as_entire_binding(),
                    })
                    .collect();
                device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout: &naive.get_bind_group_layout(0),
                    entries: &entries,
                })
            })
            .collect();
        let mut x = engine.wrap::<f32>(x_buffer.clone(), 0, n, d)?;
        let mut codewords = engine.wrap::<f32>(codewords_buffer.clone(), 0, k, d)?;
        let mut recorder = engine.recorder();
        recorder.random_fill(Distribution::Normal, 1, 0, &mut x)?;
        recorder.random_fill(Distribution::Normal, 2, 0, &mut codewords)?;
        recorder.submit()?;
        let mut codebook = Codebook::from_matrix(codewords, Metric::SquaredL2)?;
        let (mut codes, mut distances) = (engine.zeros::<u32>(n, 1)?, engine.zeros::<f32>(n, 1)?);
        let (mut tiled_seconds, mut naive_seconds) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut recorder = Recorder::on(&engine, &mut encoder)?;
            recorder.prepare_codebook(&mut codebook)?;
            recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
            drop(recorder);
            let tiled = run(&device, &queue, encoder)?;
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&naive);
            for group in &groups {
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(n.div_ceil(64) as u32, 1, 1);
            }
            drop(pass);
            let plain = run(&device, &queue, encoder)?;
            // The first round compiles.
            if round > 0 {
                tiled_seconds.push(tiled);
                naive_seconds.push(plain);
            }
        }
        let operations = 2.0 * (n * d * k) as f64 / 1e9;
        let (tiled, plain) = (operations / median(tiled_seconds), operations / median(naive_seconds));
        println!("{n:>7} {d:>5} {k:>6} {tiled:>12.2} {plain:>12.2} {:>7.1}", tiled / plain);
    }
    Ok(())
}

fn open_device() -> Option<(wgpu::Device, wgpu::Queue)> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).ok()?;
    pollster::block_on(adapter.request_device(&Default::default())).ok()
}

fn pipeline(device: &wgpu::Device) -> wgpu::ComputePipeline {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some("naive_assign"),
        source: wgpu::ShaderSource::Wgsl(include_str!("naive_assign.wgsl").into()),
    };
    // SAFETY: the shader guards its rows, and its loops end at the sizes of the buffers bound to it. The tiled kernel
    // runs without checks too.
    let module =
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("naive_assign"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    })
}

/// Submits, waits, and returns the seconds.
fn run(device: &wgpu::Device, queue: &wgpu::Queue, encoder: wgpu::CommandEncoder) -> Result<f64> {
    let start = Instant::now();
    queue.submit([encoder.finish()]);
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|error| wgvq::Error::device(error.to_string()))?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
