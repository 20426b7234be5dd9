//! A column of byte strings of one length in a `.parquet` file, a range of rows at a time.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Repetition, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, FixedLenByteArray, FixedLenByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::FileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{Cursor, Table, failed, guarded};
use crate::error::{Error, Result};
use crate::io::byte_strings::{ByteStrings, ByteStringsWriter, NewColumn, check_rows, only};
use crate::io::sink::Sink;
use crate::io::{Output, columns};

/// Bytes of rows that make a row group.
const GROUP_BYTES: usize = 8 << 20;

pub(crate) struct BinaryColumn {
    table: Table,
    index: usize,
    width: usize,
    cursor: Mutex<Option<Cursor>>,
}

impl BinaryColumn {
    /// Opens the only column of byte strings of one length.
    pub fn open(path: &Path) -> Result<Self> {
        let table = Table::open(path)?;
        let schema = table.reader.metadata().file_metadata().schema_descr();
        let is_binary = |index: &usize| {
            let column = schema.column(*index);
            column.physical_type() == PhysicalType::FIXED_LEN_BYTE_ARRAY
                && (column.max_def_level(), column.max_rep_level()) == (0, 0)
        };
        let named: Vec<_> = (0..schema.num_columns())
            .map(|index| {
                let column = schema.column(index);
                (format!("{} {}", column.path().string(), column.physical_type()), is_binary(&index))
            })
            .collect();
        let index = only(&named, |why| table.file.invalid(why))?;
        let width = usize::try_from(schema.column(index).type_length()).unwrap_or_default();
        if width == 0 {
            return Err(table.file.invalid("its column of byte strings has strings without a length"));
        }
        Ok(Self { table, index, width, cursor: Mutex::new(None) })
    }
}

impl ByteStrings for BinaryColumn {
    fn rows(&self) -> usize {
        self.table.rows()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn note(&self, key: &str) -> Option<&str> {
        let notes = self.table.reader.metadata().file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    fn invalid(&self, why: &dyn Display) -> Error {
        self.table.file.invalid(why)
    }

    fn read(&self, rows: Range<usize>) -> Result<Vec<u8>> {
        check_rows(&rows, self.rows())?;
        let mut kept = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::with_capacity(rows.len() * self.width);
        let mut row = rows.start;
        while row < rows.end {
            let mut cursor = self.table.seek(self.index, kept.take(), row)?;
            let n = (rows.end - row).min(cursor.end - row);
            let strings = guarded(&self.table.file, || decode(&mut cursor.pages, n))?;
            if strings.len() != n || strings.iter().any(|string| string.data().len() != self.width) {
                let row = row + strings.len();
                return Err(columns::wrong(&self.table.file, row, "is missing or of another length"));
            }
            strings.iter().for_each(|string| bytes.extend_from_slice(string.data()));
            row += n;
            cursor.row = row;
            *kept = Some(cursor);
        }
        Ok(bytes)
    }
}

/// Decodes up to `n` rows.
fn decode(pages: &mut ColumnReader, n: usize) -> Result<Vec<FixedLenByteArray>, ParquetError> {
    let ColumnReader::FixedLenByteArrayColumnReader(pages) = pages else {
        return Err(ParquetError::General("the column holds no byte strings".into()));
    };
    let mut strings = Vec::new();
    while strings.len() < n {
        let (rows, ..) = pages.read_records(n - strings.len(), None, None, &mut strings)?;
        if rows == 0 {
            break;
        }
    }
    Ok(strings)
}

pub(crate) struct BinaryColumnWriter {
    writer: SerializedFileWriter<Sink>,
    target: String,
    width: usize,
    /// Rows that make no whole group yet.
    pending: Vec<u8>,
}

impl BinaryColumnWriter {
    /// Begins a file, which takes its target's place when it is finished.
    pub fn create(target: &Path, column: NewColumn<'_>, overwrite: bool) -> Result<Self> {
        let NewColumn { name, width, note: (key, note) } = column;
        let shown = target.display().to_string();
        let output = Output::create(target, overwrite)?;
        let writer = (|| {
            let length =
                i32::try_from(width).map_err(|_| ParquetError::General(format!("{width} bytes in a row")))?;
            let column = Type::primitive_type_builder(name, PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(Repetition::REQUIRED)
                .with_length(length)
                .build()?;
            let schema = Type::group_type_builder("schema").with_fields(vec![Arc::new(column)]).build()?;
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_statistics_enabled(EnabledStatistics::None)
                .set_key_value_metadata(Some(vec![KeyValue::new(key.to_string(), note)]))
                .build();
            SerializedFileWriter::new(Sink(output), Arc::new(schema), Arc::new(properties))
        })();
        let writer = writer.map_err(|error| failed(&shown, &error))?;
        Ok(Self { writer, target: shown, width, pending: Vec::new() })
    }

    fn write_group(&mut self) -> Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.pending));
        let rows = bytes.len() / self.width;
        let string =
            |row: usize| ByteArray::from(bytes.slice(row * self.width..(row + 1) * self.width)).into();
        let strings: Vec<FixedLenByteArray> = (0..rows).map(string).collect();
        let written = (|| {
            let mut group = self.writer.next_row_group()?;
            while let Some(mut column) = group.next_column()? {
                column.typed::<FixedLenByteArrayType>().write_batch(&strings, None, None)?;
                column.close()?;
            }
            group.close()
        })();
        written.map(drop).map_err(|error| failed(&self.target, &error))
    }
}

impl ByteStringsWriter for BinaryColumnWriter {
    fn append(&mut self, rows: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(rows);
        if self.pending.len() >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    fn complete(mut self: Box<Self>) -> Result<Output> {
        if !self.pending.is_empty() {
            self.write_group()?;
        }
        let sink = self.writer.into_inner().map_err(|error| failed(&self.target, &error))?;
        Ok(sink.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn what_is_written_is_read_in_any_ranges() {
        let folder = Folder::new();
        let path = folder.path("codes.parquet");
        let bytes: Vec<u8> = (0..3000_u32).map(|i| (i * i) as u8).collect();
        let column = NewColumn { name: "code", width: 3, note: ("key", "note".into()) };
        let mut writer = Box::new(BinaryColumnWriter::create(&path, column, false).unwrap());
        writer.append(&bytes[..300]).unwrap();
        writer.write_group().unwrap();
        writer.append(&bytes[300..]).unwrap();
        assert_eq!(folder.names().len(), 1);
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
            refused(BinaryColumn::open(&folder.file("cut.parquet", &whole[..length])));
        }
    }
}
