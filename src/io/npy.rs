//! NumPy's `.npy`: a magic, a version, a header that is a Python dictionary, then the numbers.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, versions 1.0 to 3.0.

use std::path::Path;

use super::dtype::Dtype;
use super::file::DataFile;
use super::stored::{Layout, Order, StoredMatrix};
use crate::error::Result;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longer headers describe records of many named fields, not a matrix.
const LONGEST_HEADER: u64 = 64 << 10;

/// Opens the two-dimensional array in `path`.
pub(super) fn open(path: &Path) -> Result<StoredMatrix> {
    open_as(path, |shape| match shape {
        [rows, dim] => Ok((*rows, *dim)),
        [n] => Err(format!(
            "a one-dimensional array of {n}; store {n} vectors of dimension 1 as shape ({n}, 1), one vector as (1, {n})"
        )),
        _ => Err(format!("an array of shape {shape:?}; vectors are the rows of a two-dimensional one")),
    })
}

/// Opens an array of one number per row: of shape (n,) or (n, 1).
pub(super) fn open_column(path: &Path) -> Result<StoredMatrix> {
    open_as(path, |shape| match shape {
        [n] | [n, 1] => Ok((*n, 1)),
        _ => Err(format!("an array of shape {shape:?}; one number per row has shape (n,) or (n, 1)")),
    })
}

/// Opens the array in `path` as the matrix that `matrix` makes of its shape.
fn open_as(path: &Path, matrix: impl Fn(&[usize]) -> Result<(usize, usize), String>) -> Result<StoredMatrix> {
    let file = DataFile::open(path)?;
    let start: [u8; 8] = file.read_array(0, "an npy header")?;
    if &start[..6] != MAGIC {
        return Err(file.invalid("not an npy file: it does not begin with \\x93NUMPY"));
    }
    let (header_start, header_bytes) = match start[6] {
        1 => (10, u64::from(u16::from_le_bytes(file.read_array(8, "an npy header")?))),
        2 | 3 => (12, u64::from(u32::from_le_bytes(file.read_array(8, "an npy header")?))),
        other => return Err(file.invalid(format!("npy version {other}; versions 1 to 3 are known"))),
    };
    if header_bytes > LONGEST_HEADER {
        return Err(file.invalid(format!("an npy header of {header_bytes} bytes does not describe a matrix")));
    }
    let data_start = header_start + header_bytes;
    if data_start > file.len() {
        return Err(file.invalid(format!(
            "its header ends at byte {data_start}, the file at {}: it was cut short",
            file.len()
        )));
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_at(header_start, &mut header)?;
    let header = Header::parse(&header).map_err(|why| file.invalid(format!("npy header: {why}")))?;

    let (dtype, big_endian) = parse_descr(&header.descr).map_err(|why| file.invalid(why))?;
    let (rows, dim) = matrix(&header.shape).map_err(|why| file.invalid(why))?;
    let order = if header.fortran_order { Order::Columns } else { Order::Rows };
    let layout = Layout { start: data_start, rows, dim, dtype, order, big_endian };
    let len = file.len();
    let matrix = StoredMatrix::new(file, layout)?;
    let end = layout.bytes().map(|bytes| bytes + data_start);
    if end != Some(len) {
        return Err(matrix.file().invalid(format!(
            "{} bytes follow the {rows} x {dim} numbers that the header promises",
            len - end.unwrap_or(0)
        )));
    }
    Ok(matrix)
}

/// The bytes before the numbers of a C-ordered array of `rows` × `columns`; `descr` as in `<f4`.
pub(super) fn header(descr: &str, rows: usize, columns: usize) -> Vec<u8> {
    let mut dictionary =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // Spaces and a newline, so that the numbers start at a multiple of 64.
    let unpadded = MAGIC.len() + 4 + dictionary.len() + 1;
    dictionary.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    dictionary.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend((dictionary.len() as u16).to_le_bytes());
    header.extend(dictionary.bytes());
    header
}

/// The number type and whether its bytes stand big-endian, from a dtype string such as `<f4`.
fn parse_descr(descr: &str) -> Result<(Dtype, bool), String> {
    let unknown = || {
        format!(
            "holds numbers of type '{descr}'; f2, f4, f8, u1 and i1 hold vectors, u1, u2, u4, i4 and i8 codes"
        )
    };
    let (byte_order, kind) = descr.split_at_checked(1).ok_or_else(unknown)?;
    let big_endian = match byte_order {
        "<" | "|" => false,
        ">" => true,
        "=" => cfg!(target_endian = "big"),
        _ => return Err(unknown()),
    };
    let dtype = match kind {
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        "u1" => Dtype::U8,
        "i1" => Dtype::I8,
        "u2" => Dtype::U16,
        "u4" => Dtype::U32,
        "i4" => Dtype::I32,
        "i8" => Dtype::I64,
        _ => return Err(unknown()),
    };
    Ok((dtype, big_endian))
}

#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the dictionary: three keys in any order, values as Python writes them.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not text")?;
        let mut literal = Literal { rest: text };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect('{')?;
        while !literal.accept('}') {
            let key = literal.string()?;
            literal.expect(':')?;
            match key {
                "descr" => {
                    descr = Some(literal.string().map_err(|_| "'descr' is not one number type")?.to_owned())
                }
                "fortran_order" => fortran_order = Some(literal.bool()?),
                "shape" => shape = Some(literal.tuple()?),
                other => return Err(format!("'{other}' is not a key of an npy header")),
            }
            if !literal.accept(',') {
                literal.expect('}')?;
                break;
            }
        }
        let missing = |key| move || format!("'{key}' is missing");
        Ok(Self {
            descr: descr.ok_or_else(missing("descr"))?,
            fortran_order: fortran_order.ok_or_else(missing("fortran_order"))?,
            shape: shape.ok_or_else(missing("shape"))?,
        })
    }
}

