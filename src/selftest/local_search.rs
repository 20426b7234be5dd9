//! Check of `local_search`: the codes it ends in are local optima that cost what it says, and none got dearer.

use ndarray::Array2;

use super::{Check, oracle};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (n, m, k) in [(1, 1, 2), (70, 2, 4), (33, 3, 17), (130, 4, 64), (20, 8, 30)] {
        compare(check, n, m, k)?;
    }
    Ok(())
}

fn compare(check: &mut Check, n: usize, m: usize, k: usize) -> Result<()> {
    let engine = check.engine();
    // Codewords and vectors, so that the table is a real one: on any other one the search may go in circles.
    let codewords = check.normals(m * k, 6, 0.0);
    let x = check.normals(n, 6, 0.0);
    let gram = codewords.dot(&codewords.t());
    let scores =
        Array2::from_shape_fn((n, m * k), |(row, c)| 0.5 * gram[[c, c]] - x.row(row).dot(&codewords.row(c)));
    let start = Array2::from_shape_simple_fn((n, m), || check.rng().below(k) as u32);
    let (scores_there, gram_there) = (engine.upload(scores.view())?, engine.upload(gram.view())?);
    let mut codes = engine.upload(start.view())?;
    let mut costs = engine.uninitialized(n, 1)?;
    let still = engine.zeros(m, 1)?;
    let shifts = engine.upload(Array2::from_shape_fn((m, 1), |(j, _)| (j % k) as u32).view())?;
    let mut recorder = engine.recorder();
    recorder.local_search(&scores_there, &gram_there, &still, true, &mut codes, &mut costs)?;
    recorder.submit()?;
    let (first_codes, first_costs) = (codes.download()?, costs.download()?);
    let mut recorder = engine.recorder();
    recorder.local_search(&scores_there, &gram_there, &shifts, false, &mut codes, &mut costs)?;
    recorder.submit()?;

    let terms = |row: usize, codes: &[u32]| {
        let mut terms = Vec::new();
        for (j, &code) in codes.iter().enumerate() {
            let column = j * k + code as usize;
            terms.push(f64::from(scores[[row, column]]));
            for (i, &other) in codes[..j].iter().enumerate() {
                terms.push(f64::from(gram[[i * k + other as usize, column]]));
            }
        }
        terms
    };
    let bound = |row: usize, codes: &[u32]| {
        let terms = terms(row, codes);
        oracle::sum_bound(terms.len(), terms.iter().map(|term| term.abs()).sum())
    };
    let cost = |row: usize, codes: &[u32]| terms(row, codes).iter().sum::<f64>();
    let name = format!("n {n}, m {m}, k {k}");
    let (last_codes, last_costs) = (codes.download()?, costs.download()?);
    for (name, codes, costs) in
        [("first", &first_codes, &first_costs), ("perturbed", &last_codes, &last_costs)]
    {
        let name = format!("{name}, {name}");
        let rows: Vec<Vec<u32>> =
            codes.outer_iter().map(|row| row.iter().map(|&c| c.min(k as u32 - 1)).collect()).collect();
        let want: Vec<f64> = (0..n).map(|row| cost(row, &rows[row])).collect();
        check.close(&format!("{name}, costs"), costs.iter().copied(), &want, |row| bound(row, &rows[row]));
    }
    check.lists(&format!("{name}, codes"), first_codes.clone(), |row, list| {
        if list.iter().any(|&code| code as usize >= k) {
            return Err(format!("a code of {list:?} is not below {k}"));
        }
        let (before, after) = (cost(row, &start.row(row).to_vec()), cost(row, list));
        let slack = 4.0 * (bound(row, list) + bound(row, &start.row(row).to_vec()));
        if after > before + slack {
            return Err(format!("the search made {before} worse: {after}"));
        }
        // The last code that was looked at is the best given the others.
        let mut other = list.to_vec();
        for code in 0..k as u32 {
            other[m - 1] = code;
            if cost(row, &other) < after - slack {
                return Err(format!("code {code} would be better in {list:?}"));
            }
        }
        Ok(())
    });
    let dearer = (0..n).any(|row| last_costs[[row, 0]] > first_costs[[row, 0]]);
    check.holds(&name, "no row gets dearer by a perturbation", !dearer);
    Ok(())
}
