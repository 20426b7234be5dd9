//! Vectors in files or in memory, read a range of rows at a time.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use rayon::prelude::*;

use super::dtype::first_non_finite;
use super::file::DataFile;
use super::locate::{Format, Place, locate};
use super::npy;
use super::npz::Archive;
use super::safetensors::Tensors;
use super::stored::{Order, StoredMatrix};
use crate::error::{Context, Error, Result};
use crate::vectors::Vectors;

/// Rows that one task gathers, how many unwanted numbers it reads rather than start another read, and how many
/// it reads at most at a time.
const GATHER_ROWS: usize = 256;
const GATHER_GAP: usize = 1024;
const GATHER_BLOCK: usize = 1 << 20;

/// `n` vectors of `d` dimensions that lie in one or more files, or in memory.
///
/// Nothing is read until it is asked for, and then only that; values arrive as finite f32. Cloning is cheap and
/// several threads may read at once.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// use wgvq::io::Dataset;
/// let x = Dataset::from_array(wgvq::ndarray::array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
/// assert_eq!((x.rows(), x.dim()), (3, 2));
/// let mut two = [0.0; 4];
/// x.read(1..3, &mut two)?;
/// assert_eq!(two, [3.0, 4.0, 5.0, 6.0]);
/// assert_eq!(x.gather(&[2, 0])?, wgvq::ndarray::array![[5.0, 6.0], [1.0, 2.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dataset {
    shards: Arc<[Shard]>,
    rows: usize,
    dim: usize,
}

struct Shard {
    /// Row of the dataset that is this shard's first.
    first: usize,
    source: Box<dyn Source>,
}

/// One matrix of vectors, wherever it lies. Callers have checked ranges and lengths.
pub(super) trait Source: Send + Sync {
    fn rows(&self) -> usize;
    fn dim(&self) -> usize;
    /// The file, for errors.
    fn name(&self) -> String;
    /// Reads rows into `out`, row-major.
    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()>;
    /// Reads single rows, each into the slice beside it; they come in ascending order.
    fn gather(&self, wanted: &mut [(usize, &mut [f32])]) -> Result<()>;
}

impl Dataset {
    /// Vectors in memory, the rows of `array`.
    ///
    /// # Errors
    /// An array without rows or columns; NaN and infinity, named by row and column.
    pub fn from_array(array: Array2<f32>) -> Result<Self> {
        let dim = array.ncols();
        let whole = array.is_standard_layout();
        let values = if whole { array.into_raw_vec_and_offset().0 } else { array.iter().copied().collect() };
        if let Some(at) = first_non_finite(&values) {
            let (row, column) = (at / dim, at % dim);
            return Err(Error::input(format!(
                "the array: row {row}, column {column} is {}, not a finite number",
                values[at]
            )));
        }
        Self::new(vec![Box::new(InMemory { values, dim })])
    }

    /// The vectors of all `places`, one after the other.
    pub(super) fn open(places: Vec<Place>) -> Result<Self> {
        Self::new(places.into_iter().map(open_source).collect::<Result<_>>()?)
    }

    fn new(sources: Vec<Box<dyn Source>>) -> Result<Self> {
        let Some(first) = sources.first() else { return Err(Error::input("no data was given")) };
        let (dim, name) = (first.dim(), first.name());
        let mut rows = 0usize;
        let mut shards = Vec::with_capacity(sources.len());
        for source in sources {
            if source.dim() != dim {
                return Err(Error::input(format!(
                    "{}: its vectors have dimension {}, those of {name} have {dim}; all must have one dimension",
                    source.name(),
                    source.dim()
                )));
            }
            let shard = Shard { first: rows, source };
            rows = rows
                .checked_add(shard.source.rows())
                .ok_or_else(|| Error::input(format!("{name}: too many rows to count")))?;
            shards.push(shard);
        }
        if rows == 0 || dim == 0 {
            return Err(Error::input(format!("{name}: holds no numbers (shape ({rows}, {dim}))")));
        }
        Ok(Self { shards: shards.into(), rows, dim })
    }

