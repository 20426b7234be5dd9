// curve_project: the nearest point of a piecewise linear curve to every vector, fused: no (n, k) matrix is written.
//
// Segment s of the curve goes from corner c_s to c_(s+1): c_s + t D, D = c_(s+1) - c_s, 0 <= t <= 1.
//   segments[i]    (n) u32: the segment whose nearest point is nearest
//   positions[i]   (n) f32: where on it, t = clamp(position, 0, 1): see place()
//   distances[i]   (n) f32: |x_i - c_s - t D|^2, from the original vectors
//
// With the scores of corners about their mean, score_j = 1/2 |c_j'|^2 - x' . c_j' (shared/tile_score.wgsl),
//   (x - c_s) . D = score_s - score_(s+1) + 1/2 |D|^2,
// so the products of x with the corners are enough for the distances to all segments.
//
// x (n, d) and corners (k, d) are row-major, k >= 2. panels and mean are those of prepare_codebook for the corners in
// the order of arrange() on the host: an invocation meets consecutive ones. ends (padded k) in the order of the
// panels: the half norm of a corner, and 1/2 |D|^2 and 1 / |D|^2 (0 for 1 / 0) of the segment that ends there.
// Grid: as that of assign.
// Ties: the lowest segment. Numbers: as in assign; of two segments closer than the rounding either may be taken.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read> ends: array<vec4f>;
@group(0) @binding(5) var<storage, read> mean: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> segments: array<u32>;
@group(0) @binding(7) var<storage, read_write> positions: array<f32>;
@group(0) @binding(8) var<storage, read_write> distances: array<f32>;

struct State {
    lowest: Lowest,
    // The scores of the last corner before the next tile.
    last: mat2x4f,
}

fn begin(row: u32) -> State {
    return State(no_candidate(), mat2x4f());
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    // Panels hold corner k + CODEWORD_SLOTS lane + j where the core has codeword slot j of the lane.
    let at = k + lane;
    let corner = k + CODEWORD_SLOTS * lane;
    let last = score(tile[CODEWORD_SLOTS - 1u], ends[at + (CODEWORD_SLOTS - 1u) * CODEWORD_STRIDE].x);
    share(bitcast<vec4u>(last[0]), bitcast<vec4u>(last[1]));
    // The corner before a lane's own is the last of the lane before, or of the tile before.
    let before = (lane + LANES - 1u) % LANES;
    var start = mat2x4f(bitcast<vec4f>(read_low(before)), bitcast<vec4f>(read_high(before)));
    let end = mat2x4f(bitcast<vec4f>(read_low(LANES - 1u)), bitcast<vec4f>(read_high(LANES - 1u)));
    if lane == 0u {
        start = (*state).last;
    }
    (*state).last = end;

    var lowest = (*state).lowest;
    start = meet(&lowest, start, tile[0], at, corner);
    start = meet(&lowest, start, tile[1], at + CODEWORD_STRIDE, corner + 1u);
    start = meet(&lowest, start, tile[2], at + 2u * CODEWORD_STRIDE, corner + 2u);
    start = meet(&lowest, start, tile[3], at + 3u * CODEWORD_STRIDE, corner + 3u);
    if CODEWORD_SLOTS > 4u {
        start = meet(&lowest, start, tile[4], at + 4u * CODEWORD_STRIDE, corner + 4u);
        start = meet(&lowest, start, tile[5], at + 5u * CODEWORD_STRIDE, corner + 5u);
        start = meet(&lowest, start, tile[6], at + 6u * CODEWORD_STRIDE, corner + 6u);
        start = meet(&lowest, start, tile[7], at + 7u * CODEWORD_STRIDE, corner + 7u);
    }
    (*state).lowest = lowest;
}

// Considers the segment that ends at `corner`; `start` are the scores of the one before. Returns those of `corner`.
fn meet(lowest: ptr<function, Lowest>, start: mat2x4f, sum: mat2x4f, at: u32, corner: u32) -> mat2x4f {
    let end = ends[at];
    let to = score(sum, end.x);
    if corner > 0u && corner < params.k {
        let scores = mat2x4f(
            segment_score(start[0], to[0], end.y, end.z),
            segment_score(start[1], to[1], end.y, end.z),
        );
        consider(lowest, scores, corner - 1u);
    }
    return to;
}

