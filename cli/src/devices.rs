//! `wgvq devices`

use wgvq::Result;

use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

pub fn run(common: &Common) -> Result<Verdict> {
    let devices = wgvq::devices();
    if common.json {
        print_json(&serde_json::json!({ "devices": devices }))?;
        return Ok(Verdict::Done);
    }
    for device in devices {
        let mark = if device.auto { "*" } else { " " };
        say!("{mark} {:<6} {} ({}, {})", device.id, device.name, device.kind, device.backend);
        if device.id != "cpu" {
            say!("           driver {}", device.driver);
            say!(
                "           bindings up to {} MiB, workgroups of {} with {} KiB of memory; {}",
                device.max_binding >> 20,
                device.workgroup_size,
                device.workgroup_memory >> 10,
                device.features.join(", ")
            );
        }
        say!("           {}{}", if device.auto { "auto takes it: " } else { "" }, device.reason);
    }
    Ok(Verdict::Done)
}