/// What is left to read of a Python literal.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn accept(&mut self, what: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, what: char) -> Result<(), String> {
        if self.accept(what) {
            Ok(())
        } else {
            Err(format!("'{what}' is missing before '{}'", self.excerpt()))
        }
    }

    fn excerpt(&self) -> String {
        self.rest.trim().chars().take(20).collect()
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.accept('\'') { '\'' } else { '"' };
        if quote == '"' {
            self.expect('"')?;
        }
        let (string, rest) = self.rest.split_once(quote).ok_or("a string has no end")?;
        self.rest = rest;
        Ok(string)
    }

    fn bool(&mut self) -> Result<bool, String> {
        let word = self.word();
        match word {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(format!("'fortran_order' is '{word}', neither True nor False")),
        }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut numbers = Vec::new();
        while !self.accept(')') {
            let word = self.word();
            numbers.push(word.parse().map_err(|_| format!("'{word}' in 'shape' is not a length"))?);
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }

    /// Everything up to the next delimiter.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find([',', ')', '}']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, refused};

    #[test]
    fn the_header_is_read_in_any_spelling() {
        let parse = |text: &str| Header::parse(text.as_bytes());
        let header = |descr: &str, fortran_order, shape: &[usize]| {
            Ok(Header { descr: descr.into(), fortran_order, shape: shape.into() })
        };
        assert_eq!(
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n"),
            header("<f4", false, &[3, 4])
        );
        assert_eq!(
            parse("{\"shape\":(3,),\"fortran_order\":True,\"descr\":\">f8\"}"),
            header(">f8", true, &[3])
        );
        assert_eq!(parse("{'shape': (), 'fortran_order': True, 'descr': '|u1'}"), header("|u1", true, &[]));
        for wrong in [
            "",
            "{",
            "{}",
            "{'descr'}",
            "{'descr': '<f4, ",
            "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': false, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 4)}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'color': 'red'}",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_header_writes_is_what_open_reads() {
        let folder = Folder::new();
        for (rows, columns) in [(0, 1), (1, 1), (7, 3), (123_456, 2)] {
            let mut bytes = header("<u2", rows, columns);
            assert_eq!(bytes.len() % 64, 0);
            bytes.resize(bytes.len() + rows * columns * 2, 7);
            let matrix = open(&folder.file("a.npy", &bytes)).unwrap();
            assert_eq!((matrix.rows(), matrix.dim(), matrix.dtype()), (rows, columns, Dtype::U16));
        }
    }

    #[test]
    fn every_number_type_and_byte_order_is_known() {
        assert_eq!(parse_descr("<f2"), Ok((Dtype::F16, false)));
        assert_eq!(parse_descr(">f8"), Ok((Dtype::F64, true)));
        assert_eq!(parse_descr("|i1"), Ok((Dtype::I8, false)));
        for wrong in ["", "<", "f4", "<c8", "<f16", "é4", "|S3"] {
            assert!(parse_descr(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let whole = |shape: &str, bytes: usize| {
            let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
            let mut file = b"\x93NUMPY\x01\x00".to_vec();
            file.extend((dictionary.len() as u16).to_le_bytes());
            file.extend(dictionary.bytes());
            file.resize(file.len() + bytes, 0);
            file
        };
        let why = |bytes: &[u8]| refused(open(&folder.file("a.npy", bytes)));
        assert!(open(&folder.file("a.npy", &whole("(2, 3)", 24))).is_ok());
        assert!(why(b"").contains("is empty"));
        assert!(why(b"\x93NUMPY").contains("too few"));
        assert!(why(b"PK\x03\x04 is a zip").contains("not an npy file"));
        assert!(why(b"\x93NUMPY\x09\x00\x00\x00").contains("version 9"));
        assert!(why(&whole("(2, 3)", 24)[..40]).contains("cut short"));
        assert!(why(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}").contains("4294967295 bytes"));
        assert!(why(&whole("(2, 3)", 23)).contains("promises 2 x 3"));
        assert!(why(&whole("(2, 3)", 25)).contains("1 bytes follow the 2 x 3"));
        assert!(why(&whole("(9223372036854775807, 9223372036854775807)", 24)).contains("promises"));
        assert!(why(&whole("(2, 0)", 0)).contains("dimension 0"));
        assert!(why(&whole("(6,)", 24)).contains("as shape (6, 1), one vector as (1, 6)"));
        assert!(why(&whole("(1, 2, 3)", 24)).contains("[1, 2, 3]"));
    }
}
