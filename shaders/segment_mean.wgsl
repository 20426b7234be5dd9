// segment_mean: means[c, :] = sum w[r] x[r, :] / sum w[r] over the rows r of code c; mass[c] = sum w[r]
//               with SUMS means[c, :] = sum w[r] x[r, :]
//
// x (n, d); weights (n), all 1 unless WEIGHTED; order (n): row numbers by code, as counting_sort leaves them;
// offsets (k + 1): code c has order[offsets[c] .. offsets[c + 1]]; means (k, d); mass (k). Two passes:
//   SUM       the rows of a code are cut into chunks of CHUNK, and one invocation adds up one column of one chunk, row
//             after row: partials (slots, width), partial_mass (slots). Neighbours have neighbouring columns.
//   COMBINE   one invocation adds up one column of one code: chunk after chunk within groups of GROUP, then the groups
// A chain of additions is thus at most CHUNK + GROUP + count / (CHUNK GROUP) long, and always the same one.
//
// x and order may come in several shards. Each pair has a dispatch of its own, in ascending order, which continues the
// partial sums over the rows it has: rows ascend within a chunk, so the additions stay in order. A dispatch holds
// `width` columns from `column` on, as many as the partial sums have room for.
// A code of no mass leaves its mean as it is; its sum is 0.

const SUM: u32 = 0u;
const COMBINE: u32 = 1u;
override PASS: u32 = SUM;
override WEIGHTED: bool = false;
override SUMS: bool = false;

struct Params {
    n: u32,
    d: u32,
    k: u32,
    column: u32,
    width: u32,
    // Rows of x and weights that are bound, places of order, and codes of means and mass.
    first_row: u32,
    rows: u32,
    first_place: u32,
    places: u32,
    first_code: u32,
    codes: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@group(0) @binding(6) var<storage, read_write> partial_mass: array<f32>;
@group(0) @binding(7) var<storage, read_write> means: array<f32>;
@group(0) @binding(8) var<storage, read_write> mass: array<f32>;

// The offset of a code, kept within order even if the caller's is not.
fn offset_of(code: u32) -> u32 {
    return min(offsets[code], params.n);
}

// The weight of the row at `place`, and its element of `column`; zeros if the row is not bound. There are no branches
// so that the loads of several rows can be under way at once.
fn term(place: u32, end: u32, column: u32) -> vec2f {
    let at = place - params.first_place;
    let known = place < end && at < params.places;
    let row = order[select(0u, at, known)] - params.first_row;
    let bound = known && row < params.rows;
    let safe = select(0u, row, bound);
    var weight = 1.0;
    if WEIGHTED {
        weight = weights[safe];
    }
    return select(vec2f(), vec2f(weight, x[safe * params.d + column]), bound);
}

// fma, so that no compiler may round the rows of an unrolled loop differently.
fn add(sum: vec2f, term: vec2f) -> vec2f {
    return vec2f(fma(term.x, term.y, sum.x), sum.y + term.x);
}

fn sum_chunk(slot: u32, column: u32) {
    let code = code_of(slot);
    let rows = rows_of(code);
    let chunk = slot - first_slot(code);
    if chunk >= chunks(rows) {
        return;
    }
    let start = offset_of(code) + chunk * CHUNK;
    let end = start + min(CHUNK, rows - chunk * CHUNK);
    let at = slot * params.width + column;
    let weighs = params.column + column == 0u;
    var sum = vec2f();
    if params.first_row > 0u || params.first_place > 0u {
        sum.x = partials[at];
        if weighs {
            sum.y = partial_mass[slot];
        }
    }
    for (var place = start; place < end; place += 4u) {
        let first = term(place, end, params.column + column);
        let second = term(place + 1u, end, params.column + column);
        let third = term(place + 2u, end, params.column + column);
        let fourth = term(place + 3u, end, params.column + column);
        sum = add(add(add(add(sum, first), second), third), fourth);
    }
    partials[at] = sum.x;
    if weighs {
        partial_mass[slot] = sum.y;
    }
}

fn combine(row: u32, column: u32) {
    let code = params.first_code + row;
    let first = first_slot(code);
    let end = first + chunks(rows_of(code));
    var total = vec2f();
    for (var group = first; group < end; group += GROUP) {
        var sum = vec2f();
        for (var slot = group; slot < min(group + GROUP, end); slot++) {
            sum += vec2f(partials[slot * params.width + column], partial_mass[slot]);
        }
        total += sum;
    }
    let at = row * params.d + params.column + column;
    if SUMS {
        means[at] = total.x;
    } else if total.y > 0.0 {
        means[at] = total.x / total.y;
    }
    if params.column + column == 0u {
        mass[row] = total.y;
    }
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
    if PASS == SUM {
        if row < params.n / CHUNK + params.k {
            sum_chunk(row, column);
        }
    } else if row < params.codes {
        combine(row, column);
    }
}