fn segment_score(start: vec4f, to: vec4f, half_square: f32, inverse_square: f32) -> vec4f {
    let product = start - to + half_square;
    let t = clamp(product * inverse_square, vec4f(), vec4f(1.0));
    return start - t * (product - t * half_square);
}

// (x - c_s) . D and |D|^2 of the rows.
struct Along {
    products: mat2x4f,
    squares: mat2x4f,
}

fn along_terms(row: u32, segment: u32, quad: u32) -> vec2f {
    let v = within_row(x_quad(row_in(row), quad), quad);
    let start = within_row(codeword_quad(segment, quad), quad);
    let direction = within_row(codeword_quad(segment + 1u, quad), quad) - start;
    return vec2f(dot(v - start, direction), dot(direction, direction));
}

fn along(row: u32, low: vec4u, high: vec4u) -> Along {
    var products = mat2x4f();
    var squares = mat2x4f();
    for (var parts = 0u; parts < PARTS; parts += LANES) {
        var own_products = mat2x4f();
        var own_squares = mat2x4f();
        for (var quad = first_quad(parts); quad < (params.d + 3u) / 4u; quad += PARTS) {
            let low_terms = four_along(row, low, quad);
            var high_terms = mat2x4f();
            if ROW_SLOTS > 4u {
                high_terms = four_along(row + 4u * ROW_STRIDE, high, quad);
            }
            own_products += mat2x4f(low_terms[0], high_terms[0]);
            own_squares += mat2x4f(low_terms[1], high_terms[1]);
        }
        products = add_parts(products, own_products);
        squares = add_parts(squares, own_squares);
    }
    return Along(products, squares);
}

// What four dimensions add to both, for the rows of four slots.
fn four_along(row: u32, segments: vec4u, quad: u32) -> mat2x4f {
    return transpose(mat4x2f(
        along_terms(row, segments.x, quad),
        along_terms(row + ROW_STRIDE, segments.y, quad),
        along_terms(row + 2u * ROW_STRIDE, segments.z, quad),
        along_terms(row + 3u * ROW_STRIDE, segments.w, quad),
    ));
}

fn miss_term(row: u32, segment: u32, t: f32, quad: u32) -> f32 {
    let v = within_row(x_quad(row_in(row), quad), quad);
    let start = within_row(codeword_quad(segment, quad), quad);
    let direction = within_row(codeword_quad(segment + 1u, quad), quad) - start;
    let miss = v - start - t * direction;
    return dot(miss, miss);
}

// The squared distances of the rows to points of the curve.
fn misses(row: u32, low: Place, high: Place) -> mat2x4f {
    var sum = mat2x4f();
    for (var parts = 0u; parts < PARTS; parts += LANES) {
        var own = mat2x4f();
        for (var quad = first_quad(parts); quad < (params.d + 3u) / 4u; quad += PARTS) {
            own[0] += four_misses(row, low, quad);
            if ROW_SLOTS > 4u {
                own[1] += four_misses(row + 4u * ROW_STRIDE, high, quad);
            }
        }
        sum = add_parts(sum, own);
    }
    return sum;
}

// What four dimensions add for the rows of four slots.
fn four_misses(row: u32, place: Place, quad: u32) -> vec4f {
    let t = clamp(place.position, vec4f(), vec4f(1.0));
    return vec4f(
        miss_term(row, place.segment.x, t.x, quad),
        miss_term(row + ROW_STRIDE, place.segment.y, t.y, quad),
        miss_term(row + 2u * ROW_STRIDE, place.segment.z, t.z, quad),
        miss_term(row + 3u * ROW_STRIDE, place.segment.w, t.w, quad),
    );
}

fn ratio(a: vec4f, b: vec4f) -> vec4f {
    let zero = b == vec4f();
    return select(a / select(b, vec4f(1.0), zero), vec4f(), zero);
}

