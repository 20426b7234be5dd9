//! What the tests of this folder share.

use ndarray::{Array2, ArrayView2};

use super::{Header, Method, Writer};
pub(super) use crate::io::testing::{Folder, refused};
use crate::rng::Rng;

/// Every method, with codes that are ragged and not.
pub(super) fn variants() -> impl Iterator<Item = (Method, bool)> {
    Method::ALL.into_iter().flat_map(|method| [(method, false), (method, true)])
}

/// A header with everything in it.
pub(super) fn header(codebook_sizes: &[usize], method: Method, ragged: bool, chunk_rows: usize) -> Header {
    let mut header = Header::new(codebook_sizes.to_vec(), method);
    (header.spec, header.model_hash, header.dim) = ("RQ8x8".into(), "0123456789abcdef".into(), 128);
    (header.ragged, header.chunk_rows) = (ragged, chunk_rows);
    header
}

/// The bytes of the file that holds `codes`.
pub(super) fn container(codes: &Array2<u32>, header: Header) -> Vec<u8> {
    let folder = Folder::new();
    let path = folder.path("codes.wgvq");
    let mut writer = Writer::create(&path, header, false).unwrap();
    writer.append(codes.view()).unwrap();
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// Codes that are drawn by `draw`, which gets a codebook's size; if `ragged`, stops stay.
fn codes_by(
    rows: usize,
    sizes: &[usize],
    ragged: bool,
    mut draw: impl FnMut(usize, usize) -> u32,
) -> Array2<u32> {
    let mut codes = Array2::zeros((rows, sizes.len()));
    for mut row in codes.rows_mut() {
        let mut stopped = false;
        for (column, (code, &k)) in row.iter_mut().zip(sizes).enumerate() {
            *code = if stopped { k as u32 - 1 } else { draw(column, k) };
            stopped = stopped || ragged && *code == k as u32 - 1;
        }
    }
    codes
}

/// Codes of equal probability; if `ragged`, a stop has one in four.
pub(super) fn random_codes(rng: &mut Rng, rows: usize, sizes: &[usize], ragged: bool) -> Array2<u32> {
    codes_by(rows, sizes, ragged, |_, k| {
        let stop = ragged && rng.below(4) == 0;
        if stop { k as u32 - 1 } else { rng.below(k) as u32 }
    })
}

/// Codes as quantizers make them: cells of very different sizes, in no order, more equal from stage to stage.
pub(super) fn skewed_codes(rng: &mut Rng, rows: usize, sizes: &[usize], ragged: bool) -> Array2<u32> {
    let tables: Vec<Vec<f64>> = sizes
        .iter()
        .enumerate()
        .map(|(column, &k)| {
            // Beyond these there is nothing that a few thousand rows could tell.
            let cells = k.min(5000);
            let spread = 1.5 / (1.0 + column as f64);
            let mut sum = 0.0;
            let weights = (0..cells).map(|_| (spread * f64::from(rng.normal())).exp());
            weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect()
        })
        .collect();
    codes_by(rows, sizes, ragged, |column, _| {
        let table = &tables[column];
        let at = rng.uniform_f64() * table[table.len() - 1];
        table.partition_point(|&sum| sum <= at).min(table.len() - 1) as u32
    })
}

/// The bytes that the codes take by the entropy of each column.
pub(super) fn entropy_bytes(codes: ArrayView2<u32>) -> f64 {
    let mut bits = 0.0;
    for column in codes.columns() {
        let mut counts = std::collections::HashMap::new();
        column.iter().for_each(|&code| *counts.entry(code).or_insert(0.0) += 1.0);
        bits += counts.values().map(|&count: &f64| count * (column.len() as f64 / count).log2()).sum::<f64>();
    }
    bits / 8.0
}
