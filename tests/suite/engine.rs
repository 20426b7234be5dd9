//! The engine as a library user sees it.

use crate::common::{clustered, engines};
use wgvq::metrics::Metric;
use wgvq::ndarray::{Array2, array, s};
use wgvq::{Codebook, Element, Engine, ErrorKind, Recorder, f16};

#[test]
fn what_goes_up_comes_down() {
    for engine in engines() {
        let x = clustered(1000, 7, 5, 1);
        let matrix = engine.upload(x.view()).unwrap();
        assert_eq!(matrix.download().unwrap(), x);
        assert_eq!(matrix.download_rows(10..20).unwrap(), x.slice(wgvq::ndarray::s![10..20, ..]));
        assert_eq!(futures::executor::block_on(matrix.download_async()).unwrap(), x);
        assert_eq!(engine.zeros::<u32>(3, 2).unwrap().download().unwrap(), Array2::<u32>::zeros((3, 2)));
        let empty = engine.upload(Array2::<f32>::zeros((0, 7)).view()).unwrap();
        assert_eq!(empty.download().unwrap().dim(), (0, 7));
    }
}

#[test]
fn a_matrix_in_shards_is_the_same_matrix() {
    let Some(_) = engines().get(1) else { return };
    let engine = Engine::builder().device("gpu").checked(true).max_binding(64 << 10).build().unwrap();
    let x = clustered(5000, 20, 5, 2);
    let mut matrix = engine.upload(x.view()).unwrap();
    assert_eq!(matrix.download().unwrap(), x);
    // Across the boundary of two shards: 64 KiB hold 768 rows of 80 bytes, in whole 256s.
    let patch = Array2::from_elem((100, 20), 9.0_f32);
    matrix.write_rows(730, patch.view()).unwrap();
    let mut want = x.clone();
    want.slice_mut(wgvq::ndarray::s![730..830, ..]).assign(&patch);
    assert_eq!(matrix.download().unwrap(), want);
    assert_eq!(matrix.download_rows(700..900).unwrap(), want.slice(wgvq::ndarray::s![700..900, ..]));
}

#[test]
fn values_that_are_not_finite_are_named() {
    for engine in engines() {
        let mut x = clustered(300, 5, 2, 3);
        x[[217, 3]] = f32::NEG_INFINITY;
        let error = engine.upload(x.view()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("row 217, column 3"), "{error}");
    }
}

#[test]
fn shapes_and_engines_that_do_not_fit_are_refused_when_recorded() {
    for engine in engines() {
        let codebook = Codebook::new(&engine, clustered(4, 3, 2, 4).view(), Metric::SquaredL2).unwrap();
        let x = engine.upload(clustered(10, 5, 2, 4).view()).unwrap();
        let (mut codes, mut distances) = (engine.zeros(10, 1).unwrap(), engine.zeros(10, 1).unwrap());
        let mut recorder = engine.recorder();
        let error = recorder.assign(&x, &codebook, &mut codes, &mut distances).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shape);
        assert!(error.to_string().contains("expected x to be 10 × 3, got 10 × 5"), "{error}");

        let elsewhere = Engine::cpu().upload(clustered(10, 3, 2, 4).view()).unwrap();
        let error = recorder.assign(&elsewhere, &codebook, &mut codes, &mut distances).unwrap_err();
        assert!(error.to_string().contains("the same engine"), "{error}");

        let stale = {
            let mut codebook = codebook;
            codebook.codewords_mut().write_rows(0, array![[1.0_f32, 2.0, 3.0]].view()).unwrap();
            codebook
        };
        let x = engine.upload(clustered(10, 3, 2, 4).view()).unwrap();
        let error = recorder.assign(&x, &stale, &mut codes, &mut distances).unwrap_err();
        assert!(error.to_string().contains("prepare_codebook"), "{error}");
    }
}

#[test]
fn the_cpu_has_no_encoder_and_no_buffers() {
    assert!(Engine::cpu().adapter_info().is_none());
    let Some(gpu) = engines().into_iter().nth(1) else { return };
    assert!(gpu.adapter_info().is_some() && gpu.is_gpu() && !gpu.is(&Engine::cpu()));
}

