//! Check of `counting_sort`: whole numbers, so exact.

use ndarray::{Array2, array};

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // One, two and three digits; around a workgroup, a block (2048) and a shard of 256 KiB.
    let shapes = [
        (0, 1),
        (1, 1),
        (255, 2),
        (256, 256),
        (257, 257),
        (2047, 5),
        (2049, 1024),
        (5000, 65_536),
        (5000, 65_537),
        (70_000, 100),
        (70_000, 700),
    ];
    for (n, k) in shapes {
        let codes = check.codes(n, k);
        compare(check, &format!("n {n}, k {k}"), &codes, k)?;
    }
    compare(check, "one code only", &Array2::from_elem((5000, 1), 6_u32), 7)?;
    let descending = Array2::from_shape_fn((5000, 1), |(i, _)| 4999 - i as u32);
    compare(check, "descending codes", &descending, 5000)?;
    compare(check, "codes past the last sort as the last", &array![[9_u32], [2], [0], [u32::MAX]], 3)
}

fn compare(check: &mut Check, case: &str, codes: &Array2<u32>, k: usize) -> Result<()> {
    let engine = check.engine();
    let n = codes.nrows();
    let mut order = engine.uninitialized(n, 1)?;
    let mut offsets = engine.uninitialized(k + 1, 1)?;
    let mut recorder = engine.recorder();
    recorder.counting_sort(&engine.upload(codes.view())?, k, &mut order, &mut offsets)?;
    recorder.submit()?;

    let mut counts = vec![0_u32; k];
    codes.iter().for_each(|&code| counts.get_mut(code as usize).into_iter().for_each(|count| *count += 1));
    let sum = |sum: &mut u32, count: &u32| {
        *sum += count;
        Some(*sum)
    };
    let starts: Vec<u32> = std::iter::once(0).chain(counts.iter().scan(0, sum)).collect();
    check.same(&format!("{case}: offsets"), offsets.download()?, &starts);
    if n > 0 {
        let mut rows: Vec<u32> = (0..n as u32).collect();
        // The standard library's stable sort.
        rows.sort_by_key(|&row| codes[[row as usize, 0]].min(k as u32 - 1));
        check.same(&format!("{case}: order"), order.download()?, &rows);
    }
    Ok(())
}
