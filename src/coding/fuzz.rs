//! Damaged containers: an error or the right codes, never a panic, a hang or wrong codes.

use ndarray::Array2;

use super::layout::{
    CHECKSUM_BYTES, CHUNK_HEAD_BYTES, ENTRY_BYTES, Entry, FOOTER_BYTES, Footer, checksum, chunk_bytes,
    unsealed,
};
use super::testing::{Folder, container, header, random_codes, refused, skewed_codes, variants};
use super::{ChunkCoder, Method, Reader};
use crate::error::Result;
use crate::rng::Rng;

const SIZES: [usize; 3] = [256, 5, 300];
const CHUNK_ROWS: usize = 12;

/// Codes of four chunks and their file.
fn sample(method: Method, ragged: bool) -> (Array2<u32>, Vec<u8>) {
    let mut rng = Rng::new(40, 0);
    let mut codes = skewed_codes(&mut rng, 40, &SIZES, ragged);
    // Something that is worth a table.
    codes.column_mut(0).mapv_inplace(|code| code % 3);
    let bytes = container(&codes, header(&SIZES, method, ragged, CHUNK_ROWS));
    (codes, bytes)
}

/// All the codes of a file, if it proves right and can be read.
fn read(folder: &Folder, bytes: &[u8]) -> Result<Array2<u32>> {
    let path = folder.file("damaged.wgvq", bytes);
    let read = || {
        let reader = Reader::open(&path)?;
        // What an attacker announces may be large; nothing here is.
        assert!(reader.rows() <= 1 << 24);
        reader.verify(|_| ())?;
        reader.read(0..reader.rows())
    };
    let codes = read();
    std::fs::remove_file(path).unwrap();
    codes
}

#[test]
fn every_flipped_bit_is_refused() {
    let folder = Folder::new();
    for (method, ragged) in variants() {
        let (codes, whole) = sample(method, ragged);
        assert_eq!(read(&folder, &whole).unwrap(), codes);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let why = refused(read(&folder, &bytes));
            let parts = ["header: ", "chunk ", "index: ", "footer: "];
            assert!(
                parts.iter().any(|part| why.contains(&format!("damaged.wgvq: {part}"))),
                "bit {bit}: {why}"
            );
        }
    }
}

#[test]
fn every_shorter_and_longer_file_is_refused() {
    let folder = Folder::new();
    for (method, ragged) in variants() {
        let (_, whole) = sample(method, ragged);
        (0..whole.len()).for_each(|length| drop(refused(read(&folder, &whole[..length]))));
        for extra in 1..100 {
            let _ = refused(read(&folder, &[&whole[..], &vec![0; extra]].concat()));
            let _ = refused(read(&folder, &[&vec![0; extra], &whole[..]].concat()));
        }
        let _ = refused(read(&folder, &[&whole[..], &whole[..]].concat()));
    }
}

#[test]
fn a_chunk_of_a_twin_is_refused() {
    // Same header, same sizes, other codes: the chunk is right in itself, but not the one that this file's index
    // tells of.
    let folder = Folder::new();
    let twin = |seed| {
        let codes = random_codes(&mut Rng::new(seed, 0), 40, &SIZES, false);
        container(&codes, header(&SIZES, Method::Packed, false, CHUNK_ROWS))
    };
    let (mut file, other) = (twin(43), twin(44));
    let start = Parts::of(&file).header.len();
    let end = start + CHUNK_HEAD_BYTES + Parts::of(&file).chunks[0].2.len() + CHECKSUM_BYTES;
    file[start..end].copy_from_slice(&other[start..end]);
    assert!(
        refused(read(&folder, &file)).contains("chunk 1 of 4: it is not the chunk that the index tells of")
    );
}

/// Changes `bytes` in one way of many.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.below(bytes.len() + 1);
    let span = at..(at + rng.below(9)).min(bytes.len());
    match rng.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        1 if at < bytes.len() => bytes[at] = rng.bits() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.splice(at..at, (0..rng.below(9)).map(|_| rng.bits() as u8).collect::<Vec<_>>())),
        4 => drop(bytes.drain(span)),
        5 => bytes[span].fill([0, 0xff, 0x80, 0x7f][rng.below(4)]),
        // Two stretches change places.
        _ => {
            let length = rng.below(bytes.len() / 2 + 1);
            let first = rng.below(bytes.len() - 2 * length + 1);
            let second = first + length + rng.below(bytes.len() - 2 * length - first + 1);
            (0..length).for_each(|i| bytes.swap(first + i, second + i));
        }
    }
}

/// A file in its parts, to be put together again with checksums that fit.
struct Parts {
    header: Vec<u8>,
    /// Rows, checksum of the codes and bytes.
    chunks: Vec<(u32, u128, Vec<u8>)>,
    footer: Footer,
}

impl Parts {
    fn of(file: &[u8]) -> Self {
        let end = file.len() - FOOTER_BYTES;
        let footer = Footer::read(&file[end..file.len() - 8]).unwrap();
        let mut index = &file[footer.index_offset as usize..end];
        let entries: Vec<Entry> = std::iter::from_fn(|| Entry::read(&mut index)).collect();
        let ends = entries.iter().skip(1).map(|entry| entry.offset).chain([footer.index_offset]);
        let chunk = |(entry, end): (&Entry, u64)| {
            let chunk = &file[entry.offset as usize..end as usize];
            let rows = u32::from_le_bytes(*chunk.first_chunk().unwrap());
            let codes = u128::from_le_bytes(*chunk[8..].first_chunk().unwrap());
            (rows, codes, chunk[CHUNK_HEAD_BYTES..chunk.len() - CHECKSUM_BYTES].to_vec())
        };
        let chunks = entries.iter().zip(ends).map(chunk).collect();
        Self { header: file[..entries[0].offset as usize].to_vec(), chunks, footer }
    }

