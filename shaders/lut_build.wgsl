// lut_build: the part of one codebook in the look-up tables of queries.
//
//   SQUARED_DIFFERENCE   tables[g entries + first + j, lane] = sum_i (q[column + i] - c_j[i])^2
//   PRODUCT              tables[g entries + first + j, lane] = -2 sum_i q[column + i] c_j[i]
//
// for query 16 g + lane, and 0 where there is no such query. queries (n, d); codewords (k, width), which stand for the
// columns column .. column + width of a vector; tables (groups * entries, 16): the queries of a group lie side by side,
// so that one look-up serves all of them.
// One invocation per element of the codebook's part, in order of group, codeword and lane. Sums are in order of i.

struct Params {
    n: u32,
    d: u32,
    column: u32,
    width: u32,
    k: u32,
    first: u32,
    entries: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> queries: array<f32>;
@group(0) @binding(2) var<storage, read> codewords: array<f32>;
@group(0) @binding(3) var<storage, read_write> tables: array<f32>;

const LANES: u32 = 16u;

const SQUARED_DIFFERENCE: u32 = 0u;
const PRODUCT: u32 = 1u;
override TERM: u32 = SQUARED_DIFFERENCE;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    let lane = element % LANES;
    let code = element / LANES % params.k;
    let group = element / LANES / params.k;
    if group >= (params.n + LANES - 1u) / LANES {
        return;
    }
    let query = group * LANES + lane;
    var sum = 0.0;
    if query < params.n {
        let start = query * params.d + params.column;
        for (var i = 0u; i < params.width; i++) {
            let q = queries[start + i];
            let c = codewords[code * params.width + i];
            if TERM == PRODUCT {
                sum = fma(q, c, sum);
            } else {
                sum = fma(q - c, q - c, sum);
            }
        }
    }
    if TERM == PRODUCT {
        sum *= -2.0;
    }
    tables[(group * params.entries + params.first + code) * LANES + lane] = sum;
}
