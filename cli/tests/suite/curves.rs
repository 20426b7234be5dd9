//! Space-filling curves on the command line, end to end, on real files.

use crate::common::cli::Cli;
use wgvq::curves::{Curve, order};
use wgvq::io::open;
use wgvq::ndarray::{Array2, Axis, array};

fn sample() -> String {
    crate::common::sample().to_str().unwrap().to_string()
}

fn square(n: usize) -> Array2<f32> {
    let mut rng = wgvq::Rng::new(3, 0);
    Array2::from_shape_simple_fn((n, 2), || rng.uniform())
}

#[test]
fn embeddings_are_put_in_order() {
    let cli = Cli::new("cpu");
    let data = sample();
    for curve in ["hilbert", "lebesgue"] {
        let found =
            cli.json(&format!("order {data} --curve {curve} -o {curve}.npy --indices rows.npy --force"));
        let step = |key: &str| found[key].as_f64().unwrap();
        assert!(step("mean_step_after") < 0.95 * step("mean_step_before"), "{found}");
        assert_eq!(
            (found["curve"].as_str(), found["n"].as_u64(), found["dim"].as_u64()),
            (Some(curve), Some(6000), Some(384))
        );

        let x = open(&data).unwrap().to_array().unwrap();
        let rows: Vec<_> = cli.ids("rows.npy").iter().map(|&row| row as usize).collect();
        assert_eq!(rows, order(x.view(), curve.parse().unwrap()).unwrap());
        assert_eq!(
            open(cli.path(&format!("{curve}.npy"))).unwrap().to_array().unwrap(),
            x.select(Axis(0), &rows)
        );
    }
}

#[test]
fn the_plane_is_ordered_along_every_curve() {
    let cli = Cli::new("cpu");
    cli.write("square.npy", &square(3000));
    let mut steps = Vec::new();
    for curve in Curve::ALL {
        let found = cli.json(&format!("order square.npy --curve {curve} -o ordered.npy --force"));
        assert!((found["mean_step_before"].as_f64().unwrap() - 0.52).abs() < 0.02, "{found}");
        steps.push(found["mean_step_after"].as_f64().unwrap());
    }
    // The shortest path is about 0.7124 √n long in all.
    assert!(steps.iter().all(|step| (0.013..0.03).contains(step)), "{steps:?}");
    assert!(steps[0] < steps[2], "Hilbert's curve has no jumps: {steps:?}");

    let table = cli.run("order square.npy --curve hilbert -o table.npy");
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("vectors           3000 × 2") && table.contains("mean step after"), "{table}");
    cli.write("one.fvecs", &array![[1.0_f32, 2.0]]);
    assert!(cli.json("order one.fvecs --curve peano -o one.npy")["mean_step_after"].is_null());
}

#[test]
fn what_has_no_order_is_refused() {
    let cli = Cli::new("cpu");
    cli.write("plane.npy", &square(10));
    cli.write("space.npy", &Array2::<f32>::zeros((4, 3)));
    cli.write("empty.npy", &Array2::<f32>::zeros((0, 3)));
    cli.write("nan.npy", &array![[0.0_f32, 1.0], [f32::NAN, 2.0]]);
    cli.write("large.npy", &Array2::<f32>::zeros((5000, 64)));
    for (arguments, says) in [
        ("plane.npy --curve spiral -o out.npy", "there is no curve 'spiral'; it is one of hilbert, peano"),
        ("space.npy --curve peano -o out.npy", "the vectors have 3 dimensions"),
        ("empty.npy --curve hilbert -o out.npy", "empty.npy"),
        ("nan.npy --curve hilbert -o out.npy", "row 1, column 0"),
        ("missing.npy --curve hilbert -o out.npy", "missing.npy"),
        ("plane.npy --curve hilbert -o out.txt", "out.txt"),
        ("plane.npy --curve hilbert -o out.npy --indices out.npy", "name another file"),
        ("plane.npy --curve hilbert -o plane.npy --force", "is an input of this command too"),
        (
            "large.npy --curve hilbert -o out.npy --memory 1MiB",
            "ordering 5000 x 64 vectors takes about 4.04 MiB: --memory is 1.00 MiB; order a part of them, or give --memory 5MiB",
        ),
    ] {
        cli.refuse(&format!("order {arguments}"), says);
        assert!(!cli.path("out.npy").exists());
    }
    cli.json("order plane.npy --curve hilbert -o out.npy");
    cli.refuse("order plane.npy --curve hilbert -o out.npy", "out.npy");
}

#[test]
fn curves_are_drawn() {
    let cli = Cli::new("cpu");
    for (curve, corners) in [("hilbert", 64), ("peano", 729), ("lebesgue", 64), ("sierpinski", 64)] {
        let found = cli.json(&format!("plot curve --curve {curve} --depth 3 -o {curve}.svg"));
        assert_eq!(found["corners"], corners);
        let picture = std::fs::read_to_string(cli.path(&format!("{curve}.svg"))).unwrap();
        assert_eq!(picture.matches("<circle").count(), corners);
        let numbered = picture.contains("\n63\n");
        assert_eq!(numbered, corners == 64, "{curve}");
    }
    assert_eq!(cli.json("plot --force curve --curve hilbert --depth 3 -o hilbert.svg")["depth"], 3);
    let printed = cli.run("plot curve --curve hilbert --depth 9 --force");
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), "hilbert.svg\n");
}

