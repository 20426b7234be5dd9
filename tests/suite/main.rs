//! What users see: the library by its public face, and the program by its commands.

mod common;

mod engine;
mod kmeans;
mod mixture;
mod quantizers;
mod rooms;
mod tree_residual;
mod variable_rate;

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod curves;
#[cfg(feature = "cli")]
mod format;
#[cfg(feature = "cli")]
mod golden;
#[cfg(feature = "cli")]
mod gradient;
#[cfg(feature = "cli")]
mod interpret;
#[cfg(feature = "cli")]
mod kills;
#[cfg(feature = "cli")]
mod limits;
#[cfg(feature = "cli")]
mod privacy;
#[cfg(feature = "cli")]
mod search;
#[cfg(feature = "cli")]
mod space_filling;
#[cfg(feature = "cli")]
mod values;