#[test]
fn a_host_apps_buffers_are_checked() {
    let mut descriptor = wgvq::wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgvq::wgpu::Backends::VULKAN;
    let instance = wgvq::wgpu::Instance::new(descriptor);
    let Ok(adapter) = pollster::block_on(instance.request_adapter(&Default::default())) else { return };
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    let engine = Engine::from_wgpu(device.clone(), queue);
    let buffer = |usage| {
        let size = 400;
        device.create_buffer(&wgvq::wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        })
    };
    use wgvq::wgpu::BufferUsages as Usages;
    let all = Usages::STORAGE | Usages::COPY_SRC | Usages::COPY_DST;
    assert!(engine.wrap::<f32>(buffer(all), 0, 10, 10).is_ok());
    let error = engine.wrap::<f32>(buffer(all), 0, 11, 10).unwrap_err();
    assert!(error.to_string().contains("needs 440 bytes, the buffer has 400"), "{error}");
    let error = engine.wrap::<f32>(buffer(all), 256, 10, 10).unwrap_err();
    assert!(error.to_string().contains("needs 400 bytes, the buffer has 144"), "{error}");
    let error = engine.wrap::<f32>(buffer(all), 4, 10, 1).unwrap_err();
    assert!(error.to_string().contains("it has to be a multiple of"), "{error}");
    let error = engine.wrap::<f32>(buffer(Usages::COPY_SRC), 0, 10, 10).unwrap_err();
    assert!(error.to_string().contains("binding it to a kernel needs BufferUsages(STORAGE)"), "{error}");

    assert!(engine.wrap::<u8>(buffer(all), 256, 12, 12).is_ok());
    let error = engine.wrap::<u8>(buffer(all), 0, 3, 3).unwrap_err();
    assert!(
        error.to_string().contains("3 × 3 matrix of u8 has 9 bytes; a device writes whole words"),
        "{error}"
    );

    // What a buffer cannot do is refused when it is asked for; kernels take it as it is.
    let mut bound = engine.wrap::<f32>(buffer(Usages::STORAGE), 0, 10, 10).unwrap();
    let other = engine.uninitialized::<f32>(10, 10).unwrap();
    assert!(bound.download().unwrap_err().to_string().contains("reading it back needs"));
    assert!(bound.write_rows(0, array![[1.0_f32; 10]].view()).unwrap_err().to_string().contains("COPY_DST"));
    let mut recorder = engine.recorder();
    assert!(recorder.copy(&other, &mut bound).unwrap_err().to_string().contains("copying to it needs"));
    recorder.fill(&mut bound, 2.0).unwrap();
    recorder.submit().unwrap();

    // From an offset on: the rest of the buffer is left alone.
    let whole = buffer(all);
    let mut first = engine.wrap::<f32>(whole.clone(), 0, 10, 10).unwrap();
    let mut part = engine.wrap::<f32>(whole, 256, 4, 9).unwrap();
    for (matrix, value) in [(&mut first, 1.0), (&mut part, 2.0)] {
        let mut recorder = engine.recorder();
        recorder.fill(matrix, value).unwrap();
        recorder.submit().unwrap();
    }
    assert!(part.download().unwrap().iter().all(|&value| value == 2.0));
    let values = first.download().unwrap().into_iter().enumerate();
    assert!(values.into_iter().all(|(at, value)| value == if at < 64 { 1.0 } else { 2.0 }));
    assert_eq!(Engine::cpu().wrap::<f32>(buffer(all), 0, 1, 1).unwrap_err().kind(), ErrorKind::Device);
    let mut encoder = device.create_command_encoder(&Default::default());
    assert!(Recorder::on(&Engine::cpu(), &mut encoder).is_err());

    // wgpu would find this only when the encoder is finished, and its default answer is a panic.
    let shared = buffer(all);
    let (a, mut b) = (
        engine.wrap::<u32>(shared.clone(), 0, 10, 1).unwrap(),
        engine.wrap::<f32>(shared, 0, 10, 1).unwrap(),
    );
    let source = engine.upload(array![[1.0_f32]].view()).unwrap();
    let mut recorder = engine.recorder();
    let error = recorder.gather(&source, &a, &mut b).unwrap_err();
    assert!(error.to_string().contains("read and written at once"), "{error}");
}

#[test]
fn kernels_are_timed_where_the_device_has_a_clock() {
    for engine in engines() {
        let mut sums = engine.zeros(2000, 1).unwrap();
        let mut recorder = engine.recorder().timed();
        recorder.multiply_add(&mut sums, 500, 0.5, 0.5).unwrap();
        recorder.multiply_add(&mut sums, 500, 0.5, 0.5).unwrap();
        let times = recorder.submit_timed().unwrap();
        let clock =
            wgvq::devices().iter().any(|device| device.features.iter().any(|f| f == "timestamp_query"));
        if engine.is_gpu() && clock {
            assert_eq!(times.len(), 2);
            assert!(
                times.iter().all(|time| time.kernel == "multiply_add" && time.seconds > 0.0),
                "{times:?}"
            );
        } else {
            assert!(times.is_empty());
        }
    }
}

/// More than all staging buffers hold, written over in part while the first of it may still be on its way. Rows of smaller
/// elements begin within a word.
#[test]
fn what_goes_up_in_many_pieces_comes_back_whole() {
    for engine in engines() {
        come_back(&engine, 90_001, |at| at as f32);
        come_back(&engine, 90_001, |at| (at % 251) as u8);
        come_back(&engine, 90_001, |at| f16::from_f64((at % 4001) as f64));
    }
    let Some(_) = engines().get(1) else { return };
    let engine = Engine::builder().device("gpu").checked(true).max_binding(128 << 10).build().unwrap();
    come_back(&engine, 4003, |at| (at % 251) as u8);
    come_back(&engine, 4003, |at| f16::from_f64((at % 4001) as f64));
}

/// A matrix of `n` × 131 elements that the function makes, with rows written over and read alone.
fn come_back<T: Element>(engine: &Engine, n: usize, make: impl Fn(usize) -> T) {
    let mut x = Array2::from_shape_fn((n, 131), |(row, column)| make(row * 131 + column));
    let mut matrix = engine.upload(x.view()).unwrap();
    for (first, last) in [(n / 5, n / 5 * 4), (n / 5 + 1, n / 5 + 2), (n - 2, n), (0, 3)] {
        let part = Array2::from_shape_fn((last - first, 131), |(row, column)| make(row * 7 + column));
        matrix.write_rows(first, part.view()).unwrap();
        x.slice_mut(s![first..last, ..]).assign(&part);
    }
    let at = format!("{} on {}", T::NAME, engine.name());
    assert!(matrix.download().unwrap() == x, "{at}");
    for (first, last) in [(n / 5 - 2, n / 5 + 3), (n - 1, n), (1, 2)] {
        assert!(matrix.download_rows(first..last).unwrap() == x.slice(s![first..last, ..]), "{at}");
    }
}
