// blend_means: total[c] += mass[c]; centroids[c, :] += mass[c] / total[c] (means[c, :] - centroids[c, :])
//
// means, centroids (k, d); mass, total (k). Nothing changes where the mass is zero. One workgroup per code: all of it
// reads the old total before one invocation writes the new one.

const LANES: u32 = 64u;

struct Params {
    k: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> means: array<f32>;
@group(0) @binding(2) var<storage, read> mass: array<f32>;
@group(0) @binding(3) var<storage, read_write> centroids: array<f32>;
@group(0) @binding(4) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let code = linear_workgroup(workgroup, workgroups);
    if code >= params.k {
        return;
    }
    let sum = total[code] + mass[code];
    if mass[code] > 0.0 {
        let share = mass[code] / sum;
        for (var at = code * params.d + local; at < (code + 1u) * params.d; at += LANES) {
            centroids[at] += share * (means[at] - centroids[at]);
        }
    }
    workgroupBarrier();
    if local == 0u {
        total[code] = sum;
    }
}
