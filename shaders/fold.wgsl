// fold: patches added up where they lie in their images; what unfold is the transpose of.
//
//   image[(b, y, x), channel] = sum of patches[(b, oy, ox), (ky, kx, channel)] over all oy s + ky = y + p, ox s + kx = x + p
//
// image (images * height * width, channels), patches (images * out_height * out_width, kernel * kernel * channels). One
// invocation per element of the image, from row `first` on; it adds in the order of ky, then kx.

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
@group(0) @binding(1) var<storage, read> patches: array<f32>;
@group(0) @binding(2) var<storage, read_write> image: array<f32>;

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
    let pixel = params.first + element / params.channels;
    let channel = element % params.channels;
    let b = pixel / (params.height * params.width);
    let y = pixel / params.width % params.height + params.padding;
    let x = pixel % params.width + params.padding;
    // The first kernel rows and columns for which the patch starts at a multiple of the stride.
    let first_ky = y % params.stride;
    let first_kx = x % params.stride;
    var sum = 0.0;
    for (var ky = first_ky; ky < params.kernel && ky <= y; ky += params.stride) {
        let oy = (y - ky) / params.stride;
        if oy >= params.out_height {
            continue;
        }
        for (var kx = first_kx; kx < params.kernel && kx <= x; kx += params.stride) {
            let ox = (x - kx) / params.stride;
            if ox < params.out_width {
                let row = (b * params.out_height + oy) * params.out_width + ox;
                sum += patches[((row * params.kernel + ky) * params.kernel + kx) * params.channels + channel];
            }
        }
    }
    image[element] = sum;
}
