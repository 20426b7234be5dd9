//! The strings that name a quantizer.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::lattice::Lattice;

/// What a quantizer is and how large. The grammar is that of FAISS's index factory where it has one.
///
/// | spec | quantizer |
/// | --- | --- |
/// | `VQ1024` | one codebook of 1024 codewords |
/// | `SQ8` | every dimension by itself, in 8 bits |
/// | `PQ8x8` | 8 parts of the dimensions, 8 bits each |
/// | `OPQ8,PQ8x8` | the same after a learned rotation |
/// | `RQ8x8` | 8 stages of 8 bits, each on the residual of those before; `RQ1x10+7x8` is one of 10 bits and seven of 8 |
/// | `TRQ4x6` | 4 stages of 6 bits, where the code of a stage chooses the codebook of the next |
/// | `PRQ2x4x8` | 2 parts, each a residual quantizer of 4 stages of 8 bits |
/// | `AQ8x8`, `LSQ8x8` | the sum of 8 codewords of 8 bits, found by beam search or by local search |
/// | `SFVQ8`, `SFVQ8+4` | an ordered codebook of 8 bits, the corners of a curve; with 4 bits for the place between them |
/// | `EVQ64` | 64 codewords that are chosen about equally often, of a curve; made by [`Equalized`](crate::Equalized) |
/// | `Z`, `A2`, `D4` (any `Dn`), `E8`, `Leech24` | a lattice, scaled to about 4 bits a dimension; `E8:0.5` has the scale 0.5 |
///
/// ```
/// use wgvq::Spec;
/// let spec: Spec = "RQ1x10+7x8".parse()?;
/// assert_eq!(spec, Spec::Residual { bits: vec![10, 8, 8, 8, 8, 8, 8, 8] });
/// assert_eq!(spec.to_string(), "RQ1x10+7x8");
/// assert!("PQ8".parse::<Spec>().unwrap_err().to_string().contains("PQ8x8"));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Spec {
    /// `VQ1024`: one codebook of k codewords, any k ≥ 1.
    Vq {
        /// Codewords.
        k: usize,
    },
    /// `SQ8`: every dimension by itself.
    Scalar {
        /// Bits per dimension.
        bits: u32,
    },
    /// `PQ8x8`: the dimensions in parts, one codebook each.
    Product {
        /// Parts; the first ones are one dimension longer where d does not divide.
        parts: usize,
        /// Bits per part.
        bits: u32,
    },
    /// `OPQ8,PQ8x8`: a product quantizer behind a rotation.
    OptimizedProduct {
        /// Parts.
        parts: usize,
        /// Bits per part.
        bits: u32,
    },
    /// `RQ8x8`: each stage quantizes the residual of those before.
    Residual {
        /// Bits of each stage.
        bits: Vec<u32>,
    },
    /// `TRQ4x6`: a residual quantizer whose next codebook is chosen by the last code.
    TreeResidual {
        /// Stages.
        stages: usize,
        /// Bits per stage.
        bits: u32,
    },
    /// `PRQ2x4x8`: a residual quantizer in each part of the dimensions.
    ProductResidual {
        /// Parts.
        parts: usize,
        /// Stages of each part.
        stages: usize,
        /// Bits per stage.
        bits: u32,
    },
    /// `AQ8x8`: the sum of one codeword of each codebook, found by beam search.
    Additive {
        /// Codebooks.
        codebooks: usize,
        /// Bits of each.
        bits: u32,
    },
    /// `LSQ8x8`: the sum of one codeword of each codebook, found by local search.
    LocalSearch {
        /// Codebooks.
        codebooks: usize,
        /// Bits of each.
        bits: u32,
    },
    /// `SFVQ8`: the corners of a curve; `SFVQ8+4`: and the place between two of them.
    SpaceFilling {
        /// Bits of the corners.
        bits: u32,
        /// Bits of the position on a segment; 0 if codes are corners.
        position_bits: u32,
    },
    /// `EVQ64`: codewords resampled along a curve, for equal use.
    Equalized {
        /// Codewords.
        k: usize,
    },
    /// `E8:0.5`: the points of a lattice.
    Lattice {
        /// Which.
        lattice: Lattice,
        /// The distance that 1 becomes; chosen from the data if not said.
        scale: Option<f32>,
    },
}

