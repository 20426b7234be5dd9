// beam_step: one step of a beam search over sums of codewords (Babenko and Lempitsky, CVPR 2014).
//
// Every entry of a row's beam is a tuple of codewords with a cost, half the squared distance to their sum less the
// same constant for all. Each entry is extended by each candidate codeword, and the W_OUT cheapest tuples are kept:
//
//   cost(entry + c) = cost(entry) + scores[row, c] + sum over a in entry of gram[a, c]
//
// scores (n, candidates) = 1/2 |c|^2 - x . c; gram (codewords, candidates) = a . c, its rows by codeword number;
// ids_in (n, entries, length): codeword numbers; costs_in (n, entries); ids (n, W_OUT, length + 1); costs (n, W_OUT).
// Candidate j is codeword `first + j`. With `group` > 0, codeword numbers / group tell the codebook: a candidate of
// a codebook that its entry has is skipped, and tuples of the same codewords in another order count as one.
// Grid: one workgroup for THREADS / LANES rows (shared/least.wgsl). The cheapest tuple is found W_OUT times, each time among those dearer than the last.
// CACHED keeps the costs in workgroup memory between the rounds; otherwise they are computed again.
// Ties: the lowest entry, then the lowest candidate.
// Numbers: a cost is a sum in the order above. Where fewer than W_OUT tuples exist the host must not ask for more.

struct Params {
    n: u32,
    entries: u32,
    length: u32,
    candidates: u32,
    first: u32,
    group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> gram: array<f32>;
@group(0) @binding(3) var<storage, read> ids_in: array<u32>;
@group(0) @binding(4) var<storage, read> costs_in: array<f32>;
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;
@group(0) @binding(6) var<storage, read_write> costs: array<f32>;

override W_OUT: u32 = 1u;
override CACHED: u32 = 0u;
// Costs that fit in workgroup memory beside the rest, of all rows of a workgroup.
const CACHE: u32 = 3072u;
// Tuples that a workgroup has room for, W_OUT of each row.
const ROOM: u32 = 320u;
const NONE: u32 = 0xffffffffu;

var<workgroup> cache: array<f32, CACHE>;
var<workgroup> chosen: array<u32, ROOM>;

fn id_of(row: u32, entry: u32, position: u32) -> u32 {
    return ids_in[(row * params.entries + entry) * params.length + position];
}

// Whether the entry has codeword `id`.
fn has(row: u32, entry: u32, id: u32) -> bool {
    for (var i = 0u; i < params.length; i++) {
        if id_of(row, entry, i) == id {
            return true;
        }
    }
    return false;
}

// Whether tuple `key` has the same codewords as one of the row that is chosen already.
fn is_repeated(row: u32, own: u32, key: u32, round: u32) -> bool {
    let entry = key / params.candidates;
    let id = params.first + key % params.candidates;
    for (var r = 0u; r < round; r++) {
        let other = chosen[own + r] / params.candidates;
        let other_id = params.first + chosen[own + r] % params.candidates;
        if other == entry || !has(row, other, id) {
            continue;
        }
        var same = true;
        for (var i = 0u; i < params.length; i++) {
            let member = id_of(row, entry, i);
            same = same && (member == other_id || has(row, other, member));
        }
        if same {
            return true;
        }
    }
    return false;
}

fn is_used(row: u32, entry: u32, candidate: u32) -> bool {
    for (var i = 0u; i < params.length; i++) {
        if id_of(row, entry, i) / params.group == (params.first + candidate) / params.group {
            return true;
        }
    }
    return false;
}

fn cost_of(row: u32, entry: u32, candidate: u32) -> f32 {
    if params.group > 0u && is_used(row, entry, candidate) {
        return FAR;
    }
    var cost = scores[row * params.candidates + candidate];
    if params.length > 0u {
        cost += costs_in[row * params.entries + entry];
    }
    for (var i = 0u; i < params.length; i++) {
        cost += gram[id_of(row, entry, i) * params.candidates + candidate];
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
    let own = local / LANES * W_OUT;
    let tuples = params.entries * params.candidates;
    let cached = local / LANES * tuples;
    if CACHED == 1u {
        for (var key = lane; key < tuples; key += LANES) {
            cache[cached + key] = cost_of(row, key / params.candidates, key % params.candidates);
        }
    }
    var last_cost = -FAR;
    var last_key = 0u;
    for (var round = 0u; round < W_OUT; round++) {
        // Keys come in ascending order: of equal costs the first stays.
        var best = FAR;
        var best_key = NONE;
        for (var key = lane; key < tuples; key += LANES) {
            var cost: f32;
            if CACHED == 1u {
                cost = cache[cached + key];
            } else {
                cost = cost_of(row, key / params.candidates, key % params.candidates);
            }
            let after = cost > last_cost || (cost == last_cost && key > last_key);
            if cost < best && (round == 0u || after) {
                if params.group == 0u || !is_repeated(row, own, key, round) {
                    best = cost;
                    best_key = key;
                }
            }
        }
        find_least(local, best, best_key);
        last_cost = least_value[first_lane(local)];
        // Past the last tuple there is only what overflowed: the first stands in.
        let found = least_key[first_lane(local)];
        last_key = select(found, 0u, found == NONE);
        if lane == 0u {
            chosen[own + round] = last_key;
        }
        let entry = last_key / params.candidates;
        let place = row * W_OUT + round;
        if is_row {
            for (var i = lane; i <= params.length; i += LANES) {
                var id = params.first + last_key % params.candidates;
                if i < params.length {
                    id = id_of(row, entry, i);
                }
                ids[place * (params.length + 1u) + i] = id;
            }
            if lane == 0u {
                costs[place] = last_cost;
            }
        }
        meet();
    }
}
