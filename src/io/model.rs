//! The model file: codebooks as named tensors, with the model's description beside them.
//!
//! It is a plain safetensors file of F32 tensors whose metadata holds, under the key `wgvq`, the description as
//! JSON; any other tool can read the codebooks.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use safetensors::tensor::{Dtype as TensorDtype, View};
use serde_json::Value;
use twox_hash::XxHash3_128;

use super::dtype::Convert;
use super::output::Output;
use super::safetensors::Tensors;
use crate::error::{Error, Result};

/// The metadata key of the description.
const KEY: &str = "wgvq";

/// A model as it lies in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What the model is: whatever was given to [`write_model`].
    pub description: Value,
    /// Its arrays by name, all values finite.
    pub tensors: BTreeMap<String, ArrayD<f32>>,
    /// XXH3-128 of the file's bytes in hexadecimal: files of one hash are one model.
    pub hash: String,
}

/// Writes a model file; unless `force`, over no other file.
///
/// # Errors
/// As [`Output::create`](super::Output::create); two tensors of one name; values that are not finite.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// use wgvq::{io, ndarray::array};
/// let codebook = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
/// let tensors = [("codebook.0".to_string(), codebook.view())];
/// io::write_model(&path, false, &serde_json::json!({ "spec": "VQ2" }), &tensors)?;
/// let model = io::read_model(&path)?;
/// assert_eq!(model.description["spec"], "VQ2");
/// assert_eq!(model.tensors["codebook.0"], codebook);
/// # Ok(())
/// # }
/// ```
pub fn write_model(
    path: impl AsRef<Path>,
    force: bool,
    description: &Value,
    tensors: &[(String, ArrayViewD<'_, f32>)],
) -> Result<()> {
    begin_model(path.as_ref(), force, description, tensors)?.0.finish()
}

/// Begins a model file, which is whole but for its name; and its [hash](ModelFile::hash).
pub(crate) fn begin_model(
    path: &Path,
    force: bool,
    description: &Value,
    tensors: &[(String, ArrayViewD<'_, f32>)],
) -> Result<(Output, String)> {
    let shown = path.display();
    let mut views = BTreeMap::new();
    for (name, tensor) in tensors {
        if let Some((number, value)) = tensor.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::input(format!(
                "{shown}: tensor '{name}' is {value} at number {number}, not finite"
            )));
        }
        if views.insert(name.as_str(), TensorBytes::new(tensor)).is_some() {
            return Err(Error::input(format!("{shown}: two tensors are called '{name}'")));
        }
    }
    let metadata = HashMap::from([(KEY.to_string(), description.to_string())]);
    let bytes =
        safetensors::serialize(views, Some(metadata)).map_err(|e| Error::input(format!("{shown}: {e}")))?;
    let mut output = Output::create(path, force)?;
    output.append(&bytes)?;
    Ok((output, hash_of(&bytes)))
}

/// The hash of a model file of these bytes.
fn hash_of(bytes: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(bytes))
}

/// Reads a model file.
///
/// # Errors
/// A file that is missing, cut short or damaged; a safetensors file that is no model; tensors that are not F32
/// or hold NaN or infinity.
pub fn read_model(path: impl AsRef<Path>) -> Result<ModelFile> {
    let path = path.as_ref();
    let file = Tensors::open(path)?;
    let description = file.text(KEY).ok_or_else(|| {
        file.file().invalid("is not a model: its metadata has no entry 'wgvq'; `wgvq train` writes models")
    })?;
    let description = serde_json::from_str(description)
        .map_err(|error| file.file().invalid(format!("its description cannot be read: {error}")))?;
    // Once more and whole, now that it is known to be a model: the hash is of every byte.
    let bytes = file.file().read_all()?;
    let hash = hash_of(&bytes);
    let mut tensors = BTreeMap::new();
    for (name, info) in file.iter() {
        let wrong = |why: String| file.file().invalid(format!("tensor '{name}' {why}"));
        if info.dtype != TensorDtype::F32 {
            return Err(wrong(format!("is of type {:?}; a model's tensors are F32", info.dtype)));
        }
        let start = file.offset(info) as usize;
        let end = start + (info.data_offsets.1 - info.data_offsets.0);
        let stored = bytes.get(start..end).ok_or_else(|| wrong("was cut off while it was read".into()))?;
        let stored: Vec<f32> =
            stored.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect();
        let mut values = vec![0.0; stored.len()];
        f32::convert(&stored, &mut values)
            .map_err(|bad| wrong(format!("is {} at number {}", bad.why, bad.index)))?;
        let tensor =
            ArrayD::from_shape_vec(IxDyn(&info.shape), values).map_err(|error| wrong(error.to_string()))?;
        tensors.insert(name, tensor);
    }
    Ok(ModelFile { description, tensors, hash })
}

/// The description in a safetensors file, where there is one that can be read.
pub(super) fn description(file: &Tensors) -> Option<Value> {
    serde_json::from_str(file.text(KEY)?).ok()
}

/// A tensor as safetensors wants to see it.
struct TensorBytes {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl TensorBytes {
    fn new(tensor: &ArrayViewD<'_, f32>) -> Self {
        // In logical order, whatever the view's strides.
        let bytes = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { shape: tensor.shape().to_vec(), bytes }
    }
}

impl View for TensorBytes {
    fn dtype(&self) -> TensorDtype {
        TensorDtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, bytes, refused, safetensors};
    use ndarray::array;
    use serde_json::json;
    use std::fs;

    #[test]
    fn a_model_comes_back_as_it_was_and_its_hash_is_of_its_contents() {
        let folder = Folder::new();
        let book = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
        let scale = array![0.5f32].into_dyn();
        let description = json!({ "spec": "RQ2x8", "trainer": { "name": "kmeans", "seed": 1 } });
        // A transposed view is written in its own order, not in memory's.
        let tensors = [("b".to_string(), book.t()), ("a".to_string(), scale.view())];
        let path = folder.path("m.safetensors");
        write_model(&path, false, &description, &tensors).unwrap();
        let model = read_model(&path).unwrap();
        assert_eq!(model.description, description);
        assert_eq!(model.tensors["b"], book.t());
        assert_eq!(model.tensors["a"], scale);
        assert_eq!(model.hash.len(), 32);
        let again = folder.path("again.safetensors");
        write_model(&again, false, &description, &tensors).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
        write_model(&again, true, &json!({}), &tensors).unwrap();
        assert_ne!(read_model(&again).unwrap().hash, model.hash);
        assert!(refused(write_model(&again, false, &json!({}), &tensors)).contains("pass --force"));
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = Folder::new();
        let path = folder.path("m.safetensors");
        let book = array![[1.0, f32::NAN]].into_dyn();
        let why = refused(write_model(&path, false, &json!({}), &[("book".into(), book.view())]));
        assert!(why.contains("'book' is NaN at number 1"), "{why}");
        let one = array![1.0f32].into_dyn();
        let twice = [("a".to_string(), one.view()), ("a".to_string(), one.view())];
        assert!(refused(write_model(&path, false, &json!({}), &twice)).contains("two tensors"));
        assert_eq!(folder.names(), [""; 0]);
    }

    #[test]
    fn what_is_no_model_is_refused_with_the_reason() {
        let folder = Folder::new();
        let why = |bytes: &[u8]| refused(read_model(folder.file("m.safetensors", bytes)));
        let with = |description: &str, tensor: Value, data: &[u8]| {
            let header = json!({ "__metadata__": { "wgvq": description }, "a": tensor }).to_string();
            [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
        };
        let tensor = |dtype: &str| json!({ "dtype": dtype, "shape": [1], "data_offsets": [0, 4] });
        let model = with("{}", tensor("F32"), &bytes(&[1.0]));
        assert!(read_model(folder.file("m.safetensors", &model)).is_ok());
        assert!(why(b"").contains("is empty"));
        assert!(why(&model[..model.len() - 1]).contains("but 3 follow"));
        assert!(why(&safetensors(&[("a", "F32", &[1], &[0; 4])])).contains("is not a model"));
        assert!(why(&with("{", tensor("F32"), &[0; 4])).contains("description cannot be read"));
        assert!(why(&with("{}", tensor("I32"), &[0; 4])).contains("'a' is of type I32"));
        assert!(
            why(&with("{}", tensor("F32"), &bytes(&[f32::INFINITY]))).contains("'a' is infinity at number 0")
        );
        assert!(
            refused(read_model(folder.path("gone.safetensors"))).contains("gone.safetensors: No such file")
        );
    }
}
