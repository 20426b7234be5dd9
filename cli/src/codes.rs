//! Files of codes: plain integers, or the packed container.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use wgvq::coding::{self, Header, MAGIC, Method, Reader, TABLES, TableReader, TableWriter};
use wgvq::io::{IndexFile, Job, Output, RowWriter};
use wgvq::ndarray::Array2;
use wgvq::{Context, Engine, Error, Model, Quantizer, Result, Vectors, io};

/// The extension of packed codes.
pub const PACKED: &str = "wgvq";

/// The extension of plain codes.
const PLAIN: &str = "npy";

/// Codes to be read.
pub enum CodesFile {
    Plain { file: IndexFile, bytes: u64 },
    Packed(Box<Reader>),
    Table(Box<TableReader>),
}

impl CodesFile {
    /// Opens the codes of vectors that `model` has encoded. A file that knows its model is refused if that is another.
    pub fn open(path: &Path, model: &Model) -> Result<Self> {
        let file = Self::open_alone(path)?;
        match &file {
            Self::Plain { .. } => {}
            Self::Packed(reader) => reader.check_model(&model.hash)?,
            Self::Table(reader) => reader.check_model(&model.hash)?,
        }
        Ok(file)
    }

    /// Opens codes of whatever model.
    pub fn open_alone(path: &Path) -> Result<Self> {
        if is_packed(path)? {
            return Ok(Self::Packed(Box::new(Reader::open(path)?)));
        }
        if is_table(path) {
            return Ok(Self::Table(Box::new(TableReader::open(path)?)));
        }
        let bytes = fs::metadata(path).context(|| path.display())?.len();
        Ok(Self::Plain { file: IndexFile::open(path)?, bytes })
    }

    /// What the file says of its codes; plain ones say nothing.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Self::Plain { .. } => None,
            Self::Packed(reader) => Some(reader.header()),
            Self::Table(reader) => Some(reader.header()),
        }
    }

    pub fn rows(&self) -> usize {
        match self {
            Self::Plain { file, .. } => file.rows(),
            Self::Packed(reader) => reader.rows(),
            Self::Table(reader) => reader.rows(),
        }
    }

    pub fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        match self {
            Self::Plain { file, .. } => {
                let shape = (rows.len(), file.columns());
                let mut values = vec![0; shape.0 * shape.1];
                file.read(rows, &mut values)?;
                Ok(Array2::from_shape_vec(shape, values).expect("one code per cell"))
            }
            Self::Packed(reader) => reader.read(rows),
            Self::Table(reader) => reader.read(rows),
        }
    }

    /// Bits per vector in the file: of codes and tables where they are packed, and otherwise of all of it.
    pub fn stored_bits(&self) -> f64 {
        match self {
            Self::Plain { bytes, .. } => 8.0 * *bytes as f64 / self.rows().max(1) as f64,
            Self::Packed(reader) => reader.stats().bits_per_vector(),
            Self::Table(reader) => reader.bits_per_vector(),
        }
    }
}

/// Fails unless the name of a file is one that [`CodesWriter::create`] can write.
pub fn check_name(path: &Path) -> Result<()> {
    if is_table(path) || [PLAIN, PACKED].iter().any(|extension| has_extension(path, extension)) {
        return Ok(());
    }
    let (path, tables) = (path.display(), TABLES.join(", ."));
    Err(Error::input(format!(
        "{path}: the name of a file of codes ends in one of .{PLAIN}, .{PACKED}, .{tables}"
    )))
}

/// Whether the name of a file is that of a table.
fn is_table(path: &Path) -> bool {
    TABLES.iter().any(|extension| has_extension(path, extension))
}

/// Whether the name of a file ends in this.
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own == extension)
}

/// Whether the file begins as a container does.
pub fn is_packed(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    io::open_file(path)?.take(MAGIC.len() as u64).read_to_end(&mut start).context(|| path.display())?;
    Ok(start == MAGIC)
}

/// The header of a container of codes by `model`, that `engine` made if it is known.
pub fn header(model: &Model, engine: Option<&Engine>, method: Method) -> Header {
    header_of(&*model.quantizer, model.hash.clone(), engine, method)
}

/// The same of a model that has this hash.
pub fn header_of(
    quantizer: &dyn Quantizer,
    model_hash: String,
    engine: Option<&Engine>,
    method: Method,
) -> Header {
    let mut header = Header::new(quantizer.codebook_sizes(), method);
    header.spec = quantizer.spec().to_string();
    header.model_hash = model_hash;
    header.dim = quantizer.dim();
    header.ragged = quantizer.is_ragged();
    header.device = engine.map(|engine| engine.name().into());
    header
}

/// Where codes go: a container, a table, or plain integers of the narrowest type that holds every code.
pub enum CodesWriter {
    Packed { writer: coding::Writer, written: usize },
    Table { writer: TableWriter, written: usize },
    U8(RowWriter<u8>),
    U16(RowWriter<u16>),
    U32(RowWriter<u32>),
}

/// Where codes go, and how.
pub struct Destination<'a> {
    pub path: &'a Path,
    pub force: bool,
    pub resume: bool,
    /// How to pack, or `None` for plain integers.
    pub pack: Option<Method>,
}

