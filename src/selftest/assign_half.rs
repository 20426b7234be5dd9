//! Check of `assign_half`: with a first look in f16 codes are those that the values have without rounding.

use ndarray::Array2;

use super::adversarial::{self, Set};
use super::assign_exactly::nearest;
use super::{Check, oracle};
use crate::cpu;
use crate::cpu::assign_half::Vectors;
use crate::engine::matrix_unit::HalfProducts;
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::kernels::matrix_trial::products_for;
use crate::kernels::prepare_codebook::Codebook;
use crate::kernels::to_half::Halves;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let shapes = [(1, 1, 1), (63, 3, 2), (65, 4, 129), (130, 33, 100), (200, 128, 257), (12, 384, 40)];
    let normals = shapes.map(|(n, d, k)| Set {
        name: format!("normals, n {n}, d {d}, k {k}"),
        x: check.normals(n, d, 0.5),
        codewords: check.normals(k, d, 0.5),
    });
    let unit = products_for(&check.engine(), usize::MAX, usize::MAX)?;
    for products in [Some(HalfProducts::Emulated), unit].into_iter().flatten() {
        for set in normals.iter().cloned().chain(adversarial::sets()) {
            compare(check, products, &set)?;
        }
    }
    Ok(())
}

fn compare(check: &mut Check, products: HalfProducts, set: &Set) -> Result<()> {
    let engine = check.engine();
    let (name, want) = (format!("{products:?}, {}", set.name), nearest(&set.x, &set.codewords));
    if !engine.is_gpu() {
        let found = first_look(&engine, set)?;
        let codes = found.iter().zip(&want).map(|(found, want)| found.unwrap_or(*want));
        check.same(&name, codes, &want);
        if set.name.starts_with("normals") {
            let told = found.iter().flatten().count();
            check.holds(&name, "that most vectors need no other look", 5 * told >= 4 * found.len());
        }
        return Ok(());
    }
    let (codes, distances) = assign(&engine.with_half_products(Some(products)), set)?;
    check.same(&name, codes, &want);
    // Squares of some sets are beyond f32.
    if set.name.starts_with("normals") {
        let codeword = |row: usize| set.codewords.row(want[row] as usize);
        let exact = |row: usize| Metric::SquaredL2.distance(set.x.row(row), codeword(row));
        let far: Vec<f64> = (0..set.x.nrows()).map(exact).collect();
        check.close(&format!("{name}, distances"), distances, &far, |row| {
            let (x, codeword) = (set.x.row(row).to_vec(), codeword(row).to_vec());
            1.01 * oracle::distance_error(Metric::SquaredL2, &x, &codeword)
        });
    }
    Ok(())
}

fn assign(engine: &Engine, set: &Set) -> Result<(Array2<u32>, Array2<f32>)> {
    let codebook = Codebook::new(engine, set.codewords.view(), Metric::SquaredL2)?;
    let n = set.x.nrows();
    let (mut codes, mut distances) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
    let mut recorder = engine.recorder();
    recorder.assign(&engine.upload(set.x.view())?, &codebook, &mut codes, &mut distances)?;
    recorder.submit()?;
    Ok((codes.download()?, distances.download()?))
}

/// What the twin tells of each vector.
fn first_look(engine: &Engine, set: &Set) -> Result<Vec<Option<u32>>> {
    let (x, codewords) = (engine.upload(set.x.view())?, engine.upload(set.codewords.view())?);
    let mut mean = engine.uninitialized(1, codewords.cols())?;
    let mut recorder = engine.recorder();
    recorder.codebook_mean(&codewords, &mut mean)?;
    let mut in_half = |matrix: &Matrix<f32>| {
        let (rows, d) = matrix.shape();
        let mut halves = Halves::allocate(engine, rows, d)?;
        recorder.round_to_half(matrix, 0..rows, &mean, &mut halves, rows)?;
        Ok::<_, Error>(halves)
    };
    let (x, codewords) = (in_half(&x)?, in_half(&codewords)?);
    let [x, codewords] = [&x, &codewords]
        .map(|Halves { halves, numbers }| Vectors { halves: halves.host(), numbers: numbers.host() });
    Ok(cpu::assign_half::assign_half(x, codewords))
}
