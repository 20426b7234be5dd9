//! A matrix that lies uncompressed in a file: what npy, the vecs formats and safetensors come down to once
//! their headers are understood.

use std::ops::Range;

use half::{bf16, f16};
use rayon::prelude::*;

use super::dtype::{Convert, Dtype, Unusable};
use super::file::DataFile;
use crate::error::{Error, Result};

/// Bytes that one task reads and converts at a time: few enough to stay in a core's own cache.
const CHUNK_BYTES: usize = 256 << 10;
/// Rows and columns of the tile that one task transposes: a column's segment is one read, so it is long.
const TILE_ROWS: usize = 4096;
const TILE_COLUMNS: usize = 16;

/// How the numbers of a matrix follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Row after row ("C order").
    Rows,
    /// Column after column ("Fortran order").
    Columns,
    /// Row after row, each behind its length as a little-endian i32: the vecs formats.
    Records,
}

/// An open file and where in it which matrix lies.
///
/// Whoever makes one has checked that the file holds all of it ([`StoredMatrix::new`] checks again).
#[derive(Debug)]
pub(super) struct StoredMatrix {
    file: DataFile,
    start: u64,
    rows: usize,
    dim: usize,
    dtype: Dtype,
    order: Order,
    /// The bytes of a number stand in the other order than on this machine.
    swapped: bool,
}

/// What a file's header says about the matrix in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Offset of the first byte behind the header.
    pub start: u64,
    pub rows: usize,
    pub dim: usize,
    pub dtype: Dtype,
    pub order: Order,
    pub big_endian: bool,
}

impl Layout {
    /// Bytes of all the rows, `None` where that overflows.
    pub fn bytes(&self) -> Option<u64> {
        let header = if self.order == Order::Records { 4 } else { 0 };
        let row = (self.dim as u64).checked_mul(self.dtype.size() as u64)?.checked_add(header)?;
        row.checked_mul(self.rows as u64)
    }
}

impl StoredMatrix {
    /// A matrix in `file`; an error where the file is too short for it or where it has no columns.
    pub fn new(file: DataFile, layout: Layout) -> Result<Self> {
        let Layout { start, rows, dim, dtype, order, big_endian } = layout;
        if dim == 0 {
            return Err(file.invalid("its vectors have dimension 0; at least 1 is needed"));
        }
        if layout.bytes().and_then(|bytes| bytes.checked_add(start)).is_none_or(|end| end > file.len()) {
            return Err(file.invalid(format!(
                "the header promises {rows} x {dim} numbers of type {dtype}, more than the file's {} bytes hold",
                file.len()
            )));
        }
        Ok(Self { file, start, rows, dim, dtype, order, swapped: big_endian != cfg!(target_endian = "big") })
    }

    /// As [`new`](Self::new), of a matrix that reaches to the byte `end`, or to the end of the file.
    pub fn filling(file: DataFile, layout: Layout, end: Option<u64>) -> Result<Self> {
        let end = end.unwrap_or(file.len());
        let matrix = Self::new(file, layout)?;
        // Not too large, or `new` had refused it.
        let own_end = layout.start + layout.bytes().unwrap_or(0);
        let (rows, dim) = (layout.rows, layout.dim);
        if own_end > end {
            return Err(matrix.file.invalid(format!(
                "the header promises {rows} x {dim} numbers, {} bytes more than there are",
                own_end - end
            )));
        }
        if own_end < end {
            return Err(matrix.file.invalid(format!(
                "{} bytes follow the {rows} x {dim} numbers that the header promises",
                end - own_end
            )));
        }
        Ok(matrix)
    }

