//! An index that FAISS wrote.

use std::ops::Range;
use std::path::Path;

use ndarray::Array2;
use serde_json::{Map, Value, json};

use super::codes::CodesPlace;
use super::fields::Fields;
use super::kinds::Index;
use crate::error::{Context, Result};
use crate::io::{DataFile, Output};
use crate::quantizers::{Quantizer, begin_model};

/// The quantizer and the codes in a file that `faiss.write_index` wrote.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let (model, index) = (folder.path().join("pq.safetensors"), folder.path().join("pq.faiss"));
/// use ndarray::array;
/// use wgvq::{Product, Quantizer, faiss};
/// let pq = Product::new(vec![array![[0.0_f32], [1.0]], array![[5.0_f32], [7.0]]])?;
/// pq.save(&model, false, wgvq::serde_json::Value::Null)?;
/// let codes = array![[0, 1], [1, 1], [1, 0]];
/// let mut writer = faiss::Writer::create(&index, &wgvq::load(&model)?, Some(3), false)?;
/// writer.append(codes.view())?;
/// writer.finish()?;
///
/// let reader = faiss::Reader::open(&index)?;
/// assert_eq!((reader.name(), reader.rows()), ("IndexPQ", Some(3)));
/// assert_eq!(reader.quantizer().spec().to_string(), "PQ2x1");
/// assert_eq!(reader.read(0..3)?, codes);
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    file: DataFile,
    name: &'static str,
    quantizer: Box<dyn Quantizer>,
    kept: Map<String, Value>,
    codes: Option<CodesPlace>,
}

impl Reader {
    /// Opens an index and reads all of it but the codes.
    ///
    /// # Errors
    /// A file that is missing, cut short or damaged, named by field and byte; a kind of index that is not read, by its name; a
    /// quantizer that there is none of here.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = DataFile::open(path)?;
        let mut fields = Fields::reading(&file);
        let index = Index::read(&mut fields, false)?;
        let (kept, codes) = fields.end()?;
        let name = index.kind.name;
        let quantizer = index.into_parts().and_then(|parts| parts.quantizer()).context(|| path.display())?;
        Ok(Self { file, name, quantizer, kept, codes })
    }

    /// What FAISS calls the index.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The quantizer; with codewords in place of vectors if the index is flat.
    pub fn quantizer(&self) -> &dyn Quantizer {
        &*self.quantizer
    }

    /// How many vectors there are codes of; `None` of an index without codes, which is a flat one.
    pub fn rows(&self) -> Option<usize> {
        self.codes.as_ref().map(|codes| codes.rows)
    }

    /// Whether FAISS searches the index by inner product, and not by squared L2.
    pub fn is_by_inner_product(&self) -> bool {
        self.kept.get("metric_type").and_then(Value::as_str) == Some("0")
    }

    /// The codes of `rows`, (rows.len(), m).
    ///
    /// # Errors
    /// Rows beyond the last; a file that cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        match &self.codes {
            Some(codes) => codes.read(&self.file, rows).context(|| self.file.path().display()),
            None => Err(self.file.invalid(format!("{} holds vectors, not codes", self.name))),
        }
    }

    /// Writes the quantizer as a model file. What FAISS keeps besides is in it, under `training.faiss`.
    ///
    /// # Errors
    /// As [`Quantizer::save`].
    pub fn save_model(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
        self.begin_model(path, overwrite)?.0.finish()
    }

    /// Begins the file of [`save_model`](Self::save_model), which is whole but for its name, so that codes can be written before it has
    /// that; and the hash by which they know their model.
    ///
    /// # Errors
    /// As [`Quantizer::save`].
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (model, index) = (folder.path().join("vq.safetensors"), folder.path().join("vq.faiss"));
    /// use wgvq::{Quantizer, faiss, ndarray::array};
    /// wgvq::Vq::new(array![[0.0_f32], [1.0]])?.save(&model, false, wgvq::serde_json::Value::Null)?;
    /// faiss::Writer::create(&index, &wgvq::load(&model)?, None, false)?.finish()?;
    /// let (output, hash) = faiss::Reader::open(&index)?.begin_model(&model, true)?;
    /// // Here codes would be written.
    /// output.finish()?;
    /// assert_eq!(wgvq::load(&model)?.hash, hash);
    /// # Ok(())
    /// # }
    /// ```
    pub fn begin_model(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<(Output, String)> {
        let training = json!({ "trainer": "faiss", "faiss": self.kept });
        begin_model(&*self.quantizer, path.as_ref(), overwrite, training)
    }
}