#[test]
fn lattices_and_codebooks_of_the_plane_are_drawn() {
    let cli = Cli::new("cpu");
    let mut rng = wgvq::Rng::new(72, 0);
    let plane = wgvq::ndarray::Array2::from_shape_simple_fn((900, 2), || rng.normal());
    cli.write("plane.npy", &plane);
    let picture = |name: &str| std::fs::read_to_string(cli.path(name)).unwrap();
    // Circles are points, others and vectors, one each for what they mean, and polygons the cells of points that are kept.
    let found = cli.json("plot lattice A2");
    assert_eq!(found["truncated"], 0);
    let points = found["points"].as_u64().unwrap() as usize;
    assert!((40..55).contains(&points), "{points} where there are 6.4² / √.75, give or take the edges");
    assert_eq!(picture("lattice.svg").matches("<circle").count(), points + 1);

    let found = cli.json("plot lattice A2x5 plane.npy -o kept.svg");
    let count = |name: &str| found[name].as_u64().unwrap() as usize;
    assert_eq!((count("points"), count("vectors")), (32, 900));
    assert!(count("truncated") > 20, "{found}");
    assert_eq!(picture("kept.svg").matches("<polygon").count(), 32);

    for (spec, points, is_lattice) in [
        ("VQ12", 12, false),
        ("RQ2x2", 16, false),
        ("SFVQ3 --steps 20", 8, false),
        ("Zx2", 16, true),
        ("A2x4", 16, true),
    ] {
        cli.json(&format!("train plane.npy --spec {spec} -o m.safetensors --force"));
        let found = cli.json("plot codebook m.safetensors plane.npy --force");
        assert_eq!(found["points"], points, "{spec}");
        let cells = picture("m.svg").matches("<polyline").count();
        // Some more are seen than their points.
        let truncated = found["truncated"].as_u64().unwrap() as usize;
        assert!((truncated > 0) == is_lattice && cells >= points + truncated, "{spec}: {cells} {found}");
    }
    assert_eq!(cli.json("plot codebook m.safetensors -o alone.svg")["vectors"], 0);

    cli.write("space.npy", &wgvq::ndarray::Array2::<f32>::ones((50, 3)));
    cli.json("train space.npy --spec SQ2 -o space.safetensors");
    cli.json("train plane.npy --spec SQ8 -o fine.safetensors");
    for (arguments, says) in [
        ("lattice", "<LATTICE>"),
        ("lattice E8 -o new.svg", "E8 is of 8 dimensions"),
        ("lattice VQ8 -o new.svg", "VQ8 is no lattice"),
        ("lattice A2x5 -o new.svg", "name a file of them"),
        ("lattice A2x5 space.npy -o new.svg", "must be a multiple of 2"),
        ("lattice Z:1 space.npy -o new.svg", "3 dimensions; a picture shows two"),
        ("lattice A2:0.0001 plane.npy -o new.svg", "a picture shows 4096 at most"),
        ("lattice A2", "lattice.svg"),
        ("codebook space.safetensors", "3 dimensions; a picture shows two"),
        ("codebook fine.safetensors", "65536 points; a picture shows 4096 at most"),
        ("codebook m.safetensors space.npy -o s.svg", "3 dimensions; a picture shows two"),
        ("codebook m.safetensors plane.npy -o m.png", "a plot's name ends in .svg"),
        ("codebook missing.safetensors -o s.svg", "missing.safetensors"),
    ] {
        cli.refuse(&format!("plot {arguments}"), says);
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let cli = Cli::new("cpu");
    for (arguments, says) in [
        ("--curve spiral --depth 3", "there is no curve 'spiral'"),
        ("--curve hilbert --depth 0", "depth 0; give 1 to 31"),
        ("--curve hilbert --depth 10", "1048576 corners; a picture shows 262144 at most"),
        ("--curve peano --depth 40", "depth 40; give 1 to 20"),
        ("--curve hilbert", "--depth"),
        ("--curve hilbert --depth 2 -o missing/out.svg", "missing"),
        ("--curve hilbert --depth 2 -o out.png", "a plot's name ends in .svg"),
    ] {
        cli.refuse(&format!("plot curve {arguments}"), says);
    }
    cli.refuse("plot -o out.svg curve --curve hilbert --depth 2", "comes behind its name");
    cli.refuse("plot run.jsonl curve --curve hilbert --depth 2", "unexpected argument '--curve'");
    // A log of training may still have that name.
    std::fs::write(cli.path("curve"), "{\"step\": 1, \"loss\": 2.0}\n").unwrap();
    assert_eq!(cli.json("plot ./curve -o log.svg")["last"][0]["run"], "curve");
    cli.refuse("plot", "RUN.jsonl");
}
