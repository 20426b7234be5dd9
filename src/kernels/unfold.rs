//! Host side of `unfold`: the patches of images that a convolution looks at.

use crate::cpu;
use crate::engine::shader::{Field, Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::Patches;

pub(crate) static SHADER: Shader = Shader {
    stem: "unfold",
    source: &[super::GRID, include_str!("../../shaders/unfold.wgsl")],
    reads: &["image"],
    writes: &["patches"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params {
    elements: u32,
    first: u32,
    height: u32,
    width: u32,
    channels: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    out_height: u32,
    out_width: u32,
});

/// What the shaders of both directions take.
pub(super) const FIELDS: &[Field] = Params::FIELDS;

fn params(patches: &Patches, channels: usize, rows: std::ops::Range<usize>, row_elements: usize) -> Params {
    let (out_height, out_width) = patches.out();
    Params {
        elements: (rows.len() * row_elements) as u32,
        first: rows.start as u32,
        height: patches.height as u32,
        width: patches.width as u32,
        channels: channels as u32,
        kernel: patches.kernel as u32,
        stride: patches.stride as u32,
        padding: patches.padding as u32,
        out_height: out_height as u32,
        out_width: out_width as u32,
    }
}

impl Recorder<'_> {
    /// Patches of images, each as a row: what a convolution multiplies with its weights.
    ///
    /// Shapes: `image` (images · height · width, c), the pixels of an image row by row; `patches`
    /// ([`count`](Patches::count), kernel² · c), with the columns in the order of kernel row, kernel column, channel. What
    /// lies outside an image is 0. [`fold`](Self::fold) is its transpose.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use wgvq::ops::Patches;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let of = Patches { images: 1, height: 2, width: 3, kernel: 2, stride: 1, padding: 0 };
    /// let image = engine.upload(array![[1.0_f32], [2.0], [3.0], [4.0], [5.0], [6.0]].view())?;
    /// let mut patches = engine.uninitialized(of.count(), 4)?;
    /// let mut recorder = engine.recorder();
    /// recorder.unfold(&of, &image, &mut patches)?;
    /// recorder.submit()?;
    /// assert_eq!(patches.download()?, array![[1.0, 2.0, 4.0, 5.0], [2.0, 3.0, 5.0, 6.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the images are over the device's binding limit.
    pub fn unfold(&mut self, of: &Patches, image: &Matrix<f32>, patches: &mut Matrix<f32>) -> Result<()> {
        let channels = image.cols();
        self.check_patches("unfold", of, image, patches)?;
        if patches.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::unfold::unfold(of, channels, image.host(), patches.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(patches.rows(), [patches.shard_rows()]) {
            let params = params(of, channels, window.clone(), patches.cols());
            let workgroups = u64::from(params.elements).div_ceil(super::WORKGROUP);
            let bindings = [image.whole("the images")?, patches.slice(window)];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }

    /// Patches added up where they lie in their images: the transpose of [`unfold`](Self::unfold).
    ///
    /// Shapes: as there, from `patches` to `image`.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::ops::Patches;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let of = Patches { images: 1, height: 1, width: 3, kernel: 1, stride: 2, padding: 0 };
    /// let patches = engine.upload(array![[5.0_f32], [6.0]].view())?;
    /// let mut image = engine.uninitialized(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.fold(&of, &patches, &mut image)?;
    /// recorder.submit()?;
    /// assert_eq!(image.download()?, array![[5.0], [0.0], [6.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the patches are over the device's binding limit.
    pub fn fold(&mut self, of: &Patches, patches: &Matrix<f32>, image: &mut Matrix<f32>) -> Result<()> {
        let channels = image.cols();
        self.check_patches("fold", of, image, patches)?;
        if image.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::fold::fold(of, channels, patches.host(), image.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(image.rows(), [image.shard_rows()]) {
            let params = params(of, channels, window.clone(), channels);
            let workgroups = u64::from(params.elements).div_ceil(super::WORKGROUP);
            let bindings = [patches.whole("the patches")?, image.slice(window)];
            self.dispatch(&super::fold::SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }

    fn check_patches(
        &self,
        kernel: &str,
        of: &Patches,
        image: &Matrix<f32>,
        patches: &Matrix<f32>,
    ) -> Result<()> {
        self.same_engine(kernel, &[image.engine(), patches.engine()])?;
        of.check()?;
        let channels = image.cols();
        expect_shape(kernel, "image", image.shape(), (of.pixels(), channels))?;
        expect_shape(kernel, "patches", patches.shape(), (of.count(), of.kernel * of.kernel * channels))
    }
}
