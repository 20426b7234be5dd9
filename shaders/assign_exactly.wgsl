// assign_exactly: the third look of assign, at each row that is still open: by its distances, and those that they do not tell
// apart in whole numbers.
//
//   codes[i]        = the lowest of the codewords nearest to x_i, without rounding, where codes[i] has OPEN
//   distances[i]    = distance(x_i, c_codes[i]) for those, summed as in assign
//
// x (n, d) and codebook (k, d) are row-major, and read as the bits of f32: a device may take a denormal value for 0. open comes
// from assign: how many are open of each `block` rows.
// The host prepends `const LANES: u32`, how many parts assign adds a distance of.
// Grid: one workgroup per `rows` rows; those of a block without an open one return at once.
// Numbers: every f32 is a whole number of 2^-149, so ||c||^2 - 2 x . c, which orders codewords as their distances from x do, is
// one of 2^-298, of a few hundred bits. src/certified/exact.rs does the same.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // As for assign_again.
    factor: f32,
    underflow: f32,
    // Rows of a workgroup, at most MOST_ROWS, and of a workgroup of assign, which are a multiple.
    rows: u32,
    block: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> codebook: array<u32>;
@group(0) @binding(3) var<storage, read> open: array<u32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> distances: array<f32>;

const OPEN: u32 = 0x80000000u;
const NONE: u32 = 0xffffffffu;
const FAR: f32 = 3.0e38;
// The largest sum of squares that is trusted: others may have overflowed.
const LARGEST: f32 = 0x1p+123f;

// A whole number of 640 bits, from the lowest 32 on; negative as in two's complement.
const LIMBS: u32 = 20u;
alias Whole = array<u32, LIMBS>;

const MOST_ROWS: u32 = 8u;

// The open rows of this workgroup.
var<workgroup> listed: array<u32, MOST_ROWS>;
var<workgroup> count: atomic<u32>;
// What invocations show one another.
var<workgroup> least: array<f32, WORKGROUP>;
var<workgroup> candidates: array<u32, WORKGROUP / 2u>;
var<workgroup> places: array<Whole, WORKGROUP / 2u>;

// Four squared differences of a row and a codeword, zero where there is no such dimension.
fn four(row: u32, code: u32, dimension: u32) -> f32 {
    let dimensions = vec4u(dimension) + vec4u(0u, 1u, 2u, 3u);
    let within = min(dimensions, vec4u(params.d - 1u));
    let a = within + row * params.d;
    let b = within + code * params.d;
    let v = bitcast<vec4f>(vec4u(x[a.x], x[a.y], x[a.z], x[a.w]));
    let c = bitcast<vec4f>(vec4u(codebook[b.x], codebook[b.y], codebook[b.z], codebook[b.w]));
    let difference = select(vec4f(), abs(v - c), dimensions < vec4u(params.d));
    return dot(difference, difference);
}

fn distance_of(row: u32, code: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < params.d; i += 16u) {
        sum += (four(row, code, i) + four(row, code, i + 4u)) + (four(row, code, i + 8u) + four(row, code, i + 12u));
    }
    return sum;
}

// As assign sums it: in parts, and then theirs.
fn distance_in_parts(row: u32, code: u32) -> f32 {
    var sum = 0.0;
    for (var part = 0u; part < LANES; part++) {
        var own = 0.0;
        for (var quad = part; quad < (params.d + 3u) / 4u; quad += LANES) {
            own += four(row, code, 4u * quad);
        }
        sum += own;
    }
    return sum;
}

// The whole number of 2^-149 that a value is times a power of two, and that power.
fn mantissa(bits: u32) -> u32 {
    return (bits & 0x7fffffu) | select(0u, 0x800000u, (bits & 0x7f800000u) != 0u);
}

fn exponent(bits: u32) -> u32 {
    return max((bits >> 23u) & 0xffu, 1u) - 1u;
}

