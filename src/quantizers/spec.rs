//! The strings that name a quantizer.

mod piece;

pub(super) use piece::{Piece, whole};

use std::any::Any;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ndarray::Array2;
use serde_json::{Map, Value};

use super::even_levels::Wanted;
use super::gradient::ByGradient;
use super::kinds::{KINDS, Kind, Place};
use super::model::Parts;
use super::training::Fit;
use super::{Quantizer, joint};
use crate::error::{Error, Result};
use crate::settings::{Setting, Settings, Spelling, Stage, listed, not_here};
use crate::train::{Holds, KMeans};
use crate::vectors::Vectors;

/// What a quantizer is and how large. The grammar is that of FAISS's index factory where it has one.
///
/// | spec | quantizer |
/// | --- | --- |
/// | `VQ1024` | one codebook of any size |
/// | `SQ8`, `SQ:9` | every dimension by itself, in so many bits or, behind :, levels; evenly spaced or by Lloyd and Max, of its own or shared by all |
/// | `PQ8x8` | product: parts of the dimensions, a codebook each, of uneven length where they have to be |
/// | `OPQ8,PQ8x8`, `OPQ4,RQ4x6` | a rotation that is learned for so many parts, before a product quantizer or most others |
/// | `RR,SQ4` | a random rotation, before any but another |
/// | `RBQ4` | 1 to 8 bits of each dimension after a random rotation, by levels for a normal distribution, and a length for each vector; only the mean is learned |
/// | `RQ8x8`, `RQ1x10+7x8` | residual: stages, each for what those before leave over, by beam search; with a largest error a vector gets only the codes that it needs |
/// | `TRQ4x6` | residual in a tree: each code chooses the codebook of the next stage; greedy |
/// | `PRQ2x4x8` | product-residual: parts, each with stages of its own |
/// | `AQ8x8` | additive: the sum of one codeword of each codebook, by beam search over all of them |
/// | `LSQ8x8` | additive, with local search after the beam |
/// | `PLSQ2x4x8` | parts, each the sum of codewords found by local search |
/// | `SFVQ6`, `SFVQ6+4` | space-filling: the corners of a curve in order; behind + the bits of the place between two corners |
/// | `EVQ64` | codewords that occur about equally often, resampled along the curve of an SFVQ |
/// | `FSQ:8x5x5x5` | finite scalar: a few learned coordinates, each rounded to so many levels; nothing is searched |
/// | `LFQ:12` | lookup-free: the signs of so many learned coordinates, a bit each |
/// | `Z`, `A2`, `D4`, `E8`, `Leech24`, `E8x12`, `E8:0.5` | lattices; behind x the bits of a block, for the points that carry the data alone; behind : the scale, which otherwise follows from the data |
///
/// Two specs are equal if they are written alike.
///
/// ```
/// use wgvq::Spec;
/// let spec: Spec = "OPQ8,PQ8x8".parse()?;
/// assert_eq!(spec.to_string(), "OPQ8,PQ8x8");
/// assert_eq!(spec.kind().name, "OPQ");
/// assert_eq!(spec.inner().unwrap().kind().name, "PQ");
/// assert!("PQ8".parse::<Spec>().unwrap_err().to_string().contains("PQ8x8"));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone)]
pub struct Spec(Arc<dyn Node>);

/// A kind of quantizer with its numbers: what every other part of the crate asks it.
pub(super) trait Node: fmt::Display + Any + Send + Sync {
    fn kind(&self) -> &'static Kind;

    /// The spec that this one is put before.
    fn inner(&self) -> Option<&Spec> {
        None
    }

    /// All settings that it has, those of what it is put before included.
    fn settings(&self) -> Vec<&'static Setting> {
        self.kind().settings.to_vec()
    }

    /// Codewords of the one codebook whose nearest codeword is the code.
    fn one_codebook(&self) -> Option<usize> {
        None
    }

    /// The spec for vectors times `factor`, where a number of it is in their units.
    fn times(&self, _factor: f32) -> Option<Spec> {
        None
    }

    /// Whether each of its parts has a scale of its own, where it is not behind a rotation.
    fn has_part_scales(&self) -> bool {
        false
    }

    /// Whether training scales the vectors by itself.
    fn scales_itself(&self) -> bool {
        self.has_part_scales()
    }

    /// The vectors that it is trained on.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it cannot be trained.
    fn needs(&self, settings: &Settings) -> Result<Needs>;

    /// The evenly spaced levels that it is trained to have, if that is all there is to it: they are found by sums over blocks.
    fn even_levels(&self, _settings: &Settings) -> Option<Wanted> {
        None
    }

    /// Codewords of the largest codebook that k-means makes.
    fn codewords(&self, settings: &Settings) -> Result<usize> {
        if let Some(inner) = self.inner() {
            return inner.node().codewords(settings);
        }
        Ok(match self.needs(settings)? {
            Needs::PerCodeword(k) => k,
            Needs::Sample(_) | Needs::All => 1,
        })
    }

    /// The vectors to train on, drawn by a `sampler` that has the codewords of [`needs`](Self::needs).
    fn sample(&self, sampler: &KMeans, x: &dyn Vectors) -> Result<Array2<f32>> {
        if let Some(inner) = self.inner() {
            return inner.node().sample(sampler, x);
        }
        sampler.check(x, None)?;
        Ok(sampler.sample(x, None)?.0)
    }

    /// What training holds in memory of `n` vectors of `d` dimensions.
    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds>;

    /// Trains it on all of `x`.
    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>>;

    /// Puts it together from what a model file holds.
    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>>;

    /// How it is trained by gradient, if it can be.
    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        None
    }
}

