//! A segment: rows that are sorted by list, as they lie in a file.
//!
//! | section | of each | what |
//! | --- | --- | --- |
//! | `first_rows` | list, and the end | u64, its first row |
//! | `codes` | list | its codes, as [`CodeLayout`](super::codes::CodeLayout) has them |
//! | `ids` | row | u64 |
//! | `order` | row | u32, the rows in the order of their ids |
//! | `refined` | row | the vector, as [`Refine`](crate::lists::Refine) has it |
//! | `source` | row | u64, where the vector came from, if those refine |
//!
//! Behind these are those of [kept columns](super::kept).

use std::ops::Range;
use std::path::Path;

use super::bits::RowBits;
use super::codes::CodeLayout;
use super::kept::{Kept, KeptColumn};
use super::model::Model;
use super::store::checked::{CheckedFile, CheckedWriter, damaged, read_whole};
use super::store::folder::{FileKind, Writer};
use super::store::manifest::{SectionRecord, SegmentRecord};
use crate::columns::ColumnSchema;
use crate::error::{Error, Result};
use crate::lists::{self, BLOCK, first_blocks};

/// What a segment file begins with.
const MAGIC: &[u8] = b"wgvq index segment 1\n";

/// The sections, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    FirstRows,
    Codes,
    Ids,
    Order,
    Refined,
    Source,
}

impl Section {
    const ALL: [Self; 6] =
        [Self::FirstRows, Self::Codes, Self::Ids, Self::Order, Self::Refined, Self::Source];

    fn name(self) -> &'static str {
        match self {
            Self::FirstRows => "first_rows",
            Self::Codes => "codes",
            Self::Ids => "ids",
            Self::Order => "order",
            Self::Refined => "refined",
            Self::Source => "source",
        }
    }

    /// Bytes of a row; 0 for what has no rows.
    fn width(self, model: &Model) -> usize {
        match self {
            Self::FirstRows | Self::Codes => 0,
            Self::Ids => 8,
            Self::Order => 4,
            Self::Refined => model.refine.bytes(model.dim),
            Self::Source => {
                if model.has_sources() {
                    8
                } else {
                    0
                }
            }
        }
    }
}

/// A mapped segment.
#[derive(Debug)]
pub struct Segment {
    file: CheckedFile,
    rows: usize,
    first_rows: Vec<u64>,
    first_blocks: Vec<u64>,
    codes: CodeLayout,
    /// Where each of the sections begins, and the bytes of its rows.
    places: [(usize, usize); Section::ALL.len()],
    kept: Vec<Kept>,
    /// Rows that are not there any more.
    pub deleted: RowBits,
}

