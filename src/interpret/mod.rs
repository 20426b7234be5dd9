//! What an ordered codebook says of labelled data.
//!
//! Where neighbouring codewords are near each other, as on a space-filling curve, the index of a codeword is a coordinate:
//! each class of vectors occupies a part of it, and the way from one codeword to the next is a direction that means
//! something. [`LabelHistogram`] shows the parts, [`OrderedCodebook`] measures the order and applies the directions. A
//! codebook without an order can be asked the same, and the answers say so.
//!
//! Sources: M. H. Vali and T. Bäckström, "Interpretable latent space using space-filling curves for phonetic analysis in
//! voice conversion" (Interspeech 2023), and "Unsupervised panoptic interpretation of latent spaces in GANs using
//! space-filling vector quantization": Publications IV and V of the thesis.

mod labels;
mod ordered;

pub use labels::LabelHistogram;
pub use ordered::{Jumps, OrderedCodebook};
