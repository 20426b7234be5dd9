//! The quantizers that are compared.
//!
//! Straight-through, EMA, NSVQ, the rotation trick and SimVQ have the best of a few learning rates, and all of these but EMA
//! and NSVQ the better of two weights of the commitment loss, by the PSNR at 8 bits of one seed. The others were not tuned;
//! FSQ and LFQ lose most of their codewords as they are set here, which says nothing of what they can do.

use wgvq::Result;
use wgvq::train::estimators::{
    Diveq, Ema, Estimator, Fsq, Gumbel, Lfq, Nsvq, Rotation, Soft, Ste, Temperature,
};

use super::hard_end::HardEnd;
use super::model::Middle;

/// A quantizer and how it is trained.
pub struct Method {
    pub name: &'static str,
    /// The learning rate.
    pub rate: f64,
    /// Whether unused codewords are replaced.
    pub replaced: bool,
    quantizer: Quantizer,
}

#[derive(Clone, Copy)]
enum Quantizer {
    /// A codebook, and its estimator for so many steps with noise of a seed.
    Codebook(fn(u64, u64) -> Result<Box<dyn Estimator>>),
    SimVq,
    Fsq,
    Lfq,
}

const fn codebook(
    name: &'static str,
    rate: f64,
    estimator: fn(u64, u64) -> Result<Box<dyn Estimator>>,
) -> Method {
    Method { name, rate, replaced: false, quantizer: Quantizer::Codebook(estimator) }
}

const fn replacing(name: &'static str, method: Method) -> Method {
    Method { name, replaced: true, ..method }
}

const STE: Method = codebook("ste", 6e-3, |_, _| Ok(Box::new(Ste::new(1.0, 0.25)?)));
const EMA: Method = codebook("ema", 6e-3, |_, _| Ok(Box::new(Ema::new(0.99, 0.25)?)));
const NSVQ: Method = codebook("nsvq", 6e-3, |_, seed| Ok(Box::new(Nsvq::new(seed))));
const DIVEQ: Method = codebook("diveq", 6e-3, |_, seed| Ok(Box::new(Diveq::new(1e-3, seed)?)));
// With the usual weight of 0.25 most codewords are lost.
const ROTATION: Method = codebook("rotation", 2e-3, |_, _| Ok(Box::new(Rotation::new(1.0, 1.0)?)));

/// Those of Publication II, each without and with replacement. The first is what others are measured by.
pub static PUBLICATION: [Method; 6] =
    [STE, replacing("ste, cbr", STE), EMA, replacing("ema, cbr", EMA), NSVQ, replacing("nsvq, cbr", NSVQ)];

/// Others, that are only compared at one rate.
pub static OTHERS: [Method; 10] = [
    codebook("nsvq, hard end", 6e-3, |steps, seed| Ok(Box::new(HardEnd::new(steps * 3 / 4, seed)?))),
    DIVEQ,
    replacing("diveq, cbr", DIVEQ),
    ROTATION,
    replacing("rotation, cbr", ROTATION),
    codebook("soft", 6e-3, |steps, _| Ok(Box::new(Soft::new(Temperature::annealed(5.0, 500.0, steps)?)))),
    codebook("gumbel", 6e-3, |_, seed| Ok(Box::new(Gumbel::new(100.0, Temperature::fixed(1.0)?, seed)?))),
    Method { name: "simvq", rate: 6e-3, replaced: false, quantizer: Quantizer::SimVq },
    Method { name: "fsq", rate: 6e-3, replaced: false, quantizer: Quantizer::Fsq },
    Method { name: "lfq", rate: 6e-3, replaced: false, quantizer: Quantizer::Lfq },
];

/// The levels of FSQ that come nearest to so many bits, as its publication has them.
fn levels(bits: u32) -> &'static [u32] {
    match bits {
        6 => &[8, 8],
        8 => &[8, 6, 5],
        _ => &[8, 5, 5, 5],
    }
}

impl Method {
    /// What stands between encoder and decoder in a training of `steps` steps.
    pub fn middle(&self, bits: u32, steps: u64, seed: u64) -> Result<Middle> {
        Ok(match self.quantizer {
            Quantizer::Codebook(estimator) => Middle::Codebook(1 << bits, estimator(steps, seed)?),
            Quantizer::SimVq => Middle::Linear(1 << bits, Box::new(Ste::new(1.0, 0.25)?)),
            Quantizer::Fsq => {
                let fsq = Fsq::new(levels(bits))?;
                Middle::Grid(fsq.codebook(), Box::new(fsq))
            }
            Quantizer::Lfq => {
                let lfq = Lfq::new(bits as usize, 0.25, 0.1)?;
                Middle::Grid(lfq.codebook(), Box::new(lfq))
            }
        })
    }

    /// Whether it goes on from an autoencoder without a quantizer. A grid has as many dimensions as it has numbers of levels,
    /// and so an encoder of its own.
    pub fn goes_on(&self) -> bool {
        !matches!(self.quantizer, Quantizer::Fsq | Quantizer::Lfq)
    }
}
