//! What is tried: the quantizers and indexes of so many bytes for vectors of so many dimensions.

use wgvq::index::{IndexSpec, Refinement};
use wgvq::metrics::Metric;
use wgvq::{Result, Spec};

/// A way to keep vectors and to find them again.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Codes, all of which a search compares.
    Codes(Spec),
    /// Lists of codes, of which a search looks into some, what the nearest are compared by once more, and bytes of a vector beside
    /// its id.
    Index { quantizer: Spec, refinement: Refinement, kept: usize },
}

/// A plan, and for how many bytes it is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub plan: Plan,
    /// Bytes of a vector at most; candidates of the same compete.
    pub bytes: usize,
}

/// The vectors to make candidates for.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    pub dim: usize,
    /// Vectors that the least training has.
    pub rows: usize,
    /// How an index is searched, if a recall is to be reached.
    pub index: Option<Metric>,
    /// Whether an index may compare by the vectors themselves, whose bytes are not counted.
    pub sources: bool,
}

/// Stages of a residual or additive quantizer, at most: the time for training rises with the square of them.
const MOST_STAGES: usize = 16;

/// Bits of a block of a lattice, at most.
const MOST_LATTICE_BITS: usize = 12;

impl Plan {
    /// The index that it is for so many vectors; one of codes has one list.
    pub fn spec(&self, rows: usize) -> Result<IndexSpec> {
        match self {
            Plan::Codes(spec) => spec.to_string().parse(),
            Plan::Index { quantizer, .. } => format!("IVF{},{quantizer}", lists(rows)).parse(),
        }
    }

    /// What quantizes the vectors.
    pub fn quantizer(&self) -> &Spec {
        match self {
            Plan::Codes(spec) | Plan::Index { quantizer: spec, .. } => spec,
        }
    }

    /// What the nearest are compared by once more, if it is an index.
    pub fn refinement(&self) -> Option<Refinement> {
        match self {
            Plan::Codes(_) => None,
            Plan::Index { refinement, .. } => Some(*refinement),
        }
    }
}

/// As many lists as vectors in a list, about, and a power of two.
fn lists(rows: usize) -> usize {
    let bits = (rows.max(1) as f64).sqrt().log2().round();
    1 << (bits as u32).min(20)
}

/// The sizes that are tried where none is asked for: an eighth of a byte for four dimensions, and twice as many up to one for each.
/// Beside them those at which an index has room for a byte or a half of each dimension.
pub fn ladder(given: &Given) -> Vec<usize> {
    let d = given.dim;
    let mut sizes: Vec<usize> = [32, 16, 8, 4, 2, 1].iter().map(|part| (d / part).max(1)).collect();
    if given.index.is_some() {
        sizes.extend([d + d.div_ceil(4), 2 * d + d.div_ceil(4)]);
    }
    sizes.dedup();
    sizes
}

/// What can be tried in each of these sizes, each plan once; what takes longer to train comes later, as there may be no time for it.
pub fn candidates(given: &Given, sizes: &[usize]) -> Result<Vec<Candidate>> {
    let mut all: Vec<Candidate> = Vec::new();
    for &bytes in sizes {
        let codes = of_codes(given, bytes)?.into_iter().map(Plan::Codes);
        for plan in codes.chain(of_indexes(given, bytes)?) {
            if all.iter().all(|other| other.plan != plan) {
                all.push(Candidate { plan, bytes });
            }
        }
    }
    all.sort_by_key(|candidate| match candidate.plan.quantizer().kind().name {
        // An index is there for a recall, which little else reaches.
        _ if candidate.plan.refinement().is_some() => 0,
        "LSQ" | "PLSQ" => 3,
        "RQ" | "PRQ" => 2,
        _ => 1,
    });
    Ok(all)
}

/// The quantizers of at most that many bytes.
fn of_codes(given: &Given, bytes: usize) -> Result<Vec<Spec>> {
    let Given { dim, rows, .. } = *given;
    let mut specs = Vec::new();
    if bytes == 1 {
        specs.push("VQ256".to_string());
    } else if bytes < dim {
        specs.push(format!("PQ{bytes}x8"));
        specs.push(format!("OPQ{bytes},PQ{bytes}x8"));
    }
    if (2..=MOST_STAGES).contains(&bytes) && bytes < dim {
        specs.push(format!("RQ{bytes}x8"));
        specs.push(format!("LSQ{bytes}x8"));
    }
    // Parts of four stages each.
    if bytes >= 8 && bytes.is_multiple_of(4) && bytes / 4 < dim {
        specs.push(format!("PRQ{}x4x8", bytes / 4));
        if (MOST_STAGES + 1..=2 * MOST_STAGES).contains(&bytes) {
            specs.push(format!("PLSQ{}x4x8", bytes / 4));
        }
    }
    // Two levels are both at the ends of what there is, and farther from it than the mean.
    specs.extend(bits(bytes, dim).filter(|&bits| bits > 1).map(|bits| format!("SQ{bits}")));
    specs.extend(bits(bytes.saturating_sub(LENGTH), dim).map(|bits| format!("RBQ{bits}")));
    for (lattice, block) in [("E8", 8), ("D4", 4)] {
        let of_block = 8 * bytes * block / dim;
        // Every point has to have blocks that are nearest to it.
        let learnt = |bits: usize| 1 << bits <= rows * (dim / block);
        if dim.is_multiple_of(block) && (4..=MOST_LATTICE_BITS).contains(&of_block) && learnt(of_block) {
            specs.push(format!("{lattice}x{of_block}"));
            break;
        }
    }
    specs.iter().map(|spec| spec.parse()).collect()
}

/// Bytes of the length that `RBQ` keeps of each vector.
const LENGTH: usize = 2;

