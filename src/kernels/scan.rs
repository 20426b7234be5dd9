//! Host side of `scan`: prefix sums.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "scan",
    source: &[super::GRID, include_str!("../../shaders/scan.wgsl")],
    reads: &["values"],
    writes: &["block_sums", "sums"],
    params: Params::FIELDS,
    variants: || vec![SUM_BLOCKS, SCAN_BLOCKS, SCAN_VALUES],
};

const SUM_BLOCKS: Variant = Variant::overriding(&[("PASS", 0.0)]);
const SCAN_BLOCKS: Variant = Variant::overriding(&[("PASS", 1.0)]);
const SCAN_VALUES: Variant = Variant::overriding(&[("PASS", 2.0)]);

/// Sums per workgroup: `BLOCK` in the shader.
const BLOCK: usize = 1024;

shader_params!(Params { n: u32, sums: u32, first_block: u32, blocks: u32 });

impl Recorder<'_> {
    /// `sums[i] = values[0] + … + values[i − 1]`, modulo 2³²: the exclusive prefix sums and, last, the total.
    /// The scan of a histogram gives the offset of each code's run in sorted order.
    ///
    /// Shapes: `values` (n, 1), `sums` (n + 1, 1).
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let values = engine.upload(array![[3_u32], [0], [2]].view())?;
    /// let mut sums = engine.zeros::<u32>(4, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.scan(&values, &mut sums)?;
    /// recorder.submit()?;
    /// assert_eq!(sums.download()?, array![[0], [3], [3], [5]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Device`](crate::ErrorKind::Device) if
    /// the device has no room for a sum per block of 1024 values.
    pub fn scan(&mut self, values: &Matrix<u32>, sums: &mut Matrix<u32>) -> Result<()> {
        let n = values.rows();
        self.same_engine("scan", &[values.engine(), sums.engine()])?;
        expect_shape("scan", "values", values.shape(), (n, 1))?;
        expect_shape("scan", "sums", sums.shape(), (n + 1, 1))?;
        if self.gpu().is_none() {
            cpu::scan::scan(values.host(), sums.host_mut());
            return Ok(());
        }
        // Only an unsharded matrix has an odd height, and past its end is no place to cut.
        let heights = [values.shard_rows().next_multiple_of(256), sums.shard_rows()];
        let windows = grid::row_windows(n + 1, heights);
        let blocks = windows.iter().map(|window| window.len().div_ceil(BLOCK)).sum();
        let block_sums = self.engine().uninitialized::<u32>(blocks, 1)?;
        let block_sums = block_sums.whole("scan: sums of blocks")?;

        for pass in [SUM_BLOCKS, SCAN_BLOCKS, SCAN_VALUES] {
            if pass == SCAN_BLOCKS {
                let params = Params { n: 0, sums: 0, first_block: 0, blocks: blocks as u32 };
                let bindings = [values.slice(0..0), block_sums.clone(), sums.slice(0..0)];
                self.dispatch(&SHADER, &pass, &params, &bindings, 1)?;
                continue;
            }
            let mut first_block = 0;
            for window in &windows {
                let blocks = window.len().div_ceil(BLOCK);
                // The total may lie in a window of its own, which has no values.
                let bound = if window.start < n { window.start..window.end.min(n) } else { 0..0 };
                let params = Params {
                    n: bound.len() as u32,
                    sums: window.len() as u32,
                    first_block: first_block as u32,
                    blocks: blocks as u32,
                };
                let bindings = [values.slice(bound), block_sums.clone(), sums.slice(window.clone())];
                self.dispatch(&SHADER, &pass, &params, &bindings, blocks as u64)?;
                first_block += blocks;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Backend, Engine};

    /// A host app's buffer has as many rows as it has, and no window may start at such a row.
    #[test]
    fn wrapped_values_may_have_any_number_of_rows() {
        let Some(engine) = crate::test_gpu() else { return };
        let Backend::Gpu(gpu) = engine.backend() else { panic!("test_gpu gives a GPU") };
        let (device, queue) = (gpu.device.clone(), gpu.queue.clone());
        let engine = Engine::from_wgpu(device.clone(), queue.clone());
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4 * 1000,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&[3_u32; 1000]));
        let values = engine.wrap::<u32>(buffer, 0, 1000, 1).unwrap();
        let mut sums = engine.uninitialized(1001, 1).unwrap();
        let mut recorder = engine.recorder();
        recorder.scan(&values, &mut sums).unwrap();
        recorder.submit().unwrap();
        assert!(sums.download().unwrap().iter().copied().eq((0..=1000).map(|i| 3 * i)));
    }
}
