use ndarray::{Array2, s};

use super::RefitSums;
use crate::engine::Engine;
use crate::metrics::mse;
use crate::quantizers::{Quantizer, Training};
use crate::rng::Rng;

const SPECS: [&str; 9] =
    ["VQ16", "PQ2x4", "PQ3x3", "OPQ2,PQ2x4", "RR,RQ2x4", "RQ2x4", "PRQ2x2x3", "AQ2x4", "LSQ2x3"];

fn vectors(n: usize, offset: f32) -> Array2<f32> {
    let mut rng = Rng::new(3, 0);
    Array2::from_shape_simple_fn((n, 8), || rng.normal() + offset)
}

fn model(spec: &str, x: &Array2<f32>) -> Box<dyn Quantizer> {
    let training = Training::new(spec.parse().unwrap()).set("sample", 20).seed(1);
    training.fit(&Engine::cpu(), x, &mut ()).unwrap().quantizer
}

fn bits(quantizer: &dyn Quantizer) -> Vec<u32> {
    quantizer
        .tensors()
        .iter()
        .flat_map(|(_, tensor)| tensor.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

/// The sums of blocks that end at these rows, added up in a random order, each by a pool of its own number of threads.
fn by_blocks(quantizer: &dyn Quantizer, x: &Array2<f32>, ends: &[usize], seed: u64) -> RefitSums {
    let mut blocks: Vec<(usize, usize)> =
        std::iter::once(&0).chain(ends).copied().zip(ends.iter().copied()).collect();
    Rng::new(seed, 0).shuffle(&mut blocks);
    let sums = blocks.into_iter().enumerate().map(|(turn, (first, end))| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + turn % 3).build().unwrap();
        let block = x.slice(s![first..end, ..]);
        let sums = pool.install(|| RefitSums::of(quantizer, &Engine::cpu(), &block, end as u64).unwrap());
        RefitSums::from_bytes(&sums.to_bytes()).unwrap()
    });
    // Joined as a tree would: pairs first.
    let mut sums: Vec<RefitSums> = sums.collect();
    while sums.len() > 1 {
        let last = sums.pop().unwrap();
        let at = sums.len() / 2;
        sums[at].add(last).unwrap();
    }
    sums.remove(0)
}

#[test]
fn no_bit_depends_on_blocks_workers_or_order() {
    for (spec, offset) in SPECS.into_iter().zip([0.0, 300.0].into_iter().cycle()) {
        let x = vectors(2500, offset);
        let first = model(spec, &x);
        let whole = by_blocks(&*first, &x, &[2500], 0);
        let want = bits(&*whole.refitted(&*first).unwrap());
        for (seed, ends) in [(1, &[1, 700, 701, 1900, 2500][..]), (2, &[1250, 2500])] {
            let sums = by_blocks(&*first, &x, ends, seed);
            assert_eq!(sums.mse(), whole.mse(), "{spec}");
            assert_eq!((sums.vectors(), sums.blocks().count()), (2500, ends.len()));
            assert_eq!(bits(&*sums.refitted(&*first).unwrap()), want, "{spec}");
        }
    }
}

#[test]
fn a_pass_over_all_vectors_lowers_their_error() {
    for spec in SPECS {
        let x = vectors(2500, 0.0);
        let first = model(spec, &x);
        let sums = by_blocks(&*first, &x, &[1000, 2500], 0);
        let codes = first.encode(&Engine::cpu(), &x).unwrap();
        let back = first.decode(&Engine::cpu(), &codes).unwrap();
        let found = mse(x.view(), back.view()).unwrap();
        assert!((sums.mse() - found).abs() < 1e-5 * found, "{spec}: {} {found}", sums.mse());
        let second = sums.refitted(&*first).unwrap();
        assert_eq!(second.spec(), first.spec());
        let after = RefitSums::of(&*second, &Engine::cpu(), &x, 0).unwrap().mse();
        // The joint fit lowers the error of the codes that there are; new ones by a beam may be worse by a little.
        assert!(after < sums.mse(), "{spec}: {after} after {}", sums.mse());
    }
}

