//! A model and its codes as an index that FAISS reads.

use std::path::Path;

use ndarray::ArrayView2;

use super::codes::CodesPlace;
use super::fields::Fields;
use super::kinds::Index;
use super::parts::Parts;
use crate::error::{Error, Result};
use crate::io::Output;
use crate::quantizers::Model;

/// Writes a file for `faiss.read_index`. It takes its target's place when it is finished and not before; see [`Output`].
/// [`Reader`](super::Reader) has an example.
pub struct Writer {
    output: Output,
    /// Where the codes are to go, if the index has any.
    place: Option<CodesPlace>,
    /// What comes behind the codes.
    end: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Begins an index of `model`, for the codes of `rows` vectors.
    ///
    /// Without rows it is trained and empty, but that a `VQ` is an `IndexFlatL2` of its codewords, so that searching finds the nearest
    /// of them.
    ///
    /// # Errors
    /// A quantizer that FAISS has none of, or of other shapes; as [`Output::create`].
    pub fn create(
        path: impl AsRef<Path>,
        model: &Model,
        rows: Option<usize>,
        overwrite: bool,
    ) -> Result<Self> {
        let path = path.as_ref();
        let kept = model.description["training"]["faiss"].as_object().cloned().unwrap_or_default();
        let mut fields = Fields::writing(kept.clone());
        let mut index = Index::of(Parts::of(&*model.quantizer, kept), rows)?;
        index.write(&mut fields)?;
        let (mut bytes, place) = fields.written();
        let end = place.as_ref().map_or(Vec::new(), |place| bytes.split_off(place.start as usize));
        let mut output = Output::create(path, overwrite)?;
        output.append(&bytes)?;
        Ok(Self { output, place, end, written: 0 })
    }

    /// Appends codes (n, m).
    ///
    /// # Errors
    /// Another number of columns than of codebooks; a code that is not below its codebook's size, by row and column; more rows
    /// than were announced; a full disk.
    pub fn append(&mut self, codes: ArrayView2<u32>) -> Result<()> {
        let rows = self.place.as_ref().map_or(0, |place| place.rows);
        let Some(place) = self.place.as_ref().filter(|place| codes.nrows() <= place.rows - self.written)
        else {
            let (n, written) = (codes.nrows(), self.written);
            return Err(Error::shape(format!("codes of {n} vectors appended behind {written} of {rows}")));
        };
        self.output.append(&place.bits.pack(codes, self.written)?)?;
        self.written += codes.nrows();
        Ok(())
    }

    /// Writes what is left and puts the file in its place.
    ///
    /// # Errors
    /// Fewer rows than were announced; as [`Output::finish`].
    pub fn finish(mut self) -> Result<()> {
        let rows = self.place.as_ref().map_or(0, |place| place.rows);
        if self.written != rows {
            return Err(Error::shape(format!("finished after {} of {rows} rows of codes", self.written)));
        }
        self.output.append(&self.end)?;
        self.output.finish()
    }
}
