//! Where something that is kept between runs was found out: elsewhere it means nothing.

use serde::{Deserialize, Serialize};

use super::cache_file::file_name;

/// An adapter, its driver, and the version of this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    adapter: String,
    driver: String,
    version: String,
}

impl Origin {
    /// This version on the adapter.
    pub fn of(info: &wgpu::AdapterInfo) -> Self {
        Self {
            adapter: info.name.clone(),
            driver: format!("{} {}", info.driver, info.driver_info),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// What `other` has otherwise, in words.
    pub fn differing(&self, other: &Self) -> Option<String> {
        let parts = [
            ("adapter", &self.adapter, &other.adapter),
            ("driver", &self.driver, &other.driver),
            ("version", &self.version, &other.version),
        ];
        let (what, ours, theirs) = parts.into_iter().find(|(_, ours, theirs)| ours != theirs)?;
        Some(format!("the {what} {theirs:?}, and here is {ours:?}"))
    }
}

/// The name of a file for what is known of an adapter.
pub(super) fn adapter_file(info: &wgpu::AdapterInfo, extension: &str) -> String {
    format!("{}.{extension}", file_name(&format!("{} {}", info.name, info.backend)))
}
