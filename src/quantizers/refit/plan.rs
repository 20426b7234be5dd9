//! What is counted of a model: which of its codebooks are refitted together, and to which columns.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::fixed::Unit;
use crate::error::{Error, Result};
use crate::quantizers::Quantizer;
use crate::quantizers::joint::MOST_JOINT;
use crate::train::settings::METRIC;

/// Codebooks of the same columns, whose codewords add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// The first codebook, and where the codewords of each begin; the last entry is how many there are.
    pub first: usize,
    pub offsets: Vec<usize>,
    /// The columns of what is quantized, and those of the vectors that are summed: all behind a rotation.
    pub columns: Range<usize>,
    pub summed: Range<usize>,
}

impl Group {
    /// Whether it can be one: it has codebooks, and their codewords and columns have sizes that can be.
    pub fn is_whole(&self) -> bool {
        let ascend = self.offsets.first() == Some(&0) && self.offsets.is_sorted() && self.offsets.len() > 1;
        let ordered = |columns: &Range<usize>| columns.start <= columns.end;
        let small = |size: Option<usize>| size.is_some_and(|size| size < 1 << 48);
        let codewords = self.offsets.last().copied().unwrap_or(0);
        ascend
            && ordered(&self.columns)
            && ordered(&self.summed)
            && small(codewords.checked_mul(codewords))
            && small(codewords.checked_mul(self.summed.end))
    }

    /// How many codebooks.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many codewords.
    pub fn codewords(&self) -> usize {
        self.offsets[self.len()]
    }

    /// Numbers that say how often codewords meet: for one codebook how often each occurs.
    pub fn meetings(&self) -> usize {
        if self.len() == 1 { self.codewords() } else { self.codewords() * self.codewords() }
    }

    /// Sums, for each summed column one of each codeword.
    pub fn sums(&self) -> usize {
        self.summed.len() * self.codewords()
    }
}

/// All groups of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// A hash of the model.
    pub model: String,
    pub groups: Vec<Group>,
    /// The unit of values, and of squared errors.
    pub unit: Unit,
}

impl Plan {
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the model has no codebooks whose codewords add up to what is nearest by squared L2,
    /// or too many that are refitted together.
    pub fn of(quantizer: &dyn Quantizer) -> Result<Self> {
        let layout = quantizer.layout();
        let spec = quantizer.spec();
        if layout.codebooks.is_empty() || layout.curve.is_some() {
            return Err(Error::input(format!(
                "{spec} has no codebooks that can be refitted; VQ, PQ, OPQ, RQ, PRQ, AQ and LSQ have"
            )));
        }
        if quantizer.tensors().iter().any(|(name, _)| name.starts_with("mixture.")) {
            return Err(Error::input(
                "the codewords are the means of a mixture, which k-means would move away",
            ));
        }
        let settings = quantizer.settings();
        if let Some(metric) = settings.get(METRIC.name).and_then(|metric| metric.as_str())
            && metric != "l2"
        {
            return Err(Error::input(format!("{spec} is by {metric}; codebooks by l2 can be refitted")));
        }
        let mut groups: Vec<Group> = Vec::new();
        for (j, (codebook, columns)) in layout.codebooks.iter().zip(&layout.columns).enumerate() {
            let group = match groups.last_mut() {
                Some(group) if group.columns == *columns => group,
                _ => {
                    let summed = if layout.rotation.is_some() { 0..layout.dim } else { columns.clone() };
                    groups.push(Group { first: j, offsets: vec![0], columns: columns.clone(), summed });
                    groups.last_mut().expect("one was pushed")
                }
            };
            group.offsets.push(group.codewords() + codebook.nrows());
        }
        let joint = groups.iter().filter(|group| group.len() > 1).map(Group::codewords).max();
        if let Some(codewords) = joint.filter(|&codewords| codewords > MOST_JOINT) {
            return Err(Error::input(format!(
                "{codewords} codewords of {spec} are refitted together; at most {MOST_JOINT} can be"
            )));
        }
        Ok(Self { model: hash(quantizer), groups, unit: Unit::for_values(reach(quantizer)) })
    }
}

/// About how large values of vectors are.
fn reach(quantizer: &dyn Quantizer) -> f64 {
    let layout = quantizer.layout();
    let largest =
        |values: &ndarray::Array2<f32>| values.iter().fold(0.0_f64, |most, &v| most.max(f64::from(v).abs()));
    let codewords: f64 = layout.codebooks.iter().map(|codebook| largest(codebook)).sum();
    codewords + layout.offset.map_or(0.0, largest)
}

/// A hash of all that decides codes and what they stand for.
fn hash(quantizer: &dyn Quantizer) -> String {
    let mut bytes = quantizer.spec().to_string().into_bytes();
    bytes.extend(serde_json::Value::from(quantizer.settings()).to_string().into_bytes());
    for (name, tensor) in quantizer.tensors() {
        bytes.extend(name.into_bytes());
        bytes.extend(tensor.iter().flat_map(|value| value.to_le_bytes()));
    }
    format!("{:032x}", XxHash3_128::oneshot(&bytes))
}
