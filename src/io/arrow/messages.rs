//! The messages of a file: the schema, and where the pieces of each record batch lie.
//!
//! A file ends with a footer that has the schema and says where the batches are. A stream, which Hugging Face datasets keep under the
//! same name, is read from message to message.

use std::ops::Range;

use arrow_ipc::{
    BodyCompressionMethod, CompressionType, Endianness, Message, MessageHeader, MetadataVersion, RecordBatch,
};
use arrow_schema::Schema;

use super::{KIND, damaged};
use crate::error::{Error, Result};
use crate::io::columns::guarded;
use crate::io::file::DataFile;

/// What a file begins and ends with, and a stream does not.
pub(super) const MAGIC: &[u8; 6] = b"ARROW1";

/// What a file ends with: the length of the footer, and the mark.
const TAIL: usize = 4 + MAGIC.len();

/// What a message begins with, before the length of its header.
const CONTINUES: u32 = u32::MAX;

/// A file's messages.
pub(super) struct Messages {
    pub schema: Schema,
    pub batches: Vec<Batch>,
    /// Rows of all batches.
    pub rows: usize,
}

/// A record batch: its rows, and the pieces of its columns in the order of the schema.
pub(super) struct Batch {
    pub rows: usize,
    /// Of each array, children behind their parents: how long it is, and how many of its values are null.
    pub nodes: Vec<(u64, u64)>,
    /// Where in the file each buffer lies.
    pub buffers: Vec<Range<u64>>,
    /// How many buffers more than others each array of views has.
    pub views: Vec<usize>,
    /// How buffers are packed, if they are.
    pub packing: Option<CompressionType>,
}

impl Messages {
    pub fn read(file: &DataFile) -> Result<Self> {
        let mut start = [0; MAGIC.len()];
        let length = file.len().min(start.len() as u64) as usize;
        file.read_at(0, &mut start[..length])?;
        if start.starts_with(b"FEA1") {
            return Err(damaged(file, "it is a Feather file of version 1; write it anew in version 2"));
        }
        if start == *MAGIC { Self::of_file(file) } else { Self::of_stream(file) }
    }

    fn of_file(file: &DataFile) -> Result<Self> {
        let tail: [u8; TAIL] = match file.len().checked_sub(TAIL as u64) {
            Some(at) => file.read_array(at, "an Arrow file")?,
            None => return Err(cut(file)),
        };
        let (length, mark) = tail.split_at(4);
        let length = u64::from(u32::from_le_bytes(length.try_into().expect("four bytes")));
        let end = file.len() - TAIL as u64;
        if mark != MAGIC || length > end {
            return Err(cut(file));
        }
        let footer = words(file, end - length, length)?;
        let footer: &[u8] = &bytemuck::cast_slice(&footer)[..length as usize];
        let footer = guarded(file, KIND, || arrow_ipc::root_as_footer(footer))?;
        let mut messages = Self::new(file, footer.version(), footer.schema())?;
        for block in footer.recordBatches().into_iter().flatten() {
            let at = u64::try_from(block.offset()).ok().filter(|&at| at < end).ok_or_else(|| cut(file))?;
            let (header, body) = next(file, at, end)?.ok_or_else(|| cut(file))?;
            let (message, body) = message(file, &header, body, end)?;
            messages.add(file, message.header_as_record_batch(), body)?;
        }
        Ok(messages)
    }

    fn of_stream(file: &DataFile) -> Result<Self> {
        let mut found: Option<Self> = None;
        let (mut at, end) = (0, file.len());
        while let Some((header, body)) = next(file, at, end)? {
            let (message, body) = message(file, &header, body, end)?;
            at = body.end;
            match (&mut found, message.header_type()) {
                (None, MessageHeader::Schema) => {
                    found = Some(Self::new(file, message.version(), message.header_as_schema())?);
                }
                (Some(found), MessageHeader::RecordBatch) => {
                    found.add(file, message.header_as_record_batch(), body)?;
                }
                // Nothing that holds lists of numbers is in a dictionary.
                (Some(_), MessageHeader::DictionaryBatch) => {}
                _ => return Err(damaged(file, "it is no table")),
            }
        }
        found.ok_or_else(|| damaged(file, "it has no schema"))
    }