impl Spec {
    /// The spec for vectors times `factor`: a lattice has a scale in their units.
    pub(super) fn times(self, factor: f32) -> Self {
        match self {
            Spec::Lattice { lattice, scale: Some(scale) } => {
                Spec::Lattice { lattice, scale: Some(scale * factor) }
            }
            spec => spec,
        }
    }

    /// Whether its codebooks are fitted jointly after k-means.
    pub fn is_joint(&self) -> bool {
        matches!(
            self,
            Spec::Residual { .. }
                | Spec::ProductResidual { .. }
                | Spec::Additive { .. }
                | Spec::LocalSearch { .. }
        )
    }

    /// The tree-structured residual quantizer of the same stages as this residual one.
    ///
    /// ```
    /// let spec: wgvq::Spec = "RQ4x6".parse()?;
    /// assert_eq!(spec.into_tree()?.to_string(), "TRQ4x6");
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if this is no residual quantizer, or its stages differ in bits or have more
    /// than 12.
    pub fn into_tree(self) -> Result<Self> {
        match &self {
            Spec::TreeResidual { .. } => Ok(self),
            Spec::Residual { bits } if bits.iter().all(|&other| other == bits[0]) => {
                format!("TRQ{}x{}", bits.len(), bits[0]).parse()
            }
            _ => Err(Error::input(format!(
                "{self} cannot be a tree; RQ with all stages of the same bits can, such as RQ4x6"
            ))),
        }
    }
}

/// The largest codebook: codes are `u32` on the device, and one more than this would be past 64 GiB at
/// d = 1024.
const LARGEST: usize = 1 << 24;

/// The most bits of a codebook that a multi-codebook quantizer may have.
const MOST_BITS: u32 = 16;

/// The most bits of a stage with a family of codebooks: beyond that there are more codewords than vectors to learn from.
pub(super) const MOST_TREE_BITS: u32 = 12;

/// The most parts, stages or codebooks: vectors of more dimensions than this are hardly vectors.
const MOST_CODEBOOKS: usize = 4096;

