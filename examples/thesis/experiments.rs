//! The experiments: what each runs, what it draws, and what the thesis says of it.

/// An experiment of the thesis.
pub struct Experiment {
    /// Where in the thesis it is.
    pub place: &'static str,
    pub title: &'static str,
    /// What is run, in order.
    pub steps: &'static [Step],
    /// The files that this draws.
    pub pictures: &'static [&'static str],
    /// What the thesis or its publication says and measures.
    pub thesis: &'static str,
    /// What differs here, and how to read the figures.
    pub note: &'static str,
}

/// A program and its arguments.
pub enum Step {
    /// An example of this project; it is given `--full` if this one was.
    Example(&'static str),
    /// The command line, with these arguments.
    Wgvq(&'static str),
}

use Step::{Example, Wgvq};

impl Step {
    /// The command as one types it.
    pub fn as_typed(&self) -> String {
        match self {
            Example(name) => format!("cargo run --release --example {name}"),
            Wgvq(arguments) => format!("wgvq {arguments}"),
        }
    }
}

pub static EXPERIMENTS: &[Experiment] = &[
    Experiment {
        place: "Sections 2.2 to 2.4",
        title: "Average quantization errors",
        steps: &[Example("metrics")],
        pictures: &[],
        thesis: "The average quantization error (Eq. 2.2) is by any power of the error; a codebook is best by the distance that \
                 it was trained by. The thesis gives no numbers.",
        note: "On these vectors, which were not trained on, the means are best by each of the three norms, also by those that the \
               other codebooks were trained by.",
    },
    Experiment {
        place: "Section 2.3, Fig. 2.2",
        title: "The cells of a codebook",
        steps: &[
            Wgvq("train target/thesis/plane.npy --spec VQ32 -o target/thesis/plane.safetensors --force"),
            Wgvq(
                "plot codebook target/thesis/plane.safetensors target/thesis/plane.npy -o target/thesis/codebook.svg \
                 --force",
            ),
        ],
        pictures: &["target/thesis/codebook.svg"],
        thesis: "A codebook cuts the plane into Voronoi cells, small ones where there are many vectors. The thesis gives no numbers.",
        note: "Vectors of three clouds, quantized to 32 codewords.",
    },
    Experiment {
        place: "Section 2.5.1, Fig. 2.4",
        title: "The elbow",
        steps: &[Wgvq(
            "elbow data/wordnet.npy --k 2,4,8,16,32,64,128,256 --plot target/thesis/elbow.svg --quiet",
        )],
        pictures: &["target/thesis/elbow.svg"],
        thesis: "The distortion falls steeply, then hardly; the size at the bend is to be taken. The thesis gives no numbers.",
        note: "Sentence vectors have no clusters as clear as those of a drawing: the bend is a soft one.",
    },
    Experiment {
        place: "Section 2.5.2",
        title: "Differential evolution",
        steps: &[Example("evolution")],
        pictures: &[],
        thesis: "Codebooks that evolve are to start k-means nearer to the best one; F and Cr lie from 0 to 1. The thesis gives no \
                 numbers.",
        note: "What a start gains at first, k-means has mostly made up for: compare the errors after k-means. Crossover is by \
               codeword, as by element it hardly ever wins in many dimensions.",
    },
    Experiment {
        place: "Section 2.6, Figs. 2.5 to 2.7",
        title: "Lattices",
        steps: &[
            Wgvq("plot lattice A2 -o target/thesis/lattice.svg --force"),
            Wgvq("plot lattice A2x6 target/thesis/plane.npy -o target/thesis/truncated.svg --force"),
            Example("lattice_trapezoid"),
        ],
        pictures: &[
            "target/thesis/lattice.svg",
            "target/thesis/truncated.svg",
            "target/lattice_trapezoid.svg",
        ],
        thesis: "A lattice needs no codebook, as its points lie regularly; it is truncated to those that carry the data. \
                 The thesis gives no numbers.",
        note: "Kept are the points that most vectors are nearest to. Over the trapezoid the hexagonal lattice loses less than the \
               square one, with fewer codewords. K-means loses less than both: none of its cells reaches beyond the trapezoid.",
    },
    Experiment {
        place: "Section 3.2, Figs. 3.5 and 3.6",
        title: "Hard and soft quantizers",
        steps: &[Example("hard_and_soft")],
        pictures: &["target/hard_and_soft.svg"],
        thesis: "The steps of a hard quantizer have the derivative 0 or none; soft ones go to them as the temperature falls. \
                 The thesis gives no numbers.",
        note: "Drawn by the kernels that train. From τ = 3 to 50 the soft values come from .14 to .02 of the hard ones, and their \
               steepest slope goes from .9 to 6.2.",
    },
    Experiment {
        place: "Section 4.2, Figs. 4.1 to 4.5",
        title: "Space-filling curves",
        steps: &[
            Wgvq("plot curve --curve hilbert --depth 4 -o target/thesis/hilbert.svg --force --quiet"),
            Wgvq("plot curve --curve peano --depth 3 -o target/thesis/peano.svg --force --quiet"),
            Wgvq("plot curve --curve lebesgue --depth 4 -o target/thesis/lebesgue.svg --force --quiet"),
            Wgvq("plot curve --curve sierpinski --depth 4 -o target/thesis/sierpinski.svg --force --quiet"),
        ],
        pictures: &[
            "target/thesis/hilbert.svg",
            "target/thesis/peano.svg",
            "target/thesis/lebesgue.svg",
            "target/thesis/sierpinski.svg",
        ],
        thesis: "Four curves that go through every part of a square. The thesis gives no numbers.",
        note: "The same curves; from light to dark along their length.",
    },
    Experiment {
        place: "Section 4.3, Fig. 4.6",
        title: "Tours by space-filling curves",
        steps: &[Example("tours")],
        pictures: &["target/tours.svg"],
        thesis: "The order along a curve is a fast heuristic for the shortest tour; Hilbert's tour is shorter than Lebesgue's. \
                 The thesis gives no numbers.",
        note: "Hilbert's tour is shorter than Lebesgue's here too, 106 beside 150, and about as long as those of the greedy ways. \
               2-opt brings all of them to 94 to 98.",
    },
    Experiment {
        place: "Section 5.1, Publication I",
        title: "Spectral envelopes of speech",
        steps: &[Example("spectral_envelopes")],
        pictures: &["target/envelopes.svg"],
        thesis: "Uniform scalar quantization with arithmetic coding, 9.52 and 5.51 dB at the codec's rates, against multi-stage VQ \
                 trained by soft quantization, which is better by all measures.",
        note: "Multi-stage VQ is far below scalar quantization at every rate here too. Among the ways to train it soft \
               quantization leads the classical one only where its temperature suits the rate; the means and spreads say where.",
    },
    Experiment {
        place: "Section 5.2, Publication II",
        title: "A VQ-VAE of photographs",
        steps: &[Example("vqvae_images")],
        pictures: &["target/vqvae_images/curves.svg", "target/vqvae_images/patches.png"],
        thesis: "Peak signal-to-noise ratio at 8 bits: straight-through 23.68, moving averages 23.88, NSVQ 24.16; at 10 bits 23.74, 24.28, \
                 24.96. NSVQ has codebook replacement, the others have none.",
        note: "Other images and a smaller network, so levels differ. NSVQ is not ahead here: at 6 and 8 bits it is .2 to .3 dB \
               behind the others, at 10 bits with 23.16 ± .04 level with moving averages (23.20 ± .07) and a little behind \
               straight-through (23.30 ± .10). What it gains by in the publication is that it loses no codewords. Here codebooks \
               start at the encoder's outputs, and up to 8 bits hardly any are lost without replacement; of 1024 at 10 bits \
               straight-through loses 28 ± 33, moving averages 34 ± 26 and NSVQ 38 ± 23, and replacement brings them back for \
               hardly any PSNR. Of the other methods at 8 bits DiVeQ is as good as straight-through (22.65, 22.62). The rotation \
               trick without replacement (21.81 ± .55, 99 of 256 codewords dead) and SimVQ (21.58 ± .14) are behind. FSQ \
               (20.90 ± .48, 113 of 240 dead) and LFQ (15.26 ± 2.50, 250 of 256 dead) do poorly as they are set here: they were \
               not tuned, and train an encoder of their own.",
    },
    Experiment {
        place: "Section 5.3, Publication III, Fig. 5.3",
        title: "Residual, product and additive VQ for search",
        steps: &[Example("nsvq_variants")],
        pictures: &["target/recall.svg", "target/nsvq_variants.svg"],
        thesis: "SIFT1M, 8 bytes: recall@1, 10 and 100 of RVQ are .271, .689 and .960 by NSVQ, .263, .662 and .956 trained classically.",
        note: "Sentence vectors and fewer bytes here, so levels differ; given the files of SIFT the example takes those. With the \
               250 steps of the small size NSVQ has the higher error in all three, and the lower recall for RQ and AQ.",
    },
    Experiment {
        place: "Section 5.4, Publication IV, Fig. 5.4a",
        title: "An ordered codebook in the plane",
        steps: &[Example("sfvq_gaussian")],
        pictures: &["target/sfvq/gaussian.svg"],
        thesis: "The codewords of a space-filling VQ lie along a curve through a Gaussian, those of a VQ have no order. The thesis gives no \
                 numbers.",
        note: "The error of the codewords is a little above that of a VQ: the price of the order, which the mean step shows. A VQ \
               along a 2-opt tour has as short a step without that price.",
    },
    Experiment {
        place: "Sections 5.4 and 5.5, Publications IV and V, Figs. 5.4b and 5.5",
        title: "Labels and directions along the curve",
        steps: &[Example("sfvq_labels")],
        pictures: &["target/sfvq_labels.svg", "target/sfvq_directions.svg"],
        thesis: "Phonetic groups lie on stretches of the curve; its segments are directions that change one attribute of a face. \
                 The thesis gives no numbers.",
        note: "Handwritten digits in place of phonemes and faces. The curve is no better ordered than a VQ along a 2-opt tour: its \
               order score is .552 ± .046 beside .534 ± .008, at a higher error (520, 499) and a lower purity (.908, .923). Its \
               directions mean something: moved to the next codeword, 58 % of the digits are read as that one's label, and 1 % \
               after a random step as long.",
    },
    Experiment {
        place: "Section 5.6, Publication VI, Fig. 5.6",
        title: "Codes that occur equally often",
        steps: &[Example("privacy")],
        pictures: &["target/privacy.svg", "target/privacy_bits.svg"],
        thesis: "The resampled curve is used much more evenly than a VQ on speakers that it has not seen. The \
                 thesis gives no numbers.",
        note: "Sentence vectors in place of speakers; the ideal is that of a uniform code of as many vectors. Up to 6 bits the \
               equalised code by curve is the most even, from 8 on that by codeword. At 4 bits the SFVQ itself is less even than \
               the VQ (standard deviation 30, 24). At 10 bits the code by curve is no more even than the SFVQ (1.47 both), at the \
               highest error of all (.728, .661). The worst case has a ceiling of log2 1500 = 10.55 bits, a \
               code that one of the 1500 held-out vectors has: at 8 and 10 bits nearly all stand there, and the column says \
               nothing of which is better.",
    },
];
