//! What holds for all quantizers, and for each kind, on both backends.

use wgvq::ndarray::{Array2, Axis, s};
use wgvq::{
    Additive, Batching, Engine, Product, Quantizer, Residual, Rng, Spec, Training, encode_batches, metrics,
};

/// Clustered vectors with correlated dimensions.
fn vectors(n: usize, d: usize) -> Array2<f32> {
    let mut rng = Rng::new(11, 0);
    let centres = Array2::from_shape_simple_fn((40, d), || 4.0 * rng.normal());
    let mix = Array2::from_shape_simple_fn((d, d), || 0.5 * rng.normal());
    let noise = Array2::from_shape_simple_fn((n, d), || rng.normal()).dot(&mix);
    let mut x = noise;
    for (row, mut x) in x.rows_mut().into_iter().enumerate() {
        x += &centres.row(row * 7 % 40);
    }
    x
}

fn mse(quantizer: &dyn Quantizer, engine: &Engine, x: &Array2<f32>) -> f64 {
    let back = quantizer.decode(engine, &quantizer.encode(engine, x).unwrap()).unwrap();
    metrics::mse(x.view(), back.view()).unwrap()
}

const SPECS: [&str; 35] = [
    "VQ16",
    "SQ3",
    "SQ:9",
    "PQ3x4",
    "OPQ3,PQ3x4",
    "OPQ2,RQ3x4",
    "OPQ2,PRQ2x2x3",
    "OPQ5,VQ16",
    "OPQ2,SQ3",
    "OPQ2,LSQ3x3",
    "OPQ4,E8:3",
    "RR,SQ3",
    "RR,RQ2x3",
    "RR,D4:2",
    "RBQ1",
    "RBQ4",
    "RBQ8",
    "RQ3x4",
    "RQ1x5+2x3",
    "TRQ3x3",
    "PRQ2x2x3",
    "AQ3x3",
    "LSQ3x3",
    "PLSQ2x2x3",
    "FSQ:8x5x3",
    "LFQ:6",
    "Z",
    "A2",
    "A3",
    "A9:2",
    "D4:2",
    "E8:3",
    "Zx3",
    "A2x5",
    "D5x6:2",
];

#[test]
fn every_kind_is_saved_loaded_and_gives_the_same_codes_in_any_batches() {
    let x = vectors(400, 10);
    for engine in crate::common::engines() {
        for spec in SPECS {
            let spec: Spec = spec.parse().unwrap();
            let trained = Training::new(spec.clone()).seed(3).fit(&engine, &x, &mut ()).unwrap();
            let quantizer = &*trained.quantizer;
            // A lattice without a scale is given one.
            let found = quantizer.spec().to_string();
            assert!(found.starts_with(&spec.to_string()), "{found} of {spec}");
            let codes = quantizer.encode(&engine, &x).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("m.safetensors");
            quantizer.save(&path, false, wgvq::serde_json::Value::Null).unwrap();
            let loaded = wgvq::load(&path).unwrap().quantizer;
            assert_eq!(loaded.encode(&engine, &x).unwrap(), codes, "{spec} loaded");

            let coder = loaded.prepare(&engine).unwrap();
            let mut values = Vec::new();
            let mut total = 0.0;
            encode_batches(&*coder, &engine, &x, 0..400, Batching::of(37), |batch| {
                values.extend(batch.codes.iter().copied());
                total += batch.distances.iter().sum::<f64>();
                Ok(())
            })
            .unwrap();
            assert_eq!(values, codes.view().iter().copied().collect::<Vec<_>>(), "{spec} in batches");

            // The distances that encoding reports are those to what decoding gives: sums of 10 squares, each of which
            // three stages of rounding may move.
            let want = mse(quantizer, &engine, &x);
            assert!((total / 400.0 - want).abs() <= 1e-5 * want + 1e-9, "{spec}: {} {want}", total / 400.0);
            let variance = metrics::mse(x.view(), (&x * 0.0 + x.mean_axis(Axis(0)).unwrap()).view()).unwrap();
            assert!(want < variance, "{spec} loses more than everything: {want} {variance}");
        }
    }
}

