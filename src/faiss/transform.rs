//! `IndexPreTransform`: a rotation before another index, about an offset if there is one.

use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, Index, shaped};
use super::parts::Parts;
use crate::error::{Error, Result};

#[derive(Default)]
pub(super) struct Transformed {
    /// What is taken off before, (d), or nothing.
    offset: Vec<f32>,
    /// (d, d), times x.
    rotation: Vec<f32>,
    is_random: bool,
    inner: Option<Index>,
}

/// The letters of a rotation that was learned, of a random one, and of an offset.
const LEARNED: &[u8; 4] = b"LTra";
const RANDOM: &[u8; 4] = b"rrot";
const OFFSET: &[u8; 4] = b"VCnt";

/// Transforms that FAISS has besides, for messages.
const OTHERS: [(&[u8; 4], &str); 7] = [
    (b"Pcam", "PCAMatrix"),
    (b"PcAm", "PCAMatrix"),
    (b"Viqm", "ITQMatrix"),
    (b"Viqt", "ITQTransform"),
    (b"VNrm", "NormalizationTransform"),
    (b"RmDT", "RemapDimensionsTransform"),
    (b"HRot", "HadamardRotation"),
];

impl Transformed {
    pub fn of(mut parts: Parts, rows: Option<usize>) -> Result<Box<dyn Body>> {
        let Some(inner) = parts.spec.inner().cloned() else {
            return Err(Error::input(format!("{}: has nothing behind its rotation", parts.spec)));
        };
        let is_random = parts.spec.kind().name == "RR";
        let rotation = parts.take("rotation").unwrap_or_default().iter().copied().collect();
        let offset = parts.take("offset").unwrap_or_default().iter().copied().collect();
        parts.spec = inner;
        let inner = Index::of(parts, rows)?;
        Ok(Box::new(Self { offset, rotation, is_random, inner: Some(inner) }))
    }

    /// The fields of the offset.
    fn offset_fields(&mut self, d: usize, at: &mut Fields<'_>) -> Result<()> {
        at.record("CenteringTransform");
        at.floats("mean", &mut self.offset, d)?;
        ends(d, at)
    }

    /// The fields of the rotation.
    fn rotation_fields(&mut self, d: usize, at: &mut Fields<'_>) -> Result<()> {
        at.record("LinearTransform");
        let mut have_bias = 0_u8;
        at.number("have_bias", &mut have_bias)?;
        if have_bias != 0 {
            return Err(
                at.wrong("have_bias", "is set; a rotation is read about an offset before it, not behind")
            );
        }
        at.floats("A", &mut self.rotation, d * d)?;
        at.floats("b", &mut Vec::new(), 0)?;
        ends(d, at)
    }
}

/// What all transforms end with.
fn ends(d: usize, at: &mut Fields<'_>) -> Result<()> {
    at.expect("d_in", d as i32)?;
    at.expect("d_out", d as i32)?;
    at.expect("is_trained", 1_u8)
}

impl Body for Transformed {
    fn own_rows(&self) -> Option<usize> {
        self.inner.as_ref()?.body.own_rows()
    }

    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        let mut count = 1 + i32::from(!self.offset.is_empty());
        at.number("chain", &mut count)?;
        if !(1..=2).contains(&count) {
            let why = format!("has {count} transforms; one rotation is read, or an offset and a rotation");
            return Err(at.wrong("chain", why));
        }
        if count == 2 {
            let mut letters = *OFFSET;
            at.letters(&mut letters)?;
            if letters != *OFFSET {
                return Err(unknown(at, letters, "an offset (CenteringTransform)"));
            }
            self.offset_fields(header.d, at)?;
        }
        let mut letters = if self.is_random { *RANDOM } else { *LEARNED };
        at.letters(&mut letters)?;
        if letters != *LEARNED && letters != *RANDOM {
            return Err(unknown(at, letters, "a rotation (OPQMatrix or RandomRotationMatrix)"));
        }
        self.is_random = letters == *RANDOM;
        self.rotation_fields(header.d, at)?;
        match &mut self.inner {
            Some(inner) => inner.write(at),
            None => {
                let inner = Index::read(at, true)?;
                if inner.header != header {
                    let (d, rows) = (inner.header.d, inner.header.rows);
                    let why = format!(
                        "are {d} and {rows}; those of the index around it are {} and {}",
                        header.d, header.rows
                    );
                    return Err(at.wrong("d and ntotal", why));
                }
                self.inner = Some(inner);
                Ok(())
            }
        }
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        let d = header.d;
        let Self { offset, rotation, is_random, inner } = *self;
        let inner = inner.ok_or_else(|| Error::input("an index behind a transform was not read"))?;
        let mut parts = inner.into_parts()?;
        let count = parts.count_of_parts();
        let before = if is_random { "RR".to_string() } else { format!("OPQ{count}") };
        parts.spec = format!("{before},{}", parts.spec).parse()?;
        parts.put("rotation", shaped(rotation, (d, d))?);
        if !offset.is_empty() {
            parts.put("offset", shaped(offset, (1, d))?);
        }
        Ok(parts)
    }
}

/// The error for a transform that has no place.
fn unknown(at: &Fields<'_>, letters: [u8; 4], wanted: &str) -> Error {
    let name = OTHERS.iter().find(|(fourcc, _)| **fourcc == letters);
    let found = name.map_or(format!("'{}'", letters.escape_ascii()), |(_, name)| name.to_string());
    at.wrong("chain", format!("has the transform {found}; what is read there is {wanted}"))
}