/// Units are no matter: vectors times a power of two have codebooks times it, to the bit.
#[test]
fn a_power_of_two_scales_the_codebooks_alone() {
    for spec in SPECS {
        let refitted = |factor: f32| {
            let x = vectors(1000, 1.0).mapv(|value| factor * value);
            let first = model(spec, &x);
            let second = by_blocks(&*first, &x, &[300, 1000], 0).refitted(&*first).unwrap();
            let codebooks: Vec<Array2<f32>> = second.codebooks().into_iter().cloned().collect();
            codebooks
        };
        for exponent in [-70, 60] {
            let factor = 2_f32.powi(exponent);
            let want: Vec<_> = refitted(1.0).into_iter().map(|codebook| factor * codebook).collect();
            assert_eq!(refitted(factor), want, "{spec} times 2^{exponent}");
        }
    }
}

/// Codes that stop have a last codeword of 0, which no refit moves.
#[test]
fn the_codeword_that_ends_a_ragged_code_stays() {
    let x = vectors(1500, 0.0);
    for spec in ["RQ1x4", "RQ3x4"] {
        let training = Training::new(spec.parse().unwrap()).set("max_error", 3.0).set("sample", 40);
        let first = training.fit(&Engine::cpu(), &x, &mut ()).unwrap().quantizer;
        let sums = by_blocks(&*first, &x, &[400, 1500], 0);
        let second = sums.refitted(&*first).unwrap();
        assert_ne!(bits(&*first), bits(&*second), "{spec}");
        for codebook in second.codebooks() {
            assert!(codebook.row(15).iter().all(|&value| value == 0.0), "{spec}");
        }
    }
}

#[test]
fn codewords_of_one_codebook_are_the_means_of_their_vectors() {
    let x = vectors(500, 5.0);
    let first = model("VQ16", &x);
    let codes = first.encode(&Engine::cpu(), &x).unwrap();
    let second = RefitSums::of(&*first, &Engine::cpu(), &x, 0).unwrap().refitted(&*first).unwrap();
    for code in 0..16 {
        let rows: Vec<usize> = (0..500).filter(|&row| codes.view()[[row, 0]] == code).collect();
        for column in 0..8 {
            let sum: f64 = rows.iter().map(|&row| f64::from(x[[row, column]])).sum();
            let found = second.codebooks()[0][[code as usize, column]];
            // f64 adds up 500 values of about 5 within 2500 · 500 · 2⁻⁵³, far below half a unit of the f32.
            assert!((f64::from(found) - sum / rows.len() as f64).abs() <= 4e-7, "{code} {column}");
        }
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let x = vectors(300, 0.0);
    let engine = Engine::cpu();
    let (first, other) = (model("VQ4", &x), model("VQ8", &x));
    let sums = |quantizer: &dyn Quantizer, block| RefitSums::of(quantizer, &engine, &x, block).unwrap();
    let refused = |result: crate::Result<()>| result.unwrap_err().to_string();
    let mut own = sums(&*first, 7);
    assert!(refused(own.add(sums(&*first, 7))).contains("block 7 is in both sums"));
    assert!(
        refused(own.add(sums(&*other, 8)))
            .contains("do not add up: all blocks of a pass take the same model")
    );
    assert!(refused(own.refitted(&*other).map(drop)).contains("not of this VQ8"));
    let far = RefitSums::of(&*first, &engine, &(x.mapv(|value| 1e12 * value)), 0).map(drop);
    assert!(refused(far).contains("far beyond the codebooks"));
    for (spec, why) in
        [("SQ4", "SQ4 has no codebooks that can be refitted"), ("TRQ2x3", "TRQ2x3 has no codebooks")]
    {
        let found = RefitSums::of(&*model_of_all(spec, &x), &engine, &x, 0).map(drop);
        assert!(refused(found).starts_with(why), "{spec}");
    }
}

fn model_of_all(spec: &str, x: &Array2<f32>) -> Box<dyn Quantizer> {
    Training::new(spec.parse().unwrap()).fit(&Engine::cpu(), x, &mut ()).unwrap().quantizer
}

#[test]
fn bytes_that_are_no_sums_are_refused() {
    let x = vectors(50, 0.0);
    let bytes = RefitSums::of(&*model("RQ2x3", &x), &Engine::cpu(), &x, 0).unwrap().to_bytes();
    assert!(RefitSums::from_bytes(&bytes).is_ok());
    let refused = |bytes: &[u8]| RefitSums::from_bytes(bytes).unwrap_err().to_string();
    assert!(refused(b"PK").contains("first bytes are not wgvqsums"));
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert!(refused(&newer).contains("of version 2; this wgvq reads version 1"));
    for at in (8..bytes.len()).step_by(97) {
        assert!(refused(&bytes[..at]).contains("damaged"), "{at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        assert!(RefitSums::from_bytes(&flipped).is_err(), "{at}");
    }
}
