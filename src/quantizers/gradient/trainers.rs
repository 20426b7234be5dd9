//! The trainers by gradient: estimators, with the settings of each.

use super::settings::LR;
use crate::error::Result;
use crate::settings::{DefaultValue, Setting, Settings, Values};
use crate::train::estimators::displacement::Direction;
use crate::train::estimators::{
    Diveq, Ema, Estimator, Gumbel, Nsvq, Rotation, SfDiveq, SfNsvq, Soft, Ste, Temperature,
};

/// A way to get the gradient through a quantizer: an estimator, and what it can be told.
///
/// Squared distances are counted in units of the data's variance (the mean squared distance of a vector from the mean of
/// all), so that τ and sharpness mean the same for all data.
#[derive(Debug)]
pub struct Trainer {
    /// What it is called.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it can be told beside what all can, or has a default of its own for.
    pub settings: &'static [&'static Setting],
    /// Whether codewords follow a gradient, and so an optimizer.
    pub follows_gradient: bool,
    /// Whether all codewords have a part in the output of a vector.
    pub(super) weighs_all: bool,
    /// Whether codewords are those that training starts from times a matrix, of which alone it learns: it is for one codebook
    /// then, whose codewords move together, so that none has to be replaced.
    pub(super) is_linear: bool,
    pub(super) estimator: fn(&Numbers<'_>) -> Result<Box<dyn Estimator>>,
    pub(super) noise: Option<ByNoise>,
}

/// What a trainer by noise does where there are several codebooks, or a curve.
#[derive(Debug)]
pub(super) struct ByNoise {
    /// The direction of the one noise term for the error of all codebooks.
    pub direction: fn(&Settings) -> Direction,
    /// The estimator to a curve.
    pub curve: fn(&Numbers<'_>) -> Result<Box<dyn Estimator>>,
}

/// What an estimator is made of: settings, and the run that it is for.
pub(super) struct Numbers<'a> {
    pub settings: &'a Settings,
    /// Dimensions of what is quantized, the vectors or a part of them, each of unit variance.
    pub d: usize,
    pub steps: u64,
    pub seed: u64,
}

impl Numbers<'_> {
    fn number(&self, setting: &Setting) -> f32 {
        self.settings.number(setting) as f32
    }

    fn temperature(&self, setting: &Setting) -> Result<Temperature> {
        let [first, last] = self.settings.ends(setting);
        Temperature::annealed(first as f32, last as f32, self.steps.max(1))
    }
}

/// All trainers by gradient.
///
/// ```
/// let names: Vec<&str> = wgvq::TRAINERS.iter().map(|trainer| trainer.name).collect();
/// assert_eq!(names, ["ste", "ema", "soft", "gumbel", "nsvq", "diveq", "rotation", "simvq"]);
/// ```
pub static TRAINERS: &[&Trainer] = &[&STE, &EMA, &SOFT, &GUMBEL, &NSVQ, &DIVEQ, &ROTATION, &SIMVQ];

static STE: Trainer = Trainer {
    name: "ste",
    title: "straight through, with a loss that draws codewords to vectors",
    settings: &[&COMMITMENT],
    follows_gradient: true,
    weighs_all: false,
    is_linear: false,
    estimator: |numbers| Ok(Box::new(Ste::new(1.0, numbers.number(&COMMITMENT))?)),
    noise: None,
};

static EMA: Trainer = Trainer {
    name: "ema",
    title: "moving averages",
    settings: &[&DECAY, &COMMITMENT],
    follows_gradient: false,
    weighs_all: false,
    is_linear: false,
    estimator: |numbers| Ok(Box::new(Ema::new(numbers.number(&DECAY), numbers.number(&COMMITMENT))?)),
    noise: None,
};

static SOFT: Trainer = Trainer {
    name: "soft",
    title: "soft quantization",
    settings: &[&ANNEALED_TAU],
    follows_gradient: true,
    weighs_all: true,
    is_linear: false,
    // The variance of a vector is d.
    estimator: |numbers| {
        let temperature = numbers.temperature(&ANNEALED_TAU)?;
        Ok(Box::new(Soft::new(temperature.scaled(1.0 / numbers.d as f32)?)))
    },
    noise: None,
};

static GUMBEL: Trainer = Trainer {
    name: "gumbel",
    title: "Gumbel softmax",
    settings: &[&TAU, &SHARPNESS],
    follows_gradient: true,
    weighs_all: true,
    is_linear: false,
    estimator: |numbers| {
        let sharpness = numbers.number(&SHARPNESS) / numbers.d as f32;
        Ok(Box::new(Gumbel::new(sharpness, numbers.temperature(&TAU)?, numbers.seed)?))
    },
    noise: None,
};

