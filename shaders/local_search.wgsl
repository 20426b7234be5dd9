// local_search: one round of iterated local search over the codes of an additive quantizer (Martinez et al., ECCV 2016).
//
// The best codes so far are perturbed, code j by shifts[j] modulo k; then iterated conditional modes: each code in turn
// becomes the best one given all others, in SWEEPS passes or until a pass changes nothing. The result replaces the best
// codes if it is cheaper:
//
//   cost = sum over j of scores[row, j k + c_j] + sum over i < j of gram[i k + c_i, j k + c_j]
//
// scores (n, m k) = 1/2 |c|^2 - x . c; gram (m k, m k) = a . c; shifts (m); codes (n, m) and costs (n) are read and written.
// With `first` = 1 the codes come unjudged: whatever the search ends in replaces them.
// Grid: one workgroup for THREADS / LANES rows (shared/least.wgsl). Ties: the lowest code.
// The perturbation is the same for every row, so that a row's codes depend on that row alone.

struct Params {
    n: u32,
    m: u32,
    k: u32,
    sweeps: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> gram: array<f32>;
@group(0) @binding(3) var<storage, read> shifts: array<u32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> costs: array<f32>;

// Codes that a workgroup has room for, m of each row.
const ROOM: u32 = 512u;

var<workgroup> current: array<u32, ROOM>;

// What code `c` of codebook `j` costs, given the codes of the others, which are in `current` from `own` on.
fn conditional(row: u32, own: u32, j: u32, c: u32) -> f32 {
    let width = params.m * params.k;
    let column = j * params.k + c;
    var cost = scores[row * width + column];
    for (var i = 0u; i < params.m; i++) {
        if i != j {
            cost += gram[(i * params.k + current[own + i]) * width + column];
        }
    }
    return cost;
}

// The cost of all current codes.
fn whole_cost(row: u32, own: u32) -> f32 {
    let width = params.m * params.k;
    var cost = 0.0;
    for (var j = 0u; j < params.m; j++) {
        let column = j * params.k + current[own + j];
        cost += scores[row * width + column];
        for (var i = 0u; i < j; i++) {
            cost += gram[(i * params.k + current[own + i]) * width + column];
        }
    }
    return cost;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let first_row = linear_workgroup(workgroup, grid) * (THREADS / LANES);
    if first_row >= params.n {
        return;
    }
    let lane = local % LANES;
    // Past the last row the lanes do as the last row's, and write nothing.
    let is_row = first_row + local / LANES < params.n;
    let row = min(first_row + local / LANES, params.n - 1u);
    let own = local / LANES * params.m;
    for (var j = lane; j < params.m; j += LANES) {
        current[own + j] = (codes[row * params.m + j] + shifts[j]) % params.k;
    }
    meet();
    // After a pass that changes nothing, the others look at no code and only meet at the barriers.
    var settled = false;
    for (var sweep = 0u; sweep < params.sweeps; sweep++) {
        var changed = false;
        for (var j = 0u; j < params.m; j++) {
            let old = current[own + j];
            var best = FAR;
            var best_code = 0u;
            for (var c = select(lane, params.k, settled); c < params.k; c += LANES) {
                let cost = conditional(row, own, j, c);
                if cost < best {
                    best = cost;
                    best_code = c;
                }
            }
            find_least(local, best, best_code);
            let found = least_key[first_lane(local)];
            let better = found != old && least_value[first_lane(local)] < FAR;
            if lane == 0u && better {
                current[own + j] = found;
            }
            changed = changed || better;
            meet();
        }
        settled = !changed;
    }
    if lane == 0u && is_row {
        let cost = whole_cost(row, own);
        if params.first == 1u || cost < costs[row] {
            costs[row] = cost;
            for (var j = 0u; j < params.m; j++) {
                codes[row * params.m + j] = current[own + j];
            }
        }
    }
}
