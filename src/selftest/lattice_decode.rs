//! Check of `lattice_decode`: all tuples of codes are points of the lattice, each a different one.

use ndarray::{Array2, s};

use super::Check;
use super::lattice_round::is_point;
use crate::error::Result;
use crate::kernels::lattice_round::DeviceGrid;
use crate::lattice::{Grid, Lattice};

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // The first large one is over 256 KiB.
    for (lattice, n, blocks, scale) in [
        (Lattice::Z, 0, 3, 0.7),
        (Lattice::Z, 1, 1, 0.7),
        (Lattice::A(2), 257, 3, 0.7),
        (Lattice::A(2), 257, 3, 2e-6),
        (Lattice::A(3), 2100, 8, 0.7),
        (Lattice::A(37), 50, 2, 1e-4),
        (Lattice::A(4096), 2, 1, 0.7),
        (Lattice::D(2), 9, 4, 0.7),
        (Lattice::D(4), 2100, 8, 0.7),
        (Lattice::D(37), 50, 2, 2e-6),
        (Lattice::E8, 300, 2, 0.7),
        (Lattice::E8, 300, 1, 4e-6),
        (Lattice::Leech24, 300, 2, 0.7),
        (Lattice::Leech24, 300, 1, 4e-6),
    ] {
        let d = blocks * lattice.dim();
        let case = format!("{lattice}:{scale}, n {n}, d {d}");
        // A small offset, so that a decoded value tells the steps even where they are millions.
        let offset = check.normals(1, d, 0.0).into_iter().map(|x| x * scale).collect::<Vec<f32>>();
        let grid = Grid::new(lattice, scale, &offset, &vec![-4.5; d], &vec![5.0; d])?;
        let codes = Array2::from_shape_fn((n, d), |(_, j)| check.rng().below(grid.sizes[j]) as u32);
        let decode = |grid: &Grid| {
            let mut decoded = engine.uninitialized(n, grid.d)?;
            let mut recorder = engine.recorder();
            let device = DeviceGrid::new(&engine, grid)?;
            recorder.lattice_decode(&engine.upload(codes.view())?, &device, &mut decoded)?;
            recorder.submit()?;
            decoded.download()
        };
        let decoded = decode(&grid)?;
        if n == 0 {
            check.holds(&case, "no codes decode to nothing", decoded.is_empty());
            continue;
        }
        let q = Array2::from_shape_fn((n, d), |(row, j)| {
            let [offset, step] = [0, 1].map(|at| f64::from(grid.table[[j, at]]));
            ((f64::from(decoded[[row, j]]) - offset) / step).round() as i32
        });
        let values = q.as_slice().expect("standard layout");
        let all = values.chunks_exact(lattice.dim()).all(|q| is_point(lattice, q));
        check.holds(&case, "every tuple is a point", all);
        let back = q.indexed_iter().map(|((_, j), q)| {
            let quotient = q.div_euclid(lattice.modulus(j % lattice.dim()));
            quotient.wrapping_sub(grid.table[[j, 5]] as i32) as u32
        });
        check.same(&case, back, codes.as_slice().expect("standard layout"));

        // A last block that is cut short has the same points.
        if lattice.dim() > 1 {
            let [low, high] = [-4.5, 5.0].map(|end| vec![end; d - 1]);
            let mut short = Grid::new(lattice, scale, &offset[..d - 1], &low, &high)?;
            short.table.row_mut(d - 1).assign(&grid.table.row(d - 1));
            let want: Vec<f32> = decoded.slice(s![.., ..d - 1]).iter().copied().collect();
            check.same_bits(&format!("{case}, one less"), decode(&short)?, &want);
        }
    }
    Ok(())
}
