//! The model file: a quantizer on disk.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayD};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::scaled::{has_units, scaled};
use super::{Quantizer, Spec};
use crate::error::{Context, Error, Result};
use crate::io;
use crate::scale::Scale;
use crate::settings::{Setting, Spelling, Stage};

/// The version of the description; a reader refuses what is newer than itself.
const FORMAT: u64 = 1;

/// The exponents of the powers of two that vectors are scaled with: one, or one for each part of a PQ or PRQ.
pub(super) const SCALE: &str = "scale";

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

/// [`load`] with other settings than those that the file has: an object of JSON whose keys are
/// [settings](Spec::settings) of the model's spec that count in [encoding](Stage::Encode), such as `beam`. What the codes
/// stand for does not depend on them.
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
/// As [`load`], and as [`Spec::check`].
pub fn load_with(path: impl AsRef<Path>, settings: &Map<String, Value>) -> Result<Model> {
    load_as(path.as_ref(), settings, Spelling::Key)
}

/// [`load_with`], with errors that spell the settings in this way.
///
/// # Errors
/// As [`load_with`].
pub fn load_as(path: &Path, settings: &Map<String, Value>, spelling: Spelling) -> Result<Model> {
    let mut file = io::read_model(path)?;
    if !settings.is_empty() {
        let spec = spec_of(&file.description).context(|| path.display())?;
        spec.check(settings, Stage::Encode, spelling).context(|| path.display())?;
        for (name, value) in settings {
            let Some(setting) = file.description.get_mut(name) else {
                return Err(Error::input(format!(
                    "{}: the model was trained without {}, which is then not to be had in encoding; train with it",
                    path.display(),
                    spelling.of(name)
                )));
            };
            *setting = value.clone();
        }
    }
    let quantizer = put_together(&file.description, file.tensors).context(|| path.display())?;
    Ok(Model { quantizer, description: file.description, hash: file.hash })
}

/// The quantizer of this spec and these settings and tensors, as a model file has them.
///
/// # Errors
/// As [`load`] has of a file.
pub(crate) fn assemble(
    spec: &Spec,
    dim: usize,
    settings: Map<String, Value>,
    tensors: BTreeMap<String, ArrayD<f32>>,
) -> Result<Box<dyn Quantizer>> {
    put_together(&describe(spec, dim, settings).into(), tensors)
}

/// The quantizer that a model file of this description holds.
fn put_together(description: &Value, tensors: BTreeMap<String, ArrayD<f32>>) -> Result<Box<dyn Quantizer>> {
    Parts { description, tensors, scale: Scale::ONE, part_scales: Vec::new(), codebooks: 0 }.quantizer()
}

/// What a description says of every quantizer.
fn describe(spec: &Spec, dim: usize, settings: Map<String, Value>) -> Map<String, Value> {
    let facts = [
        ("format".to_string(), json!(FORMAT)),
        ("spec".into(), json!(spec.to_string())),
        ("dim".into(), json!(dim)),
    ];
    facts.into_iter().chain(settings).collect()
}

fn spec_of(description: &Value) -> Result<Spec> {
    let spec = description.get("spec").and_then(Value::as_str);
    spec.ok_or_else(|| Error::input("its description names no spec"))?.parse()
}

/// What a quantizer is put together from.
pub(super) struct Parts<'a> {
    description: &'a Value,
    tensors: BTreeMap<String, ArrayD<f32>>,
    /// What tensors and errors are scaled with as they are taken.
    scale: Scale,
    /// The scales of a quantizer whose parts have their own.
    part_scales: Vec<Scale>,
    /// Codebooks that have been taken.
    codebooks: usize,
}

