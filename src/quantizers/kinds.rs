//! The kinds of quantizer.

use super::spec::{Piece, Spec};
use super::{
    additive, equalized, finite, lattice, product, residual, rotated_bits, rotation, scalar, space_filling,
    tree_residual, vq,
};
use crate::error::Result;
use crate::settings::Setting;

/// A kind of quantizer: how it is written, and which settings it has.
pub struct Kind {
    /// What it is called in messages.
    pub name: &'static str,
    /// The letters that its specs begin with.
    pub letters: &'static [&'static str],
    /// What it is, in a few words.
    pub title: &'static str,
    /// Specs of it.
    pub examples: &'static [&'static str],
    /// Where it can stand in a spec.
    pub place: Place,
    /// What it can be told.
    pub settings: &'static [&'static Setting],
    /// The spec that a piece is whose letters are those of the kind; a rotation has what follows it too.
    pub(super) parse: fn(&Piece<'_>, Option<Spec>) -> Result<Spec>,
}

/// Where a kind can stand in a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By itself or after a rotation.
    Anywhere,
    /// By itself only.
    Alone,
    /// Before another.
    Before,
}

/// All kinds of quantizer, in the order in which people are told of them.
///
/// ```
/// for kind in wgvq::KINDS {
///     for example in kind.examples {
///         let spec: wgvq::Spec = example.parse()?;
///         assert_eq!(spec.kind().name, kind.name);
///     }
/// }
/// # Ok::<(), wgvq::Error>(())
/// ```
pub static KINDS: &[&Kind] = &[
    &vq::KIND,
    &scalar::KIND,
    &product::PQ,
    &rotation::OPQ,
    &rotation::RR,
    &rotated_bits::KIND,
    &residual::KIND,
    &tree_residual::KIND,
    &product::PRQ,
    &additive::AQ,
    &additive::LSQ,
    &product::PLSQ,
    &space_filling::KIND,
    &equalized::KIND,
    &finite::FSQ,
    &finite::LFQ,
    &lattice::KIND,
];
