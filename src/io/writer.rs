//! A matrix written to a file, row after row.

use std::marker::PhantomData;
use std::path::Path;

use bytemuck::Pod;

use super::job::Job;
use super::locate::Format;
use super::npy;
use super::output::Output;
use crate::error::{Error, Result};

/// Bytes of vecs records that are put together before they are written.
const CHUNK_BYTES: usize = 256 << 10;

mod sealed {
    pub trait Sealed {}
}

/// A number that [`RowWriter`] writes: u8, u16, u32, u64, i32 or f32.
pub trait RowElement: Pod + sealed::Sealed {
    #[doc(hidden)]
    const NPY: &str;
    /// The vecs format of this type, where there is one.
    #[doc(hidden)]
    const VECS: Option<Format>;
}

macro_rules! row_element {
    ($($t:ty: $npy:literal, $vecs:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl RowElement for $t {
            const NPY: &str = if cfg!(target_endian = "big") { concat!(">", $npy) } else { concat!("<", $npy) };
            const VECS: Option<Format> = $vecs;
        }
    )*};
}

row_element! {
    u8: "u1", Some(Format::Bvecs);
    u16: "u2", None;
    u32: "u4", None;
    u64: "u8", None;
    i32: "i4", Some(Format::Ivecs);
    f32: "f4", Some(Format::Fvecs);
}

/// Writes a matrix of `rows` × `columns` numbers to a `.npy` file, or to the vecs format of its type (`.fvecs`
/// for f32, `.ivecs` for i32, `.bvecs` for u8).
///
/// The file takes its target's place when it is finished and not before; see [`Output`].
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("codes.npy");
/// let mut codes = wgvq::io::RowWriter::<u16>::create(&path, 3, 2, false)?;
/// codes.append(&[1, 2, 3, 4])?;
/// codes.append(&[5, 6])?;
/// codes.finish()?;
/// assert_eq!(wgvq::io::IndexFile::open(&path)?.rows(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RowWriter<T> {
    output: Output,
    target: String,
    shape: Shape,
    written: usize,
    element: PhantomData<T>,
}

/// What the file is to be.
#[derive(Clone, Copy, Debug)]
struct Shape {
    rows: usize,
    columns: usize,
    records: bool,
}

impl<T: RowElement> RowWriter<T> {
    /// Begins a file that is gone if it is not finished.
    ///
    /// # Errors
    /// An extension that does not fit the type; otherwise as [`Output::create`].
    pub fn create(target: impl AsRef<Path>, rows: usize, columns: usize, force: bool) -> Result<Self> {
        let target = target.as_ref();
        let shape = Shape::new::<T>(target, rows, columns)?;
        Self::begin(Output::create(target, force)?, target, shape)
    }

    /// Begins a file that can be resumed by the same `job`; see [`Output::create_resumable`].
    ///
    /// # Errors
    /// As [`RowWriter::create`] and [`Output::create_resumable`].
    pub fn create_resumable(
        target: impl AsRef<Path>,
        rows: usize,
        columns: usize,
        force: bool,
        job: &Job,
    ) -> Result<Self> {
        let target = target.as_ref();
        let shape = Shape::new::<T>(target, rows, columns)?;
        let output = Output::create_resumable(target, force, &shape.job::<T>(job))?;
        Self::begin(output, target, shape)
    }

    /// Goes on where a writer of the same `job` was stopped: the next row to append is
    /// [`RowWriter::written`]. Where nothing was begun, that is row 0.
    ///
    /// # Errors
    /// As [`RowWriter::create`] and [`Output::resume`].
    pub fn resume(
        target: impl AsRef<Path>,
        rows: usize,
        columns: usize,
        force: bool,
        job: &Job,
    ) -> Result<Self> {
        let target = target.as_ref();
        let shape = Shape::new::<T>(target, rows, columns)?;
        let mut output = Output::resume(target, force, &shape.job::<T>(job))?;
        let header = shape.header::<T>();
        let found = output.written()?;
        if found < header.len() as u64 {
            output.truncate(0)?;
            return Self::begin(output, target, shape);
        }
        let (start, row_bytes) = (header.len() as u64, shape.row_bytes::<T>() as u64);
        let too_long = row_bytes.checked_mul(rows as u64).is_some_and(|all| found - start > all);
        if too_long || output.read_start(header.len())? != header {
            return Err(Error::input(format!(
                "{}.partial: is damaged and cannot be resumed; start over without --resume",
                target.display()
            )));
        }
        let whole = (found - start) / row_bytes;
        output.truncate(start + whole * row_bytes)?;
        Ok(Self::with(output, target, shape, whole as usize))
    }

    fn begin(mut output: Output, target: &Path, shape: Shape) -> Result<Self> {
        output.append(&shape.header::<T>())?;
        Ok(Self::with(output, target, shape, 0))
    }