/// Bits of a dimension in so many bytes, if there is one for each.
fn bits(bytes: usize, dim: usize) -> Option<usize> {
    Some((8 * bytes / dim).min(8)).filter(|&bits| bits > 0)
}

/// The indexes that keep at most that many bytes of a vector, beside its id.
fn of_indexes(given: &Given, bytes: usize) -> Result<Vec<Plan>> {
    let dim = given.dim;
    if !matches!(given.index, Some(Metric::SquaredL2 | Metric::InnerProduct | Metric::Cosine)) {
        return Ok(Vec::new());
    }
    // (spec, bytes of its codes in lists, what else is kept)
    let mut plans = Vec::new();
    if bytes < dim && bytes > 1 {
        plans.push((format!("PQ{bytes}x8"), bytes, Refinement::None));
        plans.push((format!("OPQ{bytes},PQ{bytes}x8"), bytes, Refinement::None));
    }
    // A code has 4 bits in a list, or 8, and so has each of the four that a length is; four codes of 4 bits lie together.
    let rotated = [("RBQ8", dim + 4), ("RBQ4", packed(dim + 4))];
    let largest = rotated.into_iter().find(|&(_, kept)| kept <= bytes);
    plans.extend(largest.map(|(spec, kept)| (spec.to_string(), kept, Refinement::None)));
    let refined = [(Refinement::Source, 0), (Refinement::U8, dim), (Refinement::F16, 2 * dim)];
    for (refinement, beside) in refined.into_iter().skip(usize::from(!given.sources)) {
        // Of more parts than half the dimensions there is nothing that the refinement does not tell better.
        let parts = (2 * bytes.saturating_sub(beside)).min(dim / 2) / 4 * 4;
        if parts > 0 {
            let kept = packed(parts) + beside;
            plans.push((format!("PQ{parts}x4"), kept, refinement));
            plans.push((format!("OPQ{parts},PQ{parts}x4"), kept, refinement));
        }
    }
    let plan = |(spec, kept, refinement): (String, usize, Refinement)| {
        Ok(Plan::Index { quantizer: spec.parse()?, refinement, kept })
    };
    plans.into_iter().map(plan).collect()
}

/// Bytes of so many codes of 4 bits in a list.
fn packed(codes: usize) -> usize {
    codes.next_multiple_of(4) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dim: usize, bytes: usize, index: Option<Metric>) -> Vec<String> {
        let given = Given { dim, rows: 4096, index, sources: true };
        let name = |candidate: Candidate| match candidate.plan {
            Plan::Codes(spec) => spec.to_string(),
            Plan::Index { quantizer, refinement, kept } => format!("{quantizer} {refinement} {kept}"),
        };
        candidates(&given, &[bytes]).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn candidates_follow_from_dimensions_and_bytes() {
        assert_eq!(names(128, 1, None), ["VQ256"]);
        assert_eq!(names(128, 16, None), ["PQ16x8", "OPQ16,PQ16x8", "E8x8", "RQ16x8", "PRQ4x4x8", "LSQ16x8"]);
        assert_eq!(
            names(128, 32, None),
            ["PQ32x8", "OPQ32,PQ32x8", "SQ2", "RBQ1", "D4x8", "PRQ8x4x8", "PLSQ8x4x8"]
        );
        // Of more bytes than dimensions only what has one for each is left.
        assert_eq!(names(10, 39, None), ["SQ8", "RBQ8"]);
        let indexes =
            |bytes| names(128, bytes, Some(Metric::SquaredL2)).into_iter().filter(|name| name.contains(' '));
        assert_eq!(
            indexes(32).collect::<Vec<_>>(),
            ["PQ32x8 none 32", "OPQ32,PQ32x8 none 32", "PQ64x4 source 32", "OPQ64,PQ64x4 source 32"]
        );
        for (bytes, name) in
            [(66, "RBQ4 none 66"), (132, "RBQ8 none 132"), (160, "PQ64x4 u8 160"), (288, "PQ64x4 f16 288")]
        {
            assert!(indexes(bytes).any(|other| other == name), "{name}");
        }
        // An index is not searched by other metrics.
        assert!(!names(128, 32, Some(Metric::L1)).iter().any(|name| name.contains(' ')));
    }

    #[test]
    fn every_size_of_every_dimension_has_a_spec_within_it() {
        for dim in (1..70).chain([96, 100, 128, 384, 1536]) {
            let index = Some(Metric::SquaredL2);
            let given = Given { dim, rows: 450, index, sources: false };
            let sizes = ladder(&given);
            assert!(sizes.is_sorted() && sizes[0] > 0, "{dim}: {sizes:?}");
            for bytes in sizes.into_iter().chain(1..(4 * dim).min(40)) {
                let all = candidates(&given, &[bytes]).unwrap();
                assert!(
                    all.iter().any(|one| one.plan.refinement().is_none()),
                    "{dim} dimensions, {bytes} bytes"
                );
                assert!(all.iter().all(|one| one.plan.refinement() != Some(Refinement::Source)));
            }
        }
    }

    #[test]
    fn plans_that_fit_several_sizes_are_tried_once() {
        let given = Given { dim: 16, rows: 4096, index: None, sources: false };
        let all = candidates(&given, &[16, 20, 40]).unwrap();
        let of = |name: &str| all.iter().filter(|other| other.plan.quantizer().to_string() == name).count();
        assert_eq!([of("SQ8"), of("RBQ8")], [1, 1]);
    }

    #[test]
    fn an_index_has_about_as_many_lists_as_vectors_in_a_list() {
        assert_eq!([1, 2, 1000, 100_000, 1_000_000, 20_000_000].map(lists), [1, 2, 32, 256, 1024, 4096]);
    }
}