/// The vectors that a quantizer is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// A sample, by the number of codewords of the largest codebook.
    PerCodeword(usize),
    /// A sample of so many.
    Sample(usize),
    /// All of them, batch after batch.
    All,
}

impl Needs {
    /// A sample for the largest codebook of these bits.
    pub fn of_bits(bits: &[u32]) -> Result<Self> {
        Ok(Needs::PerCodeword(joint::sizes(bits)?.into_iter().max().unwrap_or(1)))
    }
}

impl Spec {
    pub(super) fn new(node: impl Node) -> Self {
        Self(Arc::new(node))
    }

    pub(super) fn node(&self) -> &dyn Node {
        &*self.0
    }

    /// The node, if it is of the type `T`.
    pub(super) fn of<T: Node>(&self) -> Option<&T> {
        (self.node() as &dyn Any).downcast_ref()
    }

    /// The row of [`KINDS`] that it is of.
    pub fn kind(&self) -> &'static Kind {
        self.node().kind()
    }

    /// What a rotation is put before.
    pub fn inner(&self) -> Option<&Spec> {
        self.node().inner()
    }

    /// All settings that it has.
    pub fn settings(&self) -> Vec<&'static Setting> {
        self.node().settings()
    }

    /// How many codewords it has, if it is one plain codebook whose nearest codeword is the code, such as `VQ64`.
    pub fn one_codebook(&self) -> Option<usize> {
        self.node().one_codebook()
    }

    /// The spec for vectors times `factor`: a lattice has a scale in their units.
    pub(super) fn times(&self, factor: f32) -> Self {
        self.node().times(factor).unwrap_or_else(|| self.clone())
    }

    /// Checks settings that are given at `stage`, by name and value.
    ///
    /// ```
    /// use wgvq::serde_json::json;
    /// use wgvq::Spec;
    /// use wgvq::settings::{Spelling, Stage};
    /// let given = json!({"max_error": 5});
    /// let given = given.as_object().unwrap();
    /// assert!("RQ4x6".parse::<Spec>()?.check(given, Stage::Encode, Spelling::Key).is_ok());
    /// let error = "SQ4".parse::<Spec>()?.check(given, Stage::Train, Spelling::Flag).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "--max-error belongs to RQ; leave it out, SQ4 has --levels and --shared"
    /// );
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a setting that it does not have, or has only before that stage, and for a value
    /// that the setting cannot be.
    pub fn check(&self, given: &Map<String, Value>, stage: Stage, spelling: Spelling) -> Result<Settings> {
        let known = self.settings();
        for (name, value) in given {
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                return Err(self.has_no(name, stage, spelling));
            };
            if stage == Stage::Encode && setting.stage == Stage::Train {
                let name = spelling.of(name);
                return Err(Error::input(format!(
                    "{name} decides what {self} learns; train again to change it"
                )));
            }
            setting.check(value, spelling)?;
        }
        Ok(Settings::new(known, given.clone()))
    }

    fn has_no(&self, name: &str, stage: Stage, spelling: Spelling) -> Error {
        let owners = KINDS.iter().filter(|kind| kind.settings.iter().any(|setting| setting.name == name));
        let owners: Vec<&str> = owners.map(|kind| kind.name).collect();
        let here = self.settings().into_iter();
        let here = here.filter(|setting| stage == Stage::Train || setting.stage == stage);
        let when = if stage == Stage::Encode { " in encoding" } else { "" };
        not_here(name, spelling, &owners, self, here, when)
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spec({self})")
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (head, tail) = text.split_once(',').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let letters = &head[..head.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(head.len())];
        let Some(kind) = KINDS.iter().copied().find(|kind| kind.letters.contains(&letters)) else {
            return Err(unknown(text));
        };
        let piece = Piece { text: head, rest: &head[letters.len()..], kind };
        let inner = match (kind.place, tail) {
            (Place::Before, None | Some("")) => {
                return Err(Error::input(format!(
                    "{text} says nothing of what comes after it; an example is {}",
                    kind.examples[0]
                )));
            }
            (Place::Before, Some(tail)) => Some(parse_inner(text, tail)?),
            (_, None) => None,
            (_, Some(tail)) => {
                let or = if tail.is_empty() { String::new() } else { format!(" or {tail}") };
                return Err(Error::input(format!(
                    "{text}: nothing can come after {head}; take {head}{or}, an example is {}",
                    kind.examples[0]
                )));
            }
        };
        (kind.parse)(&piece, inner)
    }
}