#[test]
fn threads_change_no_code() {
    let x = vectors(300, 8);
    let engine = Engine::cpu();
    for spec in ["RQ3x4", "TRQ3x3", "AQ3x3", "LSQ3x3", "OPQ2,PQ2x4"] {
        let run = |threads| {
            let pool = rayon_pool(threads);
            pool.install(|| {
                let training = Training::new(spec.parse().unwrap()).seed(3);
                let quantizer = training.fit(&engine, &x, &mut ()).unwrap().quantizer;
                quantizer.encode(&engine, &x).unwrap()
            })
        };
        assert_eq!(run(1), run(3), "{spec}");
    }
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn a_truncated_greedy_unrefined_rq_is_a_prefix() {
    let x = vectors(500, 8);
    for engine in crate::common::engines() {
        let rq = Residual::builder().stages(4).bits(4).beam(1).refine(0).fit(&engine, &x).unwrap();
        let codes = rq.encode(&engine, &x).unwrap();
        let first = rq.clone().truncated(2).unwrap().encode(&engine, &x).unwrap();
        assert_eq!(first.view(), codes.view().slice(s![.., ..2]));
        assert!(rq.truncated(5).is_err());
    }
}

#[test]
fn wider_beams_joint_fits_and_local_search_lower_the_error() {
    let x = vectors(2000, 12);
    let engine = Engine::cpu();
    let train = |refinements| {
        Residual::builder().stages(4).bits(4).beam(4).refine(refinements).seed(1).fit(&engine, &x).unwrap()
    };
    let plain = train(0);
    let errors: Vec<f64> =
        [1, 2, 4, 16].map(|beam| mse(&plain.clone().with_beam(beam).unwrap(), &engine, &x)).into();
    assert!(errors.windows(2).all(|pair| pair[1] < pair[0]), "{errors:?}");
    let refined = mse(&train(10), &engine, &x);
    assert!(refined < 0.97 * errors[2], "{refined} {errors:?}");

    let aq = Additive::builder().codebooks(4).bits(4).beam(4).seed(1).fit(&engine, &x).unwrap();
    let aq_error = mse(&aq, &engine, &x);
    let searched = mse(&aq.with_search(4, 8).unwrap(), &engine, &x);
    assert!(searched < 0.98 * aq_error, "{searched} {aq_error}");
}

#[test]
fn local_search_is_never_behind_a_residual_quantizer() {
    // Tight clusters, where codebooks from random codes end in a poor optimum.
    let x = vectors(2000, 12);
    let engine = Engine::cpu();
    for seed in 0..3 {
        let error = |spec: &str| {
            let training = Training::new(spec.parse().unwrap()).seed(seed);
            mse(&*training.fit(&engine, &x, &mut ()).unwrap().quantizer, &engine, &x)
        };
        let (lsq, rq) = (error("LSQ4x4"), error("RQ4x4"));
        assert!(lsq <= rq, "LSQ {lsq}, RQ {rq}, seed {seed}");
    }
}

#[test]
fn a_rotation_helps_where_parts_share_the_variance_badly() {
    // All variance in the first half of the dimensions.
    let mut x = vectors(1000, 8);
    x.slice_mut(s![.., 4..]).mapv_inplace(|value| 0.05 * value);
    for engine in crate::common::engines() {
        let builder = Product::builder().parts(2).bits(4).seed(2);
        let pq = mse(&builder.clone().fit(&engine, &x).unwrap(), &engine, &x);
        let opq = mse(&builder.rotated(5).fit(&engine, &x).unwrap(), &engine, &x);
        assert!(opq < 0.9 * pq, "{opq} {pq}");
    }
}

/// A plain beam search in float64: extends every entry by every codeword of the stages in turn.
fn plain_beam(x: &[f32], codebooks: &[&Array2<f32>], beam: usize) -> (Vec<u32>, f64) {
    let mut entries = vec![(0.0, Vec::<u32>::new(), x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())];
    for codebook in codebooks {
        let mut next = Vec::new();
        for (_, codes, residual) in &entries {
            for (code, codeword) in codebook.outer_iter().enumerate() {
                let left: Vec<f64> = residual.iter().zip(codeword).map(|(r, &c)| r - f64::from(c)).collect();
                let error = left.iter().map(|r| r * r).sum();
                next.push((error, [&codes[..], &[code as u32]].concat(), left));
            }
        }
        next.sort_by(|a: &(f64, _, _), b| a.0.total_cmp(&b.0));
        next.truncate(beam);
        entries = next;
    }
    let (error, codes, _) = entries.swap_remove(0);
    (codes, error)
}

/// A plain additive beam search in float64 over the union of the codebooks that a tuple lacks.
fn plain_union_beam(x: &[f32], codebooks: &[&Array2<f32>], beam: usize) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let m = codebooks.len();
    let mut entries = vec![(0.0, vec![NONE; m], x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())];
    for _ in 0..m {
        let mut next: Vec<(f64, Vec<u32>, Vec<f64>)> = Vec::new();
        for (_, codes, residual) in &entries {
            for (j, codebook) in codebooks.iter().enumerate().filter(|(j, _)| codes[*j] == NONE) {
                for (code, codeword) in codebook.outer_iter().enumerate() {
                    let left: Vec<f64> =
                        residual.iter().zip(codeword).map(|(r, &c)| r - f64::from(c)).collect();
                    let mut codes = codes.clone();
                    codes[j] = code as u32;
                    next.push((left.iter().map(|r| r * r).sum(), codes, left));
                }
            }
        }
        next.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut kept: Vec<(f64, Vec<u32>, Vec<f64>)> = Vec::new();
        for entry in next {
            if kept.len() < beam && kept.iter().all(|other| other.1 != entry.1) {
                kept.push(entry);
            }
        }
        entries = kept;
    }
    entries.swap_remove(0).1
}