const GRAMMAR: &str = "known are VQ1024, SQ8, PQ8x8, OPQ8,PQ8x8, RQ8x8, RQ1x10+7x8, TRQ4x6, PRQ2x4x8, \
                       AQ8x8, LSQ8x8, SFVQ8, EVQ64, Z, A2, D4, E8 and Leech24, each with numbers of your own, lattices with a scale (E8:0.5)";

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = &text[..text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len())];
        let rest = &text[name.len()..];
        let example = |example: &str| {
            Error::input(format!(
                "the spec {text:?} is not complete or has too much; an example is {example}"
            ))
        };
        match name {
            "VQ" => match whole(rest).ok_or_else(|| example("VQ1024"))? {
                0 => Err(Error::input("VQ0 has no codewords; k is at least 1, such as in VQ1024")),
                k if k <= LARGEST => Ok(Spec::Vq { k }),
                _ => Err(Error::input(format!("{text} has too many codewords; k is at most {LARGEST}"))),
            },
            "SFVQ" => {
                let (bits, position) = rest.split_once('+').map_or((rest, None), |(a, b)| (a, Some(b)));
                let incomplete = || example("SFVQ8 or SFVQ8+4");
                let bits = check_bits(text, whole(bits).ok_or_else(incomplete)?)?;
                let position_bits = match position {
                    None => 0,
                    Some(position) => check_bits(text, whole(position).ok_or_else(incomplete)?)?,
                };
                Ok(Spec::SpaceFilling { bits, position_bits })
            }
            "EVQ" => match whole(rest).ok_or_else(|| example("EVQ64"))? {
                k @ 2..=LARGEST => Ok(Spec::Equalized { k }),
                k => Err(Error::input(format!("{text} asks for {k} codewords; must be 2 to {LARGEST}"))),
            },
            "SQ" => {
                let bits = whole(rest).ok_or_else(|| example("SQ8"))?;
                Ok(Spec::Scalar { bits: check_bits(text, bits)? })
            }
            "PQ" => {
                let [parts, bits] = numbers(rest).ok_or_else(|| example("PQ8x8"))?;
                Ok(Spec::Product { parts: check_count(text, "parts", parts)?, bits: check_bits(text, bits)? })
            }
            "OPQ" => {
                let (rotated, product) = rest.split_once(",PQ").ok_or_else(|| example("OPQ8,PQ8x8"))?;
                let (rotated, [parts, bits]) =
                    whole(rotated).zip(numbers(product)).ok_or_else(|| example("OPQ8,PQ8x8"))?;
                if rotated != parts {
                    return Err(Error::input(format!(
                        "{text} rotates for {rotated} parts and quantizes {parts}; both have to be the same, such as in OPQ8,PQ8x8"
                    )));
                }
                let (parts, bits) = (check_count(text, "parts", parts)?, check_bits(text, bits)?);
                Ok(Spec::OptimizedProduct { parts, bits })
            }
            "RQ" => {
                let mut stages = Vec::new();
                for group in rest.split('+') {
                    let [count, bits] = numbers(group).ok_or_else(|| example("RQ8x8 or RQ1x10+7x8"))?;
                    let (count, bits) = (check_count(text, "stages", count)?, check_bits(text, bits)?);
                    stages.resize(check_count(text, "stages", stages.len() + count)?, bits);
                }
                Ok(Spec::Residual { bits: stages })
            }
            "TRQ" => {
                let [stages, bits] = numbers(rest).ok_or_else(|| example("TRQ4x6"))?;
                let (stages, bits) = (check_count(text, "stages", stages)?, check_bits(text, bits)?);
                if bits > MOST_TREE_BITS {
                    return Err(Error::input(format!(
                        "{text}: every stage but the first has 2^{bits} codebooks of 2^{bits} codewords; must be at most {MOST_TREE_BITS} bits, such as in TRQ4x10"
                    )));
                }
                Ok(Spec::TreeResidual { stages, bits })
            }
            "PRQ" => {
                let [parts, stages, bits] = numbers(rest).ok_or_else(|| example("PRQ2x4x8"))?;
                check_count(text, "codebooks", parts.saturating_mul(stages))?;
                Ok(Spec::ProductResidual { parts, stages, bits: check_bits(text, bits)? })
            }
            "AQ" | "LSQ" => {
                let [codebooks, bits] = numbers(rest).ok_or_else(|| example("AQ8x8 or LSQ8x8"))?;
                let (codebooks, bits) = (check_count(text, "codebooks", codebooks)?, check_bits(text, bits)?);
                Ok(if name == "AQ" {
                    Spec::Additive { codebooks, bits }
                } else {
                    Spec::LocalSearch { codebooks, bits }
                })
            }
            _ => {
                let (lattice, scale) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
                let unknown = || match meant(text) {
                    Some(spec) => {
                        Error::input(format!("the spec {text:?} is not known; did you mean {spec}?"))
                    }
                    None => Error::input(format!("the spec {text:?} is not known; {GRAMMAR}")),
                };
                let lattice = Lattice::named(lattice).ok_or_else(unknown)?;
                let scale = match scale {
                    None => None,
                    Some(scale) => match scale.parse::<f32>() {
                        Ok(number) if number > 0.0 && number.is_normal() => Some(number),
                        _ => {
                            return Err(Error::input(format!(
                                "{text}: the scale {scale:?} is not a positive number, as it is in E8:0.5"
                            )));
                        }
                    },
                };
                Ok(Spec::Lattice { lattice, scale })
            }
        }
    }
}