impl Segment {
    /// Maps a segment, of which nothing but its lists' places is read.
    ///
    /// # Errors
    /// A file that is not the one that the record tells of, or does not fit the model.
    pub fn open(folder: &Path, record: &SegmentRecord, model: &Model) -> Result<Self> {
        let file = CheckedFile::open(folder, &record.file)?;
        let path = folder.join(&record.file.file);
        if file.get(0..MAGIC.len())? != MAGIC {
            return Err(damaged(&path, "it does not begin as a segment does"));
        }
        let mut places = [(0, 0); Section::ALL.len()];
        for (section, place) in Section::ALL.into_iter().zip(&mut places) {
            let found = record.sections.iter().find(|found| found.name == section.name());
            *place = (found.map_or(0, |found| found.start as usize), section.width(model));
        }
        let check = |section: Section, bytes: Option<usize>| {
            let found = record.sections.iter().find(|found| found.name == section.name());
            if found.map_or(0, |found| found.bytes) == bytes.unwrap_or(usize::MAX) as u64 {
                return Ok(());
            }
            Err(damaged(&path, format_args!("its section {} has another length", section.name())))
        };
        let lists = model.list_count();
        check(Section::FirstRows, Some(8 * (lists + 1)))?;
        let start = places[Section::FirstRows as usize].0;
        let first_rows: Vec<u64> = numbers(file.get(start..start + 8 * (lists + 1))?).collect();
        let ends = (first_rows[0], first_rows[lists]);
        if ends != (0, record.rows as u64) || first_rows.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(damaged(&path, "its lists do not begin where they can"));
        }
        let first_blocks = first_blocks(&first_rows);
        let blocks = first_blocks[lists] as usize;
        let units = if model.codes.in_blocks() { blocks } else { record.rows };
        check(Section::Codes, units.checked_mul(model.codes.unit()))?;
        for section in [Section::Ids, Section::Order, Section::Refined, Section::Source] {
            check(section, record.rows.checked_mul(section.width(model)))?;
        }
        let kept = |(number, column): (usize, &ColumnSchema)| {
            Kept::find(record, number, column.kind)
                .map_err(|section| damaged(&path, format_args!("its section {section} has another length")))
        };
        let kept = model.columns.iter().enumerate().map(kept).collect::<Result<_>>()?;
        let deleted = match &record.deleted {
            None => RowBits::none(blocks),
            Some(deleted) => {
                let bytes = read_whole(folder, &deleted.file)?;
                let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
                let bits = RowBits::of(words.collect());
                if bits.words().len() != blocks || bits.count() != deleted.rows {
                    return Err(damaged(&folder.join(&deleted.file.file), "it is of another segment"));
                }
                bits
            }
        };
        Ok(Self {
            file,
            rows: record.rows,
            first_rows,
            first_blocks,
            codes: model.codes,
            places,
            kept,
            deleted,
        })
    }

    /// Rows, deleted ones included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Blocks of rows.
    pub fn blocks(&self) -> usize {
        self.first_blocks[self.first_blocks.len() - 1] as usize
    }

    /// How many lists there are.
    pub fn lists(&self) -> usize {
        self.first_rows.len() - 1
    }

    /// The kept column of that number.
    pub fn kept(&self, number: usize) -> KeptColumn<'_> {
        self.kept[number].of(&self.file)
    }

    /// The rows of a list.
    pub fn list(&self, list: usize) -> Range<usize> {
        self.first_rows[list] as usize..self.first_rows[list + 1] as usize
    }

    /// The list that a row is in.
    pub fn list_of(&self, row: usize) -> usize {
        self.first_rows.partition_point(|&first| first <= row as u64) - 1
    }

    /// Where the row's bit is.
    pub fn place(&self, row: usize) -> (usize, u32) {
        let list = self.list_of(row);
        self.place_in(list, row - self.first_rows[list] as usize)
    }

    /// Where the bit of a list's row is.
    pub fn place_in(&self, list: usize, row: usize) -> (usize, u32) {
        (self.first_blocks[list] as usize + row / BLOCK, (row % BLOCK) as u32)
    }

    /// The codes of a list, packed.
    ///
    /// # Errors
    /// Bytes that are not as they were written.
    pub fn codes(&self, list: usize) -> Result<&[u8]> {
        let firsts = if self.codes.in_blocks() { &self.first_blocks } else { &self.first_rows };
        let (start, unit) = (self.places[Section::Codes as usize].0, self.codes.unit());
        self.file.get(start + firsts[list] as usize * unit..start + firsts[list + 1] as usize * unit)
    }

    /// What a section holds of these rows: not of codes, which lists have.
    ///
    /// # Errors
    /// Bytes that are not as they were written.
    pub fn get(&self, section: Section, rows: Range<usize>) -> Result<&[u8]> {
        let (start, width) = self.places[section as usize];
        self.file.get(start + rows.start * width..start + rows.end * width)
    }

    /// Checks all that a search reads of a list, unless that has been done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn touch(&self, list: usize) -> Result<()> {
        self.codes(list)?;
        self.get(Section::Ids, self.list(list))?;
        self.get(Section::Refined, self.list(list)).map(drop)
    }

    /// The rows as [`Lists`](crate::lists::Lists) borrow them, with what [touches](Self::touch) a list.
    pub fn lend<'a>(&'a self, touch: &'a (dyn Fn(usize) -> Result<()> + Sync)) -> lists::Segment<'a> {
        let section = |section: Section| {
            let (start, width) = self.places[section as usize];
            self.file.unchecked(start..start + self.rows * width)
        };
        let units = if self.codes.in_blocks() { self.blocks() } else { self.rows };
        let codes = self.places[Section::Codes as usize].0;
        lists::Segment {
            first_rows: &self.first_rows,
            first_blocks: &self.first_blocks,
            codes: self.file.unchecked(codes..codes + units * self.codes.unit()),
            refined: section(Section::Refined),
            // Sections begin at a multiple of 64 bytes of a mapping, which begins at that of a page.
            ids: bytemuck::cast_slice(section(Section::Ids)),
            removed: if self.deleted.count() > 0 { self.deleted.words() } else { &[] },
            touch,
        }
    }

    /// The number of a row's vector among those of all sources, if there are sources.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn source(&self, row: usize) -> Result<Option<u64>> {
        Ok(numbers(self.get(Section::Source, row..row + 1)?).next())
    }

    /// The id of a row.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn id(&self, row: usize) -> Result<u64> {
        let bytes = self.get(Section::Ids, row..row + 1)?;
        Ok(u64::from_le_bytes(bytes.try_into().expect("an id has 8 bytes")))
    }

    /// The row at a place in the order of ids, and its id.
    pub fn in_order(&self, at: usize) -> Result<(usize, u64)> {
        let bytes = self.get(Section::Order, at..at + 1)?;
        let row = u32::from_le_bytes(bytes.try_into().expect("a row number has 4 bytes")) as usize;
        if row >= self.rows {
            return Err(Error::input(format!(
                "the order of ids names row {row} of {}; the index is damaged",
                self.rows
            )));
        }
        Ok((row, self.id(row)?))
    }

    /// The row that is not deleted and has this id.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn find(&self, id: u64) -> Result<Option<usize>> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.in_order(middle)?.1 < id { low = middle + 1 } else { high = middle }
        }
        if low == self.rows {
            return Ok(None);
        }
        let (row, found) = self.in_order(low)?;
        Ok((found == id && !self.deleted.contains(self.place(row))).then_some(row))
    }

    /// Checks every byte, that the order of ids is one, and that kept columns can be read.
    ///
    /// # Errors
    /// The first thing that is not as it was written.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        (0..self.kept.len()).try_for_each(|number| self.kept(number).verify())?;
        let mut before = None;
        for at in 0..self.rows {
            let (row, id) = self.in_order(at)?;
            if before.is_some_and(|before| before >= id) {
                return Err(Error::input(format!(
                    "id {id}, at row {row}, does not follow in the order of ids"
                )));
            }
            before = Some(id);
        }
        Ok(())
    }
}