    fn join(&self) -> Vec<u8> {
        let mut file = self.header.clone();
        let mut index = Vec::new();
        let mut first_row = 0;
        for (rows, codes, bytes) in &self.chunks {
            let chunk = chunk_bytes(*rows, *codes, bytes);
            let checksum = unsealed(&chunk).unwrap().1;
            index.extend(Entry { offset: file.len() as u64, first_row, checksum }.to_bytes());
            first_row += CHUNK_ROWS as u64;
            file.extend(chunk);
        }
        assert_eq!(index.len(), self.chunks.len() * ENTRY_BYTES);
        let header_checksum = unsealed(&self.header).unwrap().1;
        let chunks = self.chunks.len() as u64;
        let index_offset = file.len() as u64;
        let index_checksum = checksum(&index);
        file.extend(index);
        file.extend(
            Footer { chunks, index_offset, header_checksum, index_checksum, ..self.footer }.to_bytes(),
        );
        file
    }
}

#[test]
fn ten_thousand_mutations_do_no_harm() {
    let folder = Folder::new();
    let mut rng = Rng::new(41, 0);
    let samples: Vec<_> = variants().map(|(method, ragged)| sample(method, ragged)).collect();
    let (_, stranger) = sample(Method::Packed, true);
    for round in 0..10_000 {
        let (codes, whole) = &samples[round % samples.len()];
        let mut file = whole.clone();
        // Half of them have checksums that fit, so that what is behind the checksums is put to the test.
        if round % 2 == 0 {
            (0..1 + rng.below(3)).for_each(|_| damage(&mut rng, &mut file));
        } else {
            let mut parts = Parts::of(whole);
            assert!(round > 20 || parts.join() == *whole);
            let count = parts.chunks.len();
            let (one, other) = (rng.below(count), rng.below(count));
            match rng.below(9) {
                0 => parts.chunks.swap(one, other),
                1 => parts.chunks.insert(other, parts.chunks[one].clone()),
                2 => parts.chunks[one] = parts.chunks[other].clone(),
                3 => drop(parts.chunks.remove(one)),
                4 => parts.chunks[one].0 = rng.bits() >> rng.below(32),
                5 => parts.footer.rows = u64::from(rng.bits()) << rng.below(32) >> rng.below(32),
                6 => parts.chunks[one] = Parts::of(&stranger).chunks[other].clone(),
                _ => (0..1 + rng.below(2)).for_each(|_| damage(&mut rng, &mut parts.chunks[one].2)),
            }
            file = parts.join();
        }
        if let Ok(read) = read(&folder, &file) {
            assert!(read == *codes, "round {round} reads wrong codes");
        }
    }
}

#[test]
fn forged_headers_get_no_more_room_than_a_chunk() {
    let folder = Folder::new();
    let forge = |json: &str, rows: u64| {
        let footer = Footer {
            rows,
            chunks: 0,
            index_offset: 0,
            model_bytes: 0,
            code_bytes: 0,
            header_checksum: 0,
            index_checksum: 0,
        };
        let chunks = vec![(rows as u32, 0, vec![]); usize::from(rows > 0)];
        let parts = Parts { header: super::layout::header_bytes(json.as_bytes()).unwrap(), chunks, footer };
        let path = folder.file("forged.wgvq", &parts.join());
        refused(Reader::open(path).and_then(|reader| reader.read(0..reader.rows())))
    };
    let json = |sizes: &str, rows: &str| {
        format!(
            r#"{{"spec":"x\ny","model_hash":"","dim":1,"codebook_sizes":{sizes},"method":"range","chunk_rows":{rows},"ragged":false}}"#
        )
    };
    assert!(forge("{", 0).contains("header: EOF"));
    assert!(forge(&json("[]", "1"), 0).contains("header: 0 codebooks"));
    assert!(forge(&json("[0]", "1"), 0).contains("codebook 0 has 0 codewords"));
    assert!(forge(&json("[4]", "18446744073709551615"), 1).contains("rows per chunk"));
    assert!(forge(&json("[4]", "-1"), 1).contains("header: invalid value"));
    assert!(forge(&json("[4]", "16777216"), u64::MAX).contains("index: "));
    assert!(forge(&json("[1]", "16777216"), 1 << 24).contains("chunk 1 of 1"));
    assert!(forge(&json("[16777216]", "16777216"), 1 << 24).contains("chunk 1 of 1"));
}

#[test]
fn the_decoders_make_nothing_but_codes_of_any_bytes() {
    let mut rng = Rng::new(42, 0);
    let mut decoded = 0;
    for (method, ragged) in variants() {
        let coder = ChunkCoder::new(method, &SIZES, ragged).unwrap();
        let codes = random_codes(&mut rng, 60, &SIZES, ragged).mapv(|code| code % 5 + code / 250 * 4);
        let codes = if ragged { random_codes(&mut rng, 60, &SIZES, true) } else { codes };
        let whole = coder.encode_chunk(codes.view()).unwrap().bytes;
        for _ in 0..3000 {
            let mut bytes = whole.clone();
            (0..1 + rng.below(3)).for_each(|_| damage(&mut rng, &mut bytes));
            if rng.below(8) == 0 {
                bytes.iter_mut().for_each(|byte| *byte = rng.bits() as u8);
            }
            let rows = if rng.below(4) == 0 { rng.below(200) } else { 60 };
            if let Ok(codes) = coder.decode_chunk(rows, &bytes) {
                decoded += 1;
                assert_eq!(codes.dim(), (rows, SIZES.len()));
                coder.check(codes.view(), 0).unwrap();
            }
        }
    }
    assert!(decoded > 1000, "only {decoded} were decoded at all");
}
