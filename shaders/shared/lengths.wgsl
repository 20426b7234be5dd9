// Rows that LANES invocations share. A sum over a row has 32 parts, each of every 32nd element in order, which are added as a tree:
// an invocation adds up one part, or all of them where it has the row to itself. So sums are the same whatever LANES is.
override LANES: u32 = 32u;
const PARTS: u32 = 32u;
// Rows of a workgroup, whatever LANES is.
const ROWS: u32 = WORKGROUP / PARTS;

// Squares that sum to less than 2^-100 (a length below 2^-50) count as 0: smaller ones lose digits to underflow.
const SMALLEST_SQUARE: f32 = 0x1p-100f;

// Of each row of the workgroup its parts.
var<workgroup> parts: array<vec4f, WORKGROUP>;

// Waits for the other invocations of the row, where there are others.
fn meet() {
    if LANES > 1u {
        workgroupBarrier();
    }
}

// The first part of the row that invocation `local` shares.
fn first_part(local: u32) -> u32 {
    return local / LANES * PARTS;
}

// The sum of the parts of a row. All invocations of the workgroup have to call it, and may write parts again.
fn sum_of_parts(local: u32) -> vec4f {
    let first = first_part(local);
    for (var half = PARTS / 2u; half > 0u; half /= 2u) {
        meet();
        for (var part = local % LANES; part < half; part += LANES) {
            parts[first + part] += parts[first + part + half];
        }
    }
    meet();
    let sum = parts[first];
    // All have read it before one of them writes.
    meet();
    return sum;
}

// The same for the largest of what the parts have in x.
fn largest_of_parts(local: u32) -> f32 {
    let first = first_part(local);
    for (var half = PARTS / 2u; half > 0u; half /= 2u) {
        meet();
        for (var part = local % LANES; part < half; part += LANES) {
            parts[first + part].x = max(parts[first + part].x, parts[first + part + half].x);
        }
    }
    meet();
    let largest = parts[first].x;
    meet();
    return largest;
}

fn length_of(square: f32) -> f32 {
    return select(0.0, sqrt(square), square >= SMALLEST_SQUARE);
}

fn inverse_length_of(square: f32) -> f32 {
    return select(0.0, inverseSqrt(max(square, SMALLEST_SQUARE)), square >= SMALLEST_SQUARE);
}
