//! What can be typed for `wgvq train` and `wgvq elbow`: the trainers and their settings.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wgvq::Spec;
use wgvq::train::Covariance;

use super::{Data, Effort};
use crate::gradient_options::GradientOptions;

#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    pub data: Data,
    /// What to train: VQ1024, SQ8, PQ8x8, OPQ8,PQ8x8, RQ8x8, TRQ4x6, PRQ2x4x8, AQ8x8, LSQ8x8 or a lattice such as E8
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
    pub kmeans: KMeansOptions,
    #[command(flatten)]
    pub effort: Effort,
    /// Joint fits of the codebooks of RQ, PRQ, AQ and LSQ, or of the rotation of OPQ, at most [default: 16 for RQ and PRQ,
    /// 25 for AQ and LSQ, 20 for OPQ]
    #[arg(long, value_name = "ROUNDS")]
    pub refine: Option<usize>,
    /// Levels of SQ: evenly spaced, or fitted to the data by Lloyd and Max [default: uniform]
    #[arg(long, value_enum)]
    pub levels: Option<LevelsName>,
    /// The same levels of SQ for all dimensions
    #[arg(long)]
    pub shared: bool,
    /// Bits of entropy per dimension that a lattice without a scale is scaled for [default: 4]
    #[arg(long, value_name = "BITS")]
    pub rate: Option<f64>,
    /// Weights of the vectors, a file of one column
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Go on from this model's codebook
    #[arg(long, value_name = "MODEL", conflicts_with = "init")]
    pub start: Option<PathBuf>,
    #[command(flatten)]
    pub gradient: GradientOptions,
}

/// Settings of k-means. One that is not given is as [`Training::default_kmeans`](wgvq::Training::default_kmeans) has it for
/// the spec.
#[derive(Args, Debug)]
pub struct KMeansOptions {
    /// Where the codewords start [default: kmeans++ up to 256 codewords of VQ and TRQ, random vectors for more and for other
    /// quantizers]
    #[arg(long, value_enum)]
    pub init: Option<InitName>,
    /// Iterations at most (batches, with --mini-batch) [default: 25, and 10 where codebooks are refitted jointly]
    #[arg(long)]
    pub iters: Option<usize>,
    /// Stop once an iteration improves the objective by less than this share, or a mixture's mean log-likelihood by
    /// less than this in nats per dimension [default: 0.0001]
    #[arg(long)]
    pub tolerance: Option<f64>,
    /// Runs from different starts, of which the best is kept [default: 1]
    #[arg(long)]
    pub restarts: Option<usize>,
    /// Training vectors per codeword (of TRQ, per codeword of a stage's K codebooks) at most, drawn at random; 0 for all
    /// [default: 256]
    #[arg(long)]
    pub sample: Option<usize>,
    /// Unit-length vectors and codewords (cosine)
    #[arg(long)]
    pub spherical: bool,
    /// Mini-batch k-means with batches of that many vectors, for data larger than memory
    #[arg(long, value_name = "VECTORS")]
    pub mini_batch: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InitName {
    Random,
    #[value(name = "kmeans++")]
    PlusPlus,
    #[value(name = "kmeans-parallel")]
    Parallel,
    /// Differential evolution
    #[value(name = "de")]
    Evolution,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LevelsName {
    Uniform,
    LloydMax,
}
