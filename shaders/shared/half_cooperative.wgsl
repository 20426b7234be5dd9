// Products of blocks by the GPU's matrix unit. half_emulated.wgsl is the twin for every other device.

alias Quad = vec4<f16>;
alias Rows = coop_mat16x16<f16, A>;
alias Codewords = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;

fn load_rows(at: u32) -> Rows {
    let stride = STRIDE;
    return coopLoadT<coop_mat16x16<f16, A>>(&stage[at], stride);
}

// A codeword is a column.
fn load_codewords(at: u32) -> Codewords {
    let stride = STRIDE;
    return coopLoad<coop_mat16x16<f16, B>>(&stage[at], stride);
}

fn add_products(rows: Rows, codewords: Codewords, sums: Sums) -> Sums {
    return coopMultiplyAdd(rows, codewords, sums);
}

fn show(sums: Sums, at: u32) {
    let stride = PATCH_STRIDE;
    coopStoreT(sums, &patches[at], stride);
}
