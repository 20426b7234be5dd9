//! The one error type of the crate.
//!
//! An [`Error`] is a sentence for a person plus an [`ErrorKind`] for a program. The sentence says what
//! was wrong, where, and what would be right; callers add the *where* with [`Context::context`] as the
//! error travels outwards, so that the outermost place is read first.

use std::fmt;

/// A `Result` whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a program can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument, a file or its contents cannot be used: change the input.
    Input,
    /// Two shapes that have to agree do not: change the call.
    Shape,
    /// Reading or writing failed below us (permissions, a full disk): change the surroundings.
    Io,
    /// The GPU, its driver or its memory failed, or there is no such device.
    Device,
    /// The caller asked for the work to stop.
    Cancelled,
}

/// Everything that can go wrong in this crate.
///
/// ```
/// use wgvq::{Error, ErrorKind};
/// let error = Error::input("k is 0; a codebook needs at least one codeword").context("--spec VQ0");
/// assert_eq!(error.kind(), ErrorKind::Input);
/// assert_eq!(error.to_string(), "--spec VQ0: k is 0; a codebook needs at least one codeword");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with the sentence a person reads.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Unusable input: see [`ErrorKind::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Shapes that do not fit: see [`ErrorKind::Shape`].
    pub fn shape(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Shape, message)
    }

    /// A device that failed or is not there: see [`ErrorKind::Device`].
    pub fn device(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Device, message)
    }

    /// Work stopped at the caller's wish: see [`ErrorKind::Cancelled`].
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, message)
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The same error with `place` (a file, an option, an operation) in front of its sentence.
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        let message = source.to_string();
        Self(Box::new(Inner { kind: ErrorKind::Io, message, source: Some(Box::new(source)) }))
    }
}

/// Adds the place to an error on its way out.
pub trait Context<T> {
    /// On an error, puts `place()` in front of its sentence; a success passes untouched.
    fn context<D: fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context<D: fmt::Display>(self, place: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.into().context(place()))
    }
}

/// "; did you mean X?" for the one of `known` that is most like `given`; nothing if none is much like it.
pub(crate) fn did_you_mean(given: &str, known: impl IntoIterator<Item = String>) -> String {
    let most = (given.chars().count() / 3).max(1);
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(given, &name), name));
    let nearest = distances.filter(|(distance, _)| (1..=most).contains(distance)).min();
    nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_reads_from_the_outside_in() {
        let inner: std::io::Result<()> = Err(std::io::Error::other("disk full"));
        let error = inner.context(|| "chunk 3").context(|| "codes.npy").unwrap_err();
        assert_eq!(error.to_string(), "codes.npy: chunk 3: disk full");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
