// codebook_mean: the mean of the codewords, about which squared L2 is centred.
//
//   mean[j] = 1/k sum_i codebook[i, j]     (d) f32, zero from d to `padded`
//
// Any value near the mean serves, so long as x and the codebook are centred by the same one: the sum is a plain f32 sum.
// Grid: one workgroup per 16 dimensions; 16 invocations per dimension each take every 16th codeword.

struct Params {
    d: u32,
    k: u32,
    padded: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codebook: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;

var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let dimension = linear_workgroup(workgroup, grid) * 16u + local % 16u;
    var part = 0.0;
    if dimension < params.d {
        for (var code = local / 16u; code < params.k; code += 16u) {
            part += codebook[code * params.d + dimension];
        }
    }
    parts[local] = part;
    workgroupBarrier();
    if local < 16u && dimension < params.padded {
        var sum = 0.0;
        for (var i = local; i < 256u; i += 16u) {
            sum += parts[i];
        }
        mean[dimension] = sum / f32(params.k);
    }
}