    pub fn file(&self) -> &DataFile {
        &self.file
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    pub fn order(&self) -> Order {
        self.order
    }

    /// Reads `rows`, which lie within the matrix, as vectors: `out` is row-major, rows × dim.
    pub fn read_f32(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        match self.dtype {
            Dtype::F16 => self.read::<f16, _>(rows, out),
            Dtype::Bf16 => self.read::<bf16, _>(rows, out),
            Dtype::F32 => self.read::<f32, _>(rows, out),
            Dtype::F64 => self.read::<f64, _>(rows, out),
            Dtype::U8 => self.read::<u8, _>(rows, out),
            Dtype::I8 => self.read::<i8, _>(rows, out),
            Dtype::I32 => self.read::<i32, _>(rows, out),
            Dtype::U16 | Dtype::U32 | Dtype::U64 | Dtype::I64 => {
                Err(self.file.invalid(format!("holds numbers of type {}, not vectors", self.dtype)))
            }
        }
    }

    /// Reads `rows`, which lie within the matrix, as codes or ids: `out` is row-major, rows × dim.
    pub fn read_indices<To>(&self, rows: Range<usize>, out: &mut [To]) -> Result<()>
    where
        u8: Convert<To>,
        u16: Convert<To>,
        u32: Convert<To>,
        u64: Convert<To>,
        i32: Convert<To>,
        i64: Convert<To>,
        To: Copy + Default + Send,
    {
        match self.dtype {
            Dtype::U8 => self.read::<u8, _>(rows, out),
            Dtype::U16 => self.read::<u16, _>(rows, out),
            Dtype::U32 => self.read::<u32, _>(rows, out),
            Dtype::U64 => self.read::<u64, _>(rows, out),
            Dtype::I32 => self.read::<i32, _>(rows, out),
            Dtype::I64 => self.read::<i64, _>(rows, out),
            Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64 | Dtype::I8 => {
                Err(self.file.invalid(format!("holds numbers of type {}, not codes or ids", self.dtype)))
            }
        }
    }

    fn read<T, To>(&self, rows: Range<usize>, out: &mut [To]) -> Result<()>
    where
        T: Convert<To>,
        To: Copy + Default + Send,
    {
        let chunk_rows = match self.order {
            Order::Rows | Order::Records => (CHUNK_BYTES / (self.dim * size_of::<T>())).max(1),
            Order::Columns => TILE_ROWS,
        };
        let read_chunk = |buffers: &mut Buffers<T, To>, first: usize, out: &mut [To]| match self.order {
            Order::Rows | Order::Records => self.read_rows(&mut buffers.stored, first, out),
            Order::Columns => self.read_columns(buffers, first, out),
        };
        if rows.len() <= chunk_rows {
            return read_chunk(&mut Buffers::default(), rows.start, out);
        }
        // The first failure by row, whichever thread is first, so that an error reads the same every time.
        out.par_chunks_mut(chunk_rows * self.dim)
            .enumerate()
            .map_init(Buffers::default, |buffers, (i, out)| {
                read_chunk(buffers, rows.start + i * chunk_rows, out).err()
            })
            .find_map_first(|failure| failure)
            .map_or(Ok(()), Err)
    }

    /// Reads the rows from `first` on that fill `out`, from a file that stores row after row.
    fn read_rows<T: Convert<To>, To>(&self, stored: &mut Vec<T>, first: usize, out: &mut [To]) -> Result<()> {
        let header = if self.order == Order::Records { 4 / size_of::<T>() } else { 0 };
        let (width, n) = (header + self.dim, out.len() / self.dim);
        stored.resize(n * width, T::zeroed());
        self.read_stored(first as u64 * (width * size_of::<T>()) as u64, stored)?;
        if header == 0 {
            return T::convert(stored, out)
                .map_err(|bad| self.unusable(first + bad.index / self.dim, bad.index % self.dim, &bad));
        }
        for (i, (record, out)) in stored.chunks_exact(width).zip(out.chunks_exact_mut(self.dim)).enumerate() {
            let (length, values) = record.split_at(header);
            // Numbers of a vecs file were swapped by `read_stored` on a big-endian machine, the length with
            // them, except for bytes.
            let length: &[u8] = bytemuck::cast_slice(length);
            let length = <[u8; 4]>::try_from(length).map_or(0, |bytes| match size_of::<T>() {
                1 => i32::from_le_bytes(bytes),
                _ => i32::from_ne_bytes(bytes),
            });
            if i64::from(length) != self.dim as i64 {
                return Err(self.file.invalid(format!(
                    "record {} has dimension {length}, the first has {}; all records of a file share one dimension",
                    first + i,
                    self.dim
                )));
            }
            T::convert(values, out).map_err(|bad| self.unusable(first + i, bad.index, &bad))?;
        }
        Ok(())
    }

    /// Reads the rows from `first` on that fill `out`, from a file that stores column after column.
    fn read_columns<T, To>(&self, buffers: &mut Buffers<T, To>, first: usize, out: &mut [To]) -> Result<()>
    where
        T: Convert<To>,
        To: Copy + Default,
    {
        let n = out.len() / self.dim;
        for column in (0..self.dim).step_by(TILE_COLUMNS) {
            let columns = TILE_COLUMNS.min(self.dim - column);
            buffers.stored.resize(n * columns, T::zeroed());
            buffers.converted.resize(n * columns, To::default());
            let segments = buffers.stored.chunks_exact_mut(n).zip(buffers.converted.chunks_exact_mut(n));
            for (c, (stored, converted)) in segments.enumerate() {
                let number = (column + c) as u64 * self.rows as u64 + first as u64;
                self.read_stored(number * size_of::<T>() as u64, stored)?;
                T::convert(stored, converted)
                    .map_err(|bad| self.unusable(first + bad.index, column + c, &bad))?;
            }
            for (row, out) in out.chunks_exact_mut(self.dim).enumerate() {
                for (c, out) in out[column..column + columns].iter_mut().enumerate() {
                    *out = buffers.converted[c * n + row];
                }
            }
        }
        Ok(())
    }

    /// Reads numbers as they are, in this machine's byte order, from `offset` behind the header.
    fn read_stored<T: super::dtype::Stored>(&self, offset: u64, stored: &mut [T]) -> Result<()> {
        self.file.read_at(self.start + offset, bytemuck::cast_slice_mut(stored))?;
        if self.swapped {
            stored.iter_mut().for_each(|value| *value = value.swapped());
        }
        Ok(())
    }

    fn unusable(&self, row: usize, column: usize, bad: &Unusable) -> Error {
        self.file.invalid(format!("row {row}, column {column} is {}", bad.why))
    }
}

/// What a task reuses from chunk to chunk.
struct Buffers<T, To> {
    stored: Vec<T>,
    converted: Vec<To>,
}

impl<T, To> Default for Buffers<T, To> {
    fn default() -> Self {
        Self { stored: Vec::new(), converted: Vec::new() }
    }
}
