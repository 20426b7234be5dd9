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
// Grid: one workgroup per row. Ties: the lowest code.
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

const MOST_CODEBOOKS: u32 = 64u;

var<workgroup> current: array<u32, MOST_CODEBOOKS>;

// What code `c` of codebook `j` costs, given the codes of the others.
fn conditional(row: u32, j: u32, c: u32) -> f32 {
    let width = params.m * params.k;
    let column = j * params.k + c;
    var cost = scores[row * width + column];
    for (var i = 0u; i < params.m; i++) {
        if i != j {
            cost += gram[(i * params.k + current[i]) * width + column];
        }
    }
    return cost;
}

// The cost of all current codes.
fn whole_cost(row: u32) -> f32 {
    let width = params.m * params.k;
    var cost = 0.0;
    for (var j = 0u; j < params.m; j++) {
        let column = j * params.k + current[j];
        cost += scores[row * width + column];
        for (var i = 0u; i < j; i++) {
            cost += gram[(i * params.k + current[i]) * width + column];
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
    let row = linear_workgroup(workgroup, grid);
    if row >= params.n {
        return;
    }
    for (var j = local; j < params.m; j += THREADS) {
        current[j] = (codes[row * params.m + j] + shifts[j]) % params.k;
    }
    workgroupBarrier();
    // After a pass that changes nothing, the others look at no code and only meet at the barriers.
    var settled = false;
    for (var sweep = 0u; sweep < params.sweeps; sweep++) {
        var changed = false;
        for (var j = 0u; j < params.m; j++) {
            let old = current[j];
            var best = FAR;
            var best_code = 0u;
            for (var c = select(local, params.k, settled); c < params.k; c += THREADS) {
                let cost = conditional(row, j, c);
                if cost < best {
                    best = cost;
                    best_code = c;
                }
            }
            find_least(local, best, best_code);
            let better = least_key[0] != old && least_value[0] < FAR;
            if local == 0u && better {
                current[j] = least_key[0];
            }
            changed = changed || better;
            workgroupBarrier();
        }
        settled = !changed;
    }
    if local == 0u {
        let cost = whole_cost(row);
        if params.first == 1u || cost < costs[row] {
            costs[row] = cost;
            for (var j = 0u; j < params.m; j++) {
                codes[row * params.m + j] = current[j];
            }
        }
    }
}
