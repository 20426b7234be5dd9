//! From vectors to segments, in bounded memory.

use ndarray::s;
use rayon::prelude::*;

use super::ids::Ids;
use super::kept;
use super::model::{Coding, Model};
use super::segment::{Section, SegmentWriter};
use super::store::checked::CheckedWriter;
use super::store::folder::Writer;
use super::store::manifest::SegmentRecord;
use crate::columns::Column;
use crate::error::{Context, Result};
use crate::vectors::Vectors;

/// Is told how many vectors of how many are done; its error ends the work.
pub(super) type Watch<'a> = Box<dyn FnMut(usize, usize) -> Result<()> + 'a>;

/// Which vectors come in.
pub(super) struct Incoming<'a> {
    pub x: &'a dyn Vectors,
    pub ids: Ids<'a>,
    /// The first of the next ids.
    pub first_id: u64,
    /// Rows that are left out, in ascending order.
    pub left_out: &'a [usize],
    /// The number of the first among those of all sources.
    pub first_source: u64,
    /// What is kept of each, in the order of the index's columns.
    pub columns: Vec<&'a Column>,
}

/// Rows of the largest segment: the order of its ids has numbers of 32 bits.
const MOST_ROWS: usize = u32::MAX as usize;

/// Bytes of vectors that are encoded at a time.
const BATCH: u64 = 8 << 20;

/// Encodes the vectors and writes them to segments, each as large as `memory` allows.
pub(super) fn take_in(
    coding: &Coding<'_>,
    writer: &mut Writer,
    incoming: &Incoming<'_>,
    memory: u64,
    watch: &mut Watch<'_>,
) -> Result<Vec<SegmentRecord>> {
    let Incoming { x, ids, first_id, left_out, first_source, ref columns } = *incoming;
    let model = coding.model();
    let (n, vector) = (x.len(), 4 * x.dim().max(1) as u64);
    // A quarter for a batch and its copies, half for what waits to be written.
    let batch = (BATCH.min(memory / 16) / vector).clamp(1, 1 << 16) as usize;
    let most = Pending::most(model, memory, batch);
    let seen = model.seen(x);
    let mut pending = Pending::default();
    let mut segments = Vec::new();
    for start in (0..n).step_by(batch) {
        let rows = start..(start + batch).min(n);
        let x = seen.read_rows(rows.clone())?;
        let place = || format!("vectors {} to {}", rows.start, rows.end - 1);
        let lists = coding.place(&x).context(place)?;
        let codes = coding.encode(&x, &lists).context(place)?;
        for (at, row) in rows.clone().enumerate() {
            if left_out.binary_search(&row).is_ok() {
                continue;
            }
            pending.lists.push(lists[at]);
            pending.ids.push(ids.of(row, first_id));
            if model.has_sources() {
                pending.sources.push(first_source + row as u64);
            }
            if !columns.is_empty() {
                pending.rows.push(row);
            }
            pending.codes.extend(codes.rows(at..at + 1));
            let vector = x.slice(s![at, ..]);
            let vector = vector.as_slice().expect("vectors are read in standard layout");
            model.refine.write(vector, model.dim, row, &mut pending.refined)?;
        }
        if pending.ids.len() >= most {
            segments.push(std::mem::take(&mut pending).write(model, columns, writer)?);
        }
        watch(rows.end, n)?;
    }
    if !pending.ids.is_empty() {
        segments.push(pending.write(model, columns, writer)?);
    }
    Ok(segments)
}

/// Rows that wait to be written, in the order in which they came.
#[derive(Default)]
pub(super) struct Pending {
    pub lists: Vec<u32>,
    pub ids: Vec<u64>,
    sources: Vec<u64>,
    /// What row of those that come in each is, where columns are kept.
    rows: Vec<usize>,
    pub codes: Vec<u32>,
    refined: Vec<u8>,
}

impl Pending {
    /// Bytes of a row: its list, two ids, two places, codes and refinement, and as much where what grows is copied; and its number.
    fn row_bytes(model: &Model) -> usize {
        let number = if model.columns.is_empty() { 0 } else { 8 };
        2 * (4 + 16 + 8 + number + 4 * model.codes.codes() + model.refine.bytes(model.dim))
    }

    /// From how many rows on they are written, within half of the memory, where `batch` come at a time.
    pub fn most(model: &Model, memory: u64, batch: usize) -> usize {
        ((memory / 2) as usize / Self::row_bytes(model)).clamp(batch, MOST_ROWS - batch)
    }

    /// Writes a segment of them, of which there is at least one, with what `columns` have for each.
    pub fn write(self, model: &Model, columns: &[&Column], writer: &mut Writer) -> Result<SegmentRecord> {
        let (rows, lists) = (self.ids.len(), model.list_count());
        let mut first_rows = vec![0_u64; lists + 1];
        self.lists.iter().for_each(|&list| first_rows[list as usize + 1] += 1);
        (0..lists).for_each(|list| first_rows[list + 1] += first_rows[list]);
        let mut by_list = vec![0_u32; rows];
        let mut next = first_rows.clone();
        for (row, &list) in self.lists.iter().enumerate() {
            by_list[next[list as usize] as usize] = row as u32;
            next[list as usize] += 1;
        }
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.par_sort_unstable_by_key(|&at| self.ids[by_list[at as usize] as usize]);

        let mut out = SegmentWriter::create(writer)?;
        out.section(Section::FirstRows, |out| {
            first_rows.iter().try_for_each(|first| out.append(&first.to_le_bytes()))
        })?;
        let rows_of = |bytes: &[u8], out: &mut CheckedWriter| {
            let width = bytes.len() / rows;
            by_list.iter().try_for_each(|&row| out.append(&bytes[row as usize * width..][..width]))
        };
        out.section(Section::Codes, |out| {
            first_rows.windows(2).try_for_each(|list| {
                let rows = &by_list[list[0] as usize..list[1] as usize];
                let m = model.codes.codes();
                out.append(&model.codes.pack(rows.iter().map(|&row| &self.codes[row as usize * m..][..m])))
            })
        })?;
        let numbers = |numbers: &[u64], out: &mut CheckedWriter| {
            by_list.iter().try_for_each(|&row| out.append(&numbers[row as usize].to_le_bytes()))
        };
        out.section(Section::Ids, |out| numbers(&self.ids, out))?;
        out.section(Section::Order, |out| order.iter().try_for_each(|row| out.append(&row.to_le_bytes())))?;
        out.section(Section::Refined, |out| rows_of(&self.refined, out))?;
        if model.has_sources() {
            out.section(Section::Source, |out| numbers(&self.sources, out))?;
        }
        for (number, column) in columns.iter().enumerate() {
            kept::write(&mut out, number, column.kind(), &|each| {
                by_list.iter().try_for_each(|&row| each(column.get(self.rows[row as usize])))
            })?;
        }
        out.finish(rows)
    }
}
