// The lowest score of each of the rows, the candidate that has it, and the lowest score of all others.

struct Lowest {
    score: mat2x4f,
    second: mat2x4f,
    low: vec4u,
    high: vec4u,
}

fn no_candidate() -> Lowest {
    let far = mat2x4f(vec4f(FAR), vec4f(FAR));
    return Lowest(far, far, vec4u(), vec4u());
}

// Candidates come in ascending order, so a strict comparison keeps the lowest number.
fn consider(own: ptr<function, Lowest>, scores: mat2x4f, candidate: u32) {
    let low = scores[0] < (*own).score[0];
    let high = scores[1] < (*own).score[1];
    (*own).second = mat2x4f(
        min((*own).second[0], max(scores[0], (*own).score[0])),
        min((*own).second[1], max(scores[1], (*own).score[1])),
    );
    (*own).score = mat2x4f(
        select((*own).score[0], scores[0], low),
        select((*own).score[1], scores[1], high),
    );
    (*own).low = select((*own).low, vec4u(candidate), low);
    (*own).high = select((*own).high, vec4u(candidate), high);
}

// First the lowest score of all lanes, then the lowest candidate among the lanes that have it. A device may flush a
// denormal to zero in one place and not in another, so that no lane has the lowest score: `last`, the highest candidate
// there is, bounds what is then found.
fn lowest_over_lanes(own: ptr<function, Lowest>, last: u32) {
    share(bitcast<vec4u>((*own).score[0]), bitcast<vec4u>((*own).score[1]));
    var lowest = (*own).score;
    for (var other = 0u; other < LANES; other++) {
        lowest = mat2x4f(
            min(lowest[0], bitcast<vec4f>(read_low(other))),
            min(lowest[1], bitcast<vec4f>(read_high(other))),
        );
    }
    let none = vec4u(0xffffffffu);
    var low = select(none, (*own).low, (*own).score[0] == lowest[0]);
    var high = select(none, (*own).high, (*own).score[1] == lowest[1]);
    share(low, high);
    for (var other = 0u; other < LANES; other++) {
        low = min(low, read_low(other));
        high = min(high, read_high(other));
    }
    (*own).score = lowest;
    (*own).low = min(low, vec4u(last));
    (*own).high = min(high, vec4u(last));
}

// The lowest scores of all candidates but those that `found` has over all lanes, where `own` is what this lane has found.
fn others_over_lanes(own: Lowest, found: Lowest) -> mat2x4f {
    let low = select(own.score[0], own.second[0], own.low == found.low);
    let high = select(own.score[1], own.second[1], own.high == found.high);
    share(bitcast<vec4u>(low), bitcast<vec4u>(high));
    var lowest = mat2x4f(low, high);
    for (var other = 0u; other < LANES; other++) {
        lowest = mat2x4f(
            min(lowest[0], bitcast<vec4f>(read_low(other))),
            min(lowest[1], bitcast<vec4f>(read_high(other))),
        );
    }
    return lowest;
}
