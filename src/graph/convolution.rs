//! Convolutional layers, on images as matrices of pixels: (images · height · width, channels).

use ndarray::Array2;

use super::layers::he_uniform;
use super::{Graph, Var};
use crate::error::{Error, Result};
use crate::ops::Patches;
use crate::rng::Rng;

/// A batch of images in a graph.
///
/// ```
/// use wgvq::Rng;
/// use wgvq::graph::{Conv2d, ConvTranspose2d, Graph, Images};
/// # fn main() -> wgvq::Result<()> {
/// let mut graph = Graph::new(&wgvq::Engine::cpu());
/// let mut rng = Rng::new(7, 0);
/// let photos = Images::input(&mut graph, 10, 32, 32, 3)?;
/// let down = Conv2d::new(&mut graph, "down", [3, 16], [4, 2, 1], &mut rng)?;
/// let up = ConvTranspose2d::new(&mut graph, "up", [16, 3], [4, 2, 1], &mut rng)?;
/// let small = down.apply(&mut graph, &photos)?;
/// assert_eq!((small.height, small.width), (16, 16));
/// assert_eq!(graph.shape(small.pixels)?, (10 * 16 * 16, 16));
/// let large = up.apply(&mut graph, &small)?;
/// assert_eq!((large.height, large.width), (32, 32));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// (count · height · width, channels): pixels row by row, image after image.
    pub pixels: Var,
    /// How many images.
    pub count: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
}

impl Images {
    /// Images that are set from outside.
    ///
    /// # Errors
    /// As [`Graph::input`].
    pub fn input(
        graph: &mut Graph,
        count: usize,
        height: usize,
        width: usize,
        channels: usize,
    ) -> Result<Self> {
        let pixels = graph.input(count * height * width, channels)?;
        Ok(Self { pixels, count, height, width })
    }

    /// The same images with other pixels, as a function of every pixel makes them.
    pub fn with(&self, pixels: Var) -> Self {
        Self { pixels, ..*self }
    }
}

/// A convolution of square kernels, with a bias.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// (outputs, kernel² · inputs), the columns in the order of kernel row, kernel column, input.
    pub weights: Var,
    /// (1, outputs)
    pub bias: Var,
    shape: [usize; 3],
}

impl Conv2d {
    /// Adds the parameters `name.weights`, uniform in ±√(6 / (kernel² · inputs)) (He et al., ICCV 2015), and `name.bias`,
    /// 0, for channels `[inputs, outputs]` and a shape of `[kernel, stride, padding]`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a size is 0 or the name is taken.
    pub fn new(
        graph: &mut Graph,
        name: &str,
        [inputs, outputs]: [usize; 2],
        shape: [usize; 3],
        rng: &mut Rng,
    ) -> Result<Self> {
        let fan_in = shape[0] * shape[0] * inputs;
        let weights = he_uniform(outputs, fan_in, fan_in, rng);
        Ok(Self {
            weights: graph.parameter(&format!("{name}.weights"), weights.view())?,
            bias: graph.parameter(&format!("{name}.bias"), Array2::zeros((1, outputs)).view())?,
            shape,
        })
    }

    /// Images of (side + 2 padding − kernel) / stride + 1 pixels along each side.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the images have other channels or are smaller than the kernel.
    pub fn apply(&self, graph: &mut Graph, images: &Images) -> Result<Images> {
        let [kernel, stride, padding] = self.shape;
        let Images { count, height, width, .. } = *images;
        let of = Patches { images: count, height, width, kernel, stride, padding };
        let patches = graph.unfold(images.pixels, of)?;
        let product = graph.matmul_transposed(patches, self.weights)?;
        let pixels = graph.add(product, self.bias)?;
        let (height, width) = of.out();
        Ok(Images { pixels, count, height, width })
    }
}

/// The transpose of a convolution of square kernels, with a bias: what makes images larger again.
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose2d {
    /// (inputs, kernel² · outputs), the columns in the order of kernel row, kernel column, output.
    pub weights: Var,
    /// (1, outputs)
    pub bias: Var,
    shape: [usize; 3],
}

impl ConvTranspose2d {
    /// Adds the parameters `name.weights`, uniform in ±√(6 / f) for the f = inputs · kernel² / stride² products in an
    /// output, and `name.bias`, 0, for channels `[inputs, outputs]` and a shape of `[kernel, stride, padding]`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a size is 0 or the name is taken.
    pub fn new(
        graph: &mut Graph,
        name: &str,
        [inputs, outputs]: [usize; 2],
        shape: [usize; 3],
        rng: &mut Rng,
    ) -> Result<Self> {
        let [kernel, stride, _] = shape;
        let fan_in = inputs * kernel * kernel / (stride * stride).max(1);
        let weights = he_uniform(inputs, kernel * kernel * outputs, fan_in, rng);
        Ok(Self {
            weights: graph.parameter(&format!("{name}.weights"), weights.view())?,
            bias: graph.parameter(&format!("{name}.bias"), Array2::zeros((1, outputs)).view())?,
            shape,
        })
    }

    /// Images of (side − 1) stride − 2 padding + kernel pixels along each side.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the images have other channels, or the padding leaves nothing of them.
    pub fn apply(&self, graph: &mut Graph, images: &Images) -> Result<Images> {
        let [kernel, stride, padding] = self.shape;
        let larger = |side: usize| (side.saturating_sub(1) * stride + kernel).checked_sub(2 * padding);
        let (Some(height), Some(width)) = (larger(images.height), larger(images.width)) else {
            return Err(Error::shape(format!(
                "a padding of {padding} leaves nothing of images of {} × {}; take less",
                images.height, images.width
            )));
        };
        let of = Patches { images: images.count, height, width, kernel, stride, padding };
        let patches = graph.matmul(images.pixels, self.weights)?;
        let folded = graph.fold(patches, of)?;
        let pixels = graph.add(folded, self.bias)?;
        Ok(Images { pixels, count: images.count, height, width })
    }
}
