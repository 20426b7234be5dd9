// fill: the same number in every element.
//
//   filled[i] = value
//
// filled (elements). One invocation per element.

struct Params {
    elements: u32,
    value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> filled: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element < params.elements {
        filled[element] = params.value;
    }
}
