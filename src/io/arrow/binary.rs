//! A column of byte strings of one length in a file of Arrow's IPC format, a range of rows at a time.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{FixedSizeBinaryArray, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::layout::Strings;
use super::stretches::Stretches;
use super::{Table, damaged};
use crate::error::{Error, ErrorKind, Result};
use crate::io::Output;
use crate::io::byte_strings::{ByteStrings, ByteStringsWriter, NewColumn, check_rows, only};
use crate::io::columns;
use crate::io::file::DataFile;
use crate::io::sink::Sink;

/// Bytes of rows that make a batch.
const BATCH_BYTES: usize = 8 << 20;

pub(crate) struct BinaryColumn {
    file: Arc<DataFile>,
    schema: Schema,
    stretches: Stretches,
    width: usize,
}

impl BinaryColumn {
    /// Opens the only column of byte strings of one length.
    pub fn open(path: &Path) -> Result<Self> {
        let Table { file, messages, leaves } = Table::open(path)?;
        let is_binary = |data_type: &DataType| matches!(data_type, DataType::FixedSizeBinary(_));
        let named: Vec<_> = leaves
            .iter()
            .map(|leaf| (format!("{} {}", leaf.name, leaf.data_type), is_binary(&leaf.data_type)))
            .collect();
        let leaf = &leaves[only(&named, |why| file.invalid(why))?];
        let width = match leaf.data_type {
            DataType::FixedSizeBinary(width) => usize::try_from(width).unwrap_or_default(),
            _ => 0,
        };
        if width == 0 {
            return Err(file.invalid("its column of byte strings has strings without a length"));
        }
        let mut stretches = Stretches::default();
        for batch in messages.batches.iter().filter(|batch| batch.rows > 0) {
            let pieces = Strings::of(&file, messages.schema.fields(), leaf, batch)?;
            for array in &pieces.outer {
                if let Some(at) = array.first_null(&file, 0, batch.rows)? {
                    return Err(columns::wrong(
                        &file,
                        stretches.rows() + at,
                        "is null; each vector has a code",
                    ));
                }
            }
            if batch.rows as u128 * width as u128 > pieces.values.length().into() {
                return Err(damaged(&file, "a batch has fewer bytes than its rows need"));
            }
            stretches.push(batch.rows, pieces.values, 0);
        }
        Ok(Self { file, schema: messages.schema, stretches, width })
    }
}

impl ByteStrings for BinaryColumn {
    fn rows(&self) -> usize {
        self.stretches.rows()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn note(&self, key: &str) -> Option<&str> {
        self.schema.metadata().get(key).map(String::as_str)
    }

    fn read(&self, rows: Range<usize>) -> Result<Vec<u8>> {
        check_rows(&rows, self.rows())?;
        let mut bytes = vec![0; rows.len() * self.width];
        let (mut row, mut out) = (rows.start, &mut bytes[..]);
        while row < rows.end {
            let (which, end) = self.stretches.stretch_of(row);
            let end = end.min(rows.end);
            let (part, rest) = out.split_at_mut((end - row) * self.width);
            self.stretches.read(&self.file, which, (row, self.width), part)?;
            (row, out) = (end, rest);
        }
        Ok(bytes)
    }

    fn invalid(&self, why: &dyn Display) -> Error {
        self.file.invalid(why)
    }
}

pub(crate) struct BinaryColumnWriter {
    writer: FileWriter<Sink>,
    schema: SchemaRef,
    target: String,
    width: i32,
    /// Rows that make no whole batch yet.
    pending: Vec<u8>,
}

impl BinaryColumnWriter {
    /// Begins a file, which takes its target's place when it is finished.
    pub fn create(target: &Path, column: NewColumn<'_>, overwrite: bool) -> Result<Self> {
        let shown = target.display().to_string();
        let width = i32::try_from(column.width)
            .map_err(|_| Error::input(format!("{shown}: {} bytes in a row", column.width)))?;
        let output = Output::create(target, overwrite)?;
        let field = Field::new(column.name, DataType::FixedSizeBinary(width), false);
        let (key, note) = column.note;
        let schema = Schema::new_with_metadata(vec![field], HashMap::from([(key.to_string(), note)]));
        let writer = FileWriter::try_new(Sink(output), &schema).map_err(|error| failed(&shown, &error))?;
        Ok(Self { writer, schema: schema.into(), target: shown, width, pending: Vec::new() })
    }

    fn write_batch(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.pending);
        let written = (|| {
            let strings = FixedSizeBinaryArray::try_new(self.width, bytes.into(), None)?;
            self.writer.write(&RecordBatch::try_new(self.schema.clone(), vec![Arc::new(strings)])?)
        })();
        written.map_err(|error| failed(&self.target, &error))
    }
}