    /// The number of vectors `n`, at least 1.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Their dimension `d`, at least 1.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Reads the vectors `rows` into `out`, row-major, `rows.len() * dim()` long.
    ///
    /// # Errors
    /// A range past the end or an `out` of another length; a file that cannot be read; NaN, infinity and f64
    /// beyond the range of f32, named by file, row and column (both from 0, the row within its file).
    pub fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        check_read(&rows, self.rows, self.dim, out.len())?;
        let mut out = out;
        for shard in &self.shards[self.shard_of(rows.start)..] {
            let own = rows.start.max(shard.first)..rows.end.min(shard.first + shard.source.rows());
            if own.start >= rows.end {
                break;
            }
            let (part, rest) = out.split_at_mut(own.len() * self.dim);
            shard.source.read(own.start - shard.first..own.end - shard.first, part)?;
            out = rest;
        }
        Ok(())
    }

    /// The vectors with the numbers `rows`, in that order; a number may come more than once.
    ///
    /// # Errors
    /// A number past the end; otherwise as [`Dataset::read`].
    pub fn gather(&self, rows: &[usize]) -> Result<Array2<f32>> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.rows) {
            return Err(Error::shape(format!(
                "row {row} of {} vectors; the last is {}",
                self.rows,
                self.rows - 1
            )));
        }
        let mut all = zeros(rows.len(), self.dim)?;
        let mut wanted: Vec<_> = rows.iter().copied().zip(all.chunks_exact_mut(self.dim)).collect();
        wanted.sort_by_key(|(row, _)| *row);
        let mut wanted = &mut wanted[..];
        while let Some(&(row, _)) = wanted.first() {
            let shard = &self.shards[self.shard_of(row)];
            let own = wanted.partition_point(|(row, _)| *row < shard.first + shard.source.rows());
            let (part, rest) = wanted.split_at_mut(own);
            part.iter_mut().for_each(|(row, _)| *row -= shard.first);
            shard.source.gather(part)?;
            wanted = rest;
        }
        array(all, rows.len(), self.dim)
    }

    /// All vectors at once.
    ///
    /// # Errors
    /// More than memory holds; otherwise as [`Dataset::read`].
    pub fn to_array(&self) -> Result<Array2<f32>> {
        let mut all = zeros(self.rows, self.dim)?;
        self.read(0..self.rows, &mut all)?;
        array(all, self.rows, self.dim)
    }

    /// The shard that holds `row`: the last that begins there or before and is not empty.
    fn shard_of(&self, row: usize) -> usize {
        self.shards.partition_point(|shard| shard.first <= row).saturating_sub(1)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> = self.shards.iter().map(|shard| shard.source.name()).collect();
        f.debug_struct("Dataset")
            .field("rows", &self.rows)
            .field("dim", &self.dim)
            .field("from", &files)
            .finish()
    }
}

impl Vectors for Dataset {
    fn len(&self) -> usize {
        self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        Dataset::read(self, rows, out)
    }

    fn read_each(&self, rows: &[usize]) -> Result<Array2<f32>> {
        self.gather(rows)
    }
}

/// Opens what `path` stands for: a data file, a folder of them (sorted by name), a pattern such as
/// `base-*.npy`, an array as in `file.npz:name`, a tensor as in `file.safetensors:name` or a column as in
/// `file.parquet:name` and `file.arrow:name`. A folder without data files of its own stands for its folder `data`, as in a Hugging Face dataset.
///
/// Values may be f16, f32, f64, u8 or i8 (npy, npz, safetensors), bf16 (safetensors), f32 (fvecs, fbin), u8 (bvecs,
/// u8bin), i8 (i8bin), i32 (ivecs, ibin), or lists of numbers (parquet, arrow, feather: floats of 16, 32 and
/// 64 bits, integers, decimals).
/// Those that f32 cannot hold exactly are rounded to the nearest that it can. An array, tensor or column without a name is
/// the only suitable one.
///
/// # Errors
/// A path that is not there; a file that is empty, cut short, damaged, of an unknown kind or without vectors;
/// shards of different dimensions.
///
/// ```no_run
/// # fn main() -> wgvq::Result<()> {
/// let x = wgvq::io::open("base.fvecs")?;
/// println!("{} vectors of {} dimensions", x.rows(), x.dim());
/// # Ok(())
/// # }
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Dataset> {
    Dataset::open(locate(path.as_ref())?)
}

/// Opens several paths, each as [`open`] does, as one set of vectors in the order given.
///
/// ```no_run
/// # fn main() -> wgvq::Result<()> {
/// let x = wgvq::io::open_all(&["old/*.npy", "new.parquet:embedding"])?;
/// # Ok(())
/// # }
/// ```
pub fn open_all(paths: &[impl AsRef<Path>]) -> Result<Dataset> {
    let places = paths.iter().map(|path| locate(path.as_ref())).collect::<Result<Vec<_>>>()?;
    Dataset::open(places.concat())
}

/// The vectors of an `.npy` file that comes from a stream, such as standard input, to its end. It is kept in a temporary file without a name,
/// which is read by position like any other; `name` is what errors call it.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// let bytes = b"\x93NUMPY\x01\0\x3a\0{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1)}\n\x07\x09";
/// let x = wgvq::io::open_stream(&bytes[..], "standard input")?;
/// assert_eq!(x.to_array()?, ndarray::array![[7.0], [9.0]]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A stream that is empty, is cut short, is no `.npy` file, or is not read to its end; no room for it on the disk.
pub fn open_stream(mut stream: impl Read, name: &str) -> Result<Dataset> {
    let keeping = || format!("{name}: keeping it in a temporary file");
    let mut kept = tempfile::tempfile().context(keeping)?;
    std::io::copy(&mut stream, &mut kept).context(keeping)?;
    let file = DataFile::unnamed(kept, name.into())?;
    if file.len() == 0 {
        return Err(file.invalid("nothing came; an .npy file is wanted"));
    }
    let all = 0..file.len();
    Dataset::new(vec![Box::new(of_vectors(npy::within(file, all, npy::matrix)?)?)])
}

