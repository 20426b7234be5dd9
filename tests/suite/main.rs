//! The library by its public face.

mod common;

mod engine;
mod kinds;
mod kmeans;
mod mixture;
mod quantizers;
mod rooms;
mod space_filling;
mod tree_residual;
mod variable_rate;
