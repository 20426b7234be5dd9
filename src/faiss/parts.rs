//! A quantizer taken apart: its spec, settings and tensors, as a model file has them.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayD, Ix2};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::quantizers::{Quantizer, Spec, assemble};

/// What a quantizer is put together from.
pub(super) struct Parts {
    pub spec: Spec,
    pub dim: usize,
    pub settings: Map<String, Value>,
    tensors: BTreeMap<String, ArrayD<f32>>,
    /// What was kept when the model came from FAISS.
    kept: Map<String, Value>,
}

impl Parts {
    /// No tensors yet, for vectors of `dim` dimensions.
    pub fn new(spec: &str, dim: usize) -> Result<Self> {
        Ok(Self {
            spec: spec.parse()?,
            dim,
            settings: Map::new(),
            tensors: BTreeMap::new(),
            kept: Map::new(),
        })
    }

    /// Those of `quantizer`, and what was kept of the index that it came from.
    pub fn of(quantizer: &dyn Quantizer, kept: Map<String, Value>) -> Self {
        let tensors = quantizer.tensors().into_iter();
        Self {
            spec: quantizer.spec(),
            dim: quantizer.dim(),
            settings: quantizer.settings(),
            tensors: tensors.map(|(name, tensor)| (name, tensor.to_owned())).collect(),
            kept,
        }
    }

    /// The same with a setting.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Puts a tensor in.
    pub fn put(&mut self, name: impl Into<String>, tensor: Array2<f32>) {
        self.tensors.insert(name.into(), tensor.into_dyn());
    }

    /// Puts `codebook.0` and so on in.
    pub fn put_codebooks(mut self, codebooks: impl IntoIterator<Item = Array2<f32>>) -> Self {
        for (j, codebook) in codebooks.into_iter().enumerate() {
            self.put(format!("codebook.{j}"), codebook);
        }
        self
    }

    /// Takes a tensor out.
    pub fn take(&mut self, name: &str) -> Option<Array2<f32>> {
        self.tensors.remove(name)?.into_dimensionality::<Ix2>().ok()
    }

    /// Takes `codebook.0` and so on out.
    pub fn take_codebooks(&mut self) -> Vec<Array2<f32>> {
        (0..).map_while(|j| self.take(&format!("codebook.{j}"))).collect()
    }

    /// Parts of the dimensions that have codebooks of their own; 1 of a quantizer without.
    pub fn count_of_parts(&self) -> usize {
        let width = self.tensors.get("codebook.0").map_or(self.dim, |codebook| codebook.shape()[1]);
        self.dim / width.max(1)
    }

    /// Floats that were kept.
    pub fn kept_floats(&self, key: &str) -> Option<Vec<f32>> {
        serde_json::from_value(self.kept.get(key)?.clone()).ok()
    }

    /// Takes a count out of the settings.
    pub fn take_count(&mut self, name: &str) -> Option<u64> {
        self.settings.remove(name)?.as_u64()
    }

    /// Fails if something is left that `record` has no place for.
    pub fn end(&self, record: &str) -> Result<()> {
        let setting = self.settings.keys().next().map(|name| format!("setting {name}"));
        let tensor = self.tensors.keys().next().map(|name| format!("tensor {name}"));
        match setting.or(tensor) {
            None => Ok(()),
            Some(left) => {
                Err(Error::input(format!("{}: its {left} has no place in FAISS's {record}", self.spec)))
            }
        }
    }

    /// The quantizer.
    pub fn quantizer(self) -> Result<Box<dyn Quantizer>> {
        assemble(&self.spec, self.dim, self.settings, self.tensors)
    }
}

/// log2 of the codewords of each codebook, which FAISS has to be able to count by bits.
pub(super) fn bits_of(spec: &Spec, codebooks: &[Array2<f32>]) -> Result<Vec<u32>> {
    let bits = codebooks.iter().map(|codebook| match codebook.nrows() {
        k if k.is_power_of_two() && k > 1 => Ok(k.ilog2()),
        k => Err(Error::input(format!(
            "{spec}: a codebook of {k} codewords; the codes of FAISS are bits, so it has to be a power of two from 2 on"
        ))),
    });
    bits.collect()
}
