//! The arguments of `wgvq train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wgvq::Spec;
use wgvq::train::Covariance;

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
    #[arg(long, value_enum)]
    pub trainer: Option<TrainerName>,
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

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum TrainerName {
    Kmeans,
    /// A Gaussian mixture by expectation maximization
    Em,
    /// Gradient: straight through, with a loss that draws codewords to vectors
    Ste,
    /// Gradient: moving averages
    Ema,
    /// Gradient: soft quantization
    Soft,
    /// Gradient: Gumbel softmax
    Gumbel,
    /// Gradient: noise substitution, the one to start with
    Nsvq,
    /// Gradient: noise directed at the codeword
    Diveq,
    /// Gradient: rotation trick
    Rotation,
}

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
