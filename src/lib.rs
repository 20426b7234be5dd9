//! Vector quantization on every GPU.

#![warn(missing_docs)]

mod cpu;
mod engine;
mod error;
mod kernels;
mod rng;
pub mod selftest;

pub use engine::{Builder, DeviceInfo, Element, Engine, Matrix, Recorder, devices};
pub use error::{Context, Error, ErrorKind, Result};
pub use rng::Rng;

pub use ndarray;
pub use wgpu;

/// The GPU that tests run shaders on: the best there is, a software one included.
///
/// Without an adapter the test is skipped and says so; where the environment has `WGVQ_REQUIRE_GPU`, as the
/// test script sets it, it fails instead.
#[cfg(test)]
pub(crate) fn test_gpu() -> Option<Engine> {
    match Engine::builder().device("gpu").checked(true).build() {
        Ok(engine) => Some(engine),
        Err(error) if std::env::var_os("WGVQ_REQUIRE_GPU").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}
