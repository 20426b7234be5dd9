//! What the tests of this folder share: a folder of its own for each, and small files made by hand.

use std::path::{Path, PathBuf};

use crate::error::Result;

/// A folder that is removed at the end of its test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and tells where it is.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The names of what is in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The sentence of the error that has to be there; it is a single line.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T>) -> String {
    let sentence = result.err().expect("an error").to_string();
    assert!(!sentence.contains('\n'), "{sentence}");
    sentence
}

/// An npy file of `rows` rows of `dtype` (as in `<f4`) that holds `data`.
pub(super) fn npy(dtype: &str, fortran_order: bool, shape: (usize, usize), data: &[u8]) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let dictionary = format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape:?}, }}\n");
    let length = (dictionary.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], dictionary.as_bytes(), data].concat()
}

/// The little-endian bytes of `values`.
pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// An fvecs file of `records`.
pub(super) fn fvecs(records: &[&[f32]]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|record| [&(record.len() as i32).to_le_bytes()[..], &bytes(record)].concat())
        .collect()
}

/// A file of one of the bin formats.
pub(super) fn bin((rows, dim): (u32, u32), data: &[u8]) -> Vec<u8> {
    [&rows.to_le_bytes()[..], &dim.to_le_bytes(), data].concat()
}

/// An npz file of npy files given as name and bytes.
pub(super) fn npz(arrays: &[(&str, &[u8])], compressed: bool) -> Vec<u8> {
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;
    let method = if compressed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A safetensors file of tensors given as name, type, shape and bytes.
pub(super) fn safetensors(tensors: &[(&str, &str, &[usize], &[u8])]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        header.insert(
            (*name).into(),
            serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }),
        );
        data.extend_from_slice(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A parquet file with the single column that `field` declares, of at most one level of lists.
#[cfg(feature = "parquet")]
pub(super) fn parquet<T: parquet::data_type::DataType>(
    field: &str,
    rows: &[Option<Vec<f32>>],
    group_rows: usize,
    number: impl Fn(f32) -> T::T,
) -> Vec<u8> {
    parquet_packed::<T>(parquet::basic::Compression::SNAPPY, field, rows, group_rows, number)
}

/// The same, packed in a way.
#[cfg(feature = "parquet")]
pub(super) fn parquet_packed<T: parquet::data_type::DataType>(
    packing: parquet::basic::Compression,
    field: &str,
    rows: &[Option<Vec<f32>>],
    group_rows: usize,
    number: impl Fn(f32) -> T::T,
) -> Vec<u8> {
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    let schema = parquet::schema::parser::parse_message_type(&format!("message m {{ {field} }}")).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(packing)
        .set_data_page_row_count_limit(8)
        .set_write_batch_size(8)
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema.into(), properties.into()).unwrap();
    for group in rows.chunks(group_rows) {
        let mut group_writer = writer.next_row_group().unwrap();
        let mut column = group_writer.next_column().unwrap().unwrap();
        let full = column.typed::<T>().get_descriptor().max_def_level();
        let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
        for row in group {
            let list = row.as_deref().unwrap_or(&[]);
            values.extend(list.iter().map(|&value| number(value)));
            repetitions.extend((0..list.len().max(1)).map(|i| i16::from(i > 0)));
            definitions.extend(list.iter().map(|_| full));
            if list.is_empty() {
                definitions.push(i16::from(row.is_some()));
            }
        }
        column.typed::<T>().write_batch(&values, Some(&definitions), Some(&repetitions)).unwrap();
        column.close().unwrap();
        group_writer.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

/// An Arrow file with the column `x` of lists of f32, a batch for each `batch_rows` rows, packed in a way or not.
#[cfg(feature = "arrow")]
pub(super) fn arrow(
    rows: &[Option<Vec<f32>>],
    batch_rows: usize,
    packing: Option<arrow_ipc::CompressionType>,
) -> Vec<u8> {
    use arrow_array::types::Float32Type;
    use arrow_array::{ArrayRef, ListArray, RecordBatch};
    let list =
        |row: &Option<Vec<f32>>| row.as_ref().map(|row| row.iter().copied().map(Some).collect::<Vec<_>>());
    let batch = |rows: &[Option<Vec<f32>>]| {
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(rows.iter().map(list));
        RecordBatch::try_from_iter([("x", std::sync::Arc::new(lists) as ArrayRef)]).unwrap()
    };
    arrow_batches(&rows.chunks(batch_rows).map(batch).collect::<Vec<_>>(), packing)
}

/// An Arrow file of these batches.
#[cfg(feature = "arrow")]
pub(super) fn arrow_batches(
    batches: &[arrow_array::RecordBatch],
    packing: Option<arrow_ipc::CompressionType>,
) -> Vec<u8> {
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
    let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// A file of the real data that is kept beside the repository, where it is there.
pub(super) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    path.exists().then_some(path)
}
