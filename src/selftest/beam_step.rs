//! Check of `beam_step`: the tuples kept are the cheapest ones but for rounding, and their costs are right.

use ndarray::Array2;

use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::beam_step::{Beam, Candidates};

struct Case {
    n: usize,
    entries: usize,
    length: usize,
    candidates: usize,
    first: usize,
    group: usize,
    w: usize,
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (n, entries, length, candidates, first, group, w) in [
        (1, 1, 0, 1, 0, 0, 1),
        (7, 1, 0, 70, 0, 0, 5),
        (300, 5, 1, 64, 64, 0, 5),
        (33, 3, 3, 100, 300, 0, 9),
        (20, 16, 2, 100, 400, 0, 7),
        (50, 1, 0, 36, 0, 12, 6),
        (70, 6, 1, 36, 0, 12, 6),
        (70, 4, 2, 51, 0, 17, 8),
    ] {
        let case = Case { n, entries, length, candidates, first, group, w };
        compare(check, &case)?;
    }
    Ok(())
}

fn compare(check: &mut Check, case: &Case) -> Result<()> {
    let Case { n, entries, length, candidates, first, group, w } = *case;
    let name =
        format!("n {n}, {entries} entries of {length}, {candidates} candidates, groups of {group}, w {w}");
    let engine = check.engine();
    let codewords = first + candidates;
    let scores = check.normals(n, candidates, 0.0);
    let gram = check.normals(codewords, candidates, 0.0);
    let costs_in = check.normals(n, entries, 0.0);
    // Different tuples per row: with groups, of one codeword of each of the first codebooks, in varying order.
    let mut ids = Array2::<u32>::zeros((n, entries * length));
    for row in 0..n {
        for entry in 0..entries {
            for i in 0..length {
                ids[[row, entry * length + i]] = if group == 0 {
                    check.rng().below(first) as u32
                } else {
                    let book = (i + entry) % length;
                    (book * group + (entry * 5 + row + book) % 3) as u32
                };
            }
        }
    }
    if group > 0 && length > 0 {
        make_distinct(&mut ids, entries, length, group);
    }
    let from = Beam { ids: engine.upload(ids.view())?, costs: engine.upload(costs_in.view())?, length };
    let mut to = Beam::new(&engine, n, w, length + 1)?;
    let (scores_there, gram_there) = (engine.upload(scores.view())?, engine.upload(gram.view())?);
    let offered = Candidates { scores: &scores_there, gram: &gram_there, first, group };
    let mut recorder = engine.recorder();
    recorder.beam_step((length > 0).then_some(&from), &offered, &mut to)?;
    recorder.submit()?;

    // The exact cost of a tuple that extends `entry`, in float64, and the sum of its terms' sizes.
    let cost = |row: usize, entry: usize, candidate: usize| {
        let mut terms = vec![f64::from(scores[[row, candidate]])];
        if length > 0 {
            terms.push(costs_in[[row, entry]].into());
        }
        for i in 0..length {
            terms.push(gram[[ids[[row, entry * length + i]] as usize, candidate]].into());
        }
        (terms.iter().sum::<f64>(), terms.iter().map(|term| term.abs()).sum::<f64>())
    };
    let tuple = |row: usize, entry: usize| -> Vec<u32> {
        (0..length).map(|i| ids[[row, entry * length + i]]).collect()
    };
    // All distinct tuples of a row, cheapest first.
    let ranking = |row: usize| {
        let mut all: Vec<(f64, Vec<u32>)> = Vec::new();
        for entry in 0..entries {
            for candidate in 0..candidates {
                let id = (first + candidate) as u32;
                let mut members = tuple(row, entry);
                if group > 0 && members.iter().any(|&member| member as usize / group == id as usize / group) {
                    continue;
                }
                members.push(id);
                all.push((cost(row, entry, candidate).0, members));
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        if group > 0 {
            let mut seen = std::collections::HashSet::new();
            all.retain(|(_, members)| {
                let mut members = members.clone();
                members.sort();
                seen.insert(members)
            });
        }
        all
    };
    let rankings: Vec<_> = (0..n).map(ranking).collect();
    // No term exceeds the largest: all sums of length + 2 of them are within this of the exact ones.
    let largest = scores.iter().chain(&gram).chain(&costs_in).fold(0.0_f64, |max, v| max.max(v.abs().into()));
    let bound = 2.0 * oracle::sum_bound(length + 2, (length + 2) as f64 * largest);
    let got_ids = to.ids.download()?;
    check.lists(&format!("{name}, ids"), got_ids.clone(), |row, list| {
        let ranking = &rankings[row];
        // Equal entries lead to equal tuples, each of which may be named once.
        let mut left: Vec<_> = ranking.iter().collect();
        for (place, members) in list.chunks(length + 1).enumerate() {
            let found = left.iter().position(|(_, other)| same(other, members, group > 0));
            let found = found.ok_or_else(|| format!("no other tuple is {members:?}"))?;
            let (cost, _) = left.remove(found);
            if *cost > ranking[place].0 + bound {
                return Err(format!("place {place} costs {cost}, the best there {}", ranking[place].0));
            }
        }
        Ok(())
    });
    let want: Vec<f64> = (0..n).flat_map(|row| rankings[row][..w].iter().map(|(cost, _)| *cost)).collect();
    check.close(&format!("{name}, costs"), to.costs.download()?, &want, |_| bound);
    Ok(())
}

fn same(a: &[u32], b: &[u32], any_order: bool) -> bool {
    if !any_order {
        return a == b;
    }
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort();
    b.sort();
    a == b
}

/// Gives entries of a row that have the same codewords other ones.
fn make_distinct(ids: &mut Array2<u32>, entries: usize, length: usize, group: usize) {
    for mut row in ids.rows_mut() {
        let mut seen = std::collections::HashSet::new();
        for entry in 0..entries {
            loop {
                let mut key: Vec<u32> = (0..length).map(|i| row[entry * length + i]).collect();
                key.sort();
                if seen.insert(key) {
                    break;
                }
                let at = entry * length;
                let (book, within) = (row[at] as usize / group, row[at] as usize % group);
                row[at] = (book * group + (within + 1) % group) as u32;
            }
        }
    }
}
