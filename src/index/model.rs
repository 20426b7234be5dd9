//! What an index is besides its vectors: lists, quantizer and refinement.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

use super::codes::CodeLayout;
use super::refine::Refinement;
use super::spec::IndexSpec;
use super::store::checked::{FileRecord, damaged, hash_of};
use super::store::folder::{FileKind, Writer};
use super::store::manifest::{Manifest, format_of};
use crate::columns::ColumnSchema;
use crate::engine::Engine;
use crate::error::{Context, Error, Result};
use crate::io;
use crate::lists::Refine;
use crate::metrics::Metric;
use crate::quantizers::{self, Codes, Encoder, Quantizer, load};
use crate::vectors::Vectors;

/// What is the same for all vectors of an index.
pub struct Model {
    pub spec: IndexSpec,
    pub metric: Metric,
    /// Whether codes are of what the centroid of its list leaves of a vector.
    pub residual: bool,
    /// The centroids as a quantizer of one codebook, if there is more than one list.
    pub lists: Option<Box<dyn Quantizer>>,
    /// The centroids, if that quantizer has a rotation, which its codebook is behind.
    pub turned_back: Option<Array2<f32>>,
    pub quantizer: Box<dyn Quantizer>,
    /// What its file says of its training.
    pub training: Value,
    /// Dimensions of a vector.
    pub dim: usize,
    pub refinement: Refinement,
    /// What is stored for it.
    pub refine: Refine,
    pub codes: CodeLayout,
    /// What is kept beside the vectors.
    pub columns: Vec<ColumnSchema>,
}

impl Model {
    pub fn list_count(&self) -> usize {
        self.spec.lists()
    }

    /// Whether it is known where vectors came from.
    pub fn has_sources(&self) -> bool {
        self.refinement == Refinement::Source
    }

    /// Whether the nearest by their codes are compared once more.
    pub fn reranks(&self) -> bool {
        self.refinement != Refinement::None
    }

