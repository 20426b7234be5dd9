//! Tensors of a `.safetensors` file, read by position: the file is never in memory whole.
//!
//! Format: a u64 length, a JSON header of that length, the tensors' bytes back to back
//! (<https://github.com/huggingface/safetensors>).

use std::path::Path;

use safetensors::tensor::{Dtype as TensorDtype, Metadata, TensorInfo};

use super::dtype::Dtype;
use super::file::DataFile;
use super::stored::{Layout, Order, StoredMatrix};
use crate::error::{Error, Result};

/// The longest header that the safetensors crate accepts.
const LONGEST_HEADER: u64 = 100_000_000;
/// Bytes before the header: its length.
const LENGTH_BYTES: u64 = 8;

/// An open file with its header understood and checked against the file's length.
pub(super) struct Tensors {
    file: DataFile,
    metadata: Metadata,
    /// Offset of the first tensor's first byte.
    start: u64,
}

impl Tensors {
    pub fn open(path: &Path) -> Result<Self> {
        let file = DataFile::open(path)?;
        let header_bytes = u64::from_le_bytes(file.read_array(0, "a safetensors header")?);
        if header_bytes > (file.len() - LENGTH_BYTES).min(LONGEST_HEADER) {
            return Err(file.invalid(format!(
                "promises a header of {header_bytes} bytes, too many for its {} bytes: \
                 it was cut short or is not a safetensors file",
                file.len()
            )));
        }
        let start = LENGTH_BYTES + header_bytes;
        let mut header = vec![0; header_bytes as usize];
        file.read_at(LENGTH_BYTES, &mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| file.invalid(format!("its safetensors header cannot be read: {error}")))?;
        if metadata.data_len() as u64 != file.len() - start {
            return Err(file.invalid(format!(
                "its tensors take {} bytes, but {} follow the header",
                metadata.data_len(),
                file.len() - start
            )));
        }
        Ok(Self { file, metadata, start })
    }

    pub fn file(&self) -> &DataFile {
        &self.file
    }

    /// The free text that the header holds under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// All tensors in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (String, &TensorInfo)> {
        self.metadata.offset_keys().into_iter().filter_map(|name| {
            let info = self.metadata.info(&name)?;
            Some((name, info))
        })
    }

    /// Offset of a tensor's first byte in the file.
    pub fn offset(&self, info: &TensorInfo) -> u64 {
        self.start + info.data_offsets.0 as u64
    }

    /// The two-dimensional tensor `name`, or without a name the only one that holds floats.
    pub fn matrix(self, name: Option<&str>) -> Result<StoredMatrix> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.only_float_matrix()?,
        };
        let info =
            self.metadata.info(&name).ok_or_else(|| self.choose(&format!("has no tensor '{name}'")))?;
        let [rows, dim] = info.shape[..] else {
            return Err(self.choose(&format!(
                "tensor '{name}' has shape {:?}; vectors are the rows of a two-dimensional one",
                info.shape
            )));
        };
        let dtype = dtype(info.dtype).ok_or_else(|| {
            self.choose(&format!(
                "tensor '{name}' is of type {:?}; F16, BF16, F32, F64, U8 and I8 hold vectors",
                info.dtype
            ))
        })?;
        let start = self.offset(info);
        StoredMatrix::new(
            self.file,
            Layout { start, rows, dim, dtype, order: Order::Rows, big_endian: false },
        )
        .map_err(|error| error.context(format!("tensor '{name}'")))
    }

    fn only_float_matrix(&self) -> Result<String> {
        let is_float = |info: &TensorInfo| {
            use TensorDtype::{BF16, F16, F32, F64};
            info.shape.len() == 2 && matches!(info.dtype, F16 | BF16 | F32 | F64)
        };
        let mut candidates = self.iter().filter(|(_, info)| is_float(info));
        match (candidates.next(), candidates.next()) {
            (Some((name, _)), None) => Ok(name),
            (None, _) => Err(self.choose("has no two-dimensional tensor of floats")),
            (Some(_), Some(_)) => Err(self.choose(&format!(
                "has several two-dimensional tensors; name one as in {}:NAME",
                self.file.path().display()
            ))),
        }
    }

    /// An error that lists what there is to choose from.
    fn choose(&self, problem: &str) -> Error {
        let listed: Vec<_> =
            self.iter().map(|(name, info)| format!("{name} {:?} {:?}", info.dtype, info.shape)).collect();
        let there_is = if listed.is_empty() { "it holds no tensors".into() } else { listed.join(", ") };
        self.file.invalid(format!("{problem} (there is: {there_is})"))
    }
}