    fn new(file: &DataFile, version: MetadataVersion, schema: Option<arrow_ipc::Schema<'_>>) -> Result<Self> {
        let schema = schema.ok_or_else(|| damaged(file, "it has no schema"))?;
        if version < MetadataVersion::V5 {
            return Err(damaged(file, "it is from before version 1.0 of Arrow; write it anew"));
        }
        if schema.endianness() != Endianness::Little {
            return Err(damaged(file, "its numbers have their highest byte first"));
        }
        let schema = guarded(file, KIND, || arrow_ipc::convert::try_fb_to_schema(schema))?;
        Ok(Self { schema, batches: Vec::new(), rows: 0 })
    }

    fn add(&mut self, file: &DataFile, batch: Option<RecordBatch<'_>>, body: Range<u64>) -> Result<()> {
        let batch = batch.ok_or_else(|| damaged(file, "a batch has no header"))?;
        let batch = Batch::of(&batch, body).map_err(|why| damaged(file, why))?;
        let rows = self.rows.checked_add(batch.rows);
        self.rows = rows.ok_or_else(|| damaged(file, "too many rows to count"))?;
        self.batches.push(batch);
        Ok(())
    }
}

/// The message with this header, and where its body is, which begins at `body`.
fn message<'a>(file: &DataFile, header: &'a [u64], body: u64, end: u64) -> Result<(Message<'a>, Range<u64>)> {
    let message = guarded(file, KIND, || arrow_ipc::root_as_message(bytemuck::cast_slice(header)))?;
    let length = u64::try_from(message.bodyLength()).ok();
    let body_end = length.and_then(|length| body.checked_add(length)).filter(|&body_end| body_end <= end);
    Ok((message, body..body_end.ok_or_else(|| cut(file))?))
}

/// The header of the message at `at`, and where its body begins; nothing behind the last.
fn next(file: &DataFile, at: u64, end: u64) -> Result<Option<(Vec<u64>, u64)>> {
    if at == end {
        return Ok(None);
    }
    let mut start = [0; 8];
    if end - at < start.len() as u64 {
        return Err(cut(file));
    }
    file.read_at(at, &mut start)?;
    let [mark, length] = bytemuck::cast(start);
    if u32::from_le(mark) != CONTINUES {
        return Err(damaged(file, format!("there is no message at byte {at}")));
    }
    let (length, body) = (u64::from(u32::from_le(length)), at + start.len() as u64);
    if length == 0 {
        return Ok(None);
    }
    if length > end - body {
        return Err(cut(file));
    }
    Ok(Some((words(file, body, length)?, body + length)))
}

/// Bytes of the file in words, so that numbers lie as they have to.
fn words(file: &DataFile, at: u64, length: u64) -> Result<Vec<u64>> {
    let mut words = vec![0u64; length.div_ceil(8) as usize];
    file.read_at(at, &mut bytemuck::cast_slice_mut(&mut words)[..length as usize])?;
    Ok(words)
}

fn cut(file: &DataFile) -> Error {
    damaged(file, "it is cut short")
}

impl Batch {
    /// The batch whose pieces are in `body`.
    fn of(found: &RecordBatch<'_>, body: Range<u64>) -> Result<Self, &'static str> {
        let count = |number: i64| u64::try_from(number).map_err(|_| "a batch has a negative length");
        let rows = usize::try_from(found.length()).map_err(|_| "a batch has an impossible number of rows")?;
        let nodes = found.nodes().into_iter().flatten();
        let nodes = nodes.map(|node| Ok::<_, &str>((count(node.length())?, count(node.null_count())?)));
        let buffers = found.buffers().into_iter().flatten().map(|buffer| {
            let start = body.start.checked_add(count(buffer.offset())?);
            let end = start.and_then(|start| start.checked_add(count(buffer.length()).ok()?));
            match (start, end) {
                (Some(start), Some(end)) if end <= body.end => Ok(start..end),
                _ => Err("a batch reaches beyond its end"),
            }
        });
        let views = found.variadicBufferCounts().into_iter().flatten();
        let views = views.map(|views| usize::try_from(views).map_err(|_| "a batch has a negative length"));
        let packing = match found.compression() {
            None => None,
            Some(packing) if packing.method() == BodyCompressionMethod::BUFFER => Some(packing.codec()),
            Some(_) => return Err("a batch is packed in a way that is not known"),
        };
        Ok(Self {
            rows,
            nodes: nodes.collect::<Result<_, &str>>()?,
            buffers: buffers.collect::<Result<_, &str>>()?,
            views: views.collect::<Result<_, &str>>()?,
            packing,
        })
    }
}