fn open_source(place: Place) -> Result<Box<dyn Source>> {
    let Place { path, format, name } = place;
    let name = name.as_deref();
    format.check_feature(&path)?;
    let matrix = match (format.open_matrix(&path), format) {
        (Some(matrix), _) => matrix?,
        (None, Format::Npz) => Archive::open(&path)?.array(name, npy::matrix)?,
        #[cfg(feature = "parquet")]
        (None, Format::Parquet) => return Ok(Box::new(super::parquet::Column::open(&path, name)?)),
        #[cfg(feature = "arrow")]
        (None, Format::Arrow | Format::Feather) => {
            return Ok(Box::new(super::arrow::Column::open(&path, name)?));
        }
        (None, _) => Tensors::open(&path)?.matrix(name)?,
    };
    // These have no other type.
    let is_whole = matches!(format, Format::Ivecs | Format::Ibin);
    Ok(Box::new(if is_whole { matrix } else { of_vectors(matrix)? }))
}

/// The matrix, whose numbers have to be such as vectors have.
fn of_vectors(matrix: StoredMatrix) -> Result<StoredMatrix> {
    if matrix.dtype().holds_vectors() {
        return Ok(matrix);
    }
    let why = format!("holds numbers of type {}; f16, f32, f64, u8 and i8 hold vectors", matrix.dtype());
    Err(matrix.file().invalid(why))
}

impl Source for StoredMatrix {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn dim(&self) -> usize {
        self.dim()
    }

    fn name(&self) -> String {
        self.file().path().display().to_string()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.read_f32(rows, out)
    }

    fn gather(&self, wanted: &mut [(usize, &mut [f32])]) -> Result<()> {
        let gap = match self.order() {
            Order::Rows | Order::Records => GATHER_GAP / self.dim(),
            Order::Columns => GATHER_GAP,
        };
        let longest = (GATHER_BLOCK / self.dim()).max(1);
        let gather_some = |mut some: &mut [(usize, &mut [f32])]| -> Result<()> {
            let mut block = Vec::new();
            while let Some(&(first, _)) = some.first() {
                let near = |pair: &[(usize, &mut [f32])]| {
                    pair[1].0 - pair[0].0 <= gap + 1 && pair[1].0 - first < longest
                };
                let n = 1 + some.windows(2).take_while(|pair| near(pair)).count();
                let (run, rest) = some.split_at_mut(n);
                let end = run[n - 1].0 + 1;
                block.resize((end - first) * self.dim(), 0.0);
                self.read_f32(first..end, &mut block)?;
                for (row, out) in run {
                    out.copy_from_slice(&block[(*row - first) * self.dim()..][..self.dim()]);
                }
                some = rest;
            }
            Ok(())
        };
        if wanted.len() <= GATHER_ROWS {
            return gather_some(wanted);
        }
        wanted
            .par_chunks_mut(GATHER_ROWS)
            .map(|some| gather_some(some).err())
            .find_map_first(|e| e)
            .map_or(Ok(()), Err)
    }
}

/// Vectors in memory, laid out row by row.
struct InMemory {
    values: Vec<f32>,
    dim: usize,
}

impl Source for InMemory {
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.dim).unwrap_or(0)
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn name(&self) -> String {
        "the array".into()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        out.copy_from_slice(&self.values[rows.start * self.dim..rows.end * self.dim]);
        Ok(())
    }

    fn gather(&self, wanted: &mut [(usize, &mut [f32])]) -> Result<()> {
        wanted.iter_mut().try_for_each(|(row, out)| self.read(*row..*row + 1, out))
    }
}

/// Checks what a caller asks to read against a matrix of `n` × `columns`.
pub(super) fn check_read(rows: &Range<usize>, n: usize, columns: usize, out: usize) -> Result<()> {
    if rows.start > rows.end || rows.end > n {
        return Err(Error::shape(format!("rows {rows:?} of {n}; a range lies within 0..{n}")));
    }
    if rows.len().checked_mul(columns) != Some(out) {
        return Err(Error::shape(format!(
            "{} rows of {columns} numbers are read into room for {out} numbers",
            rows.len()
        )));
    }
    Ok(())
}

/// Room for `rows` × `columns` numbers, or an error where memory has none.
pub(super) fn zeros<T: Copy + Default>(rows: usize, columns: usize) -> Result<Vec<T>> {
    let n = rows.checked_mul(columns).filter(|&n| Vec::<T>::new().try_reserve_exact(n).is_ok());
    // Zeros as the system gives them: no page is touched before it is read into.
    n.map(|n| vec![T::default(); n]).ok_or_else(|| {
        Error::input(format!("{rows} x {columns} numbers do not fit in memory at once; read them in parts"))
    })
}

/// `values` as an array of `rows` × `columns`.
pub(super) fn array<T>(values: Vec<T>, rows: usize, columns: usize) -> Result<Array2<T>> {
    Array2::from_shape_vec((rows, columns), values).map_err(|error| Error::shape(error.to_string()))
}

#[cfg(test)]
mod tests;
