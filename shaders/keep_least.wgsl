// keep_least: takes the scores of more candidates into the lists of the K least that every query has so far.
//
//   (ids[q], least[q]) = the K least of (ids[q], least[q]) and the pairs (first + i, scores[i, q]), i < rows
//
// scores (rows, columns), of which the first `queries` columns count; ids and least (queries, K), ascending. A list
// that is not full yet ends in scores of LARGEST with the id NONE.
// The host prepends `const K: u32`, 1 <= K <= 1024, and `const LIST: u32`, the next power of two.
// Grid: one workgroup per query. The list is in workgroup memory. Its lanes compare a candidate each with the last of the
// list, and put what is less behind the list, in the order in which they happen to arrive. Before that space runs out
// it is sorted, and of the list and the K first of it the lesser ones are kept: the sequence of the minima of an
// ascending and a descending sequence is bitonic, and is sorted as such.
// Ties: the lowest id first. Sorting is by score and id, so the order of arrival leaves no trace. Ids ascend from
// dispatch to dispatch: a candidate equal to the last of the list is not taken.

struct Params {
    rows: u32,
    columns: u32,
    queries: u32,
    // The column of the first of these queries.
    column: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> least: array<f32>;

const LARGEST: f32 = 0x1.fffffep+127f;
const NONE: u32 = 0xffffffffu;

// Room for arrivals: those of two steps.
const ROOM: u32 = 2u * WORKGROUP;

// The list, and behind it the room for arrivals.
var<workgroup> kept_scores: array<f32, LIST + ROOM>;
var<workgroup> kept_ids: array<u32, LIST + ROOM>;
var<workgroup> arrivals: atomic<u32>;
var<workgroup> shared_arrivals: u32;

fn precedes(a: u32, b: u32) -> bool {
    return kept_scores[a] < kept_scores[b] || (kept_scores[a] == kept_scores[b] && kept_ids[a] < kept_ids[b]);
}

fn swap(a: u32, b: u32) {
    let score = kept_scores[a];
    let id = kept_ids[a];
    kept_scores[a] = kept_scores[b];
    kept_ids[a] = kept_ids[b];
    kept_scores[b] = score;
    kept_ids[b] = id;
}

// One step of Batcher's bitonic sort over `size` places from `start` on: compares places `stride` apart, and puts them
// in ascending order where bit `run` of their number is 0, else in descending order.
fn sort_step(local: u32, start: u32, size: u32, stride: u32, run: u32) {
    for (var pair = local; pair < size / 2u; pair += WORKGROUP) {
        let a = 2u * pair - (pair & (stride - 1u));
        let low = start + a;
        let high = low + stride;
        if (a & run) == 0u {
            if precedes(high, low) {
                swap(low, high);
            }
        } else if precedes(low, high) {
            swap(low, high);
        }
    }
}

// Sorts the first `count` arrivals and merges them into the list.
fn merge(local: u32, count: u32) {
    for (var i = local; i < ROOM; i += WORKGROUP) {
        if i >= count {
            kept_scores[LIST + i] = LARGEST;
            kept_ids[LIST + i] = NONE;
        }
    }
    workgroupBarrier();
    for (var run = 2u; run <= ROOM; run *= 2u) {
        for (var stride = run / 2u; stride > 0u; stride /= 2u) {
            sort_step(local, LIST, ROOM, stride, run);
            workgroupBarrier();
        }
    }
    for (var i = local; i < LIST; i += WORKGROUP) {
        let other = LIST - 1u - i;
        if other < ROOM && precedes(LIST + other, i) {
            kept_scores[i] = kept_scores[LIST + other];
            kept_ids[i] = kept_ids[LIST + other];
        }
    }
    workgroupBarrier();
    for (var stride = LIST / 2u; stride > 0u; stride /= 2u) {
        sort_step(local, 0u, LIST, stride, LIST);
        workgroupBarrier();
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let query = linear_workgroup(workgroup, workgroups);
    if query >= params.queries {
        return;
    }
    for (var i = local; i < LIST; i += WORKGROUP) {
        kept_scores[i] = LARGEST;
        kept_ids[i] = NONE;
        if i < K {
            kept_scores[i] = least[query * K + i];
            kept_ids[i] = ids[query * K + i];
        }
    }
    if local == 0u {
        atomicStore(&arrivals, 0u);
    }
    workgroupBarrier();
    for (var start = 0u; start < params.rows; start += WORKGROUP) {
        let row = start + local;
        if row < params.rows {
            let score = scores[row * params.columns + params.column + query];
            if score < kept_scores[K - 1u] {
                let place = LIST + atomicAdd(&arrivals, 1u);
                kept_scores[place] = score;
                kept_ids[place] = params.first + row;
            }
        }
        workgroupBarrier();
        if local == 0u {
            shared_arrivals = atomicLoad(&arrivals);
        }
        let count = workgroupUniformLoad(&shared_arrivals);
        // After the last step, and where the next one may find no room.
        if count > ROOM - WORKGROUP || (start + WORKGROUP >= params.rows && count > 0u) {
            merge(local, count);
            if local == 0u {
                atomicStore(&arrivals, 0u);
            }
            workgroupBarrier();
        }
    }
    for (var i = local; i < K; i += WORKGROUP) {
        least[query * K + i] = kept_scores[i];
        ids[query * K + i] = kept_ids[i];
    }
}
