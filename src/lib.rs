//! Vector quantization on every GPU.
//!
//! wgvq trains codebooks, compresses large sets of vectors with them, and measures what was lost, on any Vulkan, Metal
//! or DX12 GPU through [`wgpu`], and on the CPU where there is none.
//!
//! ```
//! use wgvq::{Engine, Quantizer, Vq};
//! # fn main() -> wgvq::Result<()> {
//! let engine = Engine::auto()?;
//! # let x = ndarray::Array2::from_shape_fn((100, 3), |(row, column)| ((row * 7 + column) % 10) as f32);
//! # /*
//! let x = wgvq::io::open("base.fvecs")?;
//! # */
//! let vq = Vq::builder().k(16).seed(7).fit(&engine, &x)?;
//! let codes = vq.encode(&engine, &x)?;
//! let back = vq.decode(&engine, &codes)?;
//! println!("{}", wgvq::metrics::mse(x.view(), back.view())?);
//! # Ok(())
//! # }
//! ```
//!
//! - [`Engine`] is a device, [`Matrix`] lives on it, and each method of [`Recorder`] is a kernel; [`ops`] are the
//!   operations that some are told, [`kernels`] what others prepare once.
//! - [`Quantizer`] turns vectors into [`Codes`] and back; [`train`] makes its codebooks.
//! - [`KINDS`] is the table of all quantizers, [`TRAINERS`] that of training by gradient; [`settings`] are what both can be told.
//! - [`coding`] packs codes into fewer bits, and keeps them in checked files.
//! - [`faiss`] converts models, codes and indexes to FAISS's index files and back.
//! - [`search`] finds nearest neighbours, exactly or among codes; [`lists`] among those of the nearest centroids.
//! - [`index`] keeps codes with ids on disk, to be searched, added to and removed from, and [`columns`] beside them.
//! - [`curves`] are space-filling curves, orders along them and tours.
//! - [`interpret`] says what an ordered codebook makes of labels, [`privacy`] what its codes give away.
//! - [`io`] reads and writes vectors; [`Vectors`] is what all of it takes, arrays included.
//! - [`selftest`] holds every kernel against float64 on your device.

#![deny(missing_docs)]

mod certified;
pub mod coding;
pub mod columns;
mod cpu;
pub mod curves;
mod engine;
mod error;
pub mod faiss;
pub mod graph;
pub mod index;
pub mod interpret;
pub mod io;
pub mod kernels;
mod lattice;
pub mod lists;
pub mod metrics;
pub mod ops;
mod principal;
pub mod privacy;
mod quantizers;
mod rng;
#[cfg(feature = "sample")]
pub mod sample;
mod scale;
pub mod search;
pub mod selftest;
pub mod settings;
pub mod train;
mod vectors;

pub use cpu::first_look::Looks;
pub use engine::{
    Convert, Core, DeviceInfo, Download, Element, Engine, EngineBuilder, KernelTime, Matrix, Precision,
    Recorder, Word, devices,
};
pub use error::{Context, Error, ErrorKind, Result};
pub use kernels::Codebook;
pub use lattice::Lattice;
pub use quantizers::{
    Additive, AdditiveBuilder, Batching, Coder, Codes, EncodedBatch, Encoder, Equalized, Evaluation,
    FiniteScalar, FiniteScalarBuilder, FitSums, GradientRun, GradientTraining, KINDS, Kind, LatticeVq,
    LatticeVqBuilder, Layout, Model, Place, Product, ProductBuilder, Projection, Quantizer, RefitSums,
    Residual, ResidualBuilder, Rotated, RotatedBits, RotatedBitsBuilder, RotatedBuilder, Scalar,
    ScalarBuilder, ScalarLevels, SpaceFilling, Spec, StageBits, TRAINERS, Trained, Trainer, Training,
    TrainingWindow, TreeResidual, TreeResidualBuilder, TruncatedLattice, TruncatedLatticeBuilder, Vq,
    VqBuilder, decode_batches, encode_batches, load, load_as, load_with, scaled,
};
pub use rng::Rng;
pub use scale::{Scale, ScaledVectors};
pub use vectors::{Vectors, fingerprint};

pub use half::f16;
pub use ndarray;
pub use serde_json;
pub use wgpu;

/// The Rust of README is compiled with the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The GPU that tests run shaders on: the best there is, a software one included. They share it, with its pipelines.
///
/// Without an adapter the test is skipped and says so; where the environment has `WGVQ_REQUIRE_GPU`, as the
/// test script sets it, it fails instead.
#[cfg(test)]
pub(crate) fn test_gpu() -> Option<Engine> {
    static GPU: std::sync::LazyLock<Result<Engine>> =
        std::sync::LazyLock::new(|| Engine::builder().device("gpu").checked(true).build());
    match &*GPU {
        Ok(engine) => {
            note_gpu_test();
            Some(engine.clone())
        }
        Err(error) if std::env::var_os("WGVQ_REQUIRE_GPU").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Writes the name of the test to the file that the environment names by `WGVQ_GPU_TESTS`: the test script says at its end how
/// many there were.
#[cfg(test)]
fn note_gpu_test() {
    use std::io::Write;
    let Some(path) = std::env::var_os("WGVQ_GPU_TESTS") else { return };
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("can be written");
    let name = std::thread::current().name().unwrap_or("main").to_string();
    file.write_all(format!("{name}\n").as_bytes()).expect("can be written");
}
