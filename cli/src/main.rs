//! The program `wgvq`.

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_the_loader();
    ExitCode::from(wgvq_cli::main(std::env::args_os()))
}

/// Mesa's device-select layer looks for a Wayland session and complains on stderr where there is none, as on
/// every headless machine. It does not decide anything for us, so there it is switched off.
fn quiet_the_loader() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first thing that `main` does; no other thread exists that could read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
