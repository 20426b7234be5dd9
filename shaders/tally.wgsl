// tally: adds the use of codewords in one batch to running totals.
//
//   vectors[i] += counts[i]        batches[i] += 1 where counts[i] > 0
//
// counts, vectors, batches (k). One invocation per codeword. Sums wrap at 2^32.

struct Params {
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> counts: array<u32>;
@group(0) @binding(2) var<storage, read_write> vectors: array<u32>;
@group(0) @binding(3) var<storage, read_write> batches: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let codeword = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if codeword < params.k {
        let count = counts[codeword];
        vectors[codeword] += count;
        batches[codeword] += select(0u, 1u, count > 0u);
    }
}
