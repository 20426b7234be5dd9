//! Check of `unfold`: it moves values, so the bits have to be those of the image.

use super::Check;
use crate::error::Result;
use crate::ops::Patches;

/// (images, height, width, kernel, stride, padding, channels)
pub(super) const CASES: [(usize, usize, usize, usize, usize, usize, usize); 7] = [
    (1, 1, 1, 1, 1, 0, 1),
    (2, 5, 4, 3, 1, 1, 3),
    (3, 8, 8, 4, 2, 1, 2),
    (1, 7, 9, 3, 2, 0, 5),
    (2, 4, 3, 2, 3, 2, 1),
    (1, 6, 6, 1, 1, 0, 7),
    // Pixels that no patch reaches.
    (1, 5, 5, 2, 3, 0, 2),
];

pub(super) fn patches_of(case: (usize, usize, usize, usize, usize, usize, usize)) -> (Patches, usize) {
    let (images, height, width, kernel, stride, padding, channels) = case;
    (Patches { images, height, width, kernel, stride, padding }, channels)
}

/// Calls `each` with every element of the patches and the element of the image that it is, if it is one.
pub(super) fn for_each(of: &Patches, channels: usize, mut each: impl FnMut(usize, Option<usize>)) {
    let (out_height, out_width) = of.out();
    let mut element = 0;
    for b in 0..of.images {
        for (oy, ox) in (0..out_height).flat_map(|oy| (0..out_width).map(move |ox| (oy, ox))) {
            for (ky, kx) in (0..of.kernel).flat_map(|ky| (0..of.kernel).map(move |kx| (ky, kx))) {
                let y = (oy * of.stride + ky).checked_sub(of.padding).filter(|&y| y < of.height);
                let x = (ox * of.stride + kx).checked_sub(of.padding).filter(|&x| x < of.width);
                for channel in 0..channels {
                    let pixel = y.zip(x).map(|(y, x)| (b * of.height + y) * of.width + x);
                    each(element, pixel.map(|pixel| pixel * channels + channel));
                    element += 1;
                }
            }
        }
    }
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for case in CASES {
        let (of, channels) = patches_of(case);
        let image = check.normals(of.pixels(), channels, 0.0);
        let mut patches = engine.uninitialized(of.count(), of.kernel * of.kernel * channels)?;
        let mut recorder = engine.recorder();
        recorder.unfold(&of, &engine.upload(image.view())?, &mut patches)?;
        recorder.submit()?;
        let values: Vec<f32> = image.iter().copied().collect();
        let mut want = Vec::new();
        for_each(&of, channels, |_, from| want.push(from.map_or(0.0, |from| values[from])));
        check.same_bits(&format!("{of:?}"), patches.download()?, &want);
    }
    let too_large = Patches { images: 1, height: 3, width: 3, kernel: 4, stride: 1, padding: 0 };
    let (image, mut patches) = (engine.zeros(9, 1)?, engine.zeros(1, 16)?);
    let refused = engine.recorder().unfold(&too_large, &image, &mut patches);
    check.holds("a kernel of 4 for 3 × 3 pixels", "an error", refused.is_err());
    Ok(())
}
