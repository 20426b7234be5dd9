// assign_half: the first look of assign by squared L2, with scores that are products in f16.
//
//   codes[i] = argmin_j l(i, j) = (1/2 |c'_j|^2 - a_j) - x~_i . c~_j      (n) u32
//   left     = the rows that assign_again has to look at (shared/left_rows.wgsl)
//
// rows and row_numbers are those of the vectors, codewords and numbers those of the codebook, as to_half has them; codewords
// are padded to a whole number of panels.
// Grid: one workgroup per WORKGROUP_ROWS rows. It meets them with PANEL codewords at a time, through workgroup memory; each of
// its subgroups has a block of 32 rows x 32 codewords of that. Sums are shown in patches of workgroup memory, as the elements
// of a matrix in a matrix unit have no names, and a lane keeps the least l of half a row, and the least of the others.
// Numbers: a row where another codeword may be as near, for all that rounding can hide, is left. src/certified/bounds.rs has
// the proof, for sums that are cut off and not rounded, in any order.

struct Params {
    n: u32,
    k: u32,
    quads: u32,
    // Rows that a workgroup of assign_again takes.
    again_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<Quad>;
@group(0) @binding(2) var<storage, read> row_numbers: array<vec4f>;
@group(0) @binding(3) var<storage, read> codewords: array<Quad>;
@group(0) @binding(4) var<storage, read> numbers: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> codes: array<u32>;
@group(0) @binding(6) var<storage, read_write> left: LeftRows;

const WORKGROUP_ROWS: u32 = 64u;
const PANEL: u32 = 128u;
const STAGED: u32 = WORKGROUP_ROWS + PANEL;

const FAR: f32 = 3.0e38;
// A codeword with this half norm is farther than the one found, if the row's half norm and l are below these.
const FARTHER: f32 = 0x1p+98f;
const NEAR_ROW: f32 = 0x1p+94f;
const NEAR: f32 = 0x1p+96f;
// Twice the largest share of a result by which an operation rounds it.
const ROUNDED: f32 = 0x1p-23f;
// Makes a code the bits of a normal number, of which nothing is flushed.
const NORMAL: u32 = 0x40000000u;

// Of the panel's codewords: where l starts, and what takes a product back to its scale.
var<workgroup> starts: array<vec4f, PANEL / 4u>;
var<workgroup> scales: array<vec4f, PANEL / 4u>;

// The least l, its codeword, and the least l of the others.
struct Candidate {
    least: f32,
    second: f32,
    code: u32,
}

fn consider(own: Candidate, l: f32, code: u32) -> Candidate {
    return Candidate(
        min(own.least, l),
        min(own.second, max(own.least, l)),
        select(own.code, code, l < own.least),
    );
}

fn consider_four(own: Candidate, l: vec4f, code: u32) -> Candidate {
    let two = consider(consider(own, l.x, code), l.y, code + 1u);
    return consider(consider(two, l.z, code + 2u), l.w, code + 3u);
}

fn better(a: Candidate, b: Candidate) -> Candidate {
    let b_first = b.least < a.least || (b.least == a.least && b.code < a.code);
    return Candidate(
        min(a.least, b.least),
        min(max(a.least, b.least), min(a.second, b.second)),
        select(a.code, b.code, b_first),
    );
}

// (start, scale) of a codeword.
fn start_of(code: u32) -> vec2f {
    let own = numbers[code];
    return select(vec2f(FAR, 0.0), vec2f(own.y - own.z, own.x), own.y < FARTHER);
}

fn begin_panel(k: u32, local: u32) {
    workgroupBarrier();
    if local < PANEL / 4u {
        let code = k + 4u * local;
        let own = mat4x2f(start_of(code), start_of(code + 1u), start_of(code + 2u), start_of(code + 3u));
        let turned = transpose(own);
        starts[local] = turned[0];
        scales[local] = turned[1];
    }
}

// Stages the quads from `quad` on of rows and codewords.
fn bring(first: u32, k: u32, quad: u32, local: u32) {
    workgroupBarrier();
    let of_step = local % STEP;
    for (var vector = local / STEP; vector < WORKGROUP_ROWS; vector += WORKGROUP_SIZE / STEP) {
        let row = min(first + vector, params.n - 1u);
        stage[vector * STRIDE + of_step] = rows[row * params.quads + quad + of_step];
    }
    for (var vector = local / STEP; vector < PANEL; vector += WORKGROUP_SIZE / STEP) {
        stage[(WORKGROUP_ROWS + vector) * STRIDE + of_step] =
            codewords[(k + vector) * params.quads + quad + of_step];
    }
    workgroupBarrier();
}

// Considers the sums of a block; `back` is of the lane's row, and `column` the block's first in the panel of codewords from k on.
fn meet(own: Candidate, sums: Sums, back: f32, patch_at: u32, k: u32, column: u32) -> Candidate {
    workgroupBarrier();
    show(sums, patch_at);
    workgroupBarrier();
    let at = part_of_patch(patch_at);
    let first = column + lane / 16u * 8u;
    let low = starts[first / 4u] - back * (scales[first / 4u] * patches[at]);
    let high = starts[first / 4u + 1u] - back * (scales[first / 4u + 1u] * patches[at + 1u]);
    return consider_four(consider_four(own, low, k + first), high, k + first + 4u);
}

// Whether the codeword found is the nearest, for all that rounding can hide.
fn is_nearest(found: Candidate, of_row: vec4f, of_codeword: vec4f) -> bool {
    let apart = 2.0 * (of_codeword.z + of_row.z);
    let threshold = found.least + (apart + ROUNDED * (abs(found.least) + apart));
    return found.second > threshold && found.least < NEAR && of_row.y < NEAR_ROW;
}

fn share(row: u32, part: u32, own: Candidate) {
    patches[row * SUBGROUPS + part] = vec4f(own.least, own.second, bitcast<f32>(own.code | NORMAL), 0.0);
}

fn shared_of(row: u32, part: u32) -> Candidate {
    let own = patches[row * SUBGROUPS + part];
    return Candidate(own.x, own.y, bitcast<u32>(own.z) ^ NORMAL);
}

// What all lanes have found of a row.
fn found_of(row: u32) -> Candidate {
    var found = shared_of(row, 0u);
    for (var part = 1u; part < SUBGROUPS; part++) {
        found = better(found, shared_of(row, part));
    }
    return found;
}

fn run(workgroup: u32, local: u32) {
    let first = workgroup * WORKGROUP_ROWS;
    if first >= params.n {
        return;
    }
    lane = local % 32u;
    let subgroup = local / 32u;
    let patch_at = subgroup * PATCH;
    // The subgroup's first row and codeword.
    let row = subgroup % 2u * 32u;
    let column = subgroup / 2u * 32u;
    let rows_at = row * STRIDE;
    let codewords_at = (WORKGROUP_ROWS + column) * STRIDE;
    let own_row = row + lane % 16u;
    let upper_back = row_numbers[min(first + own_row, params.n - 1u)].x;
    let lower_back = row_numbers[min(first + own_row + 16u, params.n - 1u)].x;

    var upper = Candidate(FAR, FAR, 0u);
    var lower = Candidate(FAR, FAR, 0u);
    for (var k = 0u; k < params.k; k += PANEL) {
        begin_panel(k, local);
        var upper_left = Sums();
        var upper_right = Sums();
        var lower_left = Sums();
        var lower_right = Sums();
        for (var quad = 0u; quad < params.quads; quad += STEP) {
            bring(first, k, quad, local);
            for (var of_step = 0u; of_step < STEP; of_step += 4u) {
                let upper_rows = load_rows(rows_at + of_step);
                let lower_rows = load_rows(rows_at + 16u * STRIDE + of_step);
                let left_codewords = load_codewords(codewords_at + of_step);
                let right_codewords = load_codewords(codewords_at + 16u * STRIDE + of_step);
                upper_left = add_products(upper_rows, left_codewords, upper_left);
                upper_right = add_products(upper_rows, right_codewords, upper_right);
                lower_left = add_products(lower_rows, left_codewords, lower_left);
                lower_right = add_products(lower_rows, right_codewords, lower_right);
            }
        }
        upper = meet(upper, upper_left, upper_back, patch_at, k, column);
        upper = meet(upper, upper_right, upper_back, patch_at, k, column + 16u);
        lower = meet(lower, lower_left, lower_back, patch_at, k, column);
        lower = meet(lower, lower_right, lower_back, patch_at, k, column + 16u);
    }

    let part = subgroup / 2u * 2u + lane / 16u;
    workgroupBarrier();
    share(own_row, part, upper);
    share(own_row + 16u, part, lower);
    workgroupBarrier();
    if local < WORKGROUP_ROWS && first + local < params.n {
        let found = found_of(local);
        let code = min(found.code, params.k - 1u);
        codes[first + local] = code;
        if !is_nearest(found, row_numbers[first + local], numbers[code]) {
            leave(first + local, params.again_rows);
        }
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    run(linear_workgroup(workgroup, grid), local);
}
