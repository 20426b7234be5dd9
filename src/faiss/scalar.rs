//! `IndexScalarQuantizer`: every dimension by itself.

use ndarray::{Array2, array};

use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, Record};
use super::parts::Parts;
use crate::coding::RowBits;
use crate::error::{Error, Result};

/// A number of `QuantizerType`, and the ranges of its levels.
#[derive(Default)]
pub(super) struct Scalar {
    qtype: i32,
    /// The least value of each dimension, or of all, and then the widths.
    trained: Vec<f32>,
}

/// How the levels of a type lie.
#[derive(Clone, Copy, PartialEq)]
enum Levels {
    /// In a range for each dimension.
    Own,
    /// In one range for all.
    Shared,
    /// At whole numbers from this one on.
    From(f32),
}

/// The types that are read: number, bits of a code, levels.
const TYPES: [(i32, u32, Levels); 7] = [
    (0, 8, Levels::Own),
    (1, 4, Levels::Own),
    (6, 6, Levels::Own),
    (2, 8, Levels::Shared),
    (3, 4, Levels::Shared),
    (5, 8, Levels::From(0.0)),
    (8, 8, Levels::From(-128.0)),
];

impl Scalar {
    pub fn of(mut parts: Parts) -> Result<Self> {
        let spec = parts.spec.clone();
        let refused = |why: &str| {
            Err(Error::input(format!(
                "{spec}: {why}; what FAISS has of them is whole numbers from 0 or -128 on in 8 bits, and levels that come from FAISS"
            )))
        };
        parts.settings.remove("levels");
        let (low, step) = (parts.take("low"), parts.take("step"));
        let listed = parts.take("levels");
        parts.end("IndexScalarQuantizer")?;
        if let (Some(low), Some(step)) = (&low, &step) {
            let are = |from: f32| low.iter().all(|&low| low == from) && step.iter().all(|&step| step == 1.0);
            let found = TYPES.iter().find(|(.., levels)| matches!(levels, Levels::From(from) if are(*from)));
            return match found {
                Some(&(qtype, ..)) if spec.to_string() == "SQ8" => Ok(Self { qtype, trained: Vec::new() }),
                _ => refused("its levels, low + code · step, are others than FAISS computes from a range"),
            };
        }
        let levels = listed.unwrap_or_default();
        let trained = parts.kept_floats(RANGES).unwrap_or_default();
        let wanted = if trained.len() == 2 * parts.dim { Levels::Own } else { Levels::Shared };
        let fits = |(_, bits, own): &&(i32, u32, Levels)| *own == wanted && levels.ncols() == 1 << bits;
        match TYPES.iter().find(fits) {
            Some(&(qtype, bits, _)) if levels == levels_of(&trained, bits) => Ok(Self { qtype, trained }),
            _ => refused("its levels are not those of ranges that came from FAISS"),
        }
    }

    /// The bits of a code, and how their levels lie; of a type that is known.
    fn levels(&self) -> (u32, Levels) {
        let known = TYPES.iter().find(|(qtype, ..)| *qtype == self.qtype);
        known.map_or((TYPES[0].1, TYPES[0].2), |&(_, bits, levels)| (bits, levels))
    }
}

/// What the ranges are kept as.
const RANGES: &str = "ScalarQuantizer.trained";

/// The levels in ranges, of which all lows come first and then all widths: in the middle of each of k − 1 cells to the width, and one
/// more, where processors multiply and add in one step, which rounds once.
fn levels_of(trained: &[f32], bits: u32) -> Array2<f32> {
    let k = 1_usize << bits;
    let (lows, widths) = trained.split_at(trained.len() / 2);
    Array2::from_shape_fn((lows.len(), k), |(j, c)| {
        ((c as f32 + 0.5) / (k - 1) as f32).mul_add(widths[j], lows[j])
    })
}

impl Record for Scalar {
    fn record(&mut self, dim: usize, at: &mut Fields<'_>) -> Result<()> {
        at.record("ScalarQuantizer");
        at.number("qtype", &mut self.qtype)?;
        let Some(&(.., levels)) = TYPES.iter().find(|(qtype, ..)| *qtype == self.qtype) else {
            let why = format!(
                "is {}; those of 8, 6 and 4 bits are read: QT_8bit (0), QT_4bit (1), QT_8bit_uniform (2), QT_4bit_uniform (3), \
                 QT_8bit_direct (5), QT_6bit (6) and QT_8bit_direct_signed (8)",
                self.qtype
            );
            return Err(at.wrong("qtype", why));
        };
        at.kept("rangestat", 0_i32)?;
        at.kept("rangestat_arg", 0_f32)?;
        at.expect("d", dim as u64)?;
        at.expect("code_size", self.bits(dim).row_bytes() as u64)?;
        let ranges = match levels {
            Levels::Own => dim,
            Levels::Shared => 1,
            Levels::From(_) => 0,
        };
        at.floats("trained", &mut self.trained, 2 * ranges)?;
        at.keep_floats("trained", &self.trained);
        Ok(())
    }

    fn bits(&self, dim: usize) -> RowBits {
        RowBits::new(vec![1 << self.levels().0; dim])
    }

    fn quantizer(self: Box<Self>, dim: usize) -> Result<Parts> {
        let (bits, levels) = self.levels();
        let mut parts = Parts::new(&format!("SQ{bits}"), dim)?;
        if let Levels::From(from) = levels {
            parts.put("low", array![[from]]);
            parts.put("step", array![[1.0]]);
            return Ok(parts.with("levels", "uniform"));
        }
        parts.put("levels", levels_of(&self.trained, bits));
        Ok(parts.with("levels", "lloyd_max"))
    }
}

impl Body for Scalar {
    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        self.record(header.d, at)?;
        at.record("IndexScalarQuantizer");
        at.codes("codes", header.rows, self.bits(header.d))
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        self.quantizer(header.d)
    }
}
