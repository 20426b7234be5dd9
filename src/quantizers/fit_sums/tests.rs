use ndarray::{Array2, s};

use super::FitSums;
use crate::engine::Engine;
use crate::quantizers::{Quantizer, Training};
use crate::rng::Rng;

const N: usize = 2500;

fn vectors(factor: f32) -> Array2<f32> {
    let mut rng = Rng::new(3, 0);
    Array2::from_shape_fn((N, 70), |(row, column)| {
        factor
            * match column {
                0 => (row % 16) as f32,
                1 => 5.0,
                // The least value is −0 in some rows and 0 in others.
                2 if row % 3 == 0 => -0.0,
                2 => (row % 7) as f32,
                _ => rng.normal() * column as f32 + 10.0,
            }
    })
}

/// Every way to have evenly spaced levels.
fn all() -> impl Iterator<Item = Training> {
    ["SQ4", "SQ:3", "SQ16"].into_iter().flat_map(|spec| {
        [false, true].map(|shared| {
            let training = Training::new(spec.parse().unwrap());
            if shared { training.set("shared", true) } else { training }
        })
    })
}

fn bits(quantizer: &dyn Quantizer) -> Vec<Vec<u32>> {
    quantizer.tensors().iter().map(|(_, tensor)| tensor.iter().map(|v| v.to_bits()).collect()).collect()
}

fn whole(training: &Training, x: &Array2<f32>) -> Box<dyn Quantizer> {
    training.fit(&Engine::cpu(), x, &mut ()).unwrap().quantizer
}

/// Joins sums in pairs, as a tree would.
fn joined(mut sums: Vec<FitSums>) -> FitSums {
    while sums.len() > 1 {
        let last = sums.pop().unwrap();
        let at = sums.len() / 2;
        sums[at].add(FitSums::from_bytes(&last.to_bytes()).unwrap()).unwrap();
    }
    sums.remove(0)
}

/// Both passes over blocks that end at these rows, in this order.
fn by_blocks(training: &Training, x: &Array2<f32>, ends: &[usize], order: &[usize]) -> FitSums {
    let block = |at: usize| x.slice(s![if at == 0 { 0 } else { ends[at - 1] }..ends[at], ..]);
    let first = |&at: &usize| FitSums::of(training, &block(at), at as u64).unwrap();
    let first = joined(order.iter().map(first).collect());
    joined(order.iter().rev().map(|&at| first.next(&block(at), at as u64).unwrap()).collect())
}

#[test]
fn no_bit_depends_on_blocks_workers_or_order() {
    let x = vectors(1.0);
    for training in all() {
        let want = bits(&*whole(&training, &x));
        let ends = [1, 700, 701, 1900, N];
        let mut shuffled = [0, 1, 2, 3, 4];
        Rng::new(1, 0).shuffle(&mut shuffled);
        let in_blocks = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], shuffled].map(|order| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + order[0] % 3).build().unwrap();
            pool.install(|| by_blocks(&training, &x, &ends, &order))
        });
        for sums in &in_blocks {
            assert_eq!(sums.to_bytes(), in_blocks[0].to_bytes());
            assert_eq!((sums.vectors(), sums.blocks().count()), (N as u64, 5));
            assert_eq!(bits(&*sums.fitted(&training).unwrap()), want);
        }
        let one = by_blocks(&training, &x, &[N], &[0]);
        assert_eq!(bits(&*one.fitted(&training).unwrap()), want);
        assert_eq!(one.second.unwrap().losses, in_blocks[0].second.as_ref().unwrap().losses);
    }
}

/// The fit of one part of a product, or by the builder, takes the same levels.
#[test]
fn the_builder_has_the_same_levels() {
    let x = vectors(1.0);
    let built = crate::quantizers::Scalar::builder().bits(4).fit(&Engine::cpu(), &x).unwrap();
    let training = all().next().unwrap();
    let sums = by_blocks(&training, &x, &[1000, N], &[1, 0]);
    assert_eq!(bits(&built), bits(&*sums.fitted(&training).unwrap()));
}

/// Units are no matter: vectors times a power of two have levels times it, to the bit.
#[test]
fn a_power_of_two_scales_the_levels_alone() {
    for training in all() {
        let fitted = |factor: f32| {
            by_blocks(&training, &vectors(factor), &[300, N], &[1, 0]).fitted(&training).unwrap()
        };
        let levels = |quantizer: &dyn Quantizer| -> Vec<f32> {
            quantizer
                .tensors()
                .iter()
                .flat_map(|(_, tensor)| tensor.iter().copied().collect::<Vec<_>>())
                .collect()
        };
        let want = levels(&*fitted(1.0));
        for exponent in [-70, 60, 110] {
            let factor = 2_f32.powi(exponent);
            let found = levels(&*fitted(factor));
            assert_eq!(found, want.iter().map(|level| factor * level).collect::<Vec<_>>(), "2^{exponent}");
            assert_eq!(levels(&*whole(&training, &vectors(factor))), found, "2^{exponent}");
        }
    }
}

