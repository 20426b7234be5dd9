//! Files of codes: plain integers, or the packed container.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use wgvq::coding::{self, Header, MAGIC, Method, Reader};
use wgvq::io::{IndexFile, RowWriter};
use wgvq::ndarray::Array2;
use wgvq::{Context, Engine, Error, Model, Result, Vectors, io};

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

    /// Bits per vector in the file, headers and all.
    pub fn stored_bits(&self) -> f64 {
        let bytes = match self {
            Self::Plain { bytes, .. } => *bytes,
            Self::Packed(reader) => reader.stats().bytes,
        };
        8.0 * bytes as f64 / self.rows().max(1) as f64
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

/// What a file of codes is written for.
pub struct Job<'a> {
    pub path: &'a Path,
    pub force: bool,
    pub resume: bool,
    /// How to pack, or `None` for plain integers.
    pub pack: Option<Method>,
    /// The names of the vectors' files.
    pub names: String,
}

impl CodesWriter {
    pub fn open(job: &Job<'_>, model: &Model, data: &dyn Vectors, engine: &Engine) -> Result<Self> {
        if let Some(method) = job.pack {
            if job.resume {
                return Err(Error::input(
                    "--resume: packed codes are written in one go; encode without --pack",
                ));
            }
            let writer = coding::Writer::create(job.path, header(model, engine, method), job.force)?;
            return Ok(Self::Packed { writer, written: 0 });
        }
        let sizes = model.quantizer.codebook_sizes();
        // Codes of another model, of other files or from another device are never continued.
        let (n, d) = (data.len(), data.dim());
        let settings = serde_json::json!(model.quantizer.settings());
        let (names, hash, device) = (&job.names, &model.hash, engine.name());
        let what = format!("codes of {names}, {n} × {d}, by the model {hash} with {settings} on {device}");
        let shape = (n, sizes.len());
        Ok(match sizes.into_iter().max().unwrap_or(1) {
            0..=0x100 => Self::U8(job.open_plain(shape, &what)?),
            0x101..=0x1_0000 => Self::U16(job.open_plain(shape, &what)?),
            _ => Self::U32(job.open_plain(shape, &what)?),
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

    /// Completes the file; the bits per vector that it takes, if it is packed.
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

impl Job<'_> {
    fn open_plain<T: io::RowElement>(
        &self,
        (rows, columns): (usize, usize),
        what: &str,
    ) -> Result<RowWriter<T>> {
        if self.resume {
            RowWriter::resume(self.path, rows, columns, self.force, what)
        } else {
            RowWriter::create_resumable(self.path, rows, columns, self.force, what)
        }
    }
}
