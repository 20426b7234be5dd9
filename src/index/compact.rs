//! All segments in one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Index;
use super::kept;
use super::segment::{Section, Segment, SegmentWriter};
use super::store::folder::Writer;
use super::store::manifest::SegmentRecord;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lists::BLOCK;

/// Bytes for each row, deleted ones included: its number in the new segment.
const ROW_BYTES: u64 = 4;

/// How often a merge goes through the lists, at most: for codes, ids, what refines, and sources; and for each kept column once more.
const PASSES: usize = 4;

/// Rows whose codes are packed at a time: a multiple of the rows of a block.
const PACKED: usize = 64 * BLOCK;

impl Index {
    /// Merges all segments into one without deleted vectors. Neighbours stay the same, and are found sooner. If its recall was
    /// measured, that is done anew by what is kept of the vectors, on the device of `engine`. `watch` is told how many lists of how
    /// many are done; its error ends the work.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `memory` is less than 4 bytes for each vector, or something is damaged;
    /// [`Io`](crate::ErrorKind::Io) for a full disk: there has to be room for the old and the new segments.
    pub fn compact(
        &mut self,
        engine: &Engine,
        memory: u64,
        mut watch: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<()> {
        let (mut writer, manifest) = Writer::open(&self.folder)?;
        *self = Self::of(&self.folder, manifest)?;
        let is_merged =
            self.segments.len() <= 1 && self.segments.iter().all(|segment| segment.deleted.count() == 0);
        if is_merged && !self.curve().is_some_and(|curve| curve.changed) {
            return Ok(());
        }
        let rows: u64 = self.segments.iter().map(|segment| segment.rows() as u64).sum();
        if ROW_BYTES * rows > memory {
            return Err(Error::input(format!(
                "to compact {rows} vectors takes {} bytes of memory, and {memory} are to be used",
                ROW_BYTES * rows
            )));
        }
        let mut manifest = self.manifest.clone();
        if !is_merged {
            manifest.segments = match self.len() {
                0 => Vec::new(),
                _ => vec![self.merged(&mut writer, &mut watch)?],
            };
        }
        if let Some(old) = &self.manifest.recall {
            // What is written can be searched, and counts only once it is committed.
            let merged = Self::of(&self.folder, manifest.clone())?;
            let all = self.all_passes();
            let curve = merged.measured_again(engine, old, memory, &mut || watch(all, all))?;
            manifest.recall = curve.or(manifest.recall);
        }
        let manifest = writer.commit(manifest)?;
        *self = Self::of(&self.folder, manifest)?;
        Ok(())
    }

    /// Writes the segment that has all rows of all segments.
    fn merged(
        &self,
        writer: &mut Writer,
        watch: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<SegmentRecord> {
        let lists = self.model.list_count();
        let mut out = SegmentWriter::create(writer)?;
        // The number that each row of each segment has in the new one.
        let mut renumbered: Vec<Vec<u32>> =
            self.segments.iter().map(|segment| vec![0; segment.rows()]).collect();
        let mut first_rows = vec![0_u64];
        let mut next = 0_u32;
        for list in 0..lists {
            for (segment, numbers) in self.segments.iter().zip(&mut renumbered) {
                for row in segment.live_rows(list) {
                    numbers[row] = next;
                    next = next.checked_add(1).ok_or_else(|| {
                        Error::input(
                            "more vectors than a segment holds, 4294967295; the index stays as it is",
                        )
                    })?;
                }
            }
            first_rows.push(u64::from(next));
        }
        out.section(Section::FirstRows, |out| {
            first_rows.iter().try_for_each(|first| out.append(&first.to_le_bytes()))
        })?;
        let sections = [Section::Codes, Section::Ids, Section::Order, Section::Refined, Section::Source];
        let mut done = 0;
        for section in sections {
            if section == Section::Source && !self.model.has_sources() {
                continue;
            }
            out.section(section, |out| {
                if section == Section::Order {
                    return self.in_order_of_ids(|Next { segment, row, .. }| {
                        out.append(&renumbered[segment][row].to_le_bytes())
                    });
                }
                for list in 0..lists {
                    if section == Section::Codes {
                        self.merged_codes(list, |packed| out.append(packed))?;
                    } else {
                        for segment in &self.segments {
                            let mut rows = segment.live_rows(list);
                            rows.try_for_each(|row| out.append(segment.get(section, row..row + 1)?))?;
                        }
                    }
                    done += 1;
                    watch(done, self.all_passes())?;
                }
                Ok(())
            })?;
        }
        for (number, column) in self.model.columns.iter().enumerate() {
            kept::write(&mut out, number, column.kind, &|each| {
                for list in 0..lists {
                    for segment in &self.segments {
                        let mut rows = segment.live_rows(list);
                        rows.try_for_each(|row| each(segment.kept(number).get(row)?))?;
                    }
                }
                Ok(())
            })?;
            done += lists;
            watch(done, self.all_passes())?;
        }
        out.finish(next as usize)
    }

    /// How many lists a merge goes through, if all passes are needed.
    fn all_passes(&self) -> usize {
        (PASSES + self.model.columns.len()) * self.model.list_count()
    }

    /// Passes the packed codes of a list of all segments to `append`, some rows at a time.
    fn merged_codes(&self, list: usize, mut append: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let layout = self.model.codes;
        let pack = |codes: &[u32]| layout.pack(codes.chunks_exact(layout.codes()));
        // Whole blocks, but for the last.
        let most = PACKED * layout.codes();
        let mut codes = Vec::new();
        for segment in &self.segments {
            let first = segment.list(list).start;
            let mut rows = segment.live_rows(list).map(|row| row - first).peekable();
            while rows.peek().is_some() {
                let some: Vec<usize> = rows.by_ref().take(PACKED).collect();
                codes.extend(layout.unpack(segment.codes(list)?, &some));
                if codes.len() >= most {
                    append(&pack(&codes[..most]))?;
                    codes.drain(..most);
                }
            }
        }
        append(&pack(&codes))
    }

    /// Passes all rows that are not deleted to `each`, in the order of their ids.
    pub(super) fn in_order_of_ids(&self, mut each: impl FnMut(Next) -> Result<()>) -> Result<()> {
        let mut heap = BinaryHeap::new();
        for segment in 0..self.segments.len() {
            heap.extend(self.next_in_order(segment, 0)?.map(Reverse));
        }
        while let Some(Reverse(next)) = heap.pop() {
            let after = self.next_in_order(next.segment, next.at + 1)?;
            each(next)?;
            heap.extend(after.map(Reverse));
        }
        Ok(())
    }

    /// The first row of a segment that is not deleted, from a place in the order of its ids on.
    fn next_in_order(&self, segment: usize, from: usize) -> Result<Option<Next>> {
        let rows = &self.segments[segment];
        for at in from..rows.rows() {
            let (row, id) = rows.in_order(at)?;
            if !rows.deleted.contains(rows.place(row)) {
                return Ok(Some(Next { id, segment, at, row }));
            }
        }
        Ok(None)
    }
}

/// A row in the order of all ids.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Next {
    pub id: u64,
    pub segment: usize,
    /// Its place in the order of its segment.
    at: usize,
    row: usize,
}

impl Segment {
    /// The rows of a list that are not deleted.
    pub(super) fn live_rows(&self, list: usize) -> impl Iterator<Item = usize> {
        let rows = self.list(list);
        let first = rows.start;
        rows.filter(move |row| !self.deleted.contains(self.place_in(list, row - first)))
    }
}
