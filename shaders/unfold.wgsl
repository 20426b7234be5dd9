// unfold: the patches of images that a convolution looks at, each as a row.
//
//   patches[(b, oy, ox), (ky, kx, channel)] = image[(b, oy s + ky - p, ox s + kx - p), channel], 0 outside
//
// image (images * height * width, channels), pixels of an image row by row; patches (images * out_height * out_width,
// kernel * kernel * channels). One invocation per element of the patches, from row `first` on.

struct Params {
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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read_write> patches: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.elements {
        return;
    }
    let row_elements = params.kernel * params.kernel * params.channels;
    let row = params.first + element / row_elements;
    let column = element % row_elements;
    let b = row / (params.out_height * params.out_width);
    let oy = row / params.out_width % params.out_height;
    let ox = row % params.out_width;
    let place = column / params.channels;
    // Moved by the padding, so that nothing is negative.
    let y = oy * params.stride + place / params.kernel;
    let x = ox * params.stride + place % params.kernel;
    var value = 0.0;
    if y >= params.padding && y < params.height + params.padding && x >= params.padding && x < params.width + params.padding {
        let pixel = (b * params.height + y - params.padding) * params.width + x - params.padding;
        value = image[pixel * params.channels + column % params.channels];
    }
    patches[element] = value;
}
