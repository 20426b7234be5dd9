//! Columns that are kept beside vectors, as they lie in a segment.
//!
//! Those of column number N are sections of their own:
//!
//! | section | of each | what |
//! | --- | --- | --- |
//! | `column-N-there` | row | a bit, whether it is not null |
//! | `column-N-values` | row | int: i64; float: f64; bool: a bit; string: u64, where its text begins, and where the last one's ends |
//! | `column-N-text` | string | its UTF-8, one behind the other |
//!
//! Bits fill bytes from the lowest on.

use std::ops::Range;

use super::segment::SegmentWriter;
use super::store::checked::{CheckedFile, CheckedWriter};
use super::store::manifest::SegmentRecord;
use crate::columns::{Column, ColumnSchema, ColumnType, Value, listed};
use crate::error::{Error, Result};

/// The sections of a column.
#[derive(Clone, Copy, Debug)]
enum Part {
    There,
    Values,
    Text,
}

impl Part {
    const ALL: [Self; 3] = [Self::There, Self::Values, Self::Text];

    /// The name of the section of a column of that number.
    fn name(self, number: usize) -> String {
        let part = match self {
            Self::There => "there",
            Self::Values => "values",
            Self::Text => "text",
        };
        format!("column-{number}-{part}")
    }
}

/// Bytes of the values of so many rows.
fn value_bytes(kind: ColumnType, rows: usize) -> Option<usize> {
    match kind {
        ColumnType::Int | ColumnType::Float => rows.checked_mul(8),
        ColumnType::Bool => Some(rows.div_ceil(8)),
        ColumnType::String => rows.checked_add(1)?.checked_mul(8),
    }
}

/// Where the column of a segment lies in its file.
#[derive(Clone, Debug)]
pub struct Kept {
    kind: ColumnType,
    rows: usize,
    /// By [`Part`].
    parts: [Range<usize>; Part::ALL.len()],
}

impl Kept {
    /// The place of the column of that number; the name of a section that has another length than it can have is the error.
    pub fn find(record: &SegmentRecord, number: usize, kind: ColumnType) -> Result<Self, String> {
        let rows = record.rows;
        let mut parts = [0..0, 0..0, 0..0];
        for (part, place) in Part::ALL.into_iter().zip(&mut parts) {
            let name = part.name(number);
            let found = record.sections.iter().find(|section| section.name == name);
            *place = found.map_or(0..0, |found| found.start as usize..(found.start + found.bytes) as usize);
            let wanted = match part {
                Part::There => Some(rows.div_ceil(8)),
                Part::Values => value_bytes(kind, rows),
                Part::Text if kind == ColumnType::String => Some(place.len()),
                Part::Text => Some(0),
            };
            if wanted != Some(place.len()) {
                return Err(name);
            }
        }
        Ok(Self { kind, rows, parts })
    }

    /// The column in its file.
    pub fn of<'a>(&'a self, file: &'a CheckedFile) -> KeptColumn<'a> {
        KeptColumn { place: self, file }
    }
}

/// A column of a segment, of which each piece is checked when it is first touched.
#[derive(Clone, Copy)]
pub struct KeptColumn<'a> {
    place: &'a Kept,
    file: &'a CheckedFile,
}

impl<'a> KeptColumn<'a> {
    fn bytes(self, part: Part, range: Range<usize>) -> Result<&'a [u8]> {
        let start = self.place.parts[part as usize].start;
        self.file.get(start + range.start..start + range.end)
    }

    /// Words of bits: bit i of word w is that of row 32·w + i of `rows`.
    fn bits(self, part: Part, rows: Range<usize>) -> Result<Vec<u32>> {
        let bytes = self.bytes(part, rows.start / 8..rows.end.div_ceil(8))?;
        let shift = rows.start % 8;
        let word = |at: usize| {
            let mut eight = [0; 8];
            let from = &bytes[at / 8..];
            let count = from.len().min(8);
            eight[..count].copy_from_slice(&from[..count]);
            (u64::from_le_bytes(eight) >> shift) as u32 & last_bits((rows.len() - at).min(32))
        };
        Ok((0..rows.len()).step_by(32).map(word).collect())
    }

    /// Which of the rows are not null, in words.
    pub fn there(self, rows: Range<usize>) -> Result<Vec<u32>> {
        self.bits(Part::There, rows)
    }

    /// Which of the rows of a column of truths are true, in words.
    pub fn bools(self, rows: Range<usize>) -> Result<Vec<u32>> {
        self.bits(Part::Values, rows)
    }

    /// The eight bytes of each value of a column of numbers.
    pub fn numbers(self, rows: Range<usize>) -> Result<&'a [[u8; 8]]> {
        Ok(self.bytes(Part::Values, 8 * rows.start..8 * rows.end)?.as_chunks().0)
    }

    /// The UTF-8 of each row of a column of texts.
    pub fn texts(self, rows: Range<usize>) -> Result<Vec<&'a [u8]>> {
        let ends = self.numbers(rows.start..rows.end + 1)?;
        let length = self.place.parts[Part::Text as usize].len();
        let at = |at: usize| usize::try_from(u64::from_le_bytes(ends[at])).unwrap_or(usize::MAX);
        let (first, last) = (at(0), at(rows.len()));
        if first > last || last > length {
            return Err(disordered());
        }
        let text = self.bytes(Part::Text, first..last)?;
        let one = |row: usize| {
            let (start, end) = (at(row).checked_sub(first), at(row + 1).checked_sub(first));
            let range = start.zip(end).filter(|(start, end)| start <= end);
            range.and_then(|(start, end)| text.get(start..end)).ok_or_else(disordered)
        };
        (0..rows.len()).map(one).collect()
    }

    fn bit(self, part: Part, row: usize) -> Result<bool> {
        Ok(self.bytes(part, row / 8..row / 8 + 1)?[0] >> (row % 8) & 1 == 1)
    }

    /// The value of a row, or null.
    pub fn get(self, row: usize) -> Result<Option<Value<'a>>> {
        let rows = row..row + 1;
        if !self.bit(Part::There, row)? {
            return Ok(None);
        }
        Ok(Some(match self.place.kind {
            ColumnType::Int => Value::Int(i64::from_le_bytes(self.numbers(rows)?[0])),
            ColumnType::Float => Value::Float(f64::from_le_bytes(self.numbers(rows)?[0])),
            ColumnType::Bool => Value::Bool(self.bit(Part::Values, row)?),
            ColumnType::String => {
                let text = std::str::from_utf8(self.texts(rows)?[0]);
                Value::String(
                    text.map_err(|_| Error::input("a kept text is no UTF-8; the index is damaged"))?,
                )
            }
        }))
    }

    /// Reads every value.
    ///
    /// # Errors
    /// Texts that are not in order, or no UTF-8.
    pub fn verify(self) -> Result<()> {
        (0..self.place.rows).try_for_each(|row| self.get(row).map(drop))
    }
}

