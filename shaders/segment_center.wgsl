// segment_center: one round of the search for the centers of the rows of each code: centers[c, j] is to make
//                 f = sum w[r] |x[r, j] - centers[c, j]|^POWER least over the rows r of code c, and is moved by STEP
//                 downhill: up where the slope of f is below 0, down where it is above
//
// x (n, d); weights (n), all 1 unless WEIGHTED; order (n) and offsets (k + 1) as counting_sort leaves them; mass (k): a code of
// none stays as it is; centers (k, d), taken for 0 in the FIRST round. Steps are halved from round to round, so f, which is
// convex, is searched by bisection. Two passes a round:
//   SLOPE   one invocation adds up one column of one chunk of rows: partials (slots, width), minus the slope over POWER
//   MOVE    one invocation adds up one column of one code, chunks within groups, then the groups, and moves its center
// Where the slope is 0 the center stays, but for a POWER of 1, where it is 0 between the two middle values: of those the lower
// is to be found, so a center goes down. Two passes more then take the value that it has come to:
//   BELOW   the largest value of a chunk up to 2 STEP above the center
//   SNAP    the largest of those
//
// x, order and centers may come in several shards: as in segment_mean, the dispatches for those go on with the partial sums.

const SLOPE: u32 = 0u;
const MOVE: u32 = 1u;
const BELOW: u32 = 2u;
const SNAP: u32 = 3u;
override PASS: u32 = SLOPE;
override WEIGHTED: bool = false;

struct Params {
    n: u32,
    d: u32,
    k: u32,
    column: u32,
    width: u32,
    // Rows of x and weights that are bound, places of order, and codes of mass and centers.
    first_row: u32,
    rows: u32,
    first_place: u32,
    places: u32,
    first_code: u32,
    codes: u32,
    power: u32,
    // 1 in the first round.
    first: u32,
    step: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read> mass: array<f32>;
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;
@group(0) @binding(7) var<storage, read_write> centers: array<f32>;

// The offset of a code, kept within order even if the caller's is not.
fn offset_of(code: u32) -> u32 {
    return min(offsets[code], params.n);
}

fn center_of(row: u32, column: u32) -> f32 {
    return select(centers[row * params.d + params.column + column], 0.0, params.first == 1u);
}

const LOWEST: f32 = -0x1.fffffep+127f;

// `so_far` and the row at `place`, if that is bound. A row adds w sign(e) |e|^(POWER - 1), of its error e; below, its value
// if that is not above the center.
fn with_row(so_far: f32, place: u32, column: u32, center: f32) -> f32 {
    let at = place - params.first_place;
    if at >= params.places {
        return so_far;
    }
    let row = order[at] - params.first_row;
    if row >= params.rows {
        return so_far;
    }
    let value = x[row * params.d + params.column + column];
    if PASS == BELOW {
        return select(so_far, max(so_far, value), value <= center + 2.0 * params.step + 0x1p-22f * abs(center));
    }
    let error = value - center;
    var pull = sign(error);
    for (var factor = 1u; factor < params.power; factor++) {
        pull *= abs(error);
    }
    if WEIGHTED {
        pull *= weights[row];
    }
    return so_far + pull;
}

fn chunk_of(slot: u32, column: u32) {
    let code = code_of(slot);
    let rows = rows_of(code);
    let chunk = slot - first_slot(code);
    let row = code - params.first_code;
    if chunk >= chunks(rows) || row >= params.codes {
        return;
    }
    let start = offset_of(code) + chunk * CHUNK;
    let center = center_of(row, column);
    let at = slot * params.width + column;
    var so_far = select(0.0, LOWEST, PASS == BELOW);
    if params.first_row > 0u || params.first_place > 0u {
        so_far = partials[at];
    }
    for (var place = start; place < start + min(CHUNK, rows - chunk * CHUNK); place++) {
        so_far = with_row(so_far, place, column, center);
    }
    partials[at] = so_far;
}

fn snap(row: u32, column: u32) {
    let code = params.first_code + row;
    let first = first_slot(code);
    var largest = LOWEST;
    for (var slot = first; slot < first + chunks(rows_of(code)); slot++) {
        largest = max(largest, partials[slot * params.width + column]);
    }
    if mass[row] > 0.0 && largest > LOWEST {
        centers[row * params.d + params.column + column] = largest;
    }
}

fn move_center(row: u32, column: u32) {
    if mass[row] <= 0.0 {
        return;
    }
    let code = params.first_code + row;
    let first = first_slot(code);
    let end = first + chunks(rows_of(code));
    var total = 0.0;
    for (var group = first; group < end; group += GROUP) {
        var sum = 0.0;
        for (var slot = group; slot < min(group + GROUP, end); slot++) {
            sum += partials[slot * params.width + column];
        }
        total += sum;
    }
    let direction = select(sign(total), select(-1.0, 1.0, total > 0.0), params.power == 1u);
    centers[row * params.d + params.column + column] = center_of(row, column) + direction * params.step;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    let row = element / params.width;
    let column = element % params.width;
    if PASS == SLOPE || PASS == BELOW {
        if row < params.n / CHUNK + params.k {
            chunk_of(row, column);
        }
    } else if row < params.codes {
        if PASS == MOVE {
            move_center(row, column);
        } else {
            snap(row, column);
        }
    }
}
