//! Ctrl-C: the first one asks the running command to stop where it can go on later, the second one ends the
//! program.

use std::sync::atomic::{AtomicBool, Ordering};

use wgvq::{Error, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
pub fn listen() -> Result<()> {
    let heard = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping; once more to stop at once");
    };
    ctrlc::set_handler(heard).map_err(|error| Error::device(format!("Ctrl-C cannot be handled: {error}")))
}

/// Whether somebody asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
