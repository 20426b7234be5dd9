//! Reading a container: any rows, from any thread.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, s};

use super::layout::{
    CHECKSUM_BYTES, CHUNK_HEAD_BYTES, END, ENTRY_BYTES, Entry, FOOTER_BYTES, Footer, MAGIC, PREFIX_BYTES,
    VERSION, checksum, codes_checksum, take, unsealed,
};
use super::{ChunkCoder, Header, Stats};
use crate::error::{Context, Error, Result};
use crate::io::DataFile;

/// A `.wgvq` file.
///
/// Opening checks header, index and footer; reading checks the chunks that it needs, and [`Reader::verify`] all of
/// them. Damage is an error that names the file and the part, never a wrong code.
///
/// ```
/// # fn main() -> wgvq::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("codes.wgvq");
/// use ndarray::array;
/// use wgvq::coding::{Header, Method, Reader, Writer};
/// let mut writer = Writer::create(&path, Header::new(vec![16, 16], Method::Huffman), false)?;
/// writer.append(array![[1, 2], [3, 4], [5, 6]].view())?;
/// writer.finish()?;
/// let reader = Reader::open(&path)?;
/// assert_eq!(reader.rows(), 3);
/// assert_eq!(reader.read(2..3)?, array![[5, 6]]);
/// reader.verify(|rows| println!("{rows} rows are right"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader {
    file: DataFile,
    header: Header,
    header_checksum: u128,
    coder: ChunkCoder,
    index: Vec<Entry>,
    /// Where the last chunk ends.
    index_offset: u64,
    stats: Stats,
    /// The chunk that was decoded last: rows that are read in order are decoded once.
    last: Mutex<Option<(usize, Arc<Array2<u32>>)>>,
}