// The segment on the other side of the corner that a vector projects to; the same one if it projects to none.
fn neighbour(segment: vec4u, products: vec4f, squares: vec4f) -> vec4u {
    let before = products <= vec4f();
    let beyond = !before & (products >= squares) & (segment + 2u < vec4u(params.k));
    let first = before & (segment > vec4u());
    return select(select(segment, segment + 1u, beyond), segment - 1u, first);
}

struct Place {
    segment: vec4u,
    position: vec4f,
}

// Where on the curve: continuous, and from one end to the other, though whole cones of vectors project to one corner.
//   0 < position < 1         t
//   1 .. 1.5, then -0.5 .. 0 of the next segment: vectors that project to the corner between, by how far they have
//                            turned from the one segment to the other
//   below 0, above 1         of the first and last segment: beyond the ends, compressed into 0.5
fn place(segment: vec4u, own: vec4f, own_square: vec4f, other: vec4u, other_product: vec4f, other_square: vec4f) -> Place {
    let t = ratio(own, own_square);
    let start = own <= vec4f();
    let end = !start & (own >= own_square);
    // Of the segments before and after the corner.
    let before = select(own, other_product, start);
    let before_square = select(own_square, other_square, start);
    let after = select(other_product, own, start);
    let after_square = select(other_square, own_square, start);
    // How far beyond the end of the one, and before the start of the other.
    let beyond = max(ratio(before - before_square, sqrt(before_square)), vec4f());
    let ahead = max(ratio(-after, sqrt(after_square)), vec4f());
    let sum = beyond + ahead;
    let turn = select(ratio(beyond, sum), vec4f(0.5), sum == vec4f());
    let first = select(segment, other, start);
    let late = turn >= vec4f(0.5);
    let cornered = other != segment;
    // Where the corner was nearest by rounding only, the nearest point is on the other segment itself.
    let on_first = select(1.0 + turn, ratio(before, before_square), before < before_square);
    let on_second = select(turn - 1.0, min(ratio(after, after_square), vec4f(1.0)), after > vec4f());
    let excess = select(t - 1.0, -t, start);
    let cap = 0.5 * excess / (1.0 + excess);
    let outside = select(select(1.0 + cap, -cap, start), select(on_first, on_second, late), cornered);
    return Place(
        min(select(segment, select(first, first + 1u, late), cornered), vec4u(params.k - 2u)),
        select(t, outside, start | end),
    );
}

fn finish(state: ptr<function, State>, row: u32) {
    var lowest = (*state).lowest;
    lowest_over_lanes(&lowest, params.k - 2u);
    let own = along(row, lowest.low, lowest.high);
    let low_other = neighbour(lowest.low, own.products[0], own.squares[0]);
    let high_other = neighbour(lowest.high, own.products[1], own.squares[1]);
    let other = along(row, low_other, high_other);
    let low = place(lowest.low, own.products[0], own.squares[0], low_other, other.products[0], other.squares[0]);
    let high = place(lowest.high, own.products[1], own.squares[1], high_other, other.products[1], other.squares[1]);
    let found = misses(row, low, high);
    if lane == 0u {
        write(row, low.segment.x, low.position.x, found[0].x);
        write(row + ROW_STRIDE, low.segment.y, low.position.y, found[0].y);
        write(row + 2u * ROW_STRIDE, low.segment.z, low.position.z, found[0].z);
        write(row + 3u * ROW_STRIDE, low.segment.w, low.position.w, found[0].w);
        if ROW_SLOTS > 4u {
            write(row + 4u * ROW_STRIDE, high.segment.x, high.position.x, found[1].x);
            write(row + 5u * ROW_STRIDE, high.segment.y, high.position.y, found[1].y);
            write(row + 6u * ROW_STRIDE, high.segment.z, high.position.z, found[1].z);
            write(row + 7u * ROW_STRIDE, high.segment.w, high.position.w, found[1].w);
        }
    }
}

fn write(row: u32, segment: u32, position: f32, distance: f32) {
    if row < params.n {
        segments[row] = segment;
        positions[row] = position;
        distances[row] = distance;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    run_tiles(linear_workgroup(workgroup, grid), local);
}