    /// Vectors as the index compares them: by the cosine they have length 1.
    pub fn seen_by(metric: Metric, x: &dyn Vectors) -> Seen<'_> {
        Seen { x, unit: metric == Metric::Cosine }
    }

    /// Vectors as [`seen_by`](Self::seen_by) its metric.
    pub fn seen<'a>(&self, x: &'a dyn Vectors) -> Seen<'a> {
        Self::seen_by(self.metric, x)
    }

    /// What vectors as they are [seen](Self::seen) are compared by, and what its distances are multiplied with.
    pub fn compared_by(&self) -> (Metric, f64) {
        match self.metric {
            // Of unit vectors ‖x − y‖² is 2 − 2 cos.
            Metric::Cosine => (Metric::SquaredL2, 0.5),
            other => (other, 1.0),
        }
    }

    /// The centroids, (lists, d), if there is more than one list.
    pub fn centroids(&self) -> Option<&Array2<f32>> {
        let lists = self.lists.as_ref()?;
        self.turned_back.as_ref().or_else(|| lists.codebooks().first().copied())
    }

    /// Writes the files of the model, and gives a manifest without vectors.
    pub fn save(&self, writer: &mut Writer) -> Result<Manifest> {
        let lists = match &self.lists {
            Some(lists) => Some(save(writer, FileKind::Lists, |path| lists.save(path, false, Value::Null))?),
            None => None,
        };
        let model =
            save(writer, FileKind::Model, |path| self.quantizer.save(path, false, self.training.clone()))?;
        let ranges = match &self.refine {
            Refine::U8 { low, step } => Some(save(writer, FileKind::Ranges, |path| {
                let row = |values: &Vec<f32>| {
                    ArrayView2::from_shape((1, values.len()), values).map(|row| row.to_owned())
                };
                let arrays = [row(low), row(step)]
                    .map(|row| row.expect("a row has the length of its values").into_dyn());
                let tensors = ["low", "step"].into_iter().zip(&arrays);
                let tensors: Vec<_> = tensors.map(|(name, array)| (name.to_string(), array.view())).collect();
                io::write_model(path, false, &json!({ "refine": "u8" }), &tensors)
            })?),
            _ => None,
        };
        Ok(Manifest {
            format: format_of(&self.columns),
            spec: self.spec.to_string(),
            dim: self.dim,
            metric: self.metric.to_string(),
            refine: self.refinement.to_string(),
            residual: self.residual,
            next_id: Some(0),
            next_file: 1,
            lists,
            model,
            ranges,
            recall: None,
            queries: None,
            sources: Vec::new(),
            columns: self.columns.clone(),
            segments: Vec::new(),
        })
    }

    /// Reads the files of the model.
    ///
    /// # Errors
    /// Files that are damaged or do not go together.
    pub fn load(folder: &Path, manifest: &Manifest) -> Result<Self> {
        let spec: IndexSpec = manifest.spec.parse()?;
        let metric = manifest.metric.parse()?;
        let file = load_checked(folder, &manifest.model)?;
        let (quantizer, training) = (file.quantizer, file.description["training"].clone());
        let lists = manifest.lists.as_ref().map(|record| load_checked(folder, record)).transpose()?;
        let lists = lists.map(|file| file.quantizer);
        let refinement = manifest.refine.parse()?;
        let refine = match (refinement, &manifest.ranges) {
            (Refinement::None | Refinement::Source, None) => Refine::None,
            (Refinement::F16, None) => Refine::F16,
            (Refinement::U8, Some(record)) => load_ranges(folder, record, manifest.dim)?,
            _ => {
                return Err(Error::input(
                    "the manifest has ranges of bytes where there are none, or none where there are",
                ));
            }
        };
        let count = lists.as_ref().map_or(Some(1), |lists| match lists.codebook_sizes()[..] {
            [count] if lists.codebooks().len() == 1 => Some(count),
            _ => None,
        });
        let dims = lists.iter().chain([&quantizer]).all(|part| part.dim() == manifest.dim);
        if count != Some(spec.lists()) || quantizer.spec() != *spec.quantizer() || !dims {
            return Err(Error::input(format!(
                "its files of lists and of {} of {} dimensions do not go with the manifest, which says {spec} of {}",
                quantizer.spec(),
                quantizer.dim(),
                manifest.dim
            )));
        }
        let codes = CodeLayout::of(&quantizer.codebook_sizes());
        Ok(Self {
            spec,
            metric,
            residual: manifest.residual,
            turned_back: lists.as_deref().and_then(turned_back),
            lists,
            quantizer,
            training,
            dim: manifest.dim,
            refinement,
            refine,
            codes,
            columns: manifest.columns.clone(),
        })
    }
}

/// What the codewords of a codebook behind a rotation stand for, Rᵀ·c + o, in f64 and rounded once; `None` without a rotation.
fn turned_back(lists: &dyn Quantizer) -> Option<Array2<f32>> {
    let layout = lists.layout();
    let mut centroids = layout.codebooks.first()?.mapv(f64::from).dot(&layout.rotation?.mapv(f64::from));
    if let Some(offset) = layout.offset {
        centroids += &offset.mapv(f64::from);
    }
    Some(centroids.mapv(|value| value as f32))
}

fn save(writer: &mut Writer, kind: FileKind, write: impl FnOnce(&Path) -> Result<()>) -> Result<FileRecord> {
    let (file, path) = writer.next(kind);
    write(&path)?;
    let bytes = fs::read(&path).context(|| path.display())?;
    Ok(FileRecord { file, bytes: bytes.len() as u64, xxh3: hash_of(&bytes) })
}

fn load_checked(folder: &Path, record: &FileRecord) -> Result<quantizers::Model> {
    let path = folder.join(&record.file);
    let model = load(&path)?;
    check_hash(&path, &model.hash, record)?;
    Ok(model)
}

fn check_hash(path: &Path, hash: &str, record: &FileRecord) -> Result<()> {
    if hash == record.xxh3 { Ok(()) } else { Err(damaged(path, "its bytes are not those that were written")) }
}