impl Reader {
    /// Opens a file and checks all of it but the chunks.
    ///
    /// # Errors
    /// A file that is missing, is no container, is of another version, or was cut short or damaged in one of these
    /// parts.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = DataFile::open(path.as_ref())?;
        let (header, header_checksum, header_end) = read_header(&file)?;
        let footer = read_footer(&file, header_end)?;
        if footer.header_checksum != header_checksum {
            return Err(file.invalid("footer: it belongs to another header; the file is damaged"));
        }
        let coder = header.chunk_coder().map_err(|error| file.invalid(format!("header: {error}")))?;
        let index = read_index(&file, &footer, header_end, header.chunk_rows)?;
        let rows = usize::try_from(footer.rows).map_err(|_| {
            file.invalid(format!("footer: {} rows are too many for this machine", footer.rows))
        })?;
        let stats =
            Stats { rows, bytes: file.len(), model_bytes: footer.model_bytes, code_bytes: footer.code_bytes };
        let index_offset = footer.index_offset;
        Ok(Self { file, header, header_checksum, coder, index, index_offset, stats, last: Mutex::new(None) })
    }

    /// What the codes are.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many rows of codes there are.
    pub fn rows(&self) -> usize {
        self.stats.rows
    }

    /// What the file takes.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Fails if the file names another model than the one with this hash.
    ///
    /// # Errors
    /// The two hashes, if they differ.
    pub fn check_model(&self, hash: &str) -> Result<()> {
        self.header.check_model(hash).map_err(|error| self.file.invalid(error))
    }

    /// The codes of `rows`, (rows.len(), m).
    ///
    /// # Errors
    /// Rows beyond the last; a chunk that is damaged or cannot be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Array2<u32>> {
        if rows.start > rows.end || rows.end > self.rows() {
            return Err(Error::shape(format!(
                "rows {}..{} of {}, which has {}",
                rows.start,
                rows.end,
                self.file.path().display(),
                self.rows()
            )));
        }
        let mut codes = Vec::new();
        let count = rows.len().checked_mul(self.coder.columns());
        if count.is_none_or(|count| codes.try_reserve_exact(count).is_err()) {
            return Err(Error::input(format!(
                "{} rows do not fit the memory; read fewer at a time",
                rows.len()
            )));
        }
        let mut at = rows.start;
        while at < rows.end {
            let number = at / self.header.chunk_rows;
            let first = number * self.header.chunk_rows;
            let chunk = self.chunk(number)?;
            let end = rows.end.min(first + chunk.nrows());
            codes.extend(chunk.slice(s![at - first..end - first, ..]));
            at = end;
        }
        Array2::from_shape_vec((rows.len(), self.coder.columns()), codes)
            .map_err(|error| Error::shape(error.to_string()))
    }

    /// Reads and decodes every chunk; `progress` hears how many rows have proved right.
    ///
    /// # Errors
    /// The first chunk that is damaged.
    pub fn verify(&self, mut progress: impl FnMut(usize)) -> Result<()> {
        let mut rows = 0;
        for number in 0..self.index.len() {
            rows += self.decode(number)?.nrows();
            progress(rows);
        }
        Ok(())
    }

    /// Chunk `number`, decoded unless it was the last one anyway.
    fn chunk(&self, number: usize) -> Result<Arc<Array2<u32>>> {
        // A panic elsewhere while the lock was held cannot have left half a chunk.
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, chunk)) = last().as_ref().filter(|(last, _)| *last == number) {
            return Ok(chunk.clone());
        }
        let chunk = Arc::new(self.decode(number)?);
        *last() = Some((number, chunk.clone()));
        Ok(chunk)
    }

    fn decode(&self, number: usize) -> Result<Array2<u32>> {
        self.try_decode(number).context(|| {
            format!("{}: chunk {} of {}", self.file.path().display(), number + 1, self.index.len())
        })
    }

    fn try_decode(&self, number: usize) -> Result<Array2<u32>> {
        let Some(entry) = self.index.get(number) else { return Err(Error::shape("there is no such chunk")) };
        let end = self.index.get(number + 1).map_or(self.index_offset, |next| next.offset);
        // The index lies in the file, and in order.
        let mut bytes = vec![0; (end - entry.offset) as usize];
        self.file.read_at(entry.offset, &mut bytes)?;
        let (mut content, sum) = unsealed(&bytes).ok_or_else(|| damaged("its checksum is wrong"))?;
        if sum != entry.checksum {
            return Err(damaged("it is not the chunk that the index tells of"));
        }
        let expected = self.header.chunk_rows.min(self.rows() - number * self.header.chunk_rows);
        let head = &mut content;
        let (rows, length, codes_sum) = (take(head), take(head), take(head));
        if rows.map(u32::from_le_bytes) != Some(expected as u32)
            || length.map(u32::from_le_bytes) != Some(head.len() as u32)
        {
            return Err(damaged(format!("it is not one of {expected} rows in {} bytes", head.len())));
        }
        let codes = self.coder.decode_chunk(expected, content)?;
        let decoded_sum =
            codes.as_slice().map(|codes| codes_checksum(self.header_checksum, entry.first_row, codes));
        if codes_sum.map(u128::from_le_bytes) != decoded_sum {
            return Err(damaged("its codes are not those that were written"));
        }
        Ok(codes)
    }
}

/// An error about bytes that have changed.
fn damaged(why: impl std::fmt::Display) -> Error {
    Error::input(format!("{why}; the file is damaged"))
}

/// The header, its checksum and where it ends.
fn read_header(file: &DataFile) -> Result<(Header, u128, u64)> {
    let wrong = |why: &str| file.invalid(format!("header: {why}"));
    let prefix: [u8; PREFIX_BYTES] = file.read_array(0, "the header of a .wgvq file")?;
    let fields = &mut &prefix[..];
    if take(fields) != Some(MAGIC) {
        return Err(wrong("this is no .wgvq file; `wgvq encode --pack` writes them"));
    }
    let version = take(fields).map_or(0, u32::from_le_bytes);
    if version != VERSION {
        return Err(wrong(&format!("version {version} of the format; this program reads version {VERSION}")));
    }
    let length = take(fields).map_or(0, u32::from_le_bytes);
    let end = PREFIX_BYTES as u64 + u64::from(length) + CHECKSUM_BYTES as u64;
    if end > file.len() {
        return Err(wrong("it is longer than the file; the file is cut short or damaged"));
    }
    let mut bytes = vec![0; end as usize];
    file.read_at(0, &mut bytes)?;
    let (content, sum) =
        unsealed(&bytes).ok_or_else(|| wrong("its checksum is wrong; the file is damaged"))?;
    let header =
        serde_json::from_slice(&content[PREFIX_BYTES..]).map_err(|error| wrong(&error.to_string()))?;
    Ok((header, sum, end))
}

