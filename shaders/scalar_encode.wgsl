// scalar_encode: the number of the level nearest to each element
//
// x, codes (n, d). The levels of column j are row j of the table, or row 0 if it has only one.
//   uniform    table (rows, 4): the lowest level, the highest, the step, 1 / step (both 0 where all levels are one)
//   listed     table (rows, k): the k levels in ascending order; equal ones, if any, are the last ones
// One invocation per element, row-major. Of two levels equally near the lower is taken, of equal levels the first.
//
// Uniform: 4 roundings of (x - lowest) / step lie between an element and its code, so an element that near to the
// border of two levels may get either. Listed: the two distances are rounded once each.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // From the levels of one column to those of the next: 0 if all have the same.
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;

override LISTED: u32 = 0u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.n * params.d {
        return;
    }
    let levels = element % params.d * params.stride;
    if LISTED == 1u {
        codes[element] = nearest_listed(x[element], levels);
    } else {
        codes[element] = nearest_uniform(x[element], levels);
    }
}

fn nearest_uniform(x: f32, levels: u32) -> u32 {
    let lowest = table[levels];
    let steps = (clamp(x, lowest, table[levels + 1u]) - lowest) * table[levels + 3u];
    return min(u32(max(ceil(steps - 0.5), 0.0)), params.k - 1u);
}

fn nearest_listed(x: f32, levels: u32) -> u32 {
    // At most the highest, so that the search below ends at the first of the equal ones.
    let value = min(x, table[levels + params.k - 1u]);
    // The first level that is not below the value.
    var first = 0u;
    var last = params.k - 1u;
    while first < last {
        let middle = (first + last) / 2u;
        if table[levels + middle] < value {
            first = middle + 1u;
        } else {
            last = middle;
        }
    }
    if first > 0u && value - table[levels + first - 1u] <= table[levels + first] - value {
        return first - 1u;
    }
    return first;
}
