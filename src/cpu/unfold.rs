//! CPU twin of `shaders/unfold.wgsl`.

use rayon::prelude::*;

use crate::ops::Patches;

/// Writes the patches of all images, row by row of patches.
pub(crate) fn unfold(of: &Patches, channels: usize, image: &[f32], patches: &mut [f32]) {
    let (out_height, out_width) = of.out();
    let row_elements = of.kernel * of.kernel * channels;
    patches.par_chunks_mut(out_width * row_elements).enumerate().for_each(|(line, patches)| {
        let (b, oy) = (line / out_height, line % out_height);
        for (ox, patch) in patches.chunks_exact_mut(row_elements).enumerate() {
            for (ky, target) in patch.chunks_exact_mut(of.kernel * channels).enumerate() {
                let y = (oy * of.stride + ky).checked_sub(of.padding).filter(|&y| y < of.height);
                let Some(y) = y else {
                    target.fill(0.0);
                    continue;
                };
                // The pixels that lie in the image are side by side there too.
                let left = ox * of.stride;
                let first = of.padding.saturating_sub(left).min(of.kernel);
                let end = (of.width + of.padding).saturating_sub(left).min(of.kernel).max(first);
                target[..first * channels].fill(0.0);
                target[end * channels..].fill(0.0);
                if first < end {
                    let from = ((b * of.height + y) * of.width + left + first - of.padding) * channels;
                    let inside = &mut target[first * channels..end * channels];
                    inside.copy_from_slice(&image[from..][..inside.len()]);
                }
            }
        }
    });
}
