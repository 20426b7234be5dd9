// code_distances: how far every vector is from the codeword that it has.
//
//   distances[i] = sum (x_i - codebook[codes[i]])^2      (n) f32
//
// x (n, d) and codebook (k, d) are row-major. 16 invocations share a row: each sums every 16th quad of dimensions, and their
// sums are added in order. assign sums distances so on the staged core (shared/tile_distance.wgsl).
// Grid: one workgroup per 16 rows.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;

const LANES: u32 = 16u;

var<workgroup> parts: array<f32, WORKGROUP>;

fn difference(row: u32, code: u32, quad: u32) -> vec4f {
    let dimensions = vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u);
    let at = min(dimensions, vec4u(params.d - 1u)) + code * params.d;
    let c = vec4f(codebook[at.x], codebook[at.y], codebook[at.z], codebook[at.w]);
    return select(vec4f(), abs(x_quad(row, quad) - c), dimensions < vec4u(params.d));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    let slot = linear_workgroup(workgroup, grid) * (WORKGROUP / LANES) + local / LANES;
    let row = min(slot, params.n - 1u);
    let code = min(codes[row], params.k - 1u);
    var own = 0.0;
    for (var quad = lane; quad < (params.d + 3u) / 4u; quad += LANES) {
        let apart = difference(row, code, quad);
        own += dot(apart, apart);
    }
    parts[local] = own;
    workgroupBarrier();
    if lane == 0u && slot < params.n {
        var sum = 0.0;
        for (var other = 0u; other < LANES; other++) {
            sum += parts[local + other];
        }
        distances[slot] = sum;
    }
}
