//! Residual quantizers that stop, vector by vector, where they are near enough.

use wgvq::coding::{Header, Method, stored_size};
use wgvq::ndarray::{Array2, Axis, s};
use wgvq::serde_json::{Map, Value, json};
use wgvq::{Batching, Engine, Evaluation, Quantizer, Residual, Rng, encode_batches};

const LIMIT: f32 = 6.0;

/// Vectors about the origin, some much longer than others, and a few of length 0.
fn vectors(n: usize, d: usize) -> Array2<f32> {
    let mut rng = Rng::new(17, 0);
    let mut x = Array2::from_shape_simple_fn((n, d), || rng.normal());
    for (row, mut x) in x.rows_mut().into_iter().enumerate() {
        x *= (row % 5) as f32;
    }
    x
}

fn trained(engine: &Engine, x: &Array2<f32>, beam: usize, refinements: usize) -> Residual {
    let builder = Residual::builder().stages(5).bits(4).max_error(LIMIT).seed(2);
    builder.beam(beam).refine(refinements).fit(engine, x).unwrap()
}

fn error(x: wgvq::ndarray::ArrayView1<f32>, codes: &[u32], codebooks: &[&Array2<f32>]) -> f64 {
    let mut left = x.mapv(f64::from);
    for (&code, codebook) in codes.iter().zip(codebooks) {
        left -= &codebook.row(code as usize).mapv(f64::from);
    }
    left.iter().map(|r| r * r).sum()
}

#[test]
fn codes_stop_where_the_error_is_small_enough_and_not_before() {
    let x = vectors(1000, 6);
    let limit = f64::from(LIMIT);
    // f32 takes d + 3 roundings for a distance, and m for the vector that it is the distance to.
    let near = |error: f64| (error - limit).abs() <= 32.0 * f64::from(f32::EPSILON) * limit;
    for engine in crate::common::engines() {
        for (beam, refinements) in [(1, 0), (1, 4), (4, 4)] {
            let rq = trained(&engine, &x, beam, refinements);
            let codebooks = rq.codebooks();
            let coder = rq.prepare(&engine).unwrap();
            let mut lengths = [0; 6];
            encode_batches(&*coder, &engine, &x, 0..1000, Batching::of(77), |batch| {
                for ((x, codes), &distance) in
                    batch.x.outer_iter().zip(batch.codes.outer_iter()).zip(&batch.distances)
                {
                    let codes = codes.to_vec();
                    let length = codes.iter().position(|&code| code == 15).unwrap_or(5);
                    lengths[length] += 1;
                    assert!(codes[length..].iter().all(|&code| code == 15), "{codes:?}");
                    let found = error(x, &codes, &codebooks);
                    assert!((found - distance).abs() <= 1e-5 * found + 1e-9);
                    assert!(length == 5 || found <= limit || near(found), "{codes:?} stop at {found}");
                    if beam == 1 && length > 0 {
                        let before = error(x, &codes[..length - 1], &codebooks);
                        assert!(before > limit || near(before), "{codes:?} go on after {before}");
                    }
                }
                Ok(())
            })
            .unwrap();
            // Every fifth vector is 0 and needs no codeword; the others are of all sizes.
            assert_eq!(lengths.iter().sum::<i32>(), 1000);
            assert!(lengths[0] >= 200 && lengths[1..].iter().all(|&count| count > 10), "{lengths:?}");
        }
    }
}

#[test]
fn a_greedy_search_takes_the_nearest_codeword_that_does_not_say_stop() {
    let x = vectors(300, 6);
    for engine in crate::common::engines() {
        let rq = trained(&engine, &x, 1, 0);
        let codes = rq.encode(&engine, &x).unwrap();
        for (x, codes) in x.outer_iter().zip(codes.view().outer_iter()) {
            let mut so_far = Vec::new();
            for &code in codes.iter().take_while(|&&code| code < 15) {
                let with = |code: u32| error(x, &[&so_far[..], &[code]].concat(), &rq.codebooks());
                let least = (0..15).map(with).fold(f64::INFINITY, f64::min);
                assert!(with(code) <= least * (1.0 + 1e-5) + 1e-6, "{code} at {}, {least}", with(code));
                so_far.push(code);
            }
        }
    }
}

