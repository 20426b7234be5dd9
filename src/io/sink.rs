//! An output as crates write to it that take a [`Write`].

use std::io::{self, Write};

use super::Output;

pub(super) struct Sink(pub Output);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
