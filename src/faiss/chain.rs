//! The transforms of an `IndexPreTransform`, in the order in which they are applied.

use super::fields::Fields;
use super::kinds::shaped;
use super::parts::Parts;
use crate::error::{Error, Result};

/// What is done to vectors before an index has them. Of each there is one at most, and they come in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chain {
    /// Whether they are scaled to length 1.
    pub unit: bool,
    /// What is taken off then, (d), or nothing.
    pub offset: Vec<f32>,
    /// (d, d), times what is left; or nothing.
    pub rotation: Vec<f32>,
    /// Whether the rotation is a random one, and not learned.
    pub is_random: bool,
}

/// The letters of a scaling to length 1, of an offset, of a rotation that was learned, and of a random one.
const UNIT: &[u8; 4] = b"VNrm";
const OFFSET: &[u8; 4] = b"VCnt";
const LEARNED: &[u8; 4] = b"LTra";
const RANDOM: &[u8; 4] = b"rrot";

/// What is read, for messages.
const READ: &str = "a scaling to length 1 (NormalizationTransform), an offset (CenteringTransform) and a rotation (OPQMatrix or \
                    RandomRotationMatrix), each once and in this order";

/// Transforms that FAISS has besides, for messages.
const OTHERS: [(&[u8; 4], &str); 6] = [
    (b"Pcam", "PCAMatrix"),
    (b"PcAm", "PCAMatrix"),
    (b"Viqm", "ITQMatrix"),
    (b"Viqt", "ITQTransform"),
    (b"RmDT", "RemapDimensionsTransform"),
    (b"HRot", "HadamardRotation"),
];

impl Chain {
    /// The rotation that a quantizer begins with, taken out of its parts; empty if there is none.
    pub fn take(parts: &mut Parts) -> Self {
        let Some(inner) = parts.spec.inner().cloned() else { return Self::default() };
        let is_random = parts.spec.kind().name == "RR";
        let mut take = |name: &str| parts.take(name).unwrap_or_default().iter().copied().collect();
        let (rotation, offset) = (take("rotation"), take("offset"));
        parts.spec = inner;
        Self { unit: false, offset, rotation, is_random }
    }

    /// The quantizer `inner` of `d` dimensions behind the rotation about the offset, if there is one.
    pub fn before(&self, mut inner: Parts, d: usize) -> Result<Parts> {
        if self.rotation.is_empty() {
            return Ok(inner);
        }
        let before = match self.is_random {
            true => "RR".to_string(),
            false => format!("OPQ{}", inner.count_of_parts()),
        };
        inner.spec = format!("{before},{}", inner.spec).parse()?;
        inner.put("rotation", shaped(self.rotation.clone(), (d, d))?);
        if !self.offset.is_empty() {
            inner.put("offset", shaped(self.offset.clone(), (1, d))?);
        }
        Ok(inner)
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.letters().is_empty()
    }

    /// The letters of all that is done.
    fn letters(&self) -> Vec<[u8; 4]> {
        let rotation = if self.is_random { RANDOM } else { LEARNED };
        let all =
            [(self.unit, UNIT), (!self.offset.is_empty(), OFFSET), (!self.rotation.is_empty(), rotation)];
        all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, letters)| *letters).collect()
    }

    /// Goes over the fields of the transforms, for vectors of `d` dimensions.
    pub fn fields(&mut self, d: usize, at: &mut Fields<'_>) -> Result<()> {
        let mut all = self.letters();
        let mut count = all.len() as i32;
        at.number("chain", &mut count)?;
        if !(1..=3).contains(&count) {
            return Err(at.wrong("chain", format!("has {count} transforms; what is read is {READ}")));
        }
        all.resize(count as usize, [0; 4]);
        let mut before = 0;
        for mut letters in all {
            at.record("IndexPreTransform");
            at.letters(&mut letters)?;
            let place = match &letters {
                UNIT => 1,
                OFFSET => 2,
                LEARNED | RANDOM => 3,
                _ => 0,
            };
            if place <= before {
                return Err(unknown(at, letters));
            }
            before = place;
            match place {
                1 => {
                    self.unit = true;
                    at.record("NormalizationTransform");
                    at.expect("norm", 2_f32)?;
                }
                2 => {
                    at.record("CenteringTransform");
                    at.floats("mean", &mut self.offset, d)?;
                }
                _ => {
                    self.is_random = &letters == RANDOM;
                    self.rotation_fields(d, at)?;
                }
            }
            at.expect("d_in", d as i32)?;
            at.expect("d_out", d as i32)?;
            at.expect("is_trained", 1_u8)?;
        }
        at.record("IndexPreTransform");
        if self.rotation.is_empty() && !self.offset.is_empty() {
            return Err(at.wrong("chain", "has an offset without a rotation, which there is none of here"));
        }
        Ok(())
    }

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
        at.floats("b", &mut Vec::new(), 0)
    }
}

/// The error for a transform that has no place.
fn unknown(at: &Fields<'_>, letters: [u8; 4]) -> Error {
    let name = OTHERS.iter().find(|(fourcc, _)| **fourcc == letters);
    let found = name.map_or(format!("'{}'", letters.escape_ascii()), |(_, name)| name.to_string());
    at.wrong("chain", format!("has the transform {found} here; what is read is {READ}"))
}