#[test]
fn beam_searches_equal_plain_ones_code_for_code() {
    // Whole numbers: every sum is exact in f32, so there is no rounding to excuse a difference. The codewords of a
    // codebook sum to 0, so that centring them changes nothing.
    let mut rng = Rng::new(5, 0);
    let mut codebook = |k: usize, scale: f32| {
        let half = Array2::from_shape_simple_fn((k / 2, 6), || (scale * rng.normal()).round());
        wgvq::ndarray::concatenate(Axis(0), &[half.view(), (-&half).view()]).unwrap()
    };
    let codebooks = vec![codebook(16, 90.0), codebook(16, 40.0), codebook(16, 20.0)];
    let mut rng = Rng::new(6, 0);
    let x = Array2::from_shape_simple_fn((200, 6), || (100.0 * rng.normal()).round());
    let views: Vec<&Array2<f32>> = codebooks.iter().collect();
    for engine in crate::common::engines() {
        for beam in [1, 2, 5, 16] {
            let rq = Residual::new(codebooks.clone(), beam).unwrap();
            let codes = rq.encode(&engine, &x).unwrap();
            let back = rq.decode(&engine, &codes).unwrap();
            let mut same = 0;
            for (row, x) in x.outer_iter().enumerate() {
                let (want, error) = plain_beam(x.as_slice().unwrap(), &views, beam);
                let got = codes.view().row(row).to_vec();
                let own: f64 =
                    x.iter().zip(back.row(row)).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
                // Equal errors may come in another order; anything else has to be the same.
                assert!(got == want || own == error, "beam {beam}, row {row}: {got:?} {want:?}");
                same += usize::from(got == want);
            }
            assert!(same >= 198, "{same} of 200 are the same");

            let aq = Additive::new(codebooks.clone(), beam, 0).unwrap();
            let codes = aq.encode(&engine, &x).unwrap();
            let want = x.outer_iter().map(|x| plain_union_beam(x.as_slice().unwrap(), &views, beam));
            let same =
                want.zip(codes.view().outer_iter()).filter(|(want, got)| *want == got.to_vec()).count();
            assert!(same >= 196, "beam {beam}: {same} of 200 are the same");
        }
    }
}

#[test]
fn settings_and_shapes_that_make_no_sense_are_refused() {
    let x = vectors(64, 6);
    let engine = Engine::cpu();
    let why = |spec: &str, change: fn(Training) -> Training| {
        let training = change(Training::new(spec.parse().unwrap()));
        training.fit(&engine, &x, &mut ()).err().expect("is refused").to_string()
    };
    assert!(why("PQ7x4", |t| t).contains("7 parts of 6 dimensions"));
    assert!(why("PQ2x8", |t| t).contains("k is 256 and there are 64 vectors"));
    assert!(why("RQ2x4", |t| t.set("beam", 0)).contains("beam is 0; must be 1 to 128"));
    assert!(why("RQ2x4", |t| t.set("beam", 129)).contains("beam is 129; must be 1 to 128"));
    assert!(why("RQ2x4", |t| t.set("beam", "wide")).contains("beam is \"wide\"; must be 1 to 128"));
    assert!(why("PQ2x4", |t| t.set("beam", 5)).contains("beam belongs to RQ"));
    assert!(why("SQ4", |t| t.set("init", "random")).contains("SQ4 has levels and shared"));
    assert!(
        why("RR,VQ4", |t| t.set("spherical", true)).contains("spherical belongs to VQ; leave it out, RR,VQ4")
    );
    assert!(why("E8:0.5", |t| t.set("rate", 3)).contains("E8:0.5 has none"));
    assert!(why("RQ2x4", |t| t.set("width", 3)).contains("there is no setting width"));
    assert!(why("RQ2x4", |t| t.set("maxerror", 3)).contains("did you mean max_error?"));
    assert!(why("OPQ2,PQ2x4", |t| t.set("refine", 3).set("rotations", 3)).contains("leave one out"));
    let book = |k, d| Array2::<f32>::zeros((k, d));
    assert!(Residual::new(vec![book(4, 2), book(4, 3)], 1).unwrap_err().to_string().contains("codebook 1"));
    assert!(Residual::new(vec![book(3, 2)], 1).unwrap_err().to_string().contains("power of two"));
    assert!(Residual::new(vec![], 1).is_err());
    assert!(
        Additive::new(vec![book(4, 2), book(8, 2)], 1, 0).unwrap_err().to_string().contains("codebook 1")
    );
    assert!(Product::new(vec![book(4, 2), book(8, 2)]).is_err());
    for (stages, beam) in [(1, 0), (2, 129)] {
        let error = Product::residual(vec![book(4, 2), book(4, 2)], stages, beam).err().unwrap().to_string();
        assert!(error.contains("must be 1 to 128"), "{error}");
    }
    assert!(
        wgvq::Rotated::new(
            Array2::ones((2, 2)),
            Box::new(Product::new(vec![book(2, 1), book(2, 1)]).unwrap())
        )
        .is_err()
    );
}

