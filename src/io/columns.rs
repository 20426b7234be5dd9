//! Columns of lists of numbers, as tables of Parquet and of Arrow have them: what the numbers are, which column is meant, and what
//! is said of a row that is no vector.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dtype::Unusable;
use super::file::DataFile;
use crate::error::{Error, Result};

/// The most digits that a decimal of 32 bytes has.
const MOST_DIGITS: i32 = 76;

/// The type of the numbers of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
    /// Signed, of at most that many bits.
    Signed(u8),
    /// Unsigned, of at most that many bits.
    Unsigned(u8),
    /// A whole number that is to be divided by that power of ten.
    Decimal {
        scale: i32,
    },
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F16 => f.write_str("f16"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Signed(bits) => write!(f, "i{bits}"),
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::Decimal { scale } => write!(f, "decimal of {scale} places"),
        }
    }
}

impl Element {
    /// Decimals of `scale` places, or what is said of those that there cannot be.
    pub fn decimal(scale: i32) -> Result<Self, &'static str> {
        if (0..=MOST_DIGITS).contains(&scale) {
            Ok(Self::Decimal { scale })
        } else {
            Err("decimal of impossible places")
        }
    }
}

/// A column of a table: its name, and the numbers that its lists hold or the type that it has instead.
pub(super) type Listed = (String, Result<Element, String>);

/// The type of a column in words.
pub(super) fn type_name(element: &Result<Element, String>) -> String {
    element.as_ref().map_or_else(String::clone, |element| format!("list<{element}>"))
}

/// The column `name`, or without a name the only one of lists of numbers: its index and its numbers.
pub(super) fn choose(file: &DataFile, columns: &[Listed], name: Option<&str>) -> Result<(usize, Element)> {
    let fits = |(column, element): &Listed| match name {
        Some(name) => column == name,
        None => element.is_ok(),
    };
    let mut candidates = (0..columns.len()).filter(|&i| fits(&columns[i]));
    let problem = match (candidates.next(), candidates.next(), name) {
        (None, _, Some(name)) => format!("has no column '{name}'"),
        (None, _, None) => "has no column of lists of numbers".into(),
        (Some(index), other, _) => match (&columns[index], other) {
            ((_, Ok(element)), None) => return Ok((index, *element)),
            ((name, Err(kind)), _) => format!("column '{name}' is {kind}, no list of numbers"),
            _ => {
                let path = file.path().display();
                format!("has several columns of vectors; name one as in {path}:NAME")
            }
        },
    };
    let listed: Vec<_> =
        columns.iter().map(|(name, element)| format!("{name} {}", type_name(element))).collect();
    Err(file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
}

/// The error for a table without rows.
pub(super) fn no_rows(file: &DataFile) -> Error {
    file.invalid("the table has no rows")
}

/// The error for a row that is no vector.
pub(super) fn wrong(file: &DataFile, row: usize, why: &str) -> Error {
    file.invalid(format!("row {row} {why}"))
}

/// The error for a first row without numbers.
pub(super) fn no_numbers(file: &DataFile) -> Error {
    wrong(file, 0, "is empty or null; a vector has at least one number")
}

/// Fails if the list of a row is of another length than the first.
pub(super) fn check_length(file: &DataFile, row: usize, length: usize, dim: usize) -> Result<()> {
    if length == dim {
        return Ok(());
    }
    let why = format!("has {length} numbers, the first row has {dim}; all rows share one dimension");
    Err(wrong(file, row, &why))
}

/// The error for a number of the vectors that begin with row `first`.
pub(super) fn unusable(file: &DataFile, first: usize, dim: usize, bad: &Unusable) -> Error {
    let (row, column) = (first + bad.index / dim, bad.index % dim);
    wrong(file, row, &format!("column {column} is {}", bad.why))
}

/// Reads single rows, which ascend, each once.
pub(super) fn read_each(
    wanted: &mut [(usize, &mut [f32])],
    mut read: impl FnMut(usize, &mut [f32]) -> Result<()>,
) -> Result<()> {
    let mut previous: Option<(usize, &mut [f32])> = None;
    for (row, out) in wanted {
        match &previous {
            Some((last, copy)) if last == row => out.copy_from_slice(copy),
            _ => read(*row, out)?,
        }
        previous = Some((*row, out));
    }
    Ok(())
}

/// Runs a step of a crate that reads files of this `kind`, which on some damaged ones panics where it should return an error.
pub(super) fn guarded<T, E: fmt::Display>(
    file: &DataFile,
    kind: &str,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| damaged(file, kind, error)),
        Err(_) => Err(damaged(file, kind, "it is damaged")),
    }
}

/// The error for a file of this `kind` that is no such file, or a damaged one.
pub(super) fn damaged(file: &DataFile, kind: &str, why: impl fmt::Display) -> Error {
    file.invalid(format!("the {kind} file cannot be read: {why}"))
}

/// Exact up to 10²².
pub(super) fn power_of_ten(scale: i32) -> f64 {
    10f64.powi(scale)
}

/// A two's complement number from its bytes, highest first; each of at most 32 bytes is rounded in by at most 2⁻⁵³ of the result.
pub(super) fn whole_number<'a>(highest_first: impl IntoIterator<Item = &'a u8>) -> f64 {
    let mut bytes = highest_first.into_iter();
    let Some(first) = bytes.next() else { return f64::NAN };
    bytes.fold(f64::from(first.cast_signed()), |sum, &byte| sum * 256.0 + f64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_many_bytes_are_read() {
        assert_eq!(whole_number(&[0x7f]), 127.0);
        assert_eq!(whole_number(&[0xff, 0xff, 0xff]), -1.0);
        assert_eq!(whole_number(&[0xff; 32]), -1.0);
        for number in [0i128, 1, -1, 255, -256, i128::from(i64::MIN), 1 << 100, -(1 << 100)] {
            assert_eq!(whole_number(&number.to_be_bytes()), number as f64);
            assert_eq!(whole_number(number.to_le_bytes().iter().rev()), number as f64);
        }
        assert!(whole_number(&[]).is_nan());
        assert_eq!(power_of_ten(22), 1e22);
    }
}