fn read_footer(file: &DataFile, header_end: u64) -> Result<Footer> {
    let cut = "footer: the file does not end in one; it is cut short, or damaged at its end";
    let start = file.len().checked_sub(FOOTER_BYTES as u64).filter(|&start| start >= header_end);
    let start = start.ok_or_else(|| file.invalid(cut))?;
    let bytes: [u8; FOOTER_BYTES] = file.read_array(start, "the footer of a .wgvq file")?;
    let content = bytes.strip_suffix(&END).ok_or_else(|| file.invalid(cut))?;
    let footer = Footer::read(content)
        .ok_or_else(|| file.invalid("footer: its checksum is wrong; the file is damaged"))?;
    let index_bytes = footer.chunks.checked_mul(ENTRY_BYTES as u64);
    if index_bytes.and_then(|bytes| bytes.checked_add(footer.index_offset)) != Some(start) {
        return Err(file.invalid("footer: its index is not in front of it; the file is damaged"));
    }
    Ok(footer)
}

/// The index, its entries in order and without gaps in file and rows.
fn read_index(file: &DataFile, footer: &Footer, header_end: u64, chunk_rows: usize) -> Result<Vec<Entry>> {
    let wrong = |why: &str| file.invalid(format!("index: {why}; the file is damaged"));
    let chunk_rows = chunk_rows as u64;
    if footer.chunks != footer.rows.div_ceil(chunk_rows) {
        return Err(wrong("it has not the number of chunks that the rows make"));
    }
    // `read_footer` has seen that it lies in the file.
    let mut bytes = vec![0; footer.chunks as usize * ENTRY_BYTES];
    file.read_at(footer.index_offset, &mut bytes)?;
    if checksum(&bytes) != footer.index_checksum {
        return Err(wrong("its checksum is wrong"));
    }
    let mut rest = &bytes[..];
    let index: Vec<Entry> = std::iter::from_fn(|| Entry::read(&mut rest)).collect();
    let smallest = (CHUNK_HEAD_BYTES + CHECKSUM_BYTES) as u64;
    let in_rows = (0..).zip(&index).all(|(number, entry)| entry.first_row == number * chunk_rows);
    let ends = index.iter().skip(1).map(|entry| entry.offset).chain([footer.index_offset]);
    let in_file = index.iter().zip(ends).all(|(entry, end)| {
        end <= footer.index_offset && entry.offset.checked_add(smallest).is_some_and(|least| least <= end)
    });
    let start = index.first().map_or(footer.index_offset, |entry| entry.offset);
    if !in_rows || !in_file || start != header_end {
        return Err(wrong("its chunks do not follow one another"));
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::testing::{Folder, container, header, random_codes, refused, variants};
    use super::super::{Method, Writer};
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn any_rows_are_read() {
        let folder = Folder::new();
        let mut rng = Rng::new(30, 0);
        for (method, ragged) in variants() {
            for rows in [0, 1, 15, 16, 17, 200] {
                let codes = random_codes(&mut rng, rows, &[9, 1000], ragged);
                let bytes = container(&codes, header(&[9, 1000], method, ragged, 16));
                let reader = Reader::open(folder.file("any.wgvq", &bytes)).unwrap();
                assert_eq!(reader.rows(), rows);
                assert_eq!(reader.read(0..rows).unwrap(), codes);
                for _ in 0..20 {
                    let (a, b) = (rng.below(rows + 1), rng.below(rows + 1));
                    let range = a.min(b)..a.max(b);
                    assert_eq!(reader.read(range.clone()).unwrap(), codes.slice(s![range, ..]));
                }
                let mut heard = Vec::new();
                reader.verify(|rows| heard.push(rows)).unwrap();
                assert_eq!(heard.len(), rows.div_ceil(16));
                assert_eq!(heard.last().copied().unwrap_or(0), rows);
                assert!(refused(reader.read(0..rows + 1)).contains(&format!("which has {rows}")));
                #[expect(clippy::reversed_empty_ranges, reason = "a caller may have computed such a range")]
                let reversed = reader.read(1..0);
                assert!(refused(reversed).contains("rows 1..0"));
            }
        }
    }

    #[test]
    fn threads_share_a_reader() {
        let folder = Folder::new();
        let codes = random_codes(&mut Rng::new(31, 0), 500, &[256; 3], false);
        let bytes = container(&codes, header(&[256; 3], Method::Range, false, 16));
        let reader = &Reader::open(folder.file("shared.wgvq", &bytes)).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let codes = &codes;
                scope.spawn(move || {
                    let mut rng = Rng::new(32, thread);
                    for _ in 0..200 {
                        let start = rng.below(450);
                        assert_eq!(
                            reader.read(start..start + 50).unwrap(),
                            codes.slice(s![start..start + 50, ..])
                        );
                    }
                });
            }
        });
    }

    #[test]
    fn errors_name_the_file_and_the_part() {
        let folder = Folder::new();
        let codes = random_codes(&mut Rng::new(33, 0), 40, &[256; 2], false);
        let whole = container(&codes, header(&[256; 2], Method::Packed, false, 16));
        let open = |bytes: &[u8]| Reader::open(folder.file("x.wgvq", bytes));
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            refused(open(&bytes).and_then(|reader| reader.verify(|_| ())))
        };
        let end = whole.len();
        let index = end - FOOTER_BYTES - 3 * ENTRY_BYTES;
        assert!(flipped(2).contains("x.wgvq: header: this is no .wgvq file"));
        assert!(flipped(8).contains("x.wgvq: header: version 5 of the format"));
        assert!(flipped(14).contains("x.wgvq: header: it is longer than the file"));
        assert!(flipped(30).contains("x.wgvq: header: its checksum is wrong"));
        let (first, last) = (index - 2 * (32 + 40) - (16 + 40) + 1, index - 1);
        assert!(flipped(first).contains("x.wgvq: chunk 1 of 3: its checksum is wrong"), "{}", flipped(first));
        assert!(flipped(last).contains("x.wgvq: chunk 3 of 3: its checksum is wrong"), "{}", flipped(last));
        assert!(flipped(index + 1).contains("x.wgvq: index: its checksum is wrong"));
        assert!(flipped(end - FOOTER_BYTES).contains("x.wgvq: footer: its checksum is wrong"));
        assert!(flipped(end - 1).contains("x.wgvq: footer: the file does not end in one"));
        assert!(refused(open(&whole[..end - 1])).contains("cut short"));
        assert!(refused(open(&[])).contains("empty"));
        assert!(refused(Reader::open(folder.path("gone.wgvq"))).contains("gone.wgvq"));
        // A damaged chunk does no harm to the rows of another.
        let mut bytes = whole.clone();
        bytes[first] ^= 1;
        let reader = open(&bytes).unwrap();
        assert_eq!(reader.read(16..40).unwrap(), codes.slice(s![16..40, ..]));
        assert!(refused(reader.read(15..17)).contains("chunk 1 of 3"));
    }

    #[test]
    fn another_model_is_refused() {
        let folder = Folder::new();
        let path = folder.path("m.wgvq");
        let write = |hash: &str| {
            let mut header = header(&[4], Method::Packed, false, 8);
            header.model_hash = hash.to_string();
            let mut writer = Writer::create(&path, header, true).unwrap();
            writer.append(array![[1]].view()).unwrap();
            writer.finish().unwrap();
            Reader::open(&path).unwrap()
        };
        assert!(write("abc").check_model("abc").is_ok());
        let why = refused(write("abc").check_model("def"));
        assert!(why.contains("model abc") && why.contains("not to def"), "{why}");
        assert!(refused(write("").check_model("def")).contains("names no model"));
    }
}
