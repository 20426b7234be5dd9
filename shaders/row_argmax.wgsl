// row_argmax: indices[i] = the column of the greatest of values[i, :], of equal ones the first
//
// values (n, d), d >= 1; indices (n). 32 invocations share a row: each looks at every 32nd element, in order, and
// they join as a tree. A workgroup of 256 has 8 rows. Numbers that are not normal may count as 0.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

const LANES: u32 = 32u;
const ROWS: u32 = WORKGROUP / LANES;
const NONE: u32 = 0xffffffffu;

var<workgroup> lane_values: array<f32, WORKGROUP>;
var<workgroup> lane_indices: array<u32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * ROWS + local / LANES;
    // A row past the last is an empty one: all invocations have to meet at the barriers.
    let d = select(0u, params.d, row < params.n);
    let lane = local % LANES;

    var best = 0.0;
    var index = NONE;
    for (var i = lane; i < d; i += LANES) {
        let value = values[row * params.d + i];
        if index == NONE || value > best {
            best = value;
            index = i;
        }
    }
    lane_values[local] = best;
    lane_indices[local] = index;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half && beats(local + half, local) {
            lane_values[local] = lane_values[local + half];
            lane_indices[local] = lane_indices[local + half];
        }
    }
    if lane == 0u && row < params.n {
        indices[row] = lane_indices[local];
    }
}

fn beats(other: u32, own: u32) -> bool {
    // A lane that saw nothing has the last index there is.
    if lane_indices[other] == NONE || lane_indices[own] == NONE {
        return lane_indices[own] == NONE;
    }
    let tie = lane_values[other] == lane_values[own] && lane_indices[other] < lane_indices[own];
    return lane_values[other] > lane_values[own] || tie;
}
