// curve_runs: which run of a curve each position is in.
//
//   runs[i] = the number of borders at or before (segments[i], positions[i]), in order of segment, then position
//
// segments, positions, runs (n); borders (b, 2): segment and position, ascending. One invocation per position.

struct Params {
    n: u32,
    borders: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> segments: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<f32>;
@group(0) @binding(3) var<storage, read> borders: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> runs: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if row >= params.n {
        return;
    }
    // Segments of a curve that fits in a binding are whole numbers in f32.
    let segment = f32(segments[row]);
    let position = positions[row];
    var first = 0u;
    var last = params.borders;
    while first < last {
        let middle = (first + last) / 2u;
        let border = borders[middle];
        if border.x < segment || (border.x == segment && border.y <= position) {
            first = middle + 1u;
        } else {
            last = middle;
        }
    }
    runs[row] = first;
}