/// The types that matrices may have.
fn dtype(dtype: TensorDtype) -> Option<Dtype> {
    Some(match dtype {
        TensorDtype::F16 => Dtype::F16,
        TensorDtype::BF16 => Dtype::Bf16,
        TensorDtype::F32 => Dtype::F32,
        TensorDtype::F64 => Dtype::F64,
        TensorDtype::U8 => Dtype::U8,
        TensorDtype::I8 => Dtype::I8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused, safetensors};

    #[test]
    fn a_tensor_is_found_by_name_or_because_it_is_the_only_one() {
        let folder = Folder::new();
        let one =
            safetensors(&[("bias", "F32", &[2], &[0; 8]), ("base", "U8", &[2, 3], &[1, 2, 3, 4, 5, 6])]);
        let path = folder.file("one.safetensors", &one);
        let matrix = Tensors::open(&path).unwrap().matrix(Some("base")).unwrap();
        let mut out = [0.0; 6];
        matrix.read_f32(0..2, &mut out).unwrap();
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let why = |name| refused(Tensors::open(&path).unwrap().matrix(name));
        assert!(why(None).contains("no two-dimensional tensor of floats (there is: "));
        assert!(why(Some("bias")).contains("shape [2]"));
        assert!(
            why(Some("other")).contains("no tensor 'other'") && why(Some("other")).contains("base U8 [2, 3]")
        );

        let half = 1.5f32.to_bits().to_le_bytes();
        let brain = safetensors(&[("x", "BF16", &[1, 1], &half[2..]), ("y", "F32", &[1], &[0; 4])]);
        let matrix = Tensors::open(&folder.file("b.safetensors", &brain)).unwrap().matrix(None).unwrap();
        matrix.read_f32(0..1, &mut out[..1]).unwrap();
        assert_eq!(out[0], 1.5);

        let two = safetensors(&[("a", "F32", &[1, 1], &[0; 4]), ("b", "F32", &[1, 1], &[0; 4])]);
        let two = Tensors::open(&folder.file("two.safetensors", &two)).unwrap();
        assert!(refused(two.matrix(None)).contains("name one as in"));
        let ids = safetensors(&[("a", "I64", &[1, 1], &[0; 8])]);
        let ids = Tensors::open(&folder.file("ids.safetensors", &ids)).unwrap();
        assert!(refused(ids.matrix(Some("a"))).contains("is of type I64"));
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let whole = safetensors(&[("a", "F32", &[2, 1], &[0; 8])]);
        let why = |bytes: &[u8]| refused(Tensors::open(&folder.file("a.safetensors", bytes)));
        assert!(why(b"").contains("is empty"));
        assert!(why(b"\x10\0\0").contains("too few"));
        assert!(why(&whole[..20]).contains("promises a header"));
        assert!(why(&whole[..whole.len() - 1]).contains("take 8 bytes, but 7 follow"));
        assert!(why(&[&whole[..], b"x"].concat()).contains("take 8 bytes, but 9 follow"));
        assert!(why(b"\xff\xff\xff\xff\xff\xff\xff\xff{}").contains("promises a header"));
        assert!(why(b"\x02\0\0\0\0\0\0\0[]").contains("cannot be read"));
        let lying = safetensors(&[("a", "F32", &[3, 1], &[0; 8])]);
        assert!(why(&lying).contains("cannot be read"));
        let huge = safetensors(&[("a", "F32", &[1 << 40, 1 << 40], &[0; 8])]);
        assert!(why(&huge).contains("cannot be read"));
        let flat = safetensors(&[("a", "F32", &[2, 0], &[])]);
        let flat = Tensors::open(&folder.file("flat.safetensors", &flat)).unwrap();
        assert!(refused(flat.matrix(None)).contains("dimension 0"));
    }
}
