// The rows of each code, `order[offsets[c] .. offsets[c + 1]]`, in chunks that are summed up by themselves: CHUNK rows, then
// GROUP such sums, then those. The kernel defines offset_of(code), the offset of a code, and has k in its params.
//
// Code c has its chunks in slots from offsets[c] / CHUNK + c on. That is as many as it needs before the next code's:
// ceil((b - a) / CHUNK) <= b / CHUNK - a / CHUNK + 1 (with whole-number division), and n / CHUNK + k slots are enough.
const CHUNK: u32 = 256u;
const GROUP: u32 = 256u;

fn rows_of(code: u32) -> u32 {
    return max(offset_of(code + 1u), offset_of(code)) - offset_of(code);
}

fn first_slot(code: u32) -> u32 {
    return offset_of(code) / CHUNK + code;
}

fn chunks(rows: u32) -> u32 {
    return rows / CHUNK + u32(rows % CHUNK > 0u);
}

// The last code whose first slot is not above `slot`.
fn code_of(slot: u32) -> u32 {
    var low = 0u;
    var high = params.k;
    while high - low > 1u {
        let middle = (low + high) / 2u;
        if first_slot(middle) <= slot {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
