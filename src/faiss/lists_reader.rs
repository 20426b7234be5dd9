//! An index of lists that FAISS wrote.

use std::ops::Range;
use std::path::Path;

use ndarray::Array2;
use serde_json::{Map, Value, json};

use super::chain::Chain;
use super::codes::CodesPlace;
use super::fields::Fields;
use super::header::Header;
use super::kinds::shaped;
use super::lists::{ID_BYTES, INNER_PRODUCT, Lists};
use super::parts::Parts;
use crate::coding::RowBits;
use crate::error::{Context, Result};
use crate::index::{Coded, Index};
use crate::io::DataFile;
use crate::metrics::Metric;
use crate::quantizers::Quantizer;

/// Lists, codes and ids in a file that `faiss.write_index` wrote of an index of lists, such as an `IndexIVFPQ`; they become an
/// [`Index`].
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = |name: &str| folder.path().join(name);
/// use wgvq::faiss::{ListsReader, write_lists};
/// use wgvq::index::{Build, Ids, Query, Refinement};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 101) as f32);
/// let build = Build::new("IVF8,PQ2x4".parse()?).refine(Refinement::None);
/// let index = build.run(&engine, &path("base.wgvqi"), &x, Ids::Next, &mut ())?;
/// write_lists(path("base.faiss"), &index, false, |_, _| Ok(()))?;
///
/// let reader = ListsReader::open(path("base.faiss"))?;
/// assert_eq!((reader.name(), reader.rows()), ("IndexIVFPQ", 500));
/// let back = reader.write(&path("back.wgvqi"), wgvq::index::MEMORY, false, |_, _| Ok(()))?;
/// let query = Query::nearest(3).probes(2);
/// assert_eq!(back.search(&engine, &x, &query)?, index.search(&engine, &x, &query)?);
/// # Ok(())
/// # }
/// ```
pub struct ListsReader {
    file: DataFile,
    name: &'static str,
    metric: Metric,
    residual: bool,
    lists: Box<dyn Quantizer>,
    quantizer: Box<dyn Quantizer>,
    kept: Map<String, Value>,
    sizes: Vec<usize>,
    /// Where the codes and ids of the first list begin.
    start: u64,
    bits: RowBits,
}

impl ListsReader {
    /// Opens an index and reads all of it but what is in its lists.
    ///
    /// # Errors
    /// A file that is missing, cut short or damaged, named by field and byte; a kind of index or of lists that is not read, by its
    /// name; a quantizer that there is none of here.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = DataFile::open(path)?;
        let mut fields = Fields::reading(&file);
        let (index, start) = Lists::read(&mut fields)?;
        let is_by_inner_product = fields.metric() == Some(INNER_PRODUCT);
        let (kept, _) = fields.end()?;
        let metric = match (is_by_inner_product, index.chain.unit) {
            (true, _) => Metric::InnerProduct,
            (false, true) => Metric::Cosine,
            (false, false) => Metric::SquaredL2,
        };
        let (name, residual, bits, sizes) =
            (index.kind.name, index.residual, index.bits(), index.sizes.clone());
        let (lists, quantizer) = quantizers(index).context(|| path.display())?;
        Ok(Self { file, name, metric, residual, lists, quantizer, kept, sizes, start, bits })
    }

    /// What FAISS calls the index.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many vectors there are.
    pub fn rows(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Writes the index to the folder `folder`, in place of one that is there only if `overwrite`. Vectors keep their ids, and the
    /// place that they have in their lists. `memory` is about how many bytes may be held; the ids take 16 for each vector besides.
    /// `watch` is told how many vectors of how many are written; its error ends the work.
    ///
    /// # Errors
    /// An id below 0, or one that two vectors have; more lists than an index has; otherwise as [`Build::run`](crate::index::Build::run).
    pub fn write(
        self,
        folder: &Path,
        memory: u64,
        overwrite: bool,
        mut watch: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<Index> {
        let ids = self.ids()?;
        let Self { file, metric, residual, lists, quantizer, kept, sizes, start, bits, .. } = self;
        let mut starts = Vec::with_capacity(sizes.len());
        let mut next = start;
        for &size in &sizes {
            starts.push(next);
            next += size as u64 * (bits.row_bytes() as u64 + ID_BYTES);
        }
        let codes = |list: usize, rows: Range<usize>| -> Result<Array2<u32>> {
            let place = CodesPlace { start: starts[list], rows: sizes[list], bits: bits.clone() };
            place.read(&file, rows).context(|| format!("list {list}"))
        };
        let training = json!({ "trainer": "faiss", "faiss": kept });
        let coded =
            Coded { metric, residual, lists, quantizer, training, ids: &ids, sizes: &sizes, codes: &codes };
        coded.write(folder, memory, overwrite, &mut watch).context(|| file.path().display())
    }

    /// The ids of all vectors, list after list.
    fn ids(&self) -> Result<Vec<u64>> {
        let mut ids = Vec::with_capacity(self.rows());
        let mut at = self.start;
        for (list, &size) in self.sizes.iter().enumerate() {
            at += size as u64 * self.bits.row_bytes() as u64;
            let mut bytes = vec![0; size * ID_BYTES as usize];
            self.file.read_at(at, &mut bytes)?;
            for (row, &bytes) in bytes.as_chunks().0.iter().enumerate() {
                let id = i64::from_le_bytes(bytes);
                let id = u64::try_from(id).map_err(|_| {
                    self.file.invalid(format!(
                        "the id of vector {row} of list {list} is {id}; ids of an index here are 0 or more"
                    ))
                })?;
                ids.push(id);
            }
            at += size as u64 * ID_BYTES;
        }
        Ok(ids)
    }
}

/// What deals vectors out to lists, and what quantizes them there.
fn quantizers(index: Lists) -> Result<(Box<dyn Quantizer>, Box<dyn Quantizer>)> {
    let Lists { header: Header { d, .. }, chain, centroids, quantizer, residual, sizes, .. } = index;
    // What the centroids leave has no offset any more.
    let offset = if residual { Vec::new() } else { chain.offset.clone() };
    let of_codes = Chain { offset, ..chain.clone() };
    let quantizer = of_codes.before(quantizer.quantizer(d)?, d)?.quantizer()?;
    let k = sizes.len();
    let lists = Parts::new(&format!("VQ{k}"), d)?.put_codebooks([shaped(centroids, (k, d))?]);
    Ok((chain.before(lists, d)?.quantizer()?, quantizer))
}
