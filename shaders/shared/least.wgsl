// The least of a workgroup's values, and of equal ones that of the lowest key: least_value[0] and least_key[0].
//
// All THREADS invocations call find_least, each with its own; a barrier has to come before the next call.
const THREADS: u32 = 64u;
// A value that no real cost or distance reaches.
const FAR: f32 = 3.0e38;

var<workgroup> least_value: array<f32, THREADS>;
var<workgroup> least_key: array<u32, THREADS>;

fn find_least(local: u32, value: f32, key: u32) {
    least_value[local] = value;
    least_key[local] = key;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if local < half {
            let other = least_value[local + half];
            let other_key = least_key[local + half];
            if other < least_value[local] || (other == least_value[local] && other_key < least_key[local]) {
                least_value[local] = other;
                least_key[local] = other_key;
            }
        }
        workgroupBarrier();
    }
}
