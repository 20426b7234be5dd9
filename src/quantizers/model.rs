//! The model file: a quantizer on disk.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayD};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Additive, LatticeVq, Product, Quantizer, Residual, Rotated, Scalar, Spec, Vq};
use crate::error::{Context, Error, Result};
use crate::io;

/// The version of the description; a reader refuses what is newer than itself.
const FORMAT: u64 = 1;

/// A quantizer as loaded from a file.
pub struct Model {
    /// The quantizer.
    pub quantizer: Box<dyn Quantizer>,
    /// What the file says of itself: the JSON under its metadata key `wgvq`.
    pub description: Value,
    /// A hash of the file's bytes: codes and models that belong together are told by it.
    pub hash: String,
}

/// Loads a model file.
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input), naming the file, if it is no model of ours or does not hold what its
/// description promises; [`Io`](crate::ErrorKind::Io).
pub fn load(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    let file = io::read_model(path)?;
    let mut parts = Parts { description: &file.description, tensors: file.tensors };
    let quantizer = parts.quantizer().context(|| path.display())?;
    Ok(Model { quantizer, description: file.description, hash: file.hash })
}

/// What a quantizer is put together from.
pub(super) struct Parts<'a> {
    description: &'a Value,
    tensors: BTreeMap<String, ArrayD<f32>>,
}

impl Parts<'_> {
    fn quantizer(&mut self) -> Result<Box<dyn Quantizer>> {
        match self.description.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                return Err(Error::input(format!(
                    "a model of format {newer}; this version reads format {FORMAT}, a newer one is needed"
                )));
            }
            _ => return Err(Error::input("its description names no format; is it a wgvq model?")),
        }
        let spec = self.description.get("spec").and_then(Value::as_str);
        let spec: Spec = spec.ok_or_else(|| Error::input("its description names no spec"))?.parse()?;
        let quantizer: Box<dyn Quantizer> = match spec {
            Spec::Vq { .. } => Box::new(Vq::from_parts(self)?),
            Spec::Product { parts, .. } => Box::new(Product::from_parts(self, parts)?),
            Spec::OptimizedProduct { parts, .. } => Box::new(Rotated::from_parts(self, parts)?),
            Spec::Residual { ref bits } => Box::new(Residual::from_parts(self, bits.len())?),
            Spec::ProductResidual { parts, stages, .. } => {
                Box::new(Product::residual_from_parts(self, parts, stages)?)
            }
            Spec::Additive { codebooks, .. } | Spec::LocalSearch { codebooks, .. } => {
                Box::new(Additive::from_parts(self, codebooks)?)
            }
            Spec::Lattice { lattice, scale } => Box::new(LatticeVq::from_parts(self, lattice, scale)?),
            Spec::Scalar { bits } => Box::new(Scalar::from_parts(self, bits)?),
            _ => return Err(Error::input(format!("{spec} cannot be loaded yet"))),
        };
        if quantizer.spec() != spec {
            return Err(Error::input(format!("it says it is {spec} and holds {}", quantizer.spec())));
        }
        let dim = self.description.get("dim").and_then(Value::as_u64);
        if dim != Some(quantizer.dim() as u64) {
            let found = quantizer.dim();
            return Err(Error::input(format!("it holds codebooks of dimension {found}, and says {dim:?}")));
        }
        Ok(quantizer)
    }

    /// Takes the tensor `name`, of two dimensions.
    pub fn tensor(&mut self, name: &str) -> Result<Array2<f32>> {
        let tensor = self.tensors.remove(name).ok_or_else(|| Error::input(format!("no tensor {name}")))?;
        let shape = tensor.shape().to_vec();
        tensor
            .into_dimensionality()
            .map_err(|_| Error::input(format!("{name} has shape {shape:?}; two dimensions are needed")))
    }

    /// Takes the tensors `codebook.0` and so on, `m` of them.
    pub fn codebooks(&mut self, m: usize) -> Result<Vec<Array2<f32>>> {
        (0..m).map(|j| self.tensor(&format!("codebook.{j}"))).collect()
    }

    /// What the description says under `name`.
    pub fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.description.get(name).ok_or_else(|| Error::input(format!("no setting {name}")))?;
        serde_json::from_value(value.clone())
            .map_err(|error| Error::input(format!("the setting {name} cannot be read: {error}")))
    }
}

/// Writes the model file of [`Quantizer::save`].
pub(super) fn save<Q: Quantizer + ?Sized>(
    quantizer: &Q,
    path: &Path,
    overwrite: bool,
    training: Value,
) -> Result<()> {
    let mut description = Map::from_iter([
        ("format".into(), json!(FORMAT)),
        ("spec".into(), json!(quantizer.spec().to_string())),
        ("dim".into(), json!(quantizer.dim())),
        ("codebook_sizes".into(), json!(quantizer.codebook_sizes())),
    ]);
    description.extend(quantizer.settings());
    description.insert("training".into(), training);
    io::write_model(path, overwrite, &description.into(), &quantizer.tensors())
}
