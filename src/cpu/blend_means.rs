//! CPU twin of `shaders/blend_means.wgsl`.

use rayon::prelude::*;

/// The means of a batch's rows per code, and how much those rows weigh.
pub(crate) struct Batch<'a> {
    pub means: &'a [f32],
    pub mass: &'a [f32],
    pub d: usize,
}

/// `total += mass`, then `centroids += mass / total · (means − centroids)`, where the mass is not zero.
pub(crate) fn blend_means(batch: Batch, centroids: &mut [f32], total: &mut [f32]) {
    // Without dimensions there are still totals to add up.
    let d = batch.d.max(1);
    total.iter_mut().zip(batch.mass).for_each(|(total, mass)| *total += mass);
    let codes = centroids.par_chunks_mut(d).zip(batch.means.par_chunks(d)).zip(batch.mass).zip(&*total);
    codes.with_min_len(64).for_each(|(((centroid, mean), &mass), &total)| {
        if mass > 0.0 {
            let share = mass / total;
            centroid
                .iter_mut()
                .zip(mean)
                .for_each(|(centroid, mean)| *centroid += share * (mean - *centroid));
        }
    });
}