    fn with(output: Output, target: &Path, shape: Shape, written: usize) -> Self {
        Self { output, target: target.display().to_string(), shape, written, element: PhantomData }
    }

    /// Whole rows in the file so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Appends whole rows, row-major. Once this returns they survive the end of this process.
    ///
    /// # Errors
    /// A part of a row, or more rows than were announced; a full disk.
    pub fn append(&mut self, values: &[T]) -> Result<()> {
        let Shape { rows, columns, records } = self.shape;
        let n = values.len() / columns;
        if !values.len().is_multiple_of(columns) || n > rows - self.written {
            return Err(Error::shape(format!(
                "{}: {} numbers appended behind {} of {rows} rows of {columns}",
                self.target,
                values.len(),
                self.written
            )));
        }
        if records {
            let length = (columns as i32).to_le_bytes();
            let mut buffer = Vec::new();
            for row in values.chunks_exact(columns) {
                buffer.extend_from_slice(&length);
                extend_little_endian(&mut buffer, row);
                if buffer.len() >= CHUNK_BYTES {
                    self.output.append(&buffer)?;
                    buffer.clear();
                }
            }
            self.output.append(&buffer)?;
        } else {
            self.output.append(bytemuck::cast_slice(values))?;
        }
        self.written += n;
        Ok(())
    }

    /// Takes the unfinished file away; see [`Output::discard`].
    pub fn discard(self) {
        self.output.discard();
    }

    /// Puts the file in its target's place.
    ///
    /// # Errors
    /// Fewer rows than were announced; otherwise as [`Output::finish`].
    pub fn finish(self) -> Result<()> {
        self.complete()?.finish()
    }

    /// The file, which is whole but for its name.
    ///
    /// # Errors
    /// Fewer rows than were announced.
    pub fn complete(self) -> Result<Output> {
        if self.written != self.shape.rows {
            return Err(Error::shape(format!(
                "{}: finished after {} of {} rows",
                self.target, self.written, self.shape.rows
            )));
        }
        Ok(self.output)
    }
}

impl Shape {
    fn new<T: RowElement>(target: &Path, rows: usize, columns: usize) -> Result<Self> {
        let format = Format::of(target);
        let records = format.is_some() && format == T::VECS;
        if !records && format != Some(Format::Npy) {
            let vecs = T::VECS.map_or(String::new(), |format| format!(" or .{format}"));
            return Err(Error::input(format!("{}: this output is written as .npy{vecs}", target.display())));
        }
        let fits = (1..=i32::MAX as usize).contains(&columns);
        if !fits {
            return Err(Error::shape(format!(
                "{}: a matrix of {columns} columns cannot be written",
                target.display()
            )));
        }
        Ok(Self { rows, columns, records })
    }

    fn header<T: RowElement>(self) -> Vec<u8> {
        if self.records { Vec::new() } else { npy::header(T::NPY, self.rows, self.columns) }
    }

    fn row_bytes<T>(self) -> usize {
        self.columns * size_of::<T>() + if self.records { 4 } else { 0 }
    }

    /// `job` with what this writer adds to what makes the file what it is.
    fn job<T: RowElement>(self, job: &Job) -> Job {
        let job = job.clone().with("the type of its numbers", T::NPY);
        job.with("its shape", format_args!("({}, {})", self.rows, self.columns))
    }
}

