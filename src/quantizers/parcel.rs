//! What is sent from one machine to another as bytes: eight letters that say what it is, a `u32` with the version, what is sent,
//! and the XXH3-128 of all before. Numbers are little-endian.

use twox_hash::XxHash3_128;

use crate::error::{Error, Result};

/// What may be sent.
pub(super) struct Parcel {
    pub letters: &'static [u8; 8],
    pub version: u32,
    /// Its name in messages, such as "sums of a refit".
    pub name: &'static str,
}

impl Parcel {
    /// The bytes around what `write` adds.
    pub fn wrap(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = self.letters.to_vec();
        bytes.extend(self.version.to_le_bytes());
        write(&mut bytes);
        bytes.extend(XxHash3_128::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// What `read` makes of what was wrapped.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is something else, of a newer version or damaged, or if `read` says `None`.
    pub fn open<T>(&self, bytes: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T> {
        let Self { letters, version: known, name } = self;
        let Some(rest) = bytes.strip_prefix(*letters) else {
            return Err(Error::input(format!(
                "these are no {name}: their first bytes are not {}",
                letters.escape_ascii()
            )));
        };
        let damaged =
            || Error::input(format!("the {name} were damaged on their way, or cut short; make them again"));
        let (version, _) = number(rest).ok_or_else(damaged)?;
        if version > *known {
            return Err(Error::input(format!(
                "{name} of version {version}; this wgvq reads version {known}: take the same wgvq on all machines"
            )));
        }
        let (whole, hash) = bytes.split_last_chunk::<16>().ok_or_else(damaged)?;
        if XxHash3_128::oneshot(whole) != u128::from_le_bytes(*hash) {
            return Err(damaged());
        }
        whole.get(letters.len() + 4..).and_then(read).ok_or_else(damaged)
    }
}

/// The number that bytes begin with, and what follows it.
pub(super) fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}
