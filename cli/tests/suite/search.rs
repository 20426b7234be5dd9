//! `wgvq truth` and `wgvq search`, end to end, on real files.

use crate::common::cli::{Cli, devices};
use serde_json::Value;
use wgvq::io::IndexFile;
use wgvq::ndarray::{Array2, array, s};
use wgvq::search::Recall;

#[test]
fn truth_then_search_measures_the_recall() {
    for device in devices() {
        let cli = Cli::new(device);
        let x = crate::common::clustered(1500, 12, 40, 3);
        cli.write("base.npy", &x.slice(s![..1400, ..]).to_owned());
        cli.write("queries.fvecs", &x.slice(s![1400.., ..]).to_owned());
        let truth = cli.json("truth base.npy queries.fvecs -k 20 -o gt.ivecs --distances gt.fvecs");
        for (key, value) in [("n", 1400), ("dim", 12), ("queries", 100), ("k", 20)] {
            assert_eq!(truth[key], value, "{key}");
        }
        assert_eq!(truth["metric"], "l2");
        let ids = cli.ids("gt.ivecs");
        let distances = wgvq::io::open(cli.path("gt.fvecs")).unwrap().to_array().unwrap();
        for ((query, ids), distances) in
            x.slice(s![1400.., ..]).outer_iter().zip(ids.outer_iter()).zip(distances.outer_iter())
        {
            let exact = |row| wgvq::metrics::Metric::SquaredL2.distance(query, x.row(row));
            for (&id, &distance) in ids.iter().zip(distances) {
                // Sums of 12 squares in f32: 15 roundings.
                assert!((exact(id as usize) / f64::from(distance) - 1.0).abs() < 15.0 * 6e-8);
            }
            let least = (0..1400).map(exact).fold(f64::INFINITY, f64::min);
            assert!(exact(ids[0] as usize) <= least * (1.0 + 30.0 * 6e-8));
        }

        cli.json("train base.npy --spec VQ40 --iters 5 -o m.safetensors");
        cli.json("encode base.npy -m m.safetensors -o codes.npy");
        let search =
            "search queries.fvecs --codes codes.npy -m m.safetensors -k 200 -o ids.npy --truth gt.ivecs";
        let found = cli.json(&format!("{search} --recall-at 1,50,200"));
        for (key, value) in [("n", 1400), ("queries", 100), ("k", 200)] {
            assert_eq!(found[key], value, "{key}");
        }
        assert_eq!(found["spec"], "VQ40");
        for key in ["seconds", "queries_per_second", "device"] {
            assert!(found.get(key).is_some(), "{key}");
        }
        let ids = cli.ids("ids.npy");
        assert_eq!(ids.dim(), (100, 200));
        let truth = cli.ids("gt.ivecs");
        // The truth has 20 neighbours, so there is no 50-recall@50.
        assert_eq!(found["recall"].as_object().unwrap().len(), 3);
        for at in [1, 50, 200] {
            let recall = Recall::new(1, at).unwrap().measure(ids.view(), truth.view()).unwrap();
            assert_eq!(found["recall"][format!("1-recall@{at}")], recall, "{at}");
        }
        // A code names a cluster of 35 vectors: the true neighbour is hardly ever the first of them, but is among them.
        assert!(found["recall"]["1-recall@1"].as_f64() < found["recall"]["1-recall@200"].as_f64());
        assert!(found["recall"]["1-recall@200"].as_f64().unwrap() > 0.9, "{found}");

        let usual = cli.json(&format!("{search} --force"));
        let names = ["1-recall@1", "1-recall@10", "1-recall@100", "10-recall@10"];
        assert_eq!(usual["recall"].as_object().unwrap().keys().collect::<Vec<_>>(), names);
        let ten = Recall::new(10, 10).unwrap().measure(ids.view(), truth.view()).unwrap();
        assert_eq!(usual["recall"]["10-recall@10"], ten);
        let text = cli.run(&format!("{search} --force --recall-at 7"));
        let text = String::from_utf8_lossy(&text.stdout);
        assert!(text.contains("\n7-recall@7 ") && text.starts_with("1-recall@7 "), "{text}");
        // Five ranks are five dots on each line, twenty known neighbours as many; a hundred are a line alone.
        let dots = |k: usize| {
            cli.json(&format!(
                "search queries.fvecs --codes codes.npy -m m.safetensors -k {k} --truth gt.ivecs --recall-at 1 \
                 --plot recall.svg --force"
            ));
            let picture = std::fs::read_to_string(cli.path("recall.svg")).unwrap();
            for text in ["1-recall@T", "T-recall@T", "100 queries among 1400 codes of VQ40"] {
                assert!(picture.contains(text), "{text}");
            }
            picture.matches("<circle").count()
        };
        assert_eq!([5, 200].map(dots), [10, 20]);
        cli.refuse(
            "search queries.fvecs --codes codes.npy -m m.safetensors --plot r.svg",
            "--truth <GT.ivecs>",
        );
        let unmeasured = cli.json("search queries.fvecs --codes codes.npy -m m.safetensors -k 3");
        assert_eq!((&unmeasured["recall"], &unmeasured["neighbours"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_recall_that_is_missed_is_exit_status_1() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(300, 4, 10, 5);
    cli.write("x.npy", &x);
    cli.json("train x.npy --spec VQ10 --iters 5 -o m.safetensors");
    cli.json("encode x.npy -m m.safetensors -o codes.npy");
    cli.json("truth x.npy x.npy -k 10 -o gt.ivecs");
    let search = "search x.npy --codes codes.npy -m m.safetensors -k 60 --truth gt.ivecs";
    let recall = |name: &str| cli.json(search)["recall"][name].as_f64().unwrap();
    let (one, ten) = (recall("1-recall@10"), recall("10-recall@10"));
    let (more_than_one, more_than_ten) = (one + 0.01, ten + 0.01);
    // What is asked for is measured, whether or not its rank is among the others.
    for (least, missed) in [
        (format!("10@10={ten}"), &[][..]),
        (format!("1@10={one},10@10={ten},10@60=0"), &[]),
        (format!("10@10={more_than_ten}"), &["10-recall@10"]),
        (format!("1@10={more_than_one},10@10={ten}"), &["1-recall@10"]),
        (format!("1@10={more_than_one},10@10={more_than_ten}"), &["1-recall@10", "10-recall@10"]),
        ("5@10=1 --recall-at 1".into(), &["5-recall@10"]),
    ] {
        let output = cli.run(&format!("{search} --min-recall {least} --json"));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(!missed.is_empty())), "{least}: {complaint}");
        assert_eq!(document["missed"], serde_json::json!(missed), "{least}");
        assert_eq!(complaint.matches("is below --min-recall").count(), missed.len(), "{least}: {complaint}");
        for name in missed {
            let says = format!("the {name} of {} is below", document["recall"][name]);
            assert!(complaint.contains(&says), "{least}: {complaint}");
        }
    }
    cli.refuse(
        &format!("{search} --min-recall 10@100=.5"),
        "10-recall@100 of 60 neighbours; give a larger -k",
    );
    cli.refuse(&format!("{search} --min-recall 20@20=.5"), "gt.ivecs: 10 neighbours of each query, too few");
    cli.refuse(&format!("{search} --min-recall .9"), "10@10=.95");
    cli.refuse(&format!("{search} --min-recall 20@10=.9"), "20-recall@10");
    cli.refuse("search x.npy --codes codes.npy -m m.safetensors --min-recall 1@1=1", "--truth");
}

#[test]
fn neighbours_go_where_they_are_wanted_by_the_ids_that_are_wanted() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(40, 3, 8, 2);
    cli.write("x.npy", &x);
    let own: Vec<u64> = (0..40).map(|row| u64::MAX - 1000 * row).collect();
    let lines: String = own.iter().map(|id| format!("{id}\n")).collect();
    std::fs::write(cli.path("ids.txt"), &lines).unwrap();
    cli.write("ids.npy", &Array2::from_shape_fn((40, 1), |(row, _)| own[row]));
    cli.json("train x.npy --spec VQ8 --iters 5 -o m.safetensors");
    cli.json("encode x.npy -m m.safetensors -o codes.npy");
    let search = "search x.npy --codes codes.npy -m m.safetensors -k 3";
    cli.json(&format!("{search} -o rows.ivecs --distances distances.fvecs"));
    let rows = cli.ids("rows.ivecs");
    let distances = wgvq::io::open(cli.path("distances.fvecs")).unwrap().to_array().unwrap();
    let own_of = |query: usize, at: usize| own[rows[[query, at]] as usize];

    cli.json(&format!("{search} --ids ids.txt -o found.parquet"));
    cli.json(&format!("{search} --ids ids.npy -o found.jsonl"));
    let column = |name: &str| wgvq::io::read_ids(format!("{}:{name}", cli.path("found.parquet").display()));
    let (ids, queries) = (column("id").unwrap(), column("query").unwrap());
    let text = std::fs::read_to_string(cli.path("found.jsonl")).unwrap();
    for (query, line) in text.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["query"], query);
        for at in 0..3 {
            assert_eq!(line["ids"][at], own_of(query, at));
            assert_eq!(line["distances"][at].as_f64().unwrap() as f32, distances[[query, at]]);
            assert_eq!((queries[3 * query + at], ids[3 * query + at]), (query as u64, own_of(query, at)));
        }
    }
    // On stdout there are the neighbours alone; with --json they are in the document.
    let output = cli.run(&format!("{search} --ids ids.txt -o -"));
    let table = String::from_utf8(output.stdout).unwrap();
    let mut table_lines = table.lines();
    assert_eq!(table_lines.next(), Some("query\trank\tid\tdistance"));
    assert_eq!(table_lines.clone().count(), 120);
    for (at, line) in table_lines.enumerate() {
        let cells: Vec<&str> = line.split('\t').collect();
        let (query, rank) = (at / 3, at % 3);
        assert_eq!(cells[..3], [query.to_string(), (rank + 1).to_string(), own_of(query, rank).to_string()]);
        assert_eq!(cells[3].parse::<f64>().unwrap() as f32, distances[[query, rank]]);
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 neighbours of 40 queries"));
    let document = cli.json(&format!("{search} --ids ids.txt -o -"));
    assert_eq!(document["neighbours"][7]["ids"][1], own_of(7, 1));
    let exact = cli.json("truth x.npy x.npy -k 1 -o -");
    assert_eq!(exact["neighbours"][5]["distances"][0], 0.0);

    // Queries and ids come from stdin too.
    let piped = |arguments: &str, file: &str| {
        let file = std::fs::File::open(cli.path(file)).unwrap();
        let output = cli.command(arguments).stdin(file).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let of_stdin = search.replace("x.npy", "-");
    assert_eq!(piped(&format!("{of_stdin} --ids ids.txt -o - -q"), "x.npy"), table);
    assert_eq!(piped(&format!("{search} --ids - -o - -q"), "ids.txt"), table);
    piped("truth x.npy - -k 3 -o piped.ivecs", "x.npy");
    cli.json("truth x.npy x.npy -k 3 -o named.ivecs");
    assert_eq!(cli.ids("piped.ivecs"), cli.ids("named.ivecs"));

    cli.write("few.npy", &Array2::<u64>::zeros((39, 1)));
    std::fs::write(cli.path("words.txt"), "one\n").unwrap();
    for (arguments, why) in [
        (
            "-o a.ivecs --ids ids.txt",
            "an id is 18446744073709551615, and .ivecs holds those up to 2147483647",
        ),
        ("-o a.npy --ids few.npy", "few.npy: 39 ids, and there are 40 codes"),
        ("-o a.npy --ids words.txt", "words.txt: line 1 is \"one\""),
        ("-o a.txt", "written as .ivecs or .npy (ids), .jsonl or .parquet"),
        ("-o a.jsonl --distances a.npy", "leave the second file out"),
        ("-o - --distances a.npy", "-o - prints distances too"),
        ("--ids ids.txt", "--output"),
    ] {
        cli.refuse(&format!("{search} {arguments}"), why);
    }
    cli.refuse(&format!("{of_stdin} --ids - -o -"), "standard input is either the queries or --ids");
    for name in ["a.ivecs", "a.npy", "a.jsonl"] {
        assert!(!cli.path(name).exists(), "{name}");
    }
}

#[test]
fn every_metric_has_its_order() {
    for device in devices() {
        let cli = Cli::new(device);
        cli.write("base.npy", &array![[1.0_f32, 0.0], [9.0, 9.0], [0.0, 0.5], [1.0, 0.0]]);
        cli.write("queries.npy", &array![[2.0_f32, 0.0]]);
        for (metric, want) in [("l2", [0, 3, 2]), ("ip", [1, 0, 3]), ("cosine", [0, 3, 1])] {
            cli.json(&format!("truth base.npy queries.npy -k 3 --metric {metric} -o {metric}.npy"));
            assert_eq!(cli.ids(&format!("{metric}.npy")).row(0).to_vec(), want, "{metric}");
        }
        cli.json("truth base.npy queries.npy -k 1 --metric ip -o ip.ivecs --distances ip.fvecs");
        assert_eq!(wgvq::io::open(cli.path("ip.fvecs")).unwrap().to_array().unwrap(), array![[-18.0]]);
    }
}

#[test]
fn no_result_depends_on_memory_or_threads() {
    let cli = Cli::new("cpu");
    let data = crate::common::sample();
    let data = data.to_str().unwrap();
    cli.json(&format!("train {data} --spec VQ100 --iters 2 -o m.safetensors"));
    cli.json(&format!("encode {data} -m m.safetensors -o codes.npy"));
    for (number, options) in ["", "--memory 1MiB --threads 1"].into_iter().enumerate() {
        cli.json(&format!("truth {data} {data} -k 4 -o truth{number}.ivecs {options}"));
        cli.json(&format!(
            "search {data} --codes codes.npy -m m.safetensors -k 4 -o ids{number}.ivecs {options}"
        ));
    }
    let read = |name: &str| std::fs::read(cli.path(name)).unwrap();
    assert_eq!(read("truth0.ivecs"), read("truth1.ivecs"));
    assert_eq!(read("ids0.ivecs"), read("ids1.ivecs"));
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(50, 3, 5, 1);
    cli.write("base.npy", &x);
    cli.write("flat.npy", &Array2::<f32>::zeros((4, 2)));
    let mut huge = x.clone();
    huge[[7, 2]] = 1e20;
    cli.write("huge.npy", &huge);
    cli.write("nan.npy", &x);
    let mut bytes = std::fs::read(cli.path("nan.npy")).unwrap();
    let at = bytes.len() - 50 * 3 * 4 + (7 * 3 + 2) * 4;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(cli.path("nan.npy"), bytes).unwrap();
    cli.json("train base.npy --spec VQ4 -o m.safetensors");
    cli.json("encode base.npy -m m.safetensors -o codes.npy");
    cli.json("truth base.npy base.npy -k 2 -o gt.ivecs");
    cli.write("wild.ivecs", &array![[0_i32, 1], [3, 4]]);
    cli.write("few.ivecs", &array![[0_i32, 1]]);
    cli.write("far.ivecs", &Array2::from_shape_fn((50, 1), |(row, _)| if row == 9 { 50_i32 } else { 0 }));
    cli.write("two.ivecs", &Array2::<i32>::zeros((50, 2)));

    cli.refuse("truth base.npy base.npy -k 51 -o x.ivecs", "the 51 nearest of 50 vectors; 1 to 50");
    cli.refuse("truth base.npy base.npy -k 0 -o x.ivecs", "0 neighbours; give 1 to 1024");
    cli.refuse("truth base.npy base.npy -k 1025 -o x.ivecs", "1025 neighbours; give 1 to 1024");
    cli.refuse("truth base.npy flat.npy -k 1 -o x.ivecs", "2 dimensions");
    cli.refuse("truth base.npy nan.npy -k 1 -o x.ivecs", "row 7, column 2");
    cli.refuse("truth nan.npy base.npy -k 1 -o x.ivecs", "row 7, column 2");
    cli.refuse(
        "truth base.npy huge.npy -k 1 -o x.ivecs",
        "the queries: the value at row 7, column 2 is 1e20",
    );
    cli.refuse("truth base.npy base.npy -k 1 -o x.fvecs", "x.fvecs");
    cli.refuse("truth base.npy base.npy -k 1 -o gt.ivecs", "--force");
    cli.refuse("truth base.npy base.npy -k 1 -o base.npy --force", "is an input");
    cli.refuse("truth base.npy base.npy -k 1 -o x.npy --distances x.npy", "name another file");
    cli.refuse("truth base.npy base.npy -k 1 -o x.ivecs --metric l7", "l7");
    cli.refuse("truth missing.npy base.npy -o x.ivecs", "missing.npy");

    let search = "search base.npy --codes codes.npy -m m.safetensors -o x.ivecs";
    cli.refuse(&format!("{search} -k 51"), "the 51 nearest of 50");
    cli.refuse(&format!("{search} -k 2 --truth gt.ivecs --recall-at 1,3"), "--recall-at 3 of 2");
    cli.refuse(&format!("{search} -k 2 --truth gt.ivecs --recall-at 0"), "--recall-at 0 of 2");
    cli.refuse(&format!("{search} -k 2 --recall-at 1"), "--truth");
    cli.refuse(
        &format!("{search} -k 2 --truth few.ivecs"),
        "few.ivecs: neighbours of 1 queries, and there are 50",
    );
    cli.refuse(&format!("{search} -k 2 --truth far.ivecs"), "far.ivecs: the id at row 9, column 0 is 50");
    cli.refuse(
        "search flat.npy --codes codes.npy -m m.safetensors -k 2",
        "2 dimensions, the decoded vectors 3",
    );
    cli.refuse("search nan.npy --codes codes.npy -m m.safetensors -k 2", "row 7, column 2");
    cli.refuse("search base.npy --codes wild.ivecs -m m.safetensors -k 2", "2 codes per vector");
    cli.refuse(
        "search base.npy --codes far.ivecs -m m.safetensors -k 2",
        "row 9, column 0 is 50; the codebook has 4",
    );
    cli.refuse("search base.npy --codes base.npy -m m.safetensors -k 2", "base.npy");
    cli.refuse("search base.npy --codes codes.npy -m base.npy -k 2", "base.npy");
    for name in ["x.ivecs", "x.npy"] {
        assert!(!cli.path(name).exists());
    }
    let left = std::fs::read_dir(cli.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
}

/// The published neighbours of SIFT vectors, where they are at hand: whole numbers, so not one may differ.
#[test]
fn the_published_truth_is_found() {
    let data = crate::common::root().join("../shared/data/sift");
    if !data.exists() {
        eprintln!("skipped: no {}", data.display());
        return;
    }
    let cli = Cli::new("cpu");
    let (base, queries) = (data.join("base.bvecs"), data.join("query.bvecs"));
    cli.json(&format!("truth {} {} -o gt.ivecs", base.display(), queries.display()));
    let published = IndexFile::open(data.join("groundtruth.ivecs")).unwrap().to_array().unwrap();
    assert_eq!(cli.ids("gt.ivecs"), published);
}
