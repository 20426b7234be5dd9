//! The header of an npy file.

use std::io::{ErrorKind, Read};

use crate::io::dtype::Dtype;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longer headers describe records of many named fields, not a matrix.
const LONGEST: u32 = 64 << 10;

/// The bytes before the numbers of a C-ordered array of `rows` × `columns`; `descr` as in `<f4`.
pub(in crate::io) fn header(descr: &str, rows: usize, columns: usize) -> Vec<u8> {
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

/// The number type and whether its bytes stand big-endian, from a dtype string such as `<f4` or `float32`.
fn parse_descr(descr: &str) -> Result<(Dtype, bool), String> {
    let unknown = || {
        format!(
            "holds numbers of type '{descr}'; f2, f4, f8, u1 and i1 hold vectors, u1, u2, u4, u8, i4 and i8 codes"
        )
    };
    let kind = descr.trim_start_matches(['<', '>', '=', '|']);
    let big_endian = match &descr[..descr.len() - kind.len()] {
        "<" | "|" => false,
        ">" => true,
        "" | "=" => cfg!(target_endian = "big"),
        _ => return Err(unknown()),
    };
    let dtype = match kind {
        "f2" | "float16" => Dtype::F16,
        "f4" | "float32" => Dtype::F32,
        "f8" | "float64" => Dtype::F64,
        "u1" | "uint8" => Dtype::U8,
        "i1" | "int8" => Dtype::I8,
        "u2" | "uint16" => Dtype::U16,
        "u4" | "uint32" => Dtype::U32,
        "i4" | "int32" => Dtype::I32,
        "i8" | "int64" => Dtype::I64,
        "u8" | "uint64" => Dtype::U64,
        _ => return Err(unknown()),
    };
    Ok((dtype, big_endian))
}

/// What an array is.
#[derive(Debug, PartialEq)]
pub(in crate::io) struct Header {
    pub descr: String,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads everything before the numbers; the header, and how many bytes that were.
    pub fn read(reader: &mut impl Read) -> Result<(Self, u64), String> {
        let mut fill = |bytes: &mut [u8]| {
            reader.read_exact(bytes).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => "its npy header has no end: it was cut short".to_string(),
                _ => format!("its npy header cannot be read: {error}"),
            })
        };
        let mut start = [0; MAGIC.len() + 2];
        fill(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err("not an npy file: it does not begin with \\x93NUMPY".into());
        }
        let mut length = [0; 4];
        let length_bytes = match start[MAGIC.len()] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(format!("npy version {other}; versions 1 to 3 are known")),
        };
        fill(&mut length[..length_bytes])?;
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(format!("an npy header of {length} bytes does not describe a matrix"));
        }
        let mut text = vec![0; length as usize];
        fill(&mut text)?;
        let header = Self::parse(&text).map_err(|why| format!("npy header: {why}"))?;
        Ok((header, (start.len() + length_bytes) as u64 + u64::from(length)))
    }

    /// The type of the numbers, and whether their bytes stand big-endian.
    pub fn number_type(&self) -> Result<(Dtype, bool), String> {
        parse_descr(&self.descr)
    }

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
        // Python 2 began text with a u.
        self.accept('u');
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
            // Python 2 ended long integers with an L.
            numbers.push(
                word.strip_suffix('L')
                    .unwrap_or(word)
                    .parse()
                    .map_err(|_| format!("'{word}' in 'shape' is not a length"))?,
            );
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
        assert_eq!(
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (60L, 4L), }"),
            header("<f4", false, &[60, 4])
        );
        assert_eq!(
            parse("{u'descr': u'float32', u'fortran_order': False, u'shape': (60L, 4), }"),
            header("float32", false, &[60, 4])
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
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4LL, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (L, 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 4)}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'color': 'red'}",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_number_type_and_byte_order_is_known() {
        assert_eq!(parse_descr("<f2"), Ok((Dtype::F16, false)));
        assert_eq!(parse_descr(">f8"), Ok((Dtype::F64, true)));
        assert_eq!(parse_descr("|i1"), Ok((Dtype::I8, false)));
        assert_eq!(parse_descr("=u2"), Ok((Dtype::U16, cfg!(target_endian = "big"))));
        assert_eq!(parse_descr("float32"), parse_descr("=f4"));
        for wrong in ["", "<", "<>f4", "<c8", "<f16", "é4", "|S3"] {
            assert!(parse_descr(wrong).is_err(), "{wrong}");
        }
    }
}
