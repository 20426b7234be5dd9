// reduce: one value per block of 256 values: their sum or that of their squares, or the least (greatest) and its row number
//
// values (n), indices (n, or unread); reduced and reduced_indices hold block b's result at target + b. A longer
// column is reduced level by level: the next level's values and indices are this one's results. Row numbers are
// first + i at the first level, where there are no indices yet.
//
// One workgroup per block. A block is added up as a tree of eight levels, halves onto halves: 256 values are summed
// with at most eight roundings each, in an order that depends on their places in the block alone. Of equal values
// the one of the lowest row number wins. Nothing at all sums to 0.

struct Params {
    n: u32,
    first: u32,
    target_row: u32,
    has_indices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> reduced: array<f32>;
@group(0) @binding(4) var<storage, read_write> reduced_indices: array<u32>;

override OPERATION: u32;
const SUM: u32 = 0u;
const MIN: u32 = 1u;
const MAX: u32 = 2u;
const SQUARES: u32 = 3u;

const BLOCK: u32 = 256u;
// Each invocation starts with the four values that meet in the first two levels of the tree.
const INVOCATIONS: u32 = BLOCK / 4u;

struct Entry {
    value: f32,
    index: u32,
}

var<workgroup> entries: array<Entry, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_workgroup(workgroup, workgroups);
    if block > 0u && block * BLOCK >= params.n {
        return;
    }
    let at = block * BLOCK + local;
    var entry = combine(
        combine(load(at), load(at + BLOCK / 2u)),
        combine(load(at + BLOCK / 4u), load(at + 3u * BLOCK / 4u)),
    );
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        entries[local] = entry;
        workgroupBarrier();
        if local < half {
            entry = combine(entry, entries[local + half]);
        }
        workgroupBarrier();
    }
    if local == 0u {
        reduced[params.target_row + block] = entry.value;
        if !adds() {
            reduced_indices[params.target_row + block] = entry.index;
        }
    }
}

fn adds() -> bool {
    return OPERATION == SUM || OPERATION == SQUARES;
}

fn load(at: u32) -> Entry {
    if adds() {
        if at >= params.n {
            return Entry(0.0, 0u);
        }
        let value = values[at];
        if OPERATION == SQUARES {
            return Entry(value * value, 0u);
        }
        return Entry(value, 0u);
    }
    // Past the end comes the last value again, which changes no minimum.
    let row = min(at, params.n - 1u);
    if params.has_indices == 1u {
        return Entry(values[row], indices[row]);
    }
    return Entry(values[row], params.first + row);
}

fn combine(a: Entry, b: Entry) -> Entry {
    if adds() {
        return Entry(a.value + b.value, 0u);
    }
    var b_wins = b.value < a.value;
    if OPERATION == MAX {
        b_wins = b.value > a.value;
    }
    if b_wins || (b.value == a.value && b.index < a.index) {
        return b;
    }
    return a;
}
