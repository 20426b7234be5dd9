//! The command line inside of Python.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Does what the arguments of the command `wgvq` say, its name left out, and returns the exit status. Ctrl-C ends the process
/// from then on, so it is for programs that do nothing else.
#[pyfunction]
pub fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let name = OsString::from("wgvq");
    py.detach(|| wgvq_cli::main(std::iter::once(name).chain(arguments)))
}
