//! CPU twin of `shaders/fold.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;
use crate::ops::Patches;

/// Adds up all patches in their images, row by row of pixels.
pub(crate) fn fold(of: &Patches, channels: usize, patches: &[f32], image: &mut [f32]) {
    let (out_height, out_width) = of.out();
    let row_elements = of.kernel * of.kernel * channels;
    let arch = Arch::new();
    image.par_chunks_mut(of.width * channels).enumerate().for_each(|(line, pixels)| {
        let (b, y) = (line / of.height, line % of.height + of.padding);
        widest(
            arch,
            #[inline(always)]
            || {
                pixels.fill(0.0);
                for ky in (y % of.stride..of.kernel.min(y + 1)).step_by(of.stride) {
                    let oy = (y - ky) / of.stride;
                    if oy >= out_height {
                        continue;
                    }
                    let first = (b * out_height + oy) * out_width;
                    for (x, pixel) in pixels.chunks_exact_mut(channels).enumerate() {
                        let x = x + of.padding;
                        for kx in (x % of.stride..of.kernel.min(x + 1)).step_by(of.stride) {
                            let ox = (x - kx) / of.stride;
                            if ox < out_width {
                                let at = (first + ox) * row_elements + (ky * of.kernel + kx) * channels;
                                for (sum, &value) in pixel.iter_mut().zip(&patches[at..][..channels]) {
                                    *sum += value;
                                }
                            }
                        }
                    }
                }
            },
        );
    });
}
