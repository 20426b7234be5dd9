//! The fields of an index file one after the other. A record names them once, and is read and written by that.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::codes::CodesPlace;
use crate::coding::RowBits;
use crate::error::{Error, Result};
use crate::io::DataFile;

/// A walk over the fields of a file, that reads or writes them.
pub(super) struct Fields<'a> {
    way: Way<'a>,
    /// The record whose fields come next, as FAISS calls it.
    record: String,
    /// What FAISS keeps for itself and has no place in a model: by record and field, where it is not the usual.
    kept: Map<String, Value>,
    codes: Option<CodesPlace>,
}

enum Way<'a> {
    Reading {
        file: &'a DataFile,
        /// Where the next field is.
        at: u64,
        /// Where the last one was.
        began: u64,
    },
    Writing(Vec<u8>),
}

/// The field of the metric, which all records of a file share.
pub(super) const METRIC: &str = "metric_type";

/// A number as a field has it, little-endian.
pub(super) trait Number: Copy + PartialEq + Display + FromStr {
    const BYTES: usize;
    fn from_bytes(bytes: &[u8]) -> Self;
    fn append_to(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Number for $t {
            const BYTES: usize = size_of::<$t>();
            fn from_bytes(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("as many bytes as it has"))
            }
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u8, i32, i64, u64, f32);

impl<'a> Fields<'a> {
    /// A walk that reads `file` from its beginning.
    pub fn reading(file: &'a DataFile) -> Self {
        let way = Way::Reading { file, at: 0, began: 0 };
        Self { way, record: "the file".into(), kept: Map::new(), codes: None }
    }

    /// A walk that writes, with what was `kept` when a file was read.
    pub fn writing(kept: Map<String, Value>) -> Self {
        Self { way: Way::Writing(Vec::new()), record: "the file".into(), kept, codes: None }
    }

    /// The fields that follow are those of `record`.
    pub fn record(&mut self, record: impl Into<String>) {
        self.record = record.into();
    }

    /// An error about the field that was last.
    pub fn wrong(&self, name: &str, why: impl Display) -> Error {
        let Self { record, .. } = self;
        match &self.way {
            Way::Reading { file, began, .. } => {
                file.invalid(format!("{record}.{name} at byte {began} {why}"))
            }
            Way::Writing(_) => Error::input(format!("{record}.{name} {why}")),
        }
    }

    /// A number.
    pub fn number<T: Number>(&mut self, name: &str, value: &mut T) -> Result<()> {
        match &mut self.way {
            Way::Writing(bytes) => value.append_to(bytes),
            Way::Reading { .. } => *value = T::from_bytes(&self.take(name, T::BYTES as u64)?),
        }
        Ok(())
    }

    /// A number that has to be `value`.
    pub fn expect<T: Number>(&mut self, name: &str, value: T) -> Result<()> {
        let mut found = value;
        self.number(name, &mut found)?;
        if found == value {
            Ok(())
        } else {
            Err(self.wrong(name, format!("is {found}; it has to be {value}")))
        }
    }

    /// A number from `least` to `most`.
    pub fn count(&mut self, name: &str, value: &mut u64, least: u64, most: u64) -> Result<()> {
        self.number(name, value)?;
        if (least..=most).contains(value) {
            return Ok(());
        }
        Err(self.wrong(name, format!("is {value}; it has to be {least} to {most}")))
    }

    /// A number that only FAISS has a use for; `usual` is what it mostly is.
    pub fn kept<T: Number>(&mut self, name: &str, usual: T) -> Result<()> {
        let key = format!("{}.{name}", self.record);
        let known = self.kept.get(&key).and_then(Value::as_str).and_then(|value| value.parse().ok());
        let mut value = known.unwrap_or(usual);
        self.number(name, &mut value)?;
        // By what they are called: NaN is not equal to itself.
        if value.to_string() != usual.to_string() {
            self.kept.insert(key, Value::String(value.to_string()));
        }
        Ok(())
    }

    /// Keeps floats that have been read, if there are any, as they are what others were made of.
    pub fn keep_floats(&mut self, name: &str, values: &[f32]) {
        if !values.is_empty() {
            self.kept.insert(format!("{}.{name}", self.record), json!(values));
        }
    }

    /// A number that is the same in all records of a file.
    pub fn shared(&mut self, name: &str, value: &mut i32) -> Result<()> {
        let known = self.kept.get(name).and_then(Value::as_str).and_then(|value| value.parse().ok());
        *value = known.unwrap_or(*value);
        self.number(name, value)?;
        match known {
            Some(known) if known != *value => {
                Err(self.wrong(name, format!("is {value}; that of the record around it is {known}")))
            }
            _ => {
                self.kept.insert(name.into(), Value::String(value.to_string()));
                Ok(())
            }
        }
    }

