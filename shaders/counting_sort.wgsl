// counting_sort: one digit of a stable radix sort of row numbers by code, least significant digit first
//
// keys (n): the codes in the order reached so far; rows (n): the row numbers in that order; sorted_keys, sorted_rows
// (n): both after this digit. A workgroup takes BLOCK consecutive keys. Between its two passes the host scans
// digit_counts, which is laid out digit by digit, into bases: where each block's first key of each digit belongs.
//   COUNT           digit_counts[digit, block] = how many keys of the block have the digit
//   SCATTER_FIRST   moves keys and rows to their places; the rows are in order still and not read
//   SCATTER         the same for the later digits
// The place of a key is bases[digit, block] plus its rank: how many keys of its digit come before it in the block.
// A place outside of the bound targets is left alone: the result may come in several shards, each in a dispatch of
// its own. Keys past the last code sort as the last code.

const COUNT: u32 = 0u;
const SCATTER_FIRST: u32 = 1u;
const SCATTER: u32 = 2u;
override PASS: u32 = COUNT;

const BLOCK: u32 = 2048u;
const DIGITS: u32 = 256u;

struct Params {
    // Keys bound, and the number of the first.
    n: u32,
    first: u32,
    // The number of the first block bound, and how many blocks there are in all.
    first_block: u32,
    blocks: u32,
    last_code: u32,
    // The digit is (code >> shift) % radix; radix is a power of two, at most DIGITS.
    shift: u32,
    radix: u32,
    // Places bound, and the number of the first.
    first_target: u32,
    targets: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> bases: array<u32>;
@group(0) @binding(4) var<storage, read_write> digit_counts: array<u32>;
@group(0) @binding(5) var<storage, read_write> sorted_keys: array<u32>;
@group(0) @binding(6) var<storage, read_write> sorted_rows: array<u32>;

// Per digit: how many keys there were, or where the next one belongs.
var<workgroup> bins: array<atomic<u32>, DIGITS>;
var<workgroup> digits: array<u32, WORKGROUP>;

fn digit_of(key: u32) -> u32 {
    return (min(key, params.last_code) >> params.shift) % params.radix;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let block = linear_workgroup(workgroup, workgroups);
    if block * BLOCK >= params.n {
        return;
    }
    // WORKGROUP and DIGITS are equal: an invocation looks after one digit.
    let bin = local * params.blocks + params.first_block + block;
    var base = 0u;
    if PASS != COUNT && local < params.radix {
        base = bases[bin];
    }
    atomicStore(&bins[local], base);
    workgroupBarrier();

    let end = min((block + 1u) * BLOCK, params.n);
    for (var strip = block * BLOCK; strip < end; strip += WORKGROUP) {
        let at = strip + local;
        let here = at < end;
        var key = 0u;
        var digit = DIGITS;
        if here {
            key = keys[at];
            digit = digit_of(key);
        }
        if PASS != COUNT {
            digits[local] = digit;
            workgroupBarrier();
            var rank = 0u;
            for (var before = 0u; before < local; before++) {
                rank += u32(digits[before] == digit);
            }
            if here {
                let place = atomicLoad(&bins[digit]) + rank - params.first_target;
                if place < params.targets {
                    sorted_keys[place] = key;
                    if PASS == SCATTER_FIRST {
                        sorted_rows[place] = params.first + at;
                    } else {
                        sorted_rows[place] = rows[at];
                    }
                }
            }
            workgroupBarrier();
        }
        if here {
            atomicAdd(&bins[digit], 1u);
        }
        workgroupBarrier();
    }

    if PASS == COUNT && local < params.radix {
        digit_counts[bin] = atomicLoad(&bins[local]);
    }
}
