//! The two ways to run the tiled kernels on a GPU.

/// A way to run the tiled kernels (`assign`, `products`, `distance_matrix`, `curve_project`) on a GPU.
///
/// The engine chooses: [`Staged`](Self::Staged) on a GPU, [`Direct`](Self::Direct) on a software rasteriser as long as
/// its limit on loops allows. [`EngineBuilder::core`](super::EngineBuilder::core) overrides the choice, so that either can be
/// tested on any adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Registers only: a rasteriser pays more for a barrier than it saves.
    Direct,
    /// Tiles staged in workgroup memory.
    Staged,
}