impl CodesWriter {
    /// Begins a file of the codes of `data`, which lies in `files`, or goes on with one.
    pub fn open(
        destination: &Destination<'_>,
        model: &Model,
        engine: &Engine,
        data: &dyn Vectors,
        files: &[PathBuf],
    ) -> Result<Self> {
        if let Some(method) = destination.pack {
            let header = header(model, Some(engine), method);
            let writer = coding::Writer::create(destination.path, header, destination.force)?;
            return Ok(Self::Packed { writer, written: 0 });
        }
        let sizes = model.quantizer.codebook_sizes();
        let job = Job::new()
            .with("the data", describe_files(files)?)
            .with("the values of the data", wgvq::fingerprint(data)?)
            .with("the model", &model.hash)
            .with("how its codes are searched for", serde_json::json!(model.quantizer.settings()))
            .with("the device", engine.name());
        Self::plain(destination, data.len(), &sizes, Some(&job))
    }

    /// Begins a file of codes as `header` says, of `rows` vectors: packed or a table if the name says so, otherwise plain integers.
    pub fn create(path: &Path, header: Header, rows: usize, force: bool) -> Result<Self> {
        if is_table(path) {
            return Ok(Self::Table { writer: TableWriter::create(path, header, force)?, written: 0 });
        }
        if has_extension(path, PACKED) {
            return Ok(Self::Packed { writer: coding::Writer::create(path, header, force)?, written: 0 });
        }
        let destination = Destination { path, force, resume: false, pack: None };
        Self::plain(&destination, rows, &header.codebook_sizes, None)
    }

    /// Begins a file of plain integers, which can be resumed if there is a job.
    fn plain(destination: &Destination<'_>, rows: usize, sizes: &[usize], job: Option<&Job>) -> Result<Self> {
        let shape = (rows, sizes.len());
        Ok(match sizes.iter().max().copied().unwrap_or(1) {
            0..=0x100 => Self::U8(destination.open_plain(shape, job)?),
            0x101..=0x1_0000 => Self::U16(destination.open_plain(shape, job)?),
            _ => Self::U32(destination.open_plain(shape, job)?),
        })
    }

    pub fn discard(self) {
        match self {
            // A writer that is dropped leaves nothing.
            Self::Packed { .. } | Self::Table { .. } => {}
            Self::U8(writer) => writer.discard(),
            Self::U16(writer) => writer.discard(),
            Self::U32(writer) => writer.discard(),
        }
    }

    /// Rows that are written, by an earlier run too.
    pub fn written(&self) -> usize {
        match self {
            Self::Packed { written, .. } | Self::Table { written, .. } => *written,
            Self::U8(writer) => writer.written(),
            Self::U16(writer) => writer.written(),
            Self::U32(writer) => writer.written(),
        }
    }

    pub fn append(&mut self, codes: &Array2<u32>) -> Result<()> {
        match self {
            Self::Packed { writer, written } => {
                *written += codes.nrows();
                writer.append(codes.view())
            }
            Self::Table { writer, written } => {
                *written += codes.nrows();
                writer.append(codes.view())
            }
            Self::U8(writer) => writer.append(&codes.iter().map(|&code| code as u8).collect::<Vec<_>>()),
            Self::U16(writer) => writer.append(&codes.iter().map(|&code| code as u16).collect::<Vec<_>>()),
            Self::U32(writer) => writer.append(&codes.iter().copied().collect::<Vec<_>>()),
        }
    }

    /// The file, which is whole but for its name.
    pub fn complete(self) -> Result<Output> {
        match self {
            Self::Packed { writer, .. } => writer.complete().map(|(output, _)| output),
            Self::Table { writer, .. } => writer.complete(),
            Self::U8(writer) => writer.complete(),
            Self::U16(writer) => writer.complete(),
            Self::U32(writer) => writer.complete(),
        }
    }

    /// Completes the file; the bits per vector that codes and tables take in it, if it is packed.
    pub fn finish(self) -> Result<Option<f64>> {
        match self {
            Self::Packed { writer, .. } => return Ok(Some(writer.finish()?.bits_per_vector())),
            Self::Table { writer, .. } => writer.finish()?,
            Self::U8(writer) => writer.finish()?,
            Self::U16(writer) => writer.finish()?,
            Self::U32(writer) => writer.finish()?,
        }
        Ok(None)
    }
}

impl Destination<'_> {
    fn open_plain<T: io::RowElement>(
        &self,
        (rows, columns): (usize, usize),
        job: Option<&Job>,
    ) -> Result<RowWriter<T>> {
        match job {
            None => RowWriter::create(self.path, rows, columns, self.force),
            Some(job) if self.resume => RowWriter::resume(self.path, rows, columns, self.force, job),
            Some(job) => RowWriter::create_resumable(self.path, rows, columns, self.force, job),
        }
    }
}

/// Codes that are read at a time where they only go from one file to another.
const BLOCK: usize = 1 << 20;

/// The rows of codes that are read at a time, `columns` codes each.
pub fn blocks(rows: usize, columns: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (BLOCK / columns.max(1)).max(1);
    (0..rows).step_by(step).map(move |first| first..rows.min(first.saturating_add(step)))
}

/// The files of `specs`, each with its size and when it was changed.
fn describe_files(specs: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for path in specs.iter().map(io::files).collect::<Result<Vec<_>>>()?.concat() {
        let found = fs::metadata(&path).context(|| path.display())?;
        // A file system without times has to do with sizes.
        let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = changed.unwrap_or_default().as_nanos();
        files.push(format!("{} ({} bytes, changed at {changed})", path.display(), found.len()));
    }
    Ok(files.join(", "))
}
