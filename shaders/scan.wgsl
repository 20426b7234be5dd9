// scan: sums[i] = values[0] + ... + values[i - 1], modulo 2^32
//
// values (n); sums (n + 1), so the last one is the total. Reduce, then scan, in three passes:
//   SUM_BLOCKS    one workgroup per block: block_sums[b] = the sum of block b
//   SCAN_BLOCKS   one workgroup: block_sums becomes its own exclusive scan
//   SCAN_VALUES   one workgroup per block: scans the block on top of block_sums[b]
// No workgroup waits for another one in the same pass: WGSL does not promise that the other makes progress.
// Blocks are counted over sums, so that one of them holds the total; values past the end are zero.

const SUM_BLOCKS: u32 = 0u;
const SCAN_BLOCKS: u32 = 1u;
const SCAN_VALUES: u32 = 2u;
override PASS: u32 = SUM_BLOCKS;

// Consecutive elements of one invocation.
const ITEMS: u32 = 4u;
const BLOCK: u32 = ITEMS * WORKGROUP;

struct Params {
    // Elements of values and of sums that are bound; there may be none of the former.
    n: u32,
    sums: u32,
    // The number of the first block bound.
    first_block: u32,
    // How many blocks there are: bound, or for SCAN_BLOCKS in all.
    blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> block_sums: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;

var<workgroup> running: array<u32, WORKGROUP>;

// The sum of `value` over the invocations up to this one, itself included; call with all invocations.
fn inclusive_scan(value: u32, local: u32) -> u32 {
    running[local] = value;
    workgroupBarrier();
    for (var reach = 1u; reach < WORKGROUP; reach *= 2u) {
        var left = 0u;
        if local >= reach {
            left = running[local - reach];
        }
        workgroupBarrier();
        running[local] += left;
        workgroupBarrier();
    }
    return running[local];
}

fn load(i: u32) -> u32 {
    if PASS == SCAN_BLOCKS {
        if i < params.blocks {
            return block_sums[i];
        }
    } else if i < params.n {
        return values[i];
    }
    return 0u;
}

fn store(i: u32, sum: u32) {
    if PASS == SCAN_BLOCKS {
        if i < params.blocks {
            block_sums[i] = sum;
        }
    } else if i < params.sums {
        sums[i] = sum;
    }
}

fn sum_items(first: u32) -> u32 {
    var sum = 0u;
    for (var i = first; i < first + ITEMS; i++) {
        sum += load(i);
    }
    return sum;
}

// Scans the BLOCK elements from `start` on, with `carry` before them; returns the carry of the next block.
fn scan_block(start: u32, carry: u32, local: u32) -> u32 {
    let first = start + local * ITEMS;
    let own = sum_items(first);
    var sum = carry + inclusive_scan(own, local) - own;
    for (var i = first; i < first + ITEMS; i++) {
        let value = load(i);
        store(i, sum);
        sum += value;
    }
    let next = carry + running[WORKGROUP - 1u];
    workgroupBarrier();
    return next;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_workgroup(workgroup, workgroups);
    if PASS == SCAN_BLOCKS {
        var carry = 0u;
        for (var start = 0u; start < params.blocks; start += BLOCK) {
            carry = scan_block(start, carry, local);
        }
        return;
    }
    if block >= params.blocks {
        return;
    }
    if PASS == SUM_BLOCKS {
        let sum = inclusive_scan(sum_items(block * BLOCK + local * ITEMS), local);
        if local == WORKGROUP - 1u {
            block_sums[params.first_block + block] = sum;
        }
    } else {
        scan_block(block * BLOCK, block_sums[params.first_block + block], local);
    }
}