impl Parts<'_> {
    /// What the name of a tensor behind a rotation begins with, where the rotation has one of the same name.
    pub const INNER: &'static str = "inner.";

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
        let spec = spec_of(self.description)?;
        if spec.node().has_part_scales() {
            self.part_scales = self.optional_setting(SCALE)?.unwrap_or_default();
        } else {
            self.scale = self.optional_setting(SCALE)?.unwrap_or_default();
        }
        let scaled_spec = spec.times(self.scale.factor());
        let inner = scaled_spec.node().load(self)?;
        let quantizer = scaled(inner, self.scale);
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
        if has_units(name) {
            self.scale.apply(&mut tensor);
        }
        let shape = tensor.shape().to_vec();
        tensor
            .into_dimensionality()
            .map(Some)
            .map_err(|_| Error::input(format!("{name} has shape {shape:?}; two dimensions are needed")))
    }

    /// Takes the next of the tensors `codebook.0` and so on, `m` of them.
    pub fn codebooks(&mut self, m: usize) -> Result<Vec<Array2<f32>>> {
        let first = self.codebooks;
        self.codebooks += m;
        (first..first + m).map(|j| self.tensor(&format!("codebook.{j}"))).collect()
    }

    /// Takes the tensors of what is behind a rotation by their own names.
    pub fn unwrap_names(&mut self) {
        let tensors = std::mem::take(&mut self.tensors).into_iter();
        self.tensors = tensors
            .map(|(name, tensor)| (name.strip_prefix(Self::INNER).unwrap_or(&name).to_string(), tensor))
            .collect();
    }

    /// The scales of a quantizer whose parts have their own; none if all are 1.
    pub fn part_scales(&self) -> &[Scale] {
        &self.part_scales
    }

    /// What `take` makes of tensors and errors that are scaled with `scale` besides.
    pub fn times<T>(&mut self, scale: Scale, take: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if scale.is_one() {
            return take(self);
        }
        // Only what is scaled by its parts has scales besides, and is then not scaled as a whole.
        let before = std::mem::replace(&mut self.scale, scale);
        let taken = take(self);
        self.scale = before;
        taken
    }

    /// The whole number that the description has for `setting`.
    pub fn count(&self, setting: &Setting) -> Result<usize> {
        let value: Value = self.setting(setting.name)?;
        setting.check(&value, Spelling::Key)?;
        self.setting(setting.name)
    }

    /// The word that the description has for `setting`.
    pub fn word(&self, setting: &Setting) -> Result<String> {
        let value: Value = self.setting(setting.name)?;
        setting.check(&value, Spelling::Key)?;
        self.setting(setting.name)
    }

    /// The squared error that the description has for `setting`, if it has one.
    pub fn optional_error(&self, setting: &Setting) -> Result<Option<f32>> {
        let error = self.optional_setting::<f64>(setting.name)?;
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
    begin_model(quantizer, path, overwrite, training)?.0.finish()
}

/// Begins the model file of [`Quantizer::save`], which is whole but for its name; and its [hash](Model::hash).
pub(crate) fn begin_model<Q: Quantizer + ?Sized>(
    quantizer: &Q,
    path: &Path,
    overwrite: bool,
    training: Value,
) -> Result<(io::Output, String)> {
    let mut description = describe(&quantizer.spec(), quantizer.dim(), quantizer.settings());
    description.insert("codebook_sizes".into(), json!(quantizer.codebook_sizes()));
    description.insert("training".into(), training);
    io::begin_model(path, overwrite, &description.into(), &quantizer.tensors())
}

/// The same quantizer with other codebooks, of the shapes that its own have.
pub(super) fn with_codebooks(
    quantizer: &dyn Quantizer,
    codebooks: &[Array2<f32>],
) -> Result<Box<dyn Quantizer>> {
    let mut tensors: BTreeMap<String, ArrayD<f32>> =
        quantizer.tensors().into_iter().map(|(name, tensor)| (name, tensor.to_owned())).collect();
    for (j, codebook) in codebooks.iter().enumerate() {
        tensors.insert(format!("codebook.{j}"), codebook.clone().into_dyn());
    }
    assemble(&quantizer.spec(), quantizer.dim(), quantizer.settings(), tensors)
}
