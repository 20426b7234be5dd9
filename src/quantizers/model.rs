//! The model file: a quantizer on disk.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayD};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    Additive, Equalized, LatticeVq, Product, Quantizer, Residual, Rotated, Scalar, SpaceFilling, Spec,
    TreeResidual, Vq, scaled,
};
use crate::error::{Context, Error, Result};
use crate::io;
use crate::scale::Scale;

/// The version of the description; a reader refuses what is newer than itself.
const FORMAT: u64 = 1;

/// The exponents of the powers of two that vectors are scaled with: one, or one for each part of a PQ or PRQ.
pub(super) const SCALE: &str = "scale";

/// The settings that say how codes are searched for, and nothing of what they stand for.
const SEARCH: [&str; 4] = ["beam", "local_search", "max_error", "by"];

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
    load_with(path, &Map::new())
}

/// [`load`] with other settings of the search than those that the file has: an object of JSON whose keys are among `beam`,
/// `local_search`, `max_error` and `by`. What the codes stand for does not depend on them.
///
/// ```
/// use wgvq::serde_json::{Map, Value, json};
/// use wgvq::{Quantizer, Residual};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("rq.safetensors");
/// let codebook = ndarray::array![[0.0_f32, 1.0], [2.0, 3.0]];
/// Residual::new(vec![codebook], 1)?.save(&path, false, Value::Null)?;
/// let model = wgvq::load_with(&path, &Map::from_iter([("beam".to_string(), json!(2))]))?;
/// assert_eq!(model.quantizer.settings()["beam"], 2);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// As [`load`], and [`Input`](crate::ErrorKind::Input) for a setting that its search does not have.
pub fn load_with(path: impl AsRef<Path>, settings: &Map<String, Value>) -> Result<Model> {
    let path = path.as_ref();
    let mut file = io::read_model(path)?;
    for (name, value) in settings {
        let Some(setting) = file.description.get_mut(name).filter(|_| SEARCH.contains(&&name[..])) else {
            return Err(Error::input(format!(
                "{}: the search of a model of {} has no setting {name}; leave it out",
                path.display(),
                file.description.get("spec").and_then(Value::as_str).unwrap_or("no spec")
            )));
        };
        *setting = value.clone();
    }
    let mut parts = Parts { description: &file.description, tensors: file.tensors, scale: Scale::ONE };
    let quantizer = parts.quantizer().context(|| path.display())?;
    Ok(Model { quantizer, description: file.description, hash: file.hash })
}

/// What a quantizer is put together from.
pub(super) struct Parts<'a> {
    description: &'a Value,
    tensors: BTreeMap<String, ArrayD<f32>>,
    /// What tensors and errors are scaled with as they are taken.
    scale: Scale,
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
        // Parts have scales of their own.
        if !matches!(spec, Spec::Product { .. } | Spec::ProductResidual { .. }) {
            self.scale = self.optional_setting(SCALE)?.unwrap_or_default();
        }
        let inner: Box<dyn Quantizer> = match spec.clone().times(self.scale.factor()) {
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
            Spec::TreeResidual { stages, .. } => Box::new(TreeResidual::from_parts(self, stages)?),
            Spec::SpaceFilling { position_bits, .. } => {
                Box::new(SpaceFilling::from_parts(self, position_bits)?)
            }
            Spec::Equalized { .. } => Box::new(Equalized::from_parts(self)?),
        };
        let quantizer = scaled::scaled(inner, self.scale);
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
        self.optional_tensor(name)?.ok_or_else(|| Error::input(format!("no tensor {name}")))
    }

    /// Takes the tensor `name`, of two dimensions, if there is one.
    pub fn optional_tensor(&mut self, name: &str) -> Result<Option<Array2<f32>>> {
        let Some(mut tensor) = self.tensors.remove(name) else { return Ok(None) };
        if scaled::has_units(name) {
            self.scale.apply(&mut tensor);
        }
        let shape = tensor.shape().to_vec();
        tensor
            .into_dimensionality()
            .map(Some)
            .map_err(|_| Error::input(format!("{name} has shape {shape:?}; two dimensions are needed")))
    }

    /// Takes the tensors `codebook.0` and so on, `m` of them.
    pub fn codebooks(&mut self, m: usize) -> Result<Vec<Array2<f32>>> {
        (0..m).map(|j| self.tensor(&format!("codebook.{j}"))).collect()
    }

    /// The squared error that the description has under `name`, if it has one.
    pub fn optional_error(&self, name: &str) -> Result<Option<f32>> {
        let error = self.optional_setting::<f64>(name)?;
        Ok(error.map(|error| (error / self.scale.unit()) as f32))
    }

    /// What the description says under `name`.
    pub fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.optional_setting(name)?.ok_or_else(|| Error::input(format!("no setting {name}")))
    }

    /// What the description says under `name`, if it says anything.
    pub fn optional_setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let read = |value: &Value| serde_json::from_value(value.clone());
        let value = self.description.get(name).map(read).transpose();
        value.map_err(|error| Error::input(format!("the setting {name} cannot be read: {error}")))
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
