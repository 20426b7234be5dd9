// histogram: counts[c] = how many codes equal c
//
// codes (n); counts (k): those of the codes first .. first + k. Any other code is left out: the counts may come in
// several shards, each in a dispatch of its own. Two passes:
//   CLEAR   one invocation per element of counts
//   COUNT   one workgroup per BLOCK codes; the first LOCAL_BINS counts are kept in workgroup memory meanwhile, which
//           takes the contention off small codebooks
// Whole numbers, so the order of the atomic additions shows nowhere.

const CLEAR: u32 = 0u;
const COUNT: u32 = 1u;
override PASS: u32 = CLEAR;

const BLOCK: u32 = 4096u;
const LOCAL_BINS: u32 = 1024u;

struct Params {
    n: u32,
    first: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;

var<workgroup> bins: array<atomic<u32>, LOCAL_BINS>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_workgroup(workgroup, workgroups);
    if PASS == CLEAR {
        let bin = block * WORKGROUP + local;
        if bin < params.k {
            atomicStore(&counts[bin], 0u);
        }
        return;
    }

    for (var bin = local; bin < LOCAL_BINS; bin += WORKGROUP) {
        atomicStore(&bins[bin], 0u);
    }
    workgroupBarrier();
    for (var i = local; i < BLOCK; i += WORKGROUP) {
        let row = block * BLOCK + i;
        if row < params.n {
            let bin = codes[row] - params.first;
            if bin < min(params.k, LOCAL_BINS) {
                atomicAdd(&bins[bin], 1u);
            } else if bin < params.k {
                atomicAdd(&counts[bin], 1u);
            }
        }
    }
    workgroupBarrier();
    for (var bin = local; bin < min(params.k, LOCAL_BINS); bin += WORKGROUP) {
        let count = atomicLoad(&bins[bin]);
        if count > 0u {
            atomicAdd(&counts[bin], count);
        }
    }
}