#[test]
fn levels_by_lloyd_and_max_are_those_of_a_sample() {
    let x = Array2::from_shape_fn((70_000, 1), |(row, _)| ((row * 7919) % 65_537) as f32);
    let training = Training::new("SQ2".parse().unwrap()).set("levels", "lloyd-max").seed(3);
    let rows = training.sample_rows(x.nrows()).unwrap();
    assert_eq!(rows.len(), 65_536);
    assert!(!training.fits_by_sums().unwrap());
    let sampled = x.select(ndarray::Axis(0), &rows);
    assert_eq!(bits(&*whole(&training, &sampled)), bits(&*whole(&training, &x)));
}

fn refused<T>(result: crate::Result<T>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let x = vectors(1.0);
    let (training, other) = (Training::new("SQ4".parse().unwrap()), Training::new("SQ5".parse().unwrap()));
    let mut first = FitSums::of(&training, &x, 7).unwrap();
    let again = FitSums::of(&training, &x, 8).unwrap();
    assert!(refused(first.fitted(&training)).contains("the sums are of the first pass"));
    assert!(refused(first.add(first.clone())).contains("block 7 is in both sums"));
    assert!(refused(first.add(FitSums::of(&other, &x, 8).unwrap())).contains("sums for SQ4 and for SQ5"));
    let shared = FitSums::of(&training.clone().set("shared", true), &x, 8).unwrap();
    assert!(refused(first.add(shared)).contains("the same quantizer and settings"));
    let narrow = x.slice(s![.., ..3]);
    assert!(
        refused(first.add(FitSums::of(&training, &narrow, 8).unwrap())).contains("70 dimensions and of 3")
    );
    let mut alone = first.next(&x, 7).unwrap();
    first.add(again).unwrap();
    assert!(refused(first.next(&x, 9)).contains("block 9 was not in the first pass"));
    assert!(refused(first.next(&narrow, 8)).contains("block 8 has 3 dimensions"));
    let mut changed = x.clone();
    changed[[1234, 69]] = 1e6;
    assert!(refused(first.next(&changed, 8)).contains("row 1234, column 69 is out of the range"));
    let mut second = first.next(&x, 7).unwrap();
    assert!(refused(second.next(&x, 7)).contains("no other follows"));
    assert!(refused(second.fitted(&other)).contains("the sums are for SQ4, and not for SQ5"));
    assert!(
        refused(second.fitted(&training)).contains("block 8 was in the first pass and not in the second")
    );
    let after_both = first.next(&x, 8).unwrap();
    assert!(refused(alone.clone().add(after_both)).contains("of different passes"));
    let only_eight = FitSums::of(&training, &x, 8).unwrap();
    assert!(refused(alone.add(only_eight)).contains("of different passes"));
    second.add(first.next(&x.slice(s![1.., ..]), 8).unwrap()).unwrap();
    assert!(refused(second.fitted(&training)).contains("saw 5000 vectors and the second 4999"));
    for spec in ["VQ16", "Z", "RR,SQ4"] {
        let training = Training::new(spec.parse().unwrap());
        assert!(refused(FitSums::of(&training, &x, 0)).contains("is not fitted by sums"), "{spec}");
    }
    assert!(refused(FitSums::of(&training, &x.slice(s![..0, ..]), 0)).contains("0 vectors"));
    assert!(refused(training.sample_rows(100)).contains("SQ4 is trained on all vectors"));
}

#[test]
fn a_value_that_is_no_number_is_refused_by_row() {
    let mut x = vectors(1.0);
    x[[417, 2]] = f32::NAN;
    let training = Training::new("SQ4".parse().unwrap());
    assert!(refused(FitSums::of(&training, &x, 0)).contains("row 417, column 2 is NaN"));
}

#[test]
fn bytes_that_are_no_sums_are_refused() {
    let x = vectors(1.0);
    for training in all().take(2) {
        let first = FitSums::of(&training, &x, 3).unwrap();
        let second = first.next(&x, 3).unwrap();
        for sums in [first, second] {
            let bytes = sums.to_bytes();
            assert_eq!(FitSums::from_bytes(&bytes).unwrap(), sums);
            assert!(refused(FitSums::from_bytes(b"wgvqsums")).contains("first bytes are not wgvqfits"));
            let mut newer = bytes.clone();
            newer[8] = 2;
            assert!(refused(FitSums::from_bytes(&newer)).contains("of version 2; this wgvq reads version 1"));
            for at in (8..bytes.len()).step_by(7) {
                assert!(refused(FitSums::from_bytes(&bytes[..at])).contains("damaged"), "{at}");
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x10;
                assert!(FitSums::from_bytes(&flipped).is_err(), "{at}");
            }
        }
    }
}