/// Numbers as they lie in a file.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Writes a segment, section after section.
pub struct SegmentWriter {
    out: CheckedWriter,
    name: String,
    sections: Vec<SectionRecord>,
}

impl SegmentWriter {
    /// Begins a file.
    pub fn create(writer: &mut Writer) -> Result<Self> {
        let (name, path) = writer.next(FileKind::Segment);
        let mut out = CheckedWriter::create(&path)?;
        out.append(MAGIC)?;
        Ok(Self { out, name, sections: Vec::new() })
    }

    /// Writes a section, whose bytes `fill` appends.
    pub fn section(
        &mut self,
        section: Section,
        fill: impl FnOnce(&mut CheckedWriter) -> Result<()>,
    ) -> Result<()> {
        self.named(section.name().into(), fill)
    }

    /// Writes a section of that name, whose bytes `fill` appends.
    pub fn named(&mut self, name: String, fill: impl FnOnce(&mut CheckedWriter) -> Result<()>) -> Result<()> {
        self.out.align()?;
        let start = self.out.written();
        fill(&mut self.out)?;
        let bytes = self.out.written() - start;
        self.sections.push(SectionRecord { name, start, bytes });
        Ok(())
    }

    /// The segment of `rows` rows, which is on the disk then.
    pub fn finish(self, rows: usize) -> Result<SegmentRecord> {
        let Self { out, name, sections } = self;
        Ok(SegmentRecord { file: out.finish(&name)?, rows, sections, deleted: None })
    }
}
