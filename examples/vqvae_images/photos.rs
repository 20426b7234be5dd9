//! Patches of photographs: those that models see, and those that they do not.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ndarray::{Array2, Array3, s};
use wgvq::Rng;

/// Pixels of a patch along each side.
pub const SIDE: usize = 32;
/// The patches that no model sees, which are all of the lower third of each photograph.
pub const HELD_OUT: usize = 36;

/// Photographs (height, width, 3), with values from 0 to 1.
pub struct Photos(Vec<Array3<f32>>);

impl Photos {
    /// The three of `data/photos`.
    pub fn read() -> Result<Self, Box<dyn Error>> {
        let paths = ["astronaut", "chelsea", "coffee"].map(|name| format!("data/photos/{name}.png"));
        Ok(Self(paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?))
    }

    /// `count` patches from anywhere in the upper two thirds, as pixels (count · 32 · 32, 3).
    pub fn crops(&self, count: usize, rng: &mut Rng) -> Array2<f32> {
        let patches = (0..count).map(|_| {
            let photo = &self.0[rng.below(self.0.len())];
            (photo, rng.below(seen(photo) - SIDE + 1), rng.below(photo.dim().1 - SIDE + 1))
        });
        stack(count, patches)
    }

    /// The patches of the lower thirds, side by side, as pixels (36 · 32 · 32, 3).
    pub fn held_out(&self) -> Array2<f32> {
        let patches = self.0.iter().flat_map(|photo| {
            let (height, width, _) = photo.dim();
            let tops = (seen(photo)..height - SIDE + 1).step_by(SIDE);
            tops.flat_map(move |top| (0..width - SIDE + 1).step_by(SIDE).map(move |left| (photo, top, left)))
        });
        stack(HELD_OUT, patches.take(HELD_OUT))
    }
}

fn read(path: &str) -> Result<Array3<f32>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let mut reader = png::Decoder::new(BufReader::new(file)).read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or("a photograph too large")?];
    let info = reader.next_frame(&mut bytes)?;
    let shape = (info.height as usize, info.width as usize, 3);
    bytes.truncate(shape.0 * shape.1 * 3);
    Ok(Array3::from_shape_vec(shape, bytes)?.mapv(|value| f32::from(value) / 255.0))
}

/// Where the part that models see ends.
fn seen(photo: &Array3<f32>) -> usize {
    photo.dim().0 * 2 / 3
}

fn stack<'a>(count: usize, patches: impl Iterator<Item = (&'a Array3<f32>, usize, usize)>) -> Array2<f32> {
    let mut pixels = Array2::zeros((count * SIDE * SIDE, 3));
    for (number, (photo, top, left)) in patches.enumerate() {
        let patch = photo.slice(s![top..top + SIDE, left..left + SIDE, ..]);
        let own = pixels.slice_mut(s![number * SIDE * SIDE..(number + 1) * SIDE * SIDE, ..]);
        let mut own = own.into_shape_with_order((SIDE, SIDE, 3)).expect("as many pixels");
        own.assign(&patch);
    }
    pixels
}

/// Writes a picture with a row of held-out patches for each of `rows`.
pub fn write_patches(path: &Path, rows: &[&Array2<f32>]) -> Result<(), Box<dyn Error>> {
    let (width, height) = (HELD_OUT * SIDE, rows.len() * SIDE);
    let mut bytes = vec![0; width * height * 3];
    for (row, patches) in rows.iter().enumerate() {
        for (pixel, colors) in patches.rows().into_iter().enumerate() {
            let (patch, place) = (pixel / (SIDE * SIDE), pixel % (SIDE * SIDE));
            let (y, x) = (row * SIDE + place / SIDE, patch * SIDE + place % SIDE);
            for (channel, value) in colors.iter().enumerate() {
                bytes[(y * width + x) * 3 + channel] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
    }
    let mut encoder = png::Encoder::new(File::create(path)?, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}
