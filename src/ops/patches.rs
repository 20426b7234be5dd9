//! The patches of images that a convolution looks at.

use crate::error::{Error, Result};

/// Which square patches are taken from a batch of images: see [`Recorder::unfold`](crate::Recorder::unfold).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// How many images there are.
    pub images: usize,
    /// Pixels of an image from top to bottom.
    pub height: usize,
    /// Pixels of an image from left to right.
    pub width: usize,
    /// Pixels of a patch along each side.
    pub kernel: usize,
    /// Pixels from one patch to the next.
    pub stride: usize,
    /// Pixels of 0 around an image.
    pub padding: usize,
}

impl Patches {
    /// Pixels of all images.
    pub fn pixels(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Patches of an image from top to bottom, and from left to right.
    pub fn out(&self) -> (usize, usize) {
        let along =
            |side: usize| (side + 2 * self.padding).saturating_sub(self.kernel) / self.stride.max(1) + 1;
        (along(self.height), along(self.width))
    }

    /// Patches of all images.
    pub fn count(&self) -> usize {
        let (height, width) = self.out();
        self.images * height * width
    }

    /// Fails if there is no patch.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { images, height, width, kernel, stride, padding } = *self;
        if images == 0 || kernel == 0 || stride == 0 {
            return Err(Error::shape(format!(
                "{images} images, a kernel of {kernel} and a stride of {stride}; all have to be at least 1"
            )));
        }
        if height.min(width) + 2 * padding < kernel {
            return Err(Error::shape(format!(
                "a kernel of {kernel} for images of {height} × {width} with a padding of {padding}; it has to fit in"
            )));
        }
        Ok(())
    }
}
