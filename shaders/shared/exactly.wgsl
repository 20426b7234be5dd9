// The nearest codeword of a row without rounding: by the distances, and those that they do not tell apart in whole numbers.
//
// For kernels that have x (n, d) and codebook (any, d), row-major, as the bits of f32 (a device may take a denormal value for 0);
// params.d; and of src/certified/bounds.rs params.factor and params.underflow: up to factor times the lowest distance, and
// underflow more, one may be that of a nearest codeword. The host prepends `const THREADS: u32`, the invocations of a workgroup,
// and `const PARTS: u32`, in how many the distance that is written is summed. With shared/trusted.wgsl and
// shared/wide_product.wgsl.
// Numbers: every f32 is a whole number of 2^-149, so ||c||^2 - 2 x . c, which orders codewords as their distances from x do, is
// one of 2^-298, of a few hundred bits. src/certified/exact.rs does the same.

const NONE: u32 = 0xffffffffu;
const BEYOND: f32 = 3.0e38;

// A whole number of 640 bits, from the lowest 32 on, and above it START in each: so no sum is negative, and a limb seldom hands
// anything on. What all have changes no order.
const LIMBS: u32 = 20u;
const START: u32 = 0x80000000u;
alias Whole = array<u32, LIMBS>;

// What invocations show one another.
var<workgroup> least: array<f32, THREADS>;
var<workgroup> candidates: array<u32, THREADS / 2u>;
var<workgroup> places: array<Whole, THREADS / 2u>;

// Four squared differences of a row and a codeword, zero where there is no such dimension.
fn four(row: u32, code: u32, dimension: u32) -> f32 {
    let dimensions = vec4u(dimension) + vec4u(0u, 1u, 2u, 3u);
    let within = min(dimensions, vec4u(params.d - 1u));
    let a = within + row * params.d;
    let v = bitcast<vec4f>(vec4u(x[a.x], x[a.y], x[a.z], x[a.w]));
    let c = bitcast<vec4f>(bits_of(code, dimension));
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
    for (var part = 0u; part < PARTS; part++) {
        var own = 0.0;
        for (var quad = part; quad < (params.d + 3u) / 4u; quad += PARTS) {
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

// Adds a part and a carry to a limb, or takes both away from it, and gives the next carry.
fn add_limb(sum: ptr<function, Whole>, i: u32, part: u32, carry: u32, less: bool) -> u32 {
    let own = (*sum)[i];
    if less {
        let difference = own - part;
        (*sum)[i] = difference - carry;
        return u32(own < part) + u32(difference < carry);
    }
    let added = own + part;
    (*sum)[i] = added + carry;
    return u32(added < part) + u32(added + carry < carry);
}

// Hands a carry on from limb `first`.
fn carry_on(sum: ptr<function, Whole>, first: u32, handed: u32, less: bool) {
    var carry = handed;
    for (var i = first; carry > 0u && i < LIMBS; i++) {
        carry = add_limb(sum, i, 0u, carry, less);
    }
}

// sum += a b, or sum -= 2 a b. There is a loop for what the upper limbs hand on alone: llvmpipe allows 65,535 iterations in all.
fn add_product(sum: ptr<function, Whole>, a: u32, b: u32, twice_less: bool) {
    let product = wide_product(mantissa(a), mantissa(b));
    let place = exponent(a) + exponent(b) + u32(twice_less);
    let shift = place % 32u;
    // What the limbs below hand on; a shift by 32 has no meaning.
    let over = select(product >> vec2u(32u - max(shift, 1u)), vec2u(), vec2<bool>(shift == 0u));
    let less = (((a ^ b) >> 31u) == 1u) != twice_less;
    let first = place / 32u;
    var carry = add_limb(sum, first, product.x << shift, 0u, less);
    carry = add_limb(sum, first + 1u, (product.y << shift) | over.x, carry, less);
    carry = add_limb(sum, first + 2u, over.y, carry, less);
    if carry > 0u {
        carry_on(sum, first + 3u, carry, less);
    }
}

// Adds what dimension i is to the place of a codeword.
fn add_dimension(sum: ptr<function, Whole>, row: u32, code: u32, i: u32) {
    let c = codebook[code * params.d + i];
    add_product(sum, c, c, false);
    add_product(sum, x[row * params.d + i], c, true);
}

// ||c||^2 - 2 x . c.
fn place_of(row: u32, code: u32) -> Whole {
    var sum = Whole(
        START, START, START, START, START, START, START, START, START, START,
        START, START, START, START, START, START, START, START, START, START,
    );
    for (var i = 0u; i < params.d; i += 2u) {
        add_dimension(&sum, row, code, i);
        if i + 1u < params.d {
            add_dimension(&sum, row, code, i + 1u);
        }
    }
    return sum;
}

// Whether a codeword comes before another: it is nearer, or as near and of a lower number.
fn precedes(place: Whole, code: u32, other: Whole, other_code: u32) -> bool {
    if code == NONE || other_code == NONE {
        return code < other_code;
    }
    var i = LIMBS - 1u;
    while place[i] == other[i] && i > 0u {
        i -= 1u;
    }
    return place[i] < other[i] || (place[i] == other[i] && code < other_code);
}

// Four dimensions of a codeword; one past the last is the last.
fn bits_of(code: u32, dimension: u32) -> vec4u {
    let at = min(vec4u(dimension) + vec4u(0u, 1u, 2u, 3u), vec4u(params.d - 1u)) + code * params.d;
    return vec4u(codebook[at.x], codebook[at.y], codebook[at.z], codebook[at.w]);
}

// Whether two codewords have the same bits.
fn same(a: u32, b: u32) -> bool {
    var i = 0u;
    while i < params.d && all(bits_of(a, i) == bits_of(b, i)) {
        i += 4u;
    }
    return i >= params.d;
}

// The least value of the workgroup; a barrier has to come before the next call.
fn least_of_all(local: u32, own: f32) -> f32 {
    least[local] = own;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if local < half {
            least[local] = min(least[local], least[local + half]);
        }
        workgroupBarrier();
    }
    return least[0];
}

// The lowest of the codewords nearest to a row, of the `count` from `first` on. All invocations call it, and the first has the
// answer.
fn nearest_exactly(row: u32, first: u32, count: u32, local: u32) -> u32 {
    var own = BEYOND;
    for (var code = first + local; code < first + count; code += THREADS) {
        own = min(own, distance_of(row, code));
    }
    let threshold = params.factor * least_of_all(local, own) + params.underflow;
    var best = NONE;
    var place = Whole();
    for (var code = first + local; code < first + count; code += THREADS) {
        // What is no number may be anything.
        let may_be = threshold >= TRUSTED || !(distance_of(row, code) > threshold);
        if may_be && (best == NONE || !same(best, code)) {
            let found = place_of(row, code);
            if precedes(found, code, place, best) {
                best = code;
                place = found;
            }
        }
    }
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
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
    // Before whoever takes the next row shows its values.
    workgroupBarrier();
    return min(best, first + count - 1u);
}
