//! The arguments of `wgvq train`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use wgvq::train::Covariance;
use wgvq::{Spec, TRAINERS, Trainer};

use super::{Data, TrainSettings};
use crate::gradient_options::GradientOptions;

#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    pub data: Data,
    /// What to train: VQ1024, SQ8, PQ8x8, OPQ8,PQ8x8, RQ8x8, TRQ4x6, PRQ2x4x8, AQ8x8, LSQ8x8, SFVQ8 or a lattice such as E8
    #[arg(long)]
    pub spec: Spec,
    /// Let the code of each stage of RQ choose the codebook of the next: RQ4x6 becomes TRQ4x6
    #[arg(long)]
    pub tree: bool,
    /// The model file to write
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub output: PathBuf,
    /// How the codebooks are found [default: kmeans, and nsvq for SFVQ]
    #[arg(long, value_parser = trainers())]
    pub trainer: Option<TrainerChoice>,
    /// Shape of the mixture's components [default: diagonal]
    #[arg(long, value_enum)]
    pub covariance: Option<CovarianceName>,
    #[command(flatten)]
    pub settings: TrainSettings,
    /// Weights of the vectors, a file of one column
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Go on from this model's codebook
    #[arg(long, value_name = "MODEL", conflicts_with = "init")]
    pub start: Option<PathBuf>,
    #[command(flatten)]
    pub gradient: GradientOptions,
}

/// How codebooks are found.
#[derive(Clone, Copy, Debug)]
pub enum TrainerChoice {
    KMeans,
    /// A Gaussian mixture by expectation maximization.
    Em,
    Gradient(&'static Trainer),
}

fn trainers() -> impl TypedValueParser<Value = TrainerChoice> {
    let own = [
        PossibleValue::new(KMEANS).help("Clustering"),
        PossibleValue::new(EM).help("A Gaussian mixture by expectation maximization"),
    ];
    let by_gradient = TRAINERS
        .iter()
        .map(|trainer| PossibleValue::new(trainer.name).help(format!("Gradient: {}", trainer.title)));
    PossibleValuesParser::new(own.into_iter().chain(by_gradient)).map(|name| match Trainer::named(&name) {
        Some(trainer) => TrainerChoice::Gradient(trainer),
        None if name == EM => TrainerChoice::Em,
        None => TrainerChoice::KMeans,
    })
}

const KMEANS: &str = "kmeans";
const EM: &str = "em";

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CovarianceName {
    /// A variance for each dimension
    Diagonal,
    /// One variance for all dimensions
    Spherical,
}

impl From<CovarianceName> for Covariance {
    fn from(name: CovarianceName) -> Self {
        match name {
            CovarianceName::Diagonal => Covariance::Diagonal,
            CovarianceName::Spherical => Covariance::Spherical,
        }
    }
}