fn extend_little_endian<T: RowElement>(buffer: &mut Vec<u8>, row: &[T]) {
    let start = buffer.len();
    buffer.extend_from_slice(bytemuck::cast_slice(row));
    if cfg!(target_endian = "big") {
        buffer[start..].chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::io::IndexFile;
    use crate::io::testing::{Folder, fvecs, refused};
    use ndarray::array;
    use std::fs;

    #[test]
    fn what_is_written_is_what_is_read() {
        let folder = Folder::new();
        for name in ["x.npy", "x.fvecs"] {
            let mut writer = RowWriter::create(folder.path(name), 3, 2, false).unwrap();
            writer.append(&[1.0f32, -2.0]).unwrap();
            writer.append(&[]).unwrap();
            writer.append(&[3.5, 4.0, 5.0, 6.0]).unwrap();
            writer.finish().unwrap();
            let read = crate::io::open(folder.path(name)).unwrap().to_array().unwrap();
            assert_eq!(read, array![[1.0, -2.0], [3.5, 4.0], [5.0, 6.0]]);
        }
        assert_eq!(
            fs::read(folder.path("x.fvecs")).unwrap(),
            fvecs(&[&[1.0, -2.0], &[3.5, 4.0], &[5.0, 6.0]])
        );
        for name in ["ids.npy", "ids.ivecs"] {
            let mut writer = RowWriter::create(folder.path(name), 2, 1, false).unwrap();
            writer.append(&[7i32, 8]).unwrap();
            writer.finish().unwrap();
            assert_eq!(IndexFile::open(folder.path(name)).unwrap().to_array().unwrap(), array![[7], [8]]);
        }
    }

    #[test]
    fn many_records_go_out_in_several_writes() {
        let folder = Folder::new();
        let values: Vec<f32> = (0..300_000).map(|i| i as f32).collect();
        let mut writer = RowWriter::create(folder.path("x.fvecs"), 100_000, 3, false).unwrap();
        writer.append(&values).unwrap();
        writer.finish().unwrap();
        let read = crate::io::open(folder.path("x.fvecs")).unwrap().to_array().unwrap();
        assert_eq!(read.as_slice().unwrap(), values);
    }

    #[test]
    fn the_shape_is_held_to() {
        let folder = Folder::new();
        let mut writer = RowWriter::create(folder.path("x.npy"), 2, 2, false).unwrap();
        assert_eq!(writer.append(&[1u8]).unwrap_err().kind(), ErrorKind::Shape);
        assert_eq!(writer.append(&[1u8; 6]).unwrap_err().kind(), ErrorKind::Shape);
        writer.append(&[1, 2]).unwrap();
        assert_eq!(writer.written(), 1);
        assert!(refused(writer.finish()).contains("finished after 1 of 2 rows"));
        assert_eq!(folder.names(), [""; 0]);
        let why = |name: &str| refused(RowWriter::<f32>::create(folder.path(name), 1, 1, false));
        assert!(why("x.ivecs").contains("as .npy or .fvecs"));
        assert!(why("x").contains("as .npy or .fvecs"));
        assert!(refused(RowWriter::<u16>::create(folder.path("x.ivecs"), 1, 1, false)).ends_with("as .npy"));
        assert!(refused(RowWriter::<u8>::create(folder.path("x.npy"), 1, 0, false)).contains("0 columns"));
    }

    #[test]
    fn a_resumed_file_equals_an_uninterrupted_one_wherever_it_was_torn() {
        let folder = Folder::new();
        let codes: Vec<u16> = (0..30).collect();
        for name in ["a.npy", "b.npy"] {
            let mut writer = RowWriter::create(folder.path(name), 10, 3, false).unwrap();
            writer.append(&codes).unwrap();
            writer.finish().unwrap();
        }
        let whole = fs::read(folder.path("a.npy")).unwrap();
        let header = whole.len() - 60;
        fs::remove_file(folder.path("b.npy")).unwrap();
        let job = Job::new;
        drop(RowWriter::<u16>::create_resumable(folder.path("b.npy"), 10, 3, false, &job()).unwrap());
        let note = fs::read(folder.path("b.npy.partial.job")).unwrap();
        for length in 0..=whole.len() {
            fs::write(folder.path("b.npy.partial"), &whole[..length]).unwrap();
            fs::write(folder.path("b.npy.partial.job"), &note).unwrap();
            let mut writer = RowWriter::<u16>::resume(folder.path("b.npy"), 10, 3, false, &job()).unwrap();
            assert_eq!(writer.written(), length.saturating_sub(header) / 6, "{length}");
            let next = writer.written() * 3;
            writer.append(&codes[next..]).unwrap();
            writer.finish().unwrap();
            assert_eq!(fs::read(folder.path("b.npy")).unwrap(), whole);
            assert_eq!(folder.names(), ["a.npy", "b.npy"]);
            fs::remove_file(folder.path("b.npy")).unwrap();
        }
    }

    #[test]
    fn another_job_another_shape_and_damage_are_not_resumed() {
        let folder = Folder::new();
        let path = folder.path("a.npy");
        let of = |model: usize| Job::new().with("model", model);
        let mut writer = RowWriter::<u8>::create_resumable(&path, 4, 2, false, &of(1)).unwrap();
        writer.append(&[1, 2, 3, 4]).unwrap();
        drop(writer);
        let resume = |rows, model| refused(RowWriter::<u8>::resume(&path, rows, 2, false, &of(model)));
        assert!(resume(4, 2).contains("model was 1 when it began and is 2 now"));
        assert!(
            resume(5, 1).contains(
                "its shape was (4, 2) when it began and is (5, 2) now; start over without --resume"
            )
        );
        assert!(refused(RowWriter::<u16>::resume(&path, 4, 2, false, &of(1))).contains("start over"));
        let partial = folder.path("a.npy.partial");
        let mut bytes = fs::read(&partial).unwrap();
        bytes[70] ^= 1;
        fs::write(&partial, &bytes).unwrap();
        assert!(resume(4, 1).contains("is damaged"));
        bytes[70] ^= 1;
        bytes.extend([0; 5]);
        fs::write(&partial, &bytes).unwrap();
        assert!(resume(4, 1).contains("is damaged"));
        RowWriter::<u8>::create_resumable(&path, 4, 2, false, &of(2)).unwrap();
        assert_eq!(RowWriter::<u8>::resume(&path, 4, 2, false, &of(2)).unwrap().written(), 0);
    }
}