#[test]
fn the_rate_is_what_a_container_stores() {
    let x = vectors(2000, 6);
    let engine = Engine::cpu();
    let rq = trained(&engine, &x, 4, 4);
    let codes = rq.encode(&engine, &x).unwrap();
    let found = Evaluation::of(&*rq.prepare(&engine).unwrap(), &engine, &x).unwrap();
    let mut header = Header::new(rq.codebook_sizes(), Method::Packed);
    header.ragged = rq.is_ragged();
    let packed = stored_size(header.clone(), codes.view()).unwrap();
    let rate = found.bits_per_vector();
    let overhead = 8.0 * 400.0 / 2000.0;
    assert!(rate < 16.0, "{rate} of 20 bits");
    let stored = packed.bits_per_vector();
    assert!(stored >= rate && stored < rate + overhead, "{stored} stored, {rate} counted");
    assert!(found.entropy_bits() < rate);
    // A fixed rate would count the implied stops too.
    header.ragged = false;
    assert!(stored_size(header, codes.view()).unwrap().bits_per_vector() >= 20.0);
}

#[test]
fn the_limit_is_kept_in_the_model_and_can_be_another_for_encoding() {
    let x = vectors(500, 6);
    let engine = Engine::cpu();
    let rq = trained(&engine, &x, 4, 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rq.safetensors");
    rq.save(&path, false, Value::Null).unwrap();
    let codes = rq.encode(&engine, &x).unwrap();
    assert_eq!(wgvq::load(&path).unwrap().quantizer.encode(&engine, &x).unwrap(), codes);

    let with =
        |name: &str, value: Value| wgvq::load_with(&path, &Map::from_iter([(name.to_string(), value)]));
    let coarse = with("max_error", json!(20.0)).unwrap().quantizer;
    let coarse_codes = coarse.encode(&engine, &x).unwrap();
    let stops = |codes: &wgvq::Codes| codes.view().iter().filter(|&&code| code == 15).count();
    assert!(stops(&coarse_codes) > stops(&codes) + 100);
    // What the codes stand for is the same for both.
    assert_eq!(rq.decode(&engine, &coarse_codes).unwrap(), coarse.decode(&engine, &coarse_codes).unwrap());
    for (name, value, why) in [
        ("max_error", json!(-1.0), "0 or more"),
        ("max_error", json!("much"), "must be a squared distance"),
        ("local_search", json!(4), "local_search belongs to LSQ"),
        ("dim", json!(4), "there is no setting dim"),
    ] {
        let error = with(name, value).err().expect("is refused").to_string();
        assert!(error.contains(why) && error.contains("rq.safetensors"), "{error}");
    }
}

#[test]
fn what_cannot_stop_is_refused() {
    let x = vectors(200, 6);
    let engine = Engine::cpu();
    let fixed = Residual::builder().stages(2).bits(3).fit(&engine, &x).unwrap();
    assert!(fixed.with_max_error(1.0).unwrap_err().to_string().contains("codebook 0 is not 0"));
    for limit in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(Residual::builder().stages(2).bits(3).max_error(limit).fit(&engine, &x).is_err());
    }
}

#[test]
fn a_limit_that_all_or_none_reach_does_no_harm() {
    let x = vectors(300, 6);
    for engine in crate::common::engines() {
        let build = |limit| Residual::builder().stages(3).bits(3).max_error(limit).fit(&engine, &x).unwrap();
        let all = build(1e9).encode(&engine, &x).unwrap();
        assert!(all.view().iter().all(|&code| code == 7));
        // Only the vectors of length 0 are as near as that.
        let none = build(0.0).encode(&engine, &x).unwrap();
        for (row, codes) in none.view().axis_iter(Axis(0)).enumerate() {
            assert_eq!(codes.iter().all(|&code| code == 7), row % 5 == 0, "row {row}");
            assert_eq!(codes.slice(s![1..]).iter().any(|&code| code == 7), row % 5 == 0, "row {row}");
        }
    }
}
