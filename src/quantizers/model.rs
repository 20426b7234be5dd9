//! The model file: a quantizer on disk.

use std::path::Path;

use serde_json::{Value, json};

use super::{Quantizer, Spec, Vq};
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
    let parse = || -> Result<Box<dyn Quantizer>> {
        let format = file.description.get("format").and_then(Value::as_u64);
        match format {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                return Err(Error::input(format!(
                    "a model of format {newer}; this version reads format {FORMAT}, a newer one is needed"
                )));
            }
            _ => return Err(Error::input("its description names no format; is it a wgvq model?")),
        }
        let spec = file.description.get("spec").and_then(Value::as_str);
        let spec: Spec = spec.ok_or_else(|| Error::input("its description names no spec"))?.parse()?;
        let codebook = |number: usize| {
            let name = format!("codebook.{number}");
            let tensor = file.tensors.get(&name).ok_or_else(|| Error::input(format!("no tensor {name}")))?;
            tensor.clone().into_dimensionality().map_err(|_| {
                Error::input(format!("{name} has shape {:?}; two dimensions are needed", tensor.shape()))
            })
        };
        match spec {
            Spec::Vq { k } => {
                let vq = Vq::new(codebook(0)?)?;
                if vq.codebook().nrows() != k {
                    let found = vq.codebook().nrows();
                    return Err(Error::input(format!("{spec} with a codebook of {found} codewords")));
                }
                let (dim, found) = (file.description.get("dim").and_then(Value::as_u64), vq.dim() as u64);
                if dim != Some(found) {
                    return Err(Error::input(format!(
                        "a codebook of dimension {found}, and it says {dim:?}"
                    )));
                }
                Ok(Box::new(vq))
            }
        }
    };
    let quantizer = parse().context(|| path.display())?;
    Ok(Model { quantizer, description: file.description, hash: file.hash })
}

/// Writes the model file of [`Quantizer::save`].
pub(super) fn save<Q: Quantizer + ?Sized>(
    quantizer: &Q,
    path: &Path,
    overwrite: bool,
    training: Value,
) -> Result<()> {
    let description = json!({
        "format": FORMAT,
        "spec": quantizer.spec().to_string(),
        "dim": quantizer.dim(),
        "codebook_sizes": quantizer.codebook_sizes(),
        "training": training,
    });
    let codebooks = quantizer.codebooks();
    let tensors: Vec<_> = codebooks
        .iter()
        .enumerate()
        .map(|(number, codebook)| (format!("codebook.{number}"), codebook.view().into_dyn()))
        .collect();
    io::write_model(path, overwrite, &description, &tensors)
}