/// The lowest `count` bits of a word.
pub fn last_bits(count: usize) -> u32 {
    (u32::MAX).checked_shr(32 - count as u32).unwrap_or(0)
}

fn disordered() -> Error {
    Error::input("the places of kept texts are not in order; the index is damaged")
}

/// Passes the values of all rows, in their order, to whoever asks.
pub type EachValue<'a> = &'a dyn Fn(&mut dyn FnMut(Option<Value<'_>>) -> Result<()>) -> Result<()>;

/// Writes the sections of the column of that number.
pub fn write(out: &mut SegmentWriter, number: usize, kind: ColumnType, each: EachValue<'_>) -> Result<()> {
    out.named(Part::There.name(number), |out| write_bits(out, each, |value| value.is_some()))?;
    out.named(Part::Values.name(number), |out| match kind {
        ColumnType::Bool => write_bits(out, each, |value| value == Some(Value::Bool(true))),
        ColumnType::Int | ColumnType::Float => each(&mut |value| {
            out.append(&match value {
                Some(Value::Int(value)) => value.to_le_bytes(),
                Some(Value::Float(value)) => value.to_le_bytes(),
                _ => [0; 8],
            })
        }),
        ColumnType::String => {
            let mut end = 0_u64;
            out.append(&end.to_le_bytes())?;
            each(&mut |value| {
                end += text_of(value).len() as u64;
                out.append(&end.to_le_bytes())
            })
        }
    })?;
    if kind == ColumnType::String {
        out.named(Part::Text.name(number), |out| each(&mut |value| out.append(text_of(value).as_bytes())))?;
    }
    Ok(())
}

fn text_of<'a>(value: Option<Value<'a>>) -> &'a str {
    match value {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

fn write_bits(
    out: &mut CheckedWriter,
    each: EachValue<'_>,
    bit: impl Fn(Option<Value<'_>>) -> bool,
) -> Result<()> {
    let (mut byte, mut count) = (0_u8, 0);
    each(&mut |value| {
        byte |= u8::from(bit(value)) << count;
        count += 1;
        if count == 8 {
            out.append(&[byte])?;
            (byte, count) = (0, 0);
        }
        Ok(())
    })?;
    if count > 0 { out.append(&[byte]) } else { Ok(()) }
}

/// Fails unless there is a value for each of `rows` vectors, in columns of different names; gives their schema.
pub fn check(columns: &[Column], rows: usize) -> Result<Vec<ColumnSchema>> {
    for (number, column) in columns.iter().enumerate() {
        let name = column.name();
        if column.len() != rows {
            let found = column.len();
            return Err(Error::input(format!(
                "the column {name} has {found} rows for {rows} vectors; each has one"
            )));
        }
        if name.is_empty() || columns[..number].iter().any(|other| other.name() == name) {
            return Err(Error::input(format!(
                "two columns are called {name:?}, or one has no name; each has its own"
            )));
        }
    }
    Ok(columns.iter().map(Column::schema).collect())
}

/// The columns that come with more vectors, in the order in which the index has them.
///
/// # Errors
/// Other columns, or other types.
pub fn in_order<'a>(given: &'a [Column], kept: &[ColumnSchema], rows: usize) -> Result<Vec<&'a Column>> {
    let schema = check(given, rows)?;
    let wrong = |what: String| {
        Err(Error::input(format!(
            "{what}; the index keeps: {}; given are: {}",
            listed(kept),
            listed(&schema)
        )))
    };
    if let Some(more) = schema.iter().find(|column| kept.iter().all(|own| own.name != column.name)) {
        return wrong(format!("the index keeps no column {}", more.name));
    }
    let mut all = Vec::new();
    for own in kept {
        match given.iter().find(|column| column.name() == own.name) {
            Some(column) if column.kind() == own.kind => all.push(column),
            Some(column) => {
                let kind = column.kind();
                return wrong(format!(
                    "the column {} is {} in the index, and {kind} here",
                    own.name, own.kind
                ));
            }
            None => return wrong(format!("the column {} is missing", own.name)),
        }
    }
    Ok(all)
}
