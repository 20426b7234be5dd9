// The least value of each row, and of equal ones that of the lowest key.
//
// A workgroup has THREADS invocations. LANES of them, side by side, share a row, so there are THREADS / LANES rows at a time;
// where few values are compared, few lanes are enough. All invocations call find_least, each with its own value; what it finds is in
// least_value and least_key at the place of the row's first lane. `meet` has to come before the next call.
const THREADS: u32 = 64u;
// A power of two, at most THREADS.
override LANES: u32 = 64u;
// A value that no real cost or distance reaches.
const FAR: f32 = 3.0e38;

var<workgroup> least_value: array<f32, THREADS>;
var<workgroup> least_key: array<u32, THREADS>;

// Waits for the other lanes of the row, where there are others.
fn meet() {
    if LANES > 1u {
        workgroupBarrier();
    }
}

// The place of the first lane of the row that invocation `local` shares.
fn first_lane(local: u32) -> u32 {
    return local / LANES * LANES;
}

fn find_least(local: u32, value: f32, key: u32) {
    least_value[local] = value;
    least_key[local] = key;
    meet();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if local % LANES < half {
            let other = least_value[local + half];
            let other_key = least_key[local + half];
            if other < least_value[local] || (other == least_value[local] && other_key < least_key[local]) {
                least_value[local] = other;
                least_key[local] = other_key;
            }
        }
        meet();
    }
}