/// The spec that `text` would be in capitals and with the right sign between its numbers.
fn meant(text: &str) -> Option<Spec> {
    let other = text.to_uppercase().replace(['X', '×', '*'], "x");
    if other == text { None } else { other.parse().ok() }
}

/// The number that `text` is in decimal digits; those that no count reaches are [`usize::MAX`].
fn whole(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

/// `N` numbers joined by `x`.
fn numbers<const N: usize>(text: &str) -> Option<[usize; N]> {
    let found: Vec<usize> = text.split('x').map(whole).collect::<Option<_>>()?;
    found.try_into().ok()
}

fn check_bits(text: &str, bits: usize) -> Result<u32> {
    match u32::try_from(bits) {
        Ok(bits @ 1..=MOST_BITS) => Ok(bits),
        _ => Err(Error::input(format!(
            "{text} asks for {bits} bits; must be 1 to {MOST_BITS}, such as 8 in PQ8x8"
        ))),
    }
}

fn check_count(text: &str, what: &str, count: usize) -> Result<usize> {
    match count {
        1..=MOST_CODEBOOKS => Ok(count),
        _ => Err(Error::input(format!("{text} asks for {count} {what}; must be 1 to {MOST_CODEBOOKS}"))),
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Vq { k } => write!(f, "VQ{k}"),
            Spec::Scalar { bits } => write!(f, "SQ{bits}"),
            Spec::Product { parts, bits } => write!(f, "PQ{parts}x{bits}"),
            Spec::OptimizedProduct { parts, bits } => write!(f, "OPQ{parts},PQ{parts}x{bits}"),
            Spec::Residual { bits } => {
                for (number, group) in bits.chunk_by(|a, b| a == b).enumerate() {
                    let joint = if number == 0 { "RQ" } else { "+" };
                    write!(f, "{joint}{}x{}", group.len(), group[0])?;
                }
                Ok(())
            }
            Spec::TreeResidual { stages, bits } => write!(f, "TRQ{stages}x{bits}"),
            Spec::ProductResidual { parts, stages, bits } => write!(f, "PRQ{parts}x{stages}x{bits}"),
            Spec::Additive { codebooks, bits } => write!(f, "AQ{codebooks}x{bits}"),
            Spec::LocalSearch { codebooks, bits } => write!(f, "LSQ{codebooks}x{bits}"),
            Spec::SpaceFilling { bits, position_bits: 0 } => write!(f, "SFVQ{bits}"),
            Spec::SpaceFilling { bits, position_bits } => write!(f, "SFVQ{bits}+{position_bits}"),
            Spec::Equalized { k } => write!(f, "EVQ{k}"),
            Spec::Lattice { lattice, scale: None } => write!(f, "{lattice}"),
            Spec::Lattice { lattice, scale: Some(scale) } => write!(f, "{lattice}:{scale}"),
        }
    }
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
            "PQ8x8",
            "OPQ8,PQ8x8",
            "RQ8x8",
            "RQ1x10+7x8",
            "RQ2x8+1x3+2x8",
            "TRQ4x6",
            "PRQ2x4x8",
            "AQ8x8",
            "LSQ1x16",
            "SFVQ8",
            "SFVQ1+16",
            "EVQ2",
            "Z",
            "A2",
            "D4",
            "D37",
            "E8",
            "E8:0.5",
            "Leech24",
            "Leech24:12.25",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!("RQ1x8+7x8".parse::<Spec>().unwrap().to_string(), "RQ8x8");
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
            "OPQ8",
            "OPQ8,RQ8x8",
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
            "E8:",
            "E8:0",
            "E8:-1",
            "E8:nan",
            "E8:1e-45",
            "E9",
            "D",
            "D0",
            "D1",
            "D99999999",
            "Leech",
            "Q8",
            "ÄQ8",
            "PQ８x8",
        ] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            let helps = [
                "did you mean",
                "an example is",
                "known are",
                "must be",
                "such as",
                "as it is in",
                "is at most",
            ];
            assert!(helps.iter().any(|help| error.contains(help)), "{text}: {error}");
        }
    }
}
