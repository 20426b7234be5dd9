// lut_scan: the scores of codes for queries, summed from the queries' look-up tables.
//
//   scores[i, q] = starts[i] + sum_j tables[g entries + firsts[j] + codes[i, j], q % 16],   g = q / 16
//
// codes (n, m), of four bytes each, or of one if BYTES, four to a word; firsts (m), where each codebook's part of a table begins; tables (groups * entries, 16) as lut_build
// leaves them, four queries to a vec4f; starts (n); scores (n, 16 groups).
// One invocation per code and group of 16 queries: a look-up reads 64 bytes, for all of them. The invocations of a
// workgroup share a group. Sums are in order of j.

struct Params {
    n: u32,
    m: u32,
    groups: u32,
    entries: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> firsts: array<u32>;
@group(0) @binding(3) var<storage, read> tables: array<vec4f>;
@group(0) @binding(4) var<storage, read> starts: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<vec4f>;

override BYTES: bool = false;

fn code_at(place: u32) -> u32 {
    if BYTES {
        return (codes[place / 4u] >> (8u * (place % 4u))) & 0xffu;
    }
    return codes[place];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_workgroup(workgroup, workgroups);
    let per_group = (params.n + WORKGROUP - 1u) / WORKGROUP;
    let group = number / per_group;
    let row = number % per_group * WORKGROUP + local;
    if group >= params.groups || row >= params.n {
        return;
    }
    var first = vec4f(starts[row]);
    var second = first;
    var third = first;
    var fourth = first;
    for (var j = 0u; j < params.m; j++) {
        let at = 4u * (group * params.entries + firsts[j] + code_at(row * params.m + j));
        first += tables[at];
        second += tables[at + 1u];
        third += tables[at + 2u];
        fourth += tables[at + 3u];
    }
    let at = 4u * (row * params.groups + group);
    scores[at] = first;
    scores[at + 1u] = second;
    scores[at + 2u] = third;
    scores[at + 3u] = fourth;
}