/// What comes after a rotation.
fn parse_inner(text: &str, tail: &str) -> Result<Spec> {
    if tail.contains(',') {
        return Err(Error::input(format!("{text} rotates twice; once is as good, such as OPQ8,PQ8x8")));
    }
    let inner: Spec = tail.parse()?;
    match inner.kind().place {
        Place::Anywhere => Ok(inner),
        _ => Err(Error::input(format!(
            "{text}: {tail} cannot come after a rotation; PQ, RQ and most others can, such as in OPQ8,PQ8x8"
        ))),
    }
}

fn unknown(text: &str) -> Error {
    match meant(text) {
        Some(spec) => Error::input(format!("the spec {text:?} is not known; did you mean {spec}?")),
        None => {
            let examples: Vec<&str> = KINDS.iter().flat_map(|kind| kind.examples).copied().collect();
            let examples = listed(&examples, "and");
            Error::input(format!(
                "the spec {text:?} is not known; known are {examples}, each with numbers of your own"
            ))
        }
    }
}

/// The spec that `text` would be in capitals and with the right sign between its numbers, or with letters that are nearly
/// the same.
fn meant(text: &str) -> Option<Spec> {
    let other = text.to_uppercase().replace(['X', '×', '*'], "x");
    if other != text {
        return other.parse().ok();
    }
    let letters = &text[..text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len())];
    let near = |known: &&&str| known.len() > 1 && strsim::damerau_levenshtein(letters, known) == 1;
    let known = KINDS.iter().flat_map(|kind| kind.letters).filter(near);
    known.filter_map(|known| format!("{known}{}", &text[letters.len()..]).parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_comes_back_as_it_was_written() {
        for text in [
            "VQ1",
            "VQ3",
            "VQ1000",
            "VQ16777216",
            "SQ1",
            "SQ16",
            "SQ:9",
            "PQ8x8",
            "OPQ8,PQ8x8",
            "OPQ4,RQ4x6",
            "OPQ4,VQ16",
            "RR,SQ4",
            "RBQ1",
            "RBQ8",
            "OPQ4,E8:0.5",
            "RQ8x8",
            "RQ1x10+7x8",
            "RQ2x8+1x3+2x8",
            "TRQ4x6",
            "PRQ2x4x8",
            "AQ8x8",
            "LSQ1x16",
            "PLSQ2x4x8",
            "SFVQ8",
            "SFVQ1+16",
            "EVQ2",
            "FSQ:8x5x5x5",
            "FSQ:256",
            "FSQ:2x3",
            "LFQ:12",
            "LFQ:8192",
            "Z",
            "A2",
            "A37",
            "D4",
            "D37",
            "E8",
            "E8:0.5",
            "Zx4",
            "A2x16",
            "E8x12",
            "D37x1:0.25",
            "Leech24",
            "Leech24:12.25",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!("RQ1x8+7x8".parse::<Spec>().unwrap().to_string(), "RQ8x8");
        assert_eq!("FSQ:2x2x2".parse::<Spec>().unwrap().to_string(), "LFQ:3");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in [
            "",
            "VQ",
            "vq8",
            "VQ-1",
            "VQ+1",
            "VQ 8",
            "VQ8x8",
            "VQ0",
            "VQ99999999999999999999",
            "VQ16777217",
            "PQ",
            "PQ8",
            "PQ8x",
            "PQx8",
            "PQ0x8",
            "PQ8x0",
            "PQ8x17",
            "PQ8x8x8",
            "PQ5000x8",
            "SQ0",
            "SQ17",
            "SQ:1",
            "SQ:70000",
            "OPQ8",
            "OPQ8,VQ8,VQ8",
            "OPQ8,OPQ8,PQ8x8",
            "RR",
            "RR4,SQ4",
            "RR,RR,SQ4",
            "OPQ8,SFVQ4",
            "OPQ,PQ8x8",
            "OPQ8x8,PQ8x8",
            "OPQ0,RQ8x8",
            "PQ8x8,RQ8x8",
            "VQ8,",
            "OPQ8,",
            "RR,",
            "OPQ4,PQ8x8",
            "RQ8",
            "RQ8x8+",
            "RQ8x8,8",
            "RQ4096x8+1x8",
            "TRQ4x13",
            "PRQ2x8",
            "PRQ99x99x8",
            "AQ8",
            "LSQ8x-8",
            "SFVQ",
            "SFVQ0",
            "SFVQ17",
            "SFVQ8+",
            "SFVQ8+0",
            "SFVQ8+17",
            "EVQ1",
            "EVQ",
            "FSQ",
            "FSQ8x5",
            "FSQ:",
            "FSQ:8x",
            "FSQ:8x1",
            "FSQ:257x5",
            "FSQ:8,5",
            "RR,FSQ:8x5",
            "LFQ12",
            "RBQ",
            "RBQ0",
            "RBQ9",
            "RBQ4x2",
            "RR,RBQ4",
            "LFQ:0",
            "LFQ:8193",
            "LFQ:99999999999999999999",
            "LFQ:2x2",
            "E8:",
            "E8:0",
            "E8:-1",
            "E8:nan",
            "E8:1e-40",
            "E8:1e-45",
            "E8:1e300",
            "E8x",
            "E8x0",
            "E8x17",
            "E8x4x4",
            "Zx",
            "E9",
            "D",
            "D0",
            "D1",
            "A",
            "A1",
            "A4097",
            "A+3",
            "D99999999",
            "Leech",
            "Q8",
            "ÄQ8",
            "PQ８x8",
        ] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            let helps = ["did you mean", "an example is", "known are", "must be", "such as"];
            assert!(helps.iter().any(|help| error.contains(help)), "{text}: {error}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range_and_an_example_of_its_kind() {
        for (text, says) in [
            ("VQ0", "VQ0: the codewords must be 1 to 16777216, such as in VQ1024"),
            ("EVQ1", "EVQ1: the codewords must be 2 to 16777216, such as in EVQ64"),
            ("SQ0", "SQ0: the bits must be 1 to 16, such as in SQ8"),
            ("SQ:1", "SQ:1: the levels must be 2 to 65536, such as in SQ:9"),
            (
                "SQ:99999999999999999999",
                "SQ:99999999999999999999: the levels must be 2 to 65536, such as in SQ:9",
            ),
            ("PQ0x8", "PQ0x8: the parts must be 1 to 4096, such as in PQ8x8"),
            ("RQ0x4", "RQ0x4: the stages must be 1 to 4096, such as in RQ8x8"),
            ("RQ8x8+1x17", "RQ8x8+1x17: the bits must be 1 to 16, such as in RQ1x10+7x8"),
            ("PRQ99x99x8", "PRQ99x99x8: the codebooks must be 1 to 4096, such as in PRQ2x4x8"),
            ("SFVQ0", "SFVQ0: the bits must be 1 to 16, such as in SFVQ6"),
            ("SFVQ8+17", "SFVQ8+17: the bits must be 1 to 16, such as in SFVQ6+4"),
            ("E8x40", "E8x40: the bits must be 1 to 16, such as in E8x12"),
            ("Leech24x90", "Leech24x90: the bits must be 1 to 16, such as in E8x12"),
            ("A0", "A0: the dimensions must be 2 to 4096, such as in A2"),
            ("D99999", "D99999: the dimensions must be 2 to 4096, such as in D4"),
            ("E8:1e300", "E8:1e300: the scale must be 1.2e-38 to 3.4e38, such as in E8:0.5"),
            ("RBQ9", "RBQ9: the bits must be 1 to 8, such as in RBQ4"),
            ("LFQ:0", "LFQ:0: the coordinates must be 1 to 8192, such as in LFQ:12"),
            ("LFQ:99999999999", "LFQ:99999999999: the coordinates must be 1 to 8192, such as in LFQ:12"),
            ("OPQ0,RQ8x8", "OPQ0: the parts must be 1 to 4096, such as in OPQ8,PQ8x8"),
            ("OPQ4,", "OPQ4, says nothing of what comes after it; an example is OPQ8,PQ8x8"),
            ("VQ256,", "VQ256,: nothing can come after VQ256; take VQ256, an example is VQ1024"),
        ] {
            assert_eq!(text.parse::<Spec>().unwrap_err().to_string(), says);
        }
    }
}
