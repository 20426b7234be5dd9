//! Ctrl-C and SIGTERM: the running command is asked to stop where it can go on later. Where it has not by the end of
//! [`GRACE`], because it is deep in a sort, a decomposition or a driver, the program ends itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wgvq::{Error, Result, io};

use crate::words;

/// What a shell reports for a program that an interrupt ended.
pub const STATUS: u8 = 130;

/// How long a command has to stop by itself. A person takes a program that answers within a second for one that listens.
const GRACE: Duration = Duration::from_millis(700);

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens from now on.
pub fn listen() -> Result<()> {
    // Called on a thread of its own, one signal after another.
    let heard = || {
        ASKED.store(true, Ordering::Relaxed);
        std::thread::sleep(GRACE);
        // Nothing half-written stays but what `--resume` goes on with: partial outputs and checkpoints.
        io::remove_unfinished();
        words::complain("stopped in the middle of its work");
        std::process::exit(STATUS.into())
    };
    ctrlc::set_handler(heard).map_err(|error| Error::device(format!("Ctrl-C cannot be handled: {error}")))
}

/// Whether somebody asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
