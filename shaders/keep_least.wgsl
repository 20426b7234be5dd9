// keep_least: takes the scores of more candidates into the lists of the K least that every query has so far.
//
//   (ids[q], least[q]) = the K least of (ids[q], least[q]) and the pairs (first + i, scores[i, q]), i < rows
//
// scores (rows, columns), of which the first `queries` columns count; ids and least (queries, K), ascending. A list
// that is not full yet ends in scores of LARGEST with the id NONE.
// The host prepends `const K: u32`, 1 <= K <= 1024, and has at most 8192 rows in a dispatch: see there.
// Grid: one workgroup per query. The list is in workgroup memory. Its lanes compare a candidate each with the last of the
// list; what is less arrives, in the order in which it happens to. Then every entry of the list and every arrival counts
// those that precede it, which is its new place: three barriers per step, whatever arrives.
// Ties: the lowest id first. Places go by score and id, so the order of arrival leaves no trace. Ids ascend from dispatch
// to dispatch: a candidate equal to the last of the list is not taken.

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

// Entries of the list that a lane looks after.
const OWN: u32 = (K + WORKGROUP - 1u) / WORKGROUP;

struct Entry {
    score: f32,
    id: u32,
}

var<workgroup> kept: array<Entry, K>;
var<workgroup> arrived: array<Entry, WORKGROUP>;
var<workgroup> arrivals: atomic<u32>;

fn precedes(a: Entry, b: Entry) -> bool {
    return a.score < b.score || (a.score == b.score && a.id < b.id);
}

// How many of the first `count` arrivals precede the entry.
fn arrived_before(entry: Entry, count: u32) -> u32 {
    var before = 0u;
    for (var i = 0u; i < count; i++) {
        before += u32(precedes(arrived[i], entry));
    }
    return before;
}

// How many entries of the list precede the entry: the first so many.
fn kept_before(entry: Entry) -> u32 {
    var first = 0u;
    var last = K;
    while first < last {
        let middle = (first + last) / 2u;
        if precedes(kept[middle], entry) {
            first = middle + 1u;
        } else {
            last = middle;
        }
    }
    return first;
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
    for (var i = local; i < K; i += WORKGROUP) {
        kept[i] = Entry(least[query * K + i], ids[query * K + i]);
    }
    if local == 0u {
        atomicStore(&arrivals, 0u);
    }
    workgroupBarrier();
    for (var start = 0u; start < params.rows; start += WORKGROUP) {
        let row = start + local;
        if row < params.rows {
            let score = scores[row * params.columns + params.column + query];
            if score < kept[K - 1u].score {
                arrived[atomicAdd(&arrivals, 1u)] = Entry(score, params.first + row);
            }
        }
        workgroupBarrier();
        let count = atomicLoad(&arrivals);
        var own: array<Entry, OWN>;
        var places: array<u32, OWN>;
        for (var i = 0u; i < OWN; i++) {
            let place = local + i * WORKGROUP;
            own[i] = kept[min(place, K - 1u)];
            places[i] = place + arrived_before(own[i], count);
        }
        let arrival = arrived[local];
        var place = K;
        if local < count {
            place = kept_before(arrival) + arrived_before(arrival, count);
        }
        workgroupBarrier();
        for (var i = 0u; i < OWN; i++) {
            if places[i] < K {
                kept[places[i]] = own[i];
            }
        }
        if place < K {
            kept[place] = arrival;
        }
        if local == 0u {
            atomicStore(&arrivals, 0u);
        }
        workgroupBarrier();
    }
    for (var i = local; i < K; i += WORKGROUP) {
        least[query * K + i] = kept[i].score;
        ids[query * K + i] = kept[i].id;
    }
}
