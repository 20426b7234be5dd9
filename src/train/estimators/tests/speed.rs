//! What a step costs.

use std::time::Instant;

use super::*;
use crate::ops::Op;

/// Where the time of a step goes, at the size of the accounts in the documentation.
#[test]
#[ignore = "a measurement: run it alone, in release"]
fn speed() {
    let (n, d, k) = (1024, 128, 1024);
    for engine in engines() {
        let x = engine.upload(normals(1, (n, d)).view()).unwrap();
        let codebook = engine.upload(normals(2, (k, d)).view()).unwrap();
        let gradient = engine.upload(normals(3, (n, d)).view()).unwrap();
        let mut forward = Forward::new(&engine, n, d).unwrap();
        let (mut dx, mut dcodebook) = (engine.zeros(n, d).unwrap(), engine.zeros(k, d).unwrap());
        let time = |what: &str, record: &mut dyn FnMut(&mut Recorder<'_>, u64)| {
            let mut times: Vec<f64> = (0..if engine.is_gpu() { 5 } else { 200 })
                .map(|step| {
                    let start = Instant::now();
                    let mut recorder = engine.recorder();
                    record(&mut recorder, step);
                    recorder.submit().unwrap();
                    engine.wait().unwrap();
                    1e3 * start.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            println!(
                "{:<5} {what:<22} {:.3} ms (least {:.3})",
                engine.name(),
                times[times.len() / 2],
                times[0]
            );
        };
        let estimators: Vec<Box<dyn Estimator>> = vec![
            Box::new(Nsvq::new(7)),
            Box::new(Diveq::new(1e-3, 7).unwrap()),
            Box::new(Ste::new(1.0, 0.25).unwrap()),
            Box::new(Rotation::new(1.0, 0.25).unwrap()),
            Box::new(Ema::new(0.99, 0.25).unwrap()),
            Box::new(Soft::new(Temperature::fixed(0.1).unwrap())),
            Box::new(Gumbel::new(0.1, Temperature::fixed(1.0).unwrap(), 7).unwrap()),
        ];
        for mut estimator in estimators {
            time(estimator.name(), &mut |recorder, step| {
                estimator.record_forward(recorder, &x, &codebook, step, &mut forward).unwrap();
                let (forward, dx, dcodebook) = (&forward, &mut dx, &mut dcodebook);
                let pass =
                    Backward { x: &x, codebook: &codebook, forward, gradient: &gradient, dx, dcodebook };
                estimator.record_backward(recorder, pass).unwrap();
            });
        }
        let mut packed = crate::kernels::prepare_codebook::Codebook::new(
            &engine,
            normals(2, (k, d)).view(),
            crate::metrics::Metric::SquaredL2,
        )
        .unwrap();
        let (mut a, mut b) = (engine.zeros(n, d).unwrap(), engine.zeros(n, d).unwrap());
        let (mut order, mut offsets) = (engine.zeros(n, 1).unwrap(), engine.zeros(k + 1, 1).unwrap());
        let mut counts = engine.zeros(k, 1).unwrap();
        time("  copy", &mut |r, _| r.copy(&codebook, packed.codewords_mut()).unwrap());
        time("  prepare_codebook", &mut |r, _| r.prepare_codebook(&mut packed).unwrap());
        time("  assign", &mut |r, _| {
            r.assign(&x, &packed, &mut forward.codes, &mut forward.distances).unwrap();
        });
        time("  residual", &mut |r, _| r.residual(&x, &codebook, &forward.codes, &mut a).unwrap());
        time("  random_fill", &mut |r, step| r.random_fill(Distribution::Normal, 1, step, &mut b).unwrap());
        time("  displace", &mut |r, _| r.displace(&x, &a, &mut b, &mut dx).unwrap());
        time("  displace_grad", &mut |r, _| {
            r.displace_grad(&a, &b, &gradient, &mut dx, &mut forward.output).unwrap()
        });
        time("  counting_sort", &mut |r, _| {
            r.counting_sort(&forward.codes, k, &mut order, &mut offsets).unwrap()
        });
        time("  segment_sum", &mut |r, _| {
            r.segment_sum(&a, &order, &offsets, None, &mut dcodebook, &mut counts).unwrap();
        });
        time("  rotation_grad", &mut |r, _| r.rotation_grad(&x, &a, &gradient, &mut dx).unwrap());
        time("  elementwise", &mut |r, _| r.elementwise(Op::Add, &x, &a, &mut dx).unwrap());
    }
}
