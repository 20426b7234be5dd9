//! Standard output that may be full or closed.

use std::fmt;
use std::io::{ErrorKind, Write};

use crate::words;

/// Prints one line, with what a terminal would not show made visible.
pub fn line(text: fmt::Arguments) {
    print(&format!("{}\n", words::visible(&text.to_string())));
}

/// Prints `text` as it is. A reader that has gone away (`| head`) has seen enough: the program ends quietly. Any other
/// failure, such as a full disk, ends it with exit status 2.
pub fn print(text: &str) {
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        words::complain(format_args!("standard output: {error}"));
        std::process::exit(2);
    }
}

/// `println!` for standard output that may be full or closed.
macro_rules! say {
    ($($text:tt)*) => { $crate::stdout::line(format_args!($($text)*)) };
}
pub(crate) use say;