fn load_ranges(folder: &Path, record: &FileRecord, dim: usize) -> Result<Refine> {
    let path = folder.join(&record.file);
    let mut file = io::read_model(&path)?;
    check_hash(&path, &file.hash, record)?;
    let mut row = |name: &str| {
        let row = file.tensors.remove(name).filter(|row| row.shape() == [1, dim]);
        row.map(|row| row.into_iter().collect())
            .ok_or_else(|| damaged(&path, format_args!("it has no {name} of each dimension")))
    };
    Ok(Refine::U8 { low: row("low")?, step: row("step")? })
}

/// A model on a device.
pub struct Coding<'a> {
    model: &'a Model,
    lists: Option<Encoder>,
    quantizer: Encoder,
}

impl<'a> Coding<'a> {
    pub fn new(model: &'a Model, engine: &Engine) -> Result<Self> {
        let lists = model.lists.as_ref().map(|lists| lists.encoder(engine)).transpose()?;
        Ok(Self { model, lists, quantizer: model.quantizer.encoder(engine)? })
    }

    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The list that each of `x` (n, d) is in: that of the nearest centroid.
    pub fn place(&self, x: &Array2<f32>) -> Result<Vec<u32>> {
        match &self.lists {
            None => Ok(vec![0; x.nrows()]),
            Some(lists) => Ok(lists.encode(x)?.view().iter().copied().collect()),
        }
    }

    /// The codes (n, m) of `x` (n, d), which are in these lists.
    pub fn encode(&self, x: &Array2<f32>, lists: &[u32]) -> Result<Codes> {
        self.quantizer.encode(&*self.residuals(x, lists))
    }

    /// What is to be quantized of `x` (n, d).
    fn residuals<'x>(&self, x: &'x Array2<f32>, lists: &[u32]) -> Cow<'x, Array2<f32>> {
        let Some(centroids) = self.model.centroids().filter(|_| self.model.residual) else {
            return Cow::Borrowed(x);
        };
        let mut residuals = x.clone();
        for (mut row, &list) in residuals.outer_iter_mut().zip(lists) {
            row -= &centroids.row(list as usize);
        }
        Cow::Owned(residuals)
    }

    /// What the packed codes of some rows of a list stand for, (n, d).
    pub fn decode(&self, packed: &[u8], rows: &[usize], list: usize) -> Result<Array2<f32>> {
        let codes = self.model.codes.unpack(packed, rows);
        let codes = Codes::new(codes, self.quantizer.codebook_sizes().to_vec())?;
        let mut decoded = self.quantizer.decode(&codes)?;
        if let Some(centroids) = self.model.centroids().filter(|_| self.model.residual) {
            decoded += &centroids.row(list);
        }
        Ok(decoded)
    }
}

/// Vectors as an index sees them.
pub struct Seen<'a> {
    x: &'a dyn Vectors,
    /// Scaled to length 1.
    unit: bool,
}

impl Vectors for Seen<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.x.read(rows.clone(), out)?;
        if !self.unit {
            return Ok(());
        }
        for (row, out) in rows.zip(out.chunks_exact_mut(self.x.dim().max(1))) {
            let square: f64 = out.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
            if square == 0.0 {
                return Err(Error::input(format!(
                    "row {row} is zero and has no direction; leave it out, or take the metric l2"
                )));
            }
            let inverse = square.sqrt().recip();
            out.iter_mut().for_each(|value| *value = (f64::from(*value) * inverse) as f32);
        }
        Ok(())
    }
}

/// What lists leave of vectors, to train a quantizer on.
pub struct Residuals<'a> {
    pub x: &'a dyn Vectors,
    pub lists: &'a Encoder,
    pub centroids: &'a Array2<f32>,
}

impl Vectors for Residuals<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let x = self.x.read_rows(rows)?;
        let lists = self.lists.encode(&x)?;
        for ((out, x), list) in out.chunks_exact_mut(x.ncols().max(1)).zip(x.outer_iter()).zip(lists.view()) {
            let pairs = out.iter_mut().zip(x).zip(self.centroids.row(*list as usize));
            pairs.for_each(|((out, x), centroid)| *out = x - centroid);
        }
        Ok(())
    }
}