impl ByteStringsWriter for BinaryColumnWriter {
    fn append(&mut self, rows: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(rows);
        if self.pending.len() >= BATCH_BYTES { self.write_batch() } else { Ok(()) }
    }

    fn complete(mut self: Box<Self>) -> Result<Output> {
        if !self.pending.is_empty() {
            self.write_batch()?;
        }
        let sink = self.writer.into_inner().map_err(|error| failed(&self.target, &error))?;
        Ok(sink.0)
    }
}

/// The error of a file that could not be written.
fn failed(target: &str, error: &ArrowError) -> Error {
    Error::new(ErrorKind::Io, format!("{target}: writing Arrow: {error}"))
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};
    use arrow_ipc::CompressionType;

    use super::*;
    use crate::io::testing::{Folder, arrow_batches, refused};

    fn note() -> (&'static str, String) {
        ("key", "note".into())
    }

    fn batch(columns: Vec<(&'static str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn strings(values: &[Option<&[u8]>]) -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.iter().copied(), 3).unwrap())
    }

    #[test]
    fn what_is_written_is_read_in_any_ranges() {
        let folder = Folder::new();
        let path = folder.path("codes.arrow");
        let bytes: Vec<u8> = (0..3000_u32).map(|i| (i * i) as u8).collect();
        let column = NewColumn { name: "code", width: 3, note: note() };
        let mut writer = Box::new(BinaryColumnWriter::create(&path, column, false).unwrap());
        writer.append(&bytes[..300]).unwrap();
        writer.write_batch().unwrap();
        writer.append(&bytes[300..]).unwrap();
        assert!(!path.exists());
        writer.complete().unwrap().finish().unwrap();
        let column = BinaryColumn::open(&path).unwrap();
        assert_eq!((column.rows(), column.width(), column.note("key")), (1000, 3, Some("note")));
        assert_eq!(column.note("other"), None);
        for rows in [0..1000, 0..1, 99..101, 500..500, 30..40, 999..1000] {
            assert_eq!(column.read(rows.clone()).unwrap(), bytes[rows.start * 3..rows.end * 3], "{rows:?}");
        }
        assert!(refused(column.read(0..1001)).contains("rows 0 to 1001 of 1000"));
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(7) {
            refused(BinaryColumn::open(&folder.file("cut.arrow", &whole[..length])));
        }
    }

    #[test]
    fn packed_batches_are_read_too_and_other_columns_passed_over() {
        let folder = Folder::new();
        let part = |first: u8| {
            let rows: Vec<[u8; 3]> = (first..first + 40).map(|i| [i, 0, i / 2]).collect();
            let rows: Vec<Option<&[u8]>> = rows.iter().map(|row| Some(&row[..])).collect();
            let words: ArrayRef = Arc::new(StringArray::from(vec!["word"; 40]));
            batch(vec![("words", words), ("code", strings(&rows))])
        };
        for packing in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let file = folder.file("x.feather", &arrow_batches(&[part(0), part(40)], packing));
            let column = BinaryColumn::open(&file).unwrap();
            assert_eq!(column.read(79..80).unwrap(), [79, 0, 39], "{packing:?}");
            assert_eq!(column.read(39..41).unwrap(), [39, 0, 19, 40, 0, 20], "{packing:?}");
        }
    }

    #[test]
    fn what_is_no_column_of_codes_is_refused_by_name() {
        let folder = Folder::new();
        let why = |batch: RecordBatch| {
            refused(BinaryColumn::open(&folder.file("x.arrow", &arrow_batches(&[batch], None))))
        };
        let codes = || strings(&[Some(b"abc"), Some(b"def")]);
        assert!(why(batch(vec![("a", codes()), ("b", codes())])).contains(
            "x.arrow: codes are one column of byte strings of one length, without nulls (there is: a FixedSizeBinary(3), b"
        ));
        let words: ArrayRef = Arc::new(StringArray::from(vec!["word"]));
        assert!(why(batch(vec![("words", words)])).contains("(there is: words Utf8)"));
        let null = strings(&[Some(b"abc"), None]);
        assert!(why(batch(vec![("a", null)])).contains("x.arrow: row 1 is null; each vector has a code"));
    }

    /// Read as it is, refused, or read otherwise, but never a panic.
    #[test]
    fn damaged_files_do_no_harm() {
        let folder = Folder::new();
        let rows = [Some(&b"abc"[..]); 50];
        for packing in [None, Some(CompressionType::LZ4_FRAME)] {
            let whole = arrow_batches(&[batch(vec![("code", strings(&rows))])], packing);
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << (at % 8);
                let file = folder.file("x.arrow", &bytes);
                if let Ok(column) = BinaryColumn::open(&file) {
                    let _ = column.read(0..column.rows().min(1000));
                }
            }
        }
    }
}
