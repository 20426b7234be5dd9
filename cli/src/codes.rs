//! Files of codes: plain integers, or the packed container.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use wgvq::coding::{self, Header, MAGIC, Method, Reader};
use wgvq::io::{IndexFile, Job, RowWriter};
use wgvq::ndarray::Array2;
use wgvq::{Context, Engine, Model, Result, Vectors, io};

/// The extension of packed codes.
pub const PACKED: &str = "wgvq";

/// Codes to be read.
pub enum CodesFile {
    Plain { file: IndexFile, bytes: u64 },
    Packed(Box<Reader>),
}

impl CodesFile {
    /// Opens the codes of vectors that `model` has encoded. A packed file knows its model, and another is refused.
    pub fn open(path: &Path, model: &Model) -> Result<Self> {
        if is_packed(path)? {
            let reader = Reader::open(path)?;
            reader.check_model(&model.hash)?;
            return Ok(Self::Packed(Box::new(reader)));
        }
        let bytes = fs::metadata(path).context(|| path.display())?.len();
        Ok(Self::Plain { file: IndexFile::open(path)?, bytes })
    }

    pub fn rows(&self) -> usize {
        match self {
            Self::Plain { file, .. } => file.rows(),
            Self::Packed(reader) => reader.rows(),
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
        }
    }

    /// Bits per vector in the file: of codes and tables where they are packed, and otherwise of all of it.
    pub fn stored_bits(&self) -> f64 {
        match self {
            Self::Plain { bytes, .. } => 8.0 * *bytes as f64 / self.rows().max(1) as f64,
            Self::Packed(reader) => reader.stats().bits_per_vector(),
        }
    }
}

/// Whether the file begins as a container does.
pub fn is_packed(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    io::open_file(path)?.take(MAGIC.len() as u64).read_to_end(&mut start).context(|| path.display())?;
    Ok(start == MAGIC)
}

/// The header of a container of codes by `model`.
pub fn header(model: &Model, engine: &Engine, method: Method) -> Header {
    let mut header = Header::new(model.quantizer.codebook_sizes(), method);
    header.spec = model.quantizer.spec().to_string();
    header.model_hash = model.hash.clone();
    header.dim = model.quantizer.dim();
    header.ragged = model.quantizer.is_ragged();
    header.device = Some(engine.name().into());
    header
}

/// Where codes go: a container, or plain integers of the narrowest type that holds every code.
pub enum CodesWriter {
    Packed { writer: coding::Writer, written: usize },
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
            let header = header(model, engine, method);
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
        let shape = (data.len(), sizes.len());
        Ok(match sizes.into_iter().max().unwrap_or(1) {
            0..=0x100 => Self::U8(destination.open_plain(shape, &job)?),
            0x101..=0x1_0000 => Self::U16(destination.open_plain(shape, &job)?),
            _ => Self::U32(destination.open_plain(shape, &job)?),
        })
    }

    pub fn discard(self) {
        match self {
            // A writer that is dropped leaves nothing.
            Self::Packed { .. } => {}
            Self::U8(writer) => writer.discard(),
            Self::U16(writer) => writer.discard(),
            Self::U32(writer) => writer.discard(),
        }
    }

    /// Rows that are written, by an earlier run too.
    pub fn written(&self) -> usize {
        match self {
            Self::Packed { written, .. } => *written,
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
            Self::U8(writer) => writer.append(&codes.iter().map(|&code| code as u8).collect::<Vec<_>>()),
            Self::U16(writer) => writer.append(&codes.iter().map(|&code| code as u16).collect::<Vec<_>>()),
            Self::U32(writer) => writer.append(&codes.iter().copied().collect::<Vec<_>>()),
        }
    }

    /// Completes the file; the bits per vector that codes and tables take in it, if it is packed.
    pub fn finish(self) -> Result<Option<f64>> {
        match self {
            Self::Packed { writer, .. } => return Ok(Some(writer.finish()?.bits_per_vector())),
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
        job: &Job,
    ) -> Result<RowWriter<T>> {
        if self.resume {
            RowWriter::resume(self.path, rows, columns, self.force, job)
        } else {
            RowWriter::create_resumable(self.path, rows, columns, self.force, job)
        }
    }
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
