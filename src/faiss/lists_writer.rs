//! An index as one that FAISS reads.

use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use serde_json::Value;

use super::chain::Chain;
use super::fields::{Fields, METRIC};
use super::header::Header;
use super::lists::Lists;
use super::parts::Parts;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::io::Output;
use crate::metrics::Metric;
use crate::quantizers::Quantizer;

/// FAISS's numbers of metrics, as they are kept.
const INNER_PRODUCT: &str = "0";
const L2: &str = "1";

/// Writes lists, codes and ids of `index` to a file for `faiss.read_index`, over another one only if `overwrite`; tells what FAISS
/// calls it. Removed vectors are left out, and so are what [refines](crate::index::Refinement) the index and its
/// [curve](crate::index::Index::curve), which FAISS has no place for: it finds what a search finds here that compares nothing once more.
/// An index by the cosine scales vectors to length 1 there, and its distances are twice those here. One of a single list has
/// the origin for its centroid. `watch` is told how many vectors of how many are written; its error ends the work.
/// [`ListsReader`](super::ListsReader) has an example.
///
/// # Errors
/// A quantizer that FAISS has no lists of, or of other shapes; an id over 2⁶³ − 1; something of the index that is damaged; as
/// [`Output::create`].
pub fn write_lists(
    path: impl AsRef<Path>,
    index: &Index,
    overwrite: bool,
    mut watch: impl FnMut(usize, usize) -> Result<()>,
) -> Result<&'static str> {
    let (mut lists, mut fields) = described(index)?;
    lists.write(&mut fields)?;
    let bits = lists.bits();
    let mut output = Output::create(path, overwrite)?;
    output.append(&fields.written().0)?;
    let (mut done, total) = (0, index.len());
    for list in 0..lists.sizes.len() {
        index.codes_of_list(list, |codes: ArrayView2<u32>| {
            output.append(&bits.pack(codes, done)?)?;
            done += codes.nrows();
            watch(done, total)
        })?;
        let mut ids = Vec::new();
        for id in index.ids_of_list(list)? {
            let id = i64::try_from(id)
                .map_err(|_| Error::input(format!("the id {id}; FAISS has ids up to {}", i64::MAX)))?;
            ids.extend(id.to_le_bytes());
        }
        output.append(&ids)?;
    }
    output.finish()?;
    Ok(lists.kind.name)
}

/// What FAISS has of the index besides codes and ids, and a walk that writes that.
fn described(index: &Index) -> Result<(Lists, Fields<'static>)> {
    let mut kept = index.training()["faiss"].as_object().cloned().unwrap_or_default();
    let metric = if index.metric() == Metric::InnerProduct { INNER_PRODUCT } else { L2 };
    kept.insert(METRIC.into(), Value::String(metric.into()));
    let mut parts = Parts::of(index.quantizer(), kept.clone());
    let spec = parts.spec.clone();
    let mut chain = Chain::take(&mut parts);
    let d = parts.dim;
    let centroids = match index.lists() {
        Some(lists) => centroids(lists, index.residual(), &mut chain)?,
        None => Array2::zeros((1, d)),
    };
    if index.metric() == Metric::InnerProduct && !chain.offset.is_empty() {
        return Err(Error::input(format!(
            "{spec}: rotates about a point, after which inner products are others; FAISS has no place for that point"
        )));
    }
    chain.unit = index.metric() == Metric::Cosine;
    let mut lists = Lists::of(parts, chain)?;
    lists.header = Header { d, rows: index.len() };
    lists.sizes = (0..centroids.nrows()).map(|list| index.len_of_list(list)).collect();
    lists.centroids = centroids.into_iter().collect();
    lists.residual = index.residual();
    Ok((lists, Fields::writing(kept)))
}

/// The centroids as the chain of the codes has vectors. Where they have a chain of their own, it becomes that of all.
fn centroids(lists: &dyn Quantizer, residual: bool, of_codes: &mut Chain) -> Result<Array2<f32>> {
    let mut parts = Parts::of(lists, serde_json::Map::new());
    let (spec, own) = (parts.spec.clone(), Chain::take(&mut parts));
    let centroids = parts.take("codebook.0").unwrap_or_default();
    parts.end("coarse quantizer, an IndexFlat")?;
    if !own.is_empty() {
        let offset = if residual { Vec::new() } else { own.offset.clone() };
        if *of_codes != (Chain { offset, ..own.clone() }) {
            return Err(Error::input(format!(
                "{spec}: lists behind another rotation than codes; FAISS has one for both"
            )));
        }
        *of_codes = own;
        return Ok(centroids);
    }
    if of_codes.rotation.is_empty() {
        return Ok(centroids);
    }
    if residual && !of_codes.offset.is_empty() {
        return Err(Error::input(
            "what lists leave of vectors is rotated about a point that is not the origin; FAISS has no place for that point",
        ));
    }
    Ok(turned(&centroids, of_codes))
}

/// The rows of `x` (n, d) rotated about the offset, in f64, rounded once.
fn turned(x: &Array2<f32>, chain: &Chain) -> Array2<f32> {
    let d = x.ncols();
    let rotation = Array2::from_shape_fn((d, d), |(column, row)| f64::from(chain.rotation[row * d + column]));
    let mut x = x.mapv(f64::from);
    for mut row in x.axis_iter_mut(Axis(0)) {
        row.iter_mut().zip(&chain.offset).for_each(|(value, &offset)| *value -= f64::from(offset));
    }
    x.dot(&rotation).mapv(|value| value as f32)
}