#[test]
fn a_model_is_loaded_with_settings_of_its_search_alone() {
    use wgvq::serde_json::{Map, Value, json};
    let (x, engine) = (vectors(200, 4), Engine::cpu());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sq.safetensors");
    for (levels, other) in [("uniform", "lloyd-max"), ("lloyd-max", "uniform")] {
        let trained = Training::new("SQ3".parse().unwrap()).set("levels", levels);
        let sq = trained.fit(&engine, &x, &mut ()).unwrap().quantizer;
        sq.save(&path, true, Value::Null).unwrap();
        let with = |name: &str, value| wgvq::load_with(&path, &Map::from_iter([(name.to_string(), value)]));
        // The codes of other levels stand for something else, whether or not the file says how its own lie.
        for (name, value, why) in [
            ("levels", json!(other), "levels decides what SQ3 learns; train again"),
            ("dim", json!(4), "there is no setting dim"),
            ("spec", json!("SQ3"), "there is no setting spec"),
            ("beam", json!(2), "beam belongs to RQ"),
        ] {
            let error = with(name, value).err().expect("is refused").to_string();
            assert!(error.contains(why), "{error}");
            assert!(error.contains("sq.safetensors"), "{error}");
        }
        let loaded = wgvq::load_with(&path, &Map::new()).unwrap().quantizer;
        assert_eq!(loaded.settings(), sq.settings());
        assert_eq!(loaded.encode(&engine, &x).unwrap(), sq.encode(&engine, &x).unwrap());
    }
}

/// What is lost of vectors of 384 dimensions, as a share of their variance about the mean: that of a normal distribution, whatever the
/// vectors are, as their coordinates are nearly normal. Of 8 bits it is .8 % below the limit of Panter and Dite (`normal_magnitudes`
/// tests it), of the others what Max has (1960, table 1). Rounding adds to it: a magnitude is off by up to 1/1024, which is 1/3 of the
/// square on average, and a length by up to 2⁻⁹ of itself. The best length loses less than that of the distribution, by
/// a 384th part of what is kept and more. Codes are the same on every device.
#[test]
fn rotated_bits_lose_what_levels_for_normals_lose() {
    let x = vectors(500, 384);
    let mut few = Array2::zeros((500, 384));
    few.rows_mut().into_iter().enumerate().for_each(|(row, mut x)| x[row * 5 % 384] = 1.0 + row as f32);
    for (x, what) in [(&x, "clustered"), (&few, "few coordinates")] {
        for (bits, lost) in [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497), (8, 4.118e-5)] {
            let lost = lost + (1024.0_f64.powi(-2) + 2.0_f64.powi(-18)) / 3.0;
            let training = Training::new(format!("RBQ{bits}").parse().unwrap()).seed(2);
            let mut all = Vec::new();
            for engine in crate::common::engines() {
                let rbq = training.fit(&engine, x, &mut ()).unwrap().quantizer;
                let variance =
                    metrics::mse(x.view(), (x * 0.0 + x.mean_axis(Axis(0)).unwrap()).view()).unwrap();
                let share = mse(&*rbq, &engine, x) / variance;
                assert!((0.9..1.03).contains(&(share / lost)), "{what}, {bits} bits: {share} of {lost}");
                all.push(rbq.encode(&engine, x).unwrap());
            }
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{what}, {bits} bits: other codes");
        }
    }
}

#[test]
fn rotated_bits_code_what_is_the_mean_as_the_mean() {
    let engine = Engine::cpu();
    let x = wgvq::ndarray::array![[1.0_f32, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]];
    let rbq = wgvq::RotatedBits::builder().bits(3).fit(&engine, &x).unwrap();
    let codes = rbq.encode(&engine, &x).unwrap();
    assert!(codes.view().iter().all(|&code| code == 0));
    assert_eq!(rbq.decode(&engine, &codes).unwrap(), x);
    for bits in [0, 9] {
        let error = wgvq::RotatedBits::builder().bits(bits).fit(&engine, &x).unwrap_err().to_string();
        assert!(error.contains("bits per dimension; must be 1 to 8"), "{error}");
    }
}
