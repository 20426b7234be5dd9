//! What numbers the scores of `assign` are computed with.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What numbers the scores of the first look of [`assign`](crate::Recorder::assign) are computed with.
///
/// It changes no code: what the scores do not decide is looked at again.
///
/// ```
/// use wgvq::{Engine, Precision};
/// let engine = Engine::builder().device("cpu").precision("f32".parse::<Precision>()?).build()?;
/// assert!("f31".parse::<Precision>().is_err());
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// What is fastest on the device.
    #[default]
    Auto,
    /// 32 bits, which every device has.
    F32,
    /// The upper 16 bits of those: processors with a matrix unit (AMX) or AVX512-BF16 have it.
    Bf16,
    /// 16 bits with 11 binary digits: GPUs with a matrix unit that multiplies those and adds them up in `f32` have it, through Vulkan.
    F16,
}

impl Precision {
    const ALL: [Self; 4] = [Self::Auto, Self::F32, Self::Bf16, Self::F16];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Refuses what a device lacks; it has `offered`.
    pub(super) fn refused(self, device: &str, offered: &[Self]) -> Error {
        let offered: Vec<&str> = offered.iter().map(|precision| precision.name()).collect();
        Error::input(format!("{device} computes no scores in {self}; it has {}", offered.join(", ")))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|precision| precision.name() == name);
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|precision| precision.name()).collect();
            Error::input(format!("there is no precision {name:?}; there are {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine;

    #[test]
    fn what_a_device_lacks_is_refused_with_what_it_has() {
        let build = |precision| Engine::builder().device("cpu").precision(precision).build();
        assert!(build(Precision::F32).is_ok() && build(Precision::Auto).is_ok());
        let refused = build(Precision::F16).map(drop).expect_err("no processor has it").to_string();
        assert!(refused.contains("cpu computes no scores in f16; it has f32"), "{refused}");
        if crate::test_gpu().is_some() {
            let refused = Engine::builder().device("gpu").precision(Precision::Bf16).build();
            let refused = refused.map(drop).expect_err("no GPU is used for it").to_string();
            assert!(refused.ends_with("it has f32"), "{refused}");
        }
    }
}
