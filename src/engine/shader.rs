//! How the host describes a shader to the engine.

use std::borrow::Cow;

/// A kernel's GPU face: its WGSL and what it binds.
///
/// `@binding(0)` is the uniform `params`; then come `reads`, then `writes`, in order. A contract test reflects
/// the WGSL and holds all of this, and the layout of the parameters, against it.
pub(crate) struct Shader {
    /// The kernel's name: the stem of its files.
    pub stem: &'static str,
    /// WGSL texts that together make the module; the order does not matter to WGSL.
    pub source: &'static [&'static str],
    /// Names of the read-only storage bindings.
    pub reads: &'static [&'static str],
    /// Names of the writable storage bindings.
    pub writes: &'static [&'static str],
    /// Fields of the uniform, in order; only the contract test reads it.
    #[cfg_attr(not(test), expect(dead_code))]
    pub params: &'static [Field],
    /// One variant of every kind that a call may ask for; only the contract test reads it.
    #[cfg_attr(not(test), expect(dead_code))]
    pub variants: fn() -> Vec<Variant>,
}

/// One compiled form of a shader.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variant {
    /// Text put in front of the module: `const`s that size private arrays, which overrides cannot.
    pub prelude: Cow<'static, str>,
    /// Texts that this variant has besides the shader's own.
    pub pieces: Cow<'static, [&'static str]>,
    /// Pipeline-overridable constants.
    pub overrides: Cow<'static, [(&'static str, f64)]>,
}

impl Variant {
    /// The only variant of most shaders.
    pub const DEFAULT: Variant = Variant::overriding(&[]);

    /// The variant with these pipeline-overridable constants.
    pub const fn overriding(overrides: &'static [(&'static str, f64)]) -> Self {
        Variant {
            prelude: Cow::Borrowed(""),
            pieces: Cow::Borrowed(&[]),
            overrides: Cow::Borrowed(overrides),
        }
    }

    /// Whether `other` is the same variant. A piece is a static text: where it lies tells which one it is.
    pub fn is(&self, other: &Self) -> bool {
        let same = |(a, b): (&&str, &&str)| std::ptr::eq(*a, *b);
        self.overrides == other.overrides
            && self.prelude == other.prelude
            && self.pieces.len() == other.pieces.len()
            && self.pieces.iter().zip(&*other.pieces).all(same)
    }
}

/// A field of a uniform struct.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
}

/// A `#[repr(C)]` struct that is a shader's `params`. Made by [`shader_params!`].
pub(crate) trait Params: bytemuck::Pod {
    const FIELDS: &'static [Field];
}

/// Declares the host side of a shader's `Params` struct: plain old data and a table of its fields.
macro_rules! shader_params {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(C)]
        pub(crate) struct $name { $(pub $field: $kind),+ }

        impl $crate::engine::shader::Params for $name {
            const FIELDS: &'static [$crate::engine::shader::Field] = &[$(
                $crate::engine::shader::Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!($name, $field),
                    size: size_of::<$kind>(),
                }
            ),+];
        }
    };
}
pub(crate) use shader_params;