static NSVQ: Trainer = Trainer {
    name: "nsvq",
    title: "noise substitution, the one to start with",
    settings: &[],
    follows_gradient: true,
    weighs_all: false,
    is_linear: false,
    estimator: |numbers| Ok(Box::new(Nsvq::new(numbers.seed))),
    noise: Some(ByNoise {
        direction: |_| Direction::Random,
        curve: |numbers| Ok(Box::new(SfNsvq::new(numbers.seed))),
    }),
};

static DIVEQ: Trainer = Trainer {
    name: "diveq",
    title: "noise directed at the codeword",
    settings: &[&DEVIATION],
    follows_gradient: true,
    weighs_all: false,
    is_linear: false,
    estimator: |numbers| Ok(Box::new(Diveq::new(numbers.number(&DEVIATION), numbers.seed)?)),
    noise: Some(ByNoise {
        direction: |settings| Direction::Codeword { deviation: settings.number(&DEVIATION) as f32 },
        curve: |numbers| Ok(Box::new(SfDiveq::new(numbers.number(&DEVIATION), numbers.seed)?)),
    }),
};

static ROTATION: Trainer = Trainer {
    name: "rotation",
    title: "rotation trick",
    settings: &[&COMMITMENT],
    follows_gradient: true,
    weighs_all: false,
    is_linear: false,
    estimator: |numbers| Ok(Box::new(Rotation::new(1.0, numbers.number(&COMMITMENT))?)),
    noise: None,
};

static SIMVQ: Trainer = Trainer {
    name: "simvq",
    title: "straight through to one codebook, of which a linear map is learnt",
    settings: &[&LR_OF_MAP],
    follows_gradient: true,
    weighs_all: false,
    is_linear: true,
    // Vectors do not move: they have nothing to be committed to.
    estimator: |_| Ok(Box::new(Ste::new(1.0, 0.0)?)),
    noise: None,
};

const TAU_HELP: &str = "Inverse temperature τ, or FIRST:LAST to anneal it; for soft per squared distance in units of the \
                        data's variance";

static ANNEALED_TAU: Setting =
    Setting::new("tau", Values::Temperature, TAU_HELP).by_default(DefaultValue::Word("100:10000"));

static TAU: Setting = Setting::new("tau", Values::Temperature, TAU_HELP).by_default(DefaultValue::Word("1"));

static DECAY: Setting = Setting::new("decay", Values::NotNegative, "Decay γ of the moving averages, below 1")
    .by_default(DefaultValue::Number(0.99));

/// All entries of the map move together, further the more dimensions there are: at 0.02 the map of 768 loses its way, at 0.05
/// that of 384.
static LR_OF_MAP: Setting = LR.by_default(DefaultValue::Number(0.005));

/// That of the VQ-VAE.
static COMMITMENT: Setting =
    Setting::new("commitment", Values::NotNegative, "Weight β₂ of the commitment loss")
        .by_default(DefaultValue::Number(0.25));

/// Nearly hard draws, which train best.
static SHARPNESS: Setting = Setting::new(
    "sharpness",
    Values::Positive(f64::MAX),
    "What distances are multiplied with in the probabilities",
)
.by_default(DefaultValue::Number(500.0));

/// That of the published code of DiVeQ.
static DEVIATION: Setting = Setting::new(
    "deviation",
    Values::NotNegative,
    "Deviation σ of the noise, in units of the data's deviation",
)
.by_default(DefaultValue::Number(1e-3));

impl Trainer {
    /// Straight through.
    pub const STE: &'static Self = &STE;
    /// Moving averages.
    pub const EMA: &'static Self = &EMA;
    /// Soft quantization.
    pub const SOFT: &'static Self = &SOFT;
    /// Gumbel softmax.
    pub const GUMBEL: &'static Self = &GUMBEL;
    /// Noise substitution; with several codebooks one noise term for the whole error.
    pub const NSVQ: &'static Self = &NSVQ;
    /// Directed noise; with several codebooks one noise term for the whole error.
    pub const DIVEQ: &'static Self = &DIVEQ;
    /// The rotation trick.
    pub const ROTATION: &'static Self = &ROTATION;
    /// SimVQ: a linear map of all codewords. From k-means it gains less than trainers that move each codeword.
    pub const SIMVQ: &'static Self = &SIMVQ;

    /// The trainer of that name.
    ///
    /// ```
    /// assert_eq!(wgvq::Trainer::named("nsvq").unwrap().name, "nsvq");
    /// assert!(wgvq::Trainer::named("kmeans").is_none());
    /// ```
    pub fn named(name: &str) -> Option<&'static Self> {
        TRAINERS.iter().copied().find(|trainer| trainer.name == name)
    }
}