// sum += a b, or sum -= 2 a b.
fn add_product(sum: ptr<function, Whole>, a: u32, b: u32, twice_less: bool) {
    let product = wide_product(mantissa(a), mantissa(b));
    let place = exponent(a) + exponent(b) + u32(twice_less);
    let shift = place % 32u;
    // What a shift by 32 would leave.
    let over = vec2u(product.x, product.y) >> vec2u(32u - max(shift, 1u));
    let carried = select(over, vec2u(), vec2<bool>(shift == 0u));
    let parts = array<u32, 3>(product.x << shift, (product.y << shift) | carried.x, carried.y);
    let less = (((a ^ b) >> 31u) == 1u) != twice_less;
    var carry = 0u;
    let first = place / 32u;
    for (var i = first; i < LIMBS && (i < first + 3u || carry > 0u); i++) {
        let part = select(0u, parts[min(i - first, 2u)], i < first + 3u);
        let own = (*sum)[i];
        if less {
            let difference = own - part;
            (*sum)[i] = difference - carry;
            carry = u32(own < part) + u32(difference < carry);
        } else {
            let added = own + part;
            (*sum)[i] = added + carry;
            carry = u32(added < part) + u32(added + carry < carry);
        }
    }
}

// ||c||^2 - 2 x . c.
fn place_of(row: u32, code: u32) -> Whole {
    var sum = Whole();
    for (var i = 0u; i < params.d; i++) {
        let c = codebook[code * params.d + i];
        add_product(&sum, c, c, false);
        add_product(&sum, x[row * params.d + i], c, true);
    }
    return sum;
}

// Whether a codeword comes before another: it is nearer, or as near and of a lower number.
fn precedes(place: Whole, code: u32, other: Whole, other_code: u32) -> bool {
    if code == NONE || other_code == NONE {
        return code < other_code;
    }
    // The sign decides first.
    let sign = 0x80000000u;
    var i = LIMBS - 1u;
    var a = place[i] ^ sign;
    var b = other[i] ^ sign;
    while a == b && i > 0u {
        i -= 1u;
        a = place[i];
        b = other[i];
    }
    return select(a < b, code < other_code, a == b);
}

// Whether two codewords have the same bits.
fn same(a: u32, b: u32) -> bool {
    var i = 0u;
    while i < params.d && codebook[a * params.d + i] == codebook[b * params.d + i] {
        i++;
    }
    return i == params.d;
}

// The least value of the workgroup; a barrier has to come before the next call.
fn least_of_all(local: u32, own: f32) -> f32 {
    least[local] = own;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if local < half {
            least[local] = min(least[local], least[local + half]);
        }
        workgroupBarrier();
    }
    return least[0];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_workgroup(workgroup, grid);
    let first = number * params.rows;
    if open[min(first, params.n - 1u) / params.block] == 0u || first >= params.n {
        return;
    }
    if local == 0u {
        atomicStore(&count, 0u);
    }
    workgroupBarrier();
    let mine = first + local;
    if local < params.rows && mine < params.n && (codes[min(mine, params.n - 1u)] & OPEN) != 0u {
        listed[atomicAdd(&count, 1u)] = mine;
    }
    workgroupBarrier();
    let opened = atomicLoad(&count);
    for (var i = 0u; i < params.rows; i++) {
        let is_open = i < opened;
        let row = listed[min(i, MOST_ROWS - 1u)];
        var own = FAR;
        for (var code = local; is_open && code < params.k; code += WORKGROUP) {
            own = min(own, distance_of(row, code));
        }
        let threshold = params.factor * least_of_all(local, own) + params.underflow;
        var best = NONE;
        var place = Whole();
        for (var code = local; is_open && code < params.k; code += WORKGROUP) {
            // What is no number may be anything.
            let may_be = threshold >= LARGEST || !(distance_of(row, code) > threshold);
            if may_be && (best == NONE || !same(best, code)) {
                let found = place_of(row, code);
                if precedes(found, code, place, best) {
                    best = code;
                    place = found;
                }
            }
        }
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if local >= half && local < 2u * half {
                candidates[local - half] = best;
                places[local - half] = place;
            }
            workgroupBarrier();
            if local < half && precedes(places[local], candidates[local], place, best) {
                best = candidates[local];
                place = places[local];
            }
        }
        if local == 0u && is_open {
            best = min(best, params.k - 1u);
            codes[row] = best;
            distances[row] = distance_in_parts(row, best);
        }
        workgroupBarrier();
    }
}