    /// The four letters that say what kind of record follows.
    pub fn letters(&mut self, letters: &mut [u8; 4]) -> Result<()> {
        match &mut self.way {
            Way::Writing(bytes) => bytes.extend_from_slice(letters),
            Way::Reading { .. } => *letters = self.take("fourcc", 4)?.try_into().expect("four bytes"),
        }
        Ok(())
    }

    /// Floats behind their number, which has to be `count`.
    pub fn floats(&mut self, name: &str, values: &mut Vec<f32>, count: usize) -> Result<()> {
        self.expect(name, count as u64)?;
        self.floats_alone(name, values, count)
    }

    /// Floats whose number has been seen.
    pub fn floats_alone(&mut self, name: &str, values: &mut Vec<f32>, count: usize) -> Result<()> {
        match &mut self.way {
            Way::Writing(bytes) => values.iter().for_each(|value| value.append_to(bytes)),
            Way::Reading { .. } => {
                // `take` makes room for no more than the file has.
                let bytes = self.take(name, (count as u64).saturating_mul(4))?;
                *values = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    return Err(
                        self.wrong(name, format!("has {} as number {at}; all have to be finite", values[at]))
                    );
                }
            }
        }
        Ok(())
    }

    /// Something that follows from the rest: numbers of `width` bytes behind how many they are, none when it is written.
    pub fn skip(&mut self, name: &str, width: u64) -> Result<()> {
        let mut count = 0_u64;
        self.number(name, &mut count)?;
        self.pass(name, count.saturating_mul(width)).map(drop)
    }

    /// The codes of `rows` vectors behind the number of their bytes; they stay where they are.
    pub fn codes(&mut self, name: &str, rows: usize, bits: RowBits) -> Result<()> {
        let bytes = (rows as u64).saturating_mul(bits.row_bytes() as u64);
        self.expect(name, bytes)?;
        let start = self.pass(name, bytes)?;
        self.codes = Some(CodesPlace { start, rows, bits });
        Ok(())
    }

    /// Passes over bytes that stay where they are; where they begin. When it is written, nothing comes here yet.
    pub fn pass(&mut self, name: &str, bytes: u64) -> Result<u64> {
        self.check_room(name, bytes)?;
        Ok(match &mut self.way {
            Way::Writing(written) => written.len() as u64,
            Way::Reading { at, began, .. } => {
                *began = *at;
                *at += bytes;
                *began
            }
        })
    }

    /// Numbers behind how many they are.
    pub fn numbers(&mut self, name: &str, values: &mut Vec<u64>) -> Result<()> {
        let mut count = values.len() as u64;
        self.number(name, &mut count)?;
        match &mut self.way {
            Way::Writing(bytes) => values.iter().for_each(|value| value.append_to(bytes)),
            Way::Reading { .. } => {
                // `take` makes room for no more than the file has.
                let bytes = self.take(name, count.saturating_mul(8))?;
                *values = bytes.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect();
            }
        }
        Ok(())
    }

    /// The metric by which FAISS searches, as its number.
    pub fn metric(&self) -> Option<i32> {
        self.kept.get(METRIC)?.as_str()?.parse().ok()
    }

    /// Fails unless nothing follows; what was kept and where the codes are.
    pub fn end(self) -> Result<(Map<String, Value>, Option<CodesPlace>)> {
        if let Way::Reading { file, at, .. } = self.way
            && at != file.len()
        {
            return Err(
                file.invalid(format!("the index ends at byte {at}, and {} more follow", file.len() - at))
            );
        }
        Ok((self.kept, self.codes))
    }

    /// What was written, and where codes belong in it.
    pub fn written(self) -> (Vec<u8>, Option<CodesPlace>) {
        match self.way {
            Way::Writing(bytes) => (bytes, self.codes),
            Way::Reading { .. } => (Vec::new(), self.codes),
        }
    }

    fn take(&mut self, name: &str, n: u64) -> Result<Vec<u8>> {
        self.check_room(name, n)?;
        let Way::Reading { file, at, began } = &mut self.way else { return Ok(Vec::new()) };
        let mut bytes = vec![0; n as usize];
        file.read_at(*at, &mut bytes)?;
        *began = *at;
        *at += n;
        Ok(bytes)
    }

    /// Fails unless the file has `n` bytes more.
    fn check_room(&self, name: &str, n: u64) -> Result<()> {
        let Way::Reading { file, at, .. } = &self.way else { return Ok(()) };
        let left = file.len() - at;
        if n <= left {
            return Ok(());
        }
        Err(file.invalid(format!(
            "{}.{name} at byte {at} takes {n} bytes, and the file has {left} more: it was cut short or is damaged",
            self.record
        )))
    }
}
