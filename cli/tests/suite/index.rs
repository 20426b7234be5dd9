//! `wgvq index`, end to end.
//!
//! `WGVQ_KILLS=300 cargo test --test suite index` kills as often.

use std::fs;
use std::time::Instant;

use crate::common::cli::Cli;
use serde_json::Value;
use wgvq::Rng;
use wgvq::io::read_ids;
use wgvq::ndarray::{Array2, Axis, s};

/// Every file of an index, by name.
fn contents(cli: &Cli, index: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(cli.path(index)).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    all
}

fn neighbours(cli: &Cli, arguments: &str) -> Value {
    cli.json(&format!("index search {arguments}"))["neighbours"].clone()
}

fn column(cli: &Cli, name: &str, ids: &[u64]) {
    cli.write(name, &Array2::from_shape_vec((ids.len(), 1), ids.to_vec()).unwrap());
}

#[test]
fn vectors_come_are_found_and_go() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(1500, 12, 40, 3);
    cli.write("x.npy", &x.slice(s![..1000, ..]).to_owned());
    cli.write("more.npy", &x.slice(s![1000.., ..]).to_owned());
    cli.write("q.npy", &x.slice(s![990..1010, ..]).to_owned());
    let ids: Vec<u64> = (0..1500).map(|row| (1 << 40) + 3 * row).collect();
    column(&cli, "ids.npy", &ids[..1000]);
    let text: Vec<String> = ids[1000..].iter().map(u64::to_string).collect();
    fs::write(cli.path("more.txt"), text.join("\n")).unwrap();

    let built =
        cli.json("index build x.npy --spec IVF8,PQ6x4 --ids ids.npy --refine u8 --set iters=10 -o a.wgvqi");
    for (key, value) in [("vectors", 1000), ("dim", 12), ("segments", 1), ("deleted", 0)] {
        assert_eq!(built[key], value, "{key}");
    }
    assert_eq!(built["spec"], "IVF8,PQ6x4");
    let added = cli.json("index add a.wgvqi more.npy --ids more.txt");
    assert_eq!((&added["added"], &added["vectors"]), (&500.into(), &1500.into()));

    let search = "index search a.wgvqi q.npy -k 3 --nprobe 8 --depth 60";
    cli.json(&format!("{search} -o found.npy --distances near.npy"));
    let found = read_nearest(&cli, "found.npy", 3);
    assert_eq!(found, ids[990..1010]);
    let near = wgvq::io::open(cli.path("near.npy")).unwrap().to_array().unwrap();
    assert_eq!(near.dim(), (20, 3));
    assert!(near.rows().into_iter().all(|row| row[0] <= row[1] && row[1] <= row[2]));
    cli.json(&format!("{search} -o found.jsonl"));
    let lines = fs::read_to_string(cli.path("found.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["query"], &first["ids"][0]), (&0.into(), &ids[990].into()));
    assert_eq!(lines.lines().count(), 20);
    let printed = cli.run(&format!("{search} -q"));
    assert_eq!(printed.stdout, cli.run(&format!("{search} -q -o -")).stdout);
    let table = String::from_utf8(printed.stdout).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("query\trank\tid\tdistance"));
    let cells: Vec<&str> = lines.next().unwrap().split('\t').take(3).collect();
    assert_eq!(cells, ["0", "1", &ids[990].to_string()]);
    assert_eq!(lines.count(), 59);
    cli.refuse(&format!("{search} -o found.ivecs"), "and .ivecs holds those up to 2147483647");

    let before = neighbours(&cli, "a.wgvqi q.npy -k 5 --nprobe 3");
    cli.json("index compact a.wgvqi");
    assert_eq!(cli.json("index info a.wgvqi")["segments"], 1);
    assert_eq!(neighbours(&cli, "a.wgvqi q.npy -k 5 --nprobe 3 --threads 1"), before);
    fs::write(cli.path("gone.txt"), text[..10].join("\n")).unwrap();
    assert_eq!(cli.json("index remove a.wgvqi --ids gone.txt")["vectors"], 1490);
    cli.json(&format!("{search} -o left.npy"));
    let left = read_ids_of(&cli, "left.npy");
    assert!(left.iter().all(|id| !ids[1000..1010].contains(id)));
    fs::write(cli.path("few.txt"), format!("{}\n{}\n7\n", ids[3], ids[1001])).unwrap();
    let among = neighbours(&cli, "a.wgvqi q.npy -k 5 --filter few.txt");
    assert!((0..20).all(|query| among[query]["ids"] == serde_json::json!([ids[3]])), "{among}");
    cli.json(&format!("{search} --filter few.txt -o few.npy"));
    assert_eq!(read_ids_of(&cli, "few.npy"), [ids[3]; 20]);

    cli.refuse("index remove a.wgvqi --ids gone.txt", &format!("no vector has the id {}", ids[1000]));
    assert_eq!(cli.json("index remove a.wgvqi --ids gone.txt --missing-ok")["removed"], 0);
    cli.refuse("index add a.wgvqi x.npy --ids ids.npy", "is in the index already");
    let replaced = cli.json("index add a.wgvqi x.npy --ids ids.npy --replace");
    assert_eq!((&replaced["replaced"], &replaced["vectors"]), (&1000.into(), &1490.into()));
    assert_eq!(cli.json("index verify a.wgvqi")["intact"], true);
    let text = cli.run("index info a.wgvqi");
    assert!(String::from_utf8_lossy(&text.stdout).contains("vectors    1490 × 12, 1010 removed"), "{text:?}");
}

fn read_ids_of(cli: &Cli, name: &str) -> Vec<u64> {
    let file = wgvq::io::IndexFile::open(cli.path(name)).unwrap();
    let flat = fs::read(cli.path(name)).unwrap();
    let numbers = &flat[flat.len() - 8 * file.rows() * file.columns()..];
    numbers.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

fn read_nearest(cli: &Cli, name: &str, k: usize) -> Vec<u64> {
    read_ids_of(cli, name).into_iter().step_by(k).collect()
}

#[test]
fn a_recall_says_how_far_to_look() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(3000, 12, 40, 3);
    cli.write("x.npy", &x);
    cli.write("q.npy", &crate::common::clustered(200, 12, 40, 3));
    let build = "index build x.npy --spec IVF32,PQ6x4 --refine f16 --set iters=10 -o a.wgvqi";
    let built = cli.json(&format!("{build} --recall .9"));
    assert_eq!((&built["recall"]["wanted"], &built["recall"]["queries"]), (&0.9.into(), &300.into()));
    let found = cli.json("index search a.wgvqi q.npy --recall .95");
    let (recall, probes) = (&found["recall"], &found["nprobe"]);
    let expected = recall["expected_10@10"].as_f64().unwrap();
    assert!(expected >= 0.95 && recall["wanted"] == 0.95 && recall["changed"] == false, "{recall}");
    let depth = &found["depth"];
    let by_hand = cli.json(&format!("index search a.wgvqi q.npy --nprobe {probes} --depth {depth}"));
    assert_eq!(by_hand["neighbours"], found["neighbours"]);
    assert_eq!(by_hand["recall"], Value::Null);
    assert_eq!(cli.json("index search a.wgvqi q.npy")["recall"]["wanted"], 0.9, "what it was built for");
    let said = String::from_utf8(cli.run("index search a.wgvqi q.npy -k 5 --recall .95 -v").stderr).unwrap();
    assert!(
        said.contains(&format!("looked into {probes} lists")) && said.contains("10-recall@10 is 0.9"),
        "{said}"
    );
    assert!(said.contains("other numbers of neighbours were not measured"), "{said}");
    let shown = String::from_utf8(cli.run("index info a.wgvqi").stdout).unwrap();
    assert!(shown.contains("10-recall@10 as measured by 300 queries; 0.9 is aimed at"), "{shown}");
    assert!(shown.contains(&format!("0.95 with --nprobe {probes} --depth {depth}")), "{shown}");

    cli.json("truth x.npy q.npy -k 10 -o gt.ivecs");
    let judged = cli.json("index search a.wgvqi q.npy --recall .95 --truth gt.ivecs --min-recall 10@10=.8");
    let measured = judged["measured"]["10-recall@10"].as_f64().unwrap();
    // 200 queries that were not asked before: three standard errors of both samples, at .2 of a query.
    assert!((measured - expected).abs() < 3.0 * 0.2 * (1.0_f64 / 200.0 + 1.0 / 300.0).sqrt(), "{measured}");
    assert_eq!(judged["missed"], serde_json::json!([]));
    let all = "index search a.wgvqi q.npy --nprobe 32 --depth 3000 --truth gt.ivecs";
    assert!(cli.json(all)["measured"]["10-recall@10"].as_f64().unwrap() > 0.99);
    let few = "index search a.wgvqi q.npy --nprobe 1 --depth 10 --truth gt.ivecs";
    let missed = cli.run(&format!("{few} --min-recall 10@10=.999 -o found.npy"));
    let complaint = String::from_utf8_lossy(&missed.stderr);
    assert!(
        missed.status.code() == Some(1) && complaint.contains("is below --min-recall 0.999"),
        "{complaint}"
    );
    assert!(String::from_utf8_lossy(&missed.stdout).contains("10-recall@10"));
    cli.refuse("index search a.wgvqi q.npy --radius 1 --truth gt.ivecs", "leave one of them out");
    cli.refuse("index search a.wgvqi q.npy --min-recall 10@10=.9", "--truth");
    cli.refuse("index search a.wgvqi q.npy --recall .95 --nprobe 4", "cannot be used with");
    cli.refuse(
        "index search a.wgvqi q.npy --recall 1.1",
        "is not expected of any search of this index; the most is",
    );
    cli.refuse(&format!("{build} --force --recall 2"), "one from 0.5 to 1 can be aimed at, such as .95");
    cli.refuse(&format!("{build} --force --queries q.npy"), "--recall");
    cli.json("index add a.wgvqi q.npy");
    assert_eq!(cli.json("index search a.wgvqi q.npy --recall .9")["recall"]["changed"], true);
    let said = String::from_utf8(cli.run("index search a.wgvqi q.npy --recall .9 -v").stderr).unwrap();
    assert!(said.contains("before vectors came or went; `index compact` measures anew"), "{said}");
    cli.json("index compact a.wgvqi");
    assert_eq!(cli.json("index search a.wgvqi q.npy --recall .9")["recall"]["changed"], false);
    cli.json(&format!("{build} --force"));
    cli.refuse("index search a.wgvqi q.npy --recall .9", "build it again with a recall");
    cli.json(&format!("{build} --force --recall .9 --queries q.npy"));
    assert_eq!(cli.json("index info a.wgvqi")["recall"]["queries"], 200);
}

#[test]
fn neighbours_within_a_radius_go_to_files_of_rows_of_any_length() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(500, 6, 10, 3);
    cli.write("x.npy", &x);
    cli.write("q.npy", &x.slice(s![..8, ..]).to_owned());
    cli.json("index build x.npy --spec IVF4,PQ3x4 --set iters=10 -o a.wgvqi");
    let search = "index search a.wgvqi q.npy --nprobe 4 --radius";
    let found = cli.json(&format!("{search} 5"));
    let ids = |query: usize| -> Vec<u64> {
        let ids = found["neighbours"][query]["ids"].as_array().unwrap();
        ids.iter().map(|id| id.as_u64().unwrap()).collect()
    };
    // Values below 32 are off by less than .008 as halves, and a squared distance of 5 over 6 of them by 2 · √5 · √6 · .008 < .1.
    let all = |query: usize, radius: f32| -> Vec<u64> {
        let near = |row: &usize| (&x.row(*row) - &x.row(query)).mapv(|x| x * x).sum() <= radius;
        (0..500).filter(near).map(|row| row as u64).collect()
    };
    let mut counts = Vec::new();
    for query in 0..8 {
        let mut ids = ids(query);
        assert_eq!(ids[0], query as u64, "the nearest first");
        ids.sort_unstable();
        assert!(all(query, 4.8).iter().all(|id| ids.contains(id)));
        assert!(ids.iter().all(|id| all(query, 5.2).contains(id)));
        counts.push(ids.len());
    }
    assert!(counts.iter().any(|&count| count != counts[0]), "{counts:?}");
    assert_eq!((&found["found"], &found["radius"]), (&counts.iter().sum::<usize>().into(), &5.0.into()));
    cli.json(&format!("{search} 5 -o near.jsonl"));
    let text = fs::read_to_string(cli.path("near.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 8);
    for (query, line) in lines.iter().enumerate() {
        assert_eq!((&line["query"], &line["ids"]), (&query.into(), &found["neighbours"][query]["ids"]));
    }
    cli.json(&format!("{search} 5 -o near.parquet"));
    assert_eq!(
        read_ids(format!("{}:id", cli.path("near.parquet").display())).unwrap(),
        (0..8).flat_map(ids).collect::<Vec<_>>()
    );
    cli.json(&format!("{search} 5 -o near.ivecs --distances near.fvecs"));
    let words: usize = counts.iter().map(|count| count + 1).sum();
    assert_eq!(
        [fs::read(cli.path("near.ivecs")).unwrap().len(), fs::read(cli.path("near.fvecs")).unwrap().len()],
        [4 * words; 2]
    );
    let table = String::from_utf8(cli.run(&format!("{search} 5")).stdout).unwrap();
    assert_eq!(table.lines().count(), 1 + counts.iter().sum::<usize>());
    cli.refuse(&format!("{search} 5 -o near.npy"), "near.npy: rows of .npy are of one length");
    cli.refuse(&format!("{search} -1"), "a radius of -1; no distance by l2 is below 0");
    cli.refuse(&format!("{search} 1 -k 3"), "cannot be used with");
}

#[test]
fn a_column_of_the_data_has_the_ids() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(60, 4, 5, 1);
    cli.write("x.npy", &x);
    cli.refuse(
        "index build x.npy --spec SQ8 --ids id -o a.wgvqi",
        "--ids: x.npy: has no column id, only tables such as .parquet have",
    );
    cli.refuse("index build x.npy --spec SQ8 --ids ids.npy -o a.wgvqi", "--ids: ids.npy: no such file");
    assert!(!cli.path("a.wgvqi").exists());
    column(&cli, "ids.npy", &(100..160).collect::<Vec<_>>());
    cli.json("index build x.npy --spec SQ8 --ids ids.npy -o a.wgvqi");
    assert_eq!(read_ids(cli.path("ids.npy")).unwrap()[59], 159);
    assert_eq!(neighbours(&cli, "a.wgvqi x.npy -k 1")[7]["ids"][0], 107);
}

#[test]
fn bad_input_is_refused_in_one_line_and_harms_nothing() {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(60, 4, 5, 1);
    cli.write("x.npy", &x);
    cli.write("wide.npy", &Array2::<f32>::zeros((4, 5)));
    let mut nan = x.clone();
    nan[[7, 2]] = f32::NAN;
    cli.write("nan.npy", &nan);
    fs::write(cli.path("ids.txt"), "1\n-2\n").unwrap();
    let build = "index build x.npy --spec IVF3,PQ2x4";
    cli.json(&format!("{build} -o a.wgvqi"));
    let before = contents(&cli, "a.wgvqi");
    cli.refuse(&format!("{build} -o a.wgvqi"), "a.wgvqi: exists; pass --force");
    cli.refuse(&format!("{build} -o a"), "the name of an index ends in .wgvqi");
    cli.refuse(&format!("{build} -o x.npy/a.wgvqi"), "x.npy/a.wgvqi");
    cli.refuse("index build x.npy --spec IVF3 -o b.wgvqi", "an example is IVF1024,PQ64x4");
    cli.refuse("index build x.npy --spec IVF61,SQ4 -o b.wgvqi", "61");
    cli.refuse("index build nan.npy --spec IVF3,SQ4 -o b.wgvqi", "row 7, column 2 is NaN");
    cli.refuse(&format!("{build} --set beam=3 -o b.wgvqi"), "beam belongs to");
    cli.refuse(&format!("{build} --set iters=few -o b.wgvqi"), "--set iters=few: must be");
    cli.refuse(&format!("{build} --metric l1 -o b.wgvqi"), "not by l1");
    cli.refuse(&format!("{build} --refine f32 -o b.wgvqi"), "f16, u8, source or none");
    cli.refuse("index add a.wgvqi wide.npy", "5 dimensions, the index 4");
    cli.refuse("index add a.wgvqi nan.npy", "row 7, column 2 is NaN");
    cli.refuse("index add a.wgvqi x.npy --ids ids.txt", "line 2 is \"-2\"; an id is 0");
    cli.refuse("index remove a.wgvqi --ids ids.txt", "line 2 is \"-2\"; an id is 0");
    cli.refuse("index search a.wgvqi wide.npy", "5 dimensions, the index 4");
    cli.refuse("index search a.wgvqi nan.npy", "row 7, column 2 is NaN");
    cli.refuse("index search a.wgvqi x.npy -k 0", "0 neighbours");
    cli.refuse("index search a.wgvqi x.npy --nprobe 0", "1 is the least");
    cli.refuse("index search a.wgvqi x.npy --distances d.npy", "--distances goes with -o");
    cli.refuse(
        "index search a.wgvqi x.npy -o ./a.wgvqi/manifest.txt --force",
        "lies in the folder of the index",
    );
    cli.refuse("index search b.wgvqi x.npy", "b.wgvqi: No such index");
    cli.refuse("index info x.npy", "x.npy: is a file");
    assert_eq!(contents(&cli, "a.wgvqi"), before);
    assert!(!cli.path("b.wgvqi").exists());

    // More neighbours than there are, and an index of nothing.
    assert_eq!(neighbours(&cli, "a.wgvqi x.npy -k 100 --nprobe 3")[0]["ids"].as_array().unwrap().len(), 60);
    column(&cli, "all.npy", &(0..60).collect::<Vec<_>>());
    cli.json("index remove a.wgvqi --ids all.npy");
    assert_eq!(neighbours(&cli, "a.wgvqi x.npy")[0]["ids"], serde_json::json!([]));
    assert_eq!(cli.json("index info a.wgvqi")["vectors"], 0);
    cli.json("index verify a.wgvqi");
}

/// A file may grow up to a limit: what is over it fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_the_index_stays_as_it_was() {
    use std::process::Command;
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(3000, 16, 30, 6);
    cli.write("x.npy", &x);
    cli.write("few.npy", &x.slice(s![..500, ..]).to_owned());
    column(&cli, "gone.npy", &[3, 5]);
    cli.json("index build few.npy --spec IVF4,PQ4x4 -o a.wgvqi");
    cli.json("index remove a.wgvqi --ids gone.npy");
    let before = contents(&cli, "a.wgvqi");
    // In units of 1024 bytes; the signal that comes with it is ignored, so that it is an error.
    let limited = |kib: usize, arguments: &str| {
        let program = env!("CARGO_BIN_EXE_wgvq");
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec {program} {arguments} --device cpu");
        Command::new("bash").args(["-c", &script]).current_dir(cli.folder.path()).output().unwrap()
    };
    for (kib, arguments) in [
        (64, "index add a.wgvqi x.npy"),
        (0, "index remove a.wgvqi --ids all.npy"),
        (8, "index compact a.wgvqi"),
        (8, "index build x.npy --spec IVF4,PQ4x4 -o b.wgvqi"),
    ] {
        column(&cli, "all.npy", &[7, 8, 9]);
        let output = limited(kib, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains("File too large") && stderr.contains(".wgvqi/"), "{arguments}: {stderr}");
        assert!(contents(&cli, "a.wgvqi") == before, "{arguments}: the index has changed");
    }
    assert!(!cli.path("b.wgvqi").exists());
}

/// What an index holds, as far as a user sees it.
fn state(cli: &Cli) -> Option<Value> {
    if !cli.path("a.wgvqi/manifest").exists() {
        return None;
    }
    cli.json("index verify a.wgvqi");
    Some(neighbours(cli, "a.wgvqi q.npy -k 20 --nprobe 2 --show name"))
}

#[test]
fn a_killed_writer_leaves_the_old_state_or_the_new() {
    let kills: usize = std::env::var("WGVQ_KILLS").map_or(16, |kills| kills.parse().unwrap());
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(6000, 16, 30, 6);
    cli.write("x.npy", &x.slice(s![..3000, ..]).to_owned());
    cli.write("more.npy", &x.slice(s![3000.., ..]).to_owned());
    cli.write("q.npy", &x.select(Axis(0), &[0, 10, 4000]));
    column(&cli, "gone.npy", &(0..2000).step_by(2).collect::<Vec<_>>());
    let names = |rows: std::ops::Range<usize>| rows.map(|row| format!("vector {row}\n")).collect::<String>();
    fs::write(cli.path("x.txt"), names(0..3000)).unwrap();
    fs::write(cli.path("more.txt"), names(3000..6000)).unwrap();
    let build = "index build x.npy --spec IVF8,PQ8x4 --keep name=x.txt -o a.wgvqi --memory 8MiB";
    let steps = [
        build.to_string(),
        "index add a.wgvqi more.npy --keep name=more.txt --memory 1MiB".to_string(),
        "index remove a.wgvqi --ids gone.npy".to_string(),
        "index compact a.wgvqi".to_string(),
    ];
    // The states before each step and after the last, and how long each takes.
    let mut states = vec![(None, Vec::new())];
    let mut took = Vec::new();
    for step in &steps {
        let start = Instant::now();
        cli.json(step);
        took.push(start.elapsed());
        states.push((state(&cli), contents(&cli, "a.wgvqi")));
    }
    assert_eq!(states[3].0, states[4].0, "compact changes no neighbour");
    let mut rng = Rng::new(7, 0);
    let mut cut = 0;
    for kill in 0..kills {
        let step = kill % steps.len();
        let _ = fs::remove_dir_all(cli.path("a.wgvqi"));
        if step > 0 {
            fs::create_dir(cli.path("a.wgvqi")).unwrap();
            for (name, bytes) in &states[step].1 {
                fs::write(cli.path("a.wgvqi").join(name), bytes).unwrap();
            }
        }
        let mut child = cli.start(&steps[step]);
        std::thread::sleep(took[step].mul_f32(rng.uniform()));
        child.kill().unwrap();
        child.wait().unwrap();
        let manifest = |step: usize| {
            states[step].1.iter().find(|(name, _)| name == "manifest").map(|(_, bytes)| bytes.clone())
        };
        let is_new = fs::read(cli.path("a.wgvqi/manifest")).ok() != manifest(step);
        cut += usize::from(!is_new);
        let want = &states[if is_new { step + 1 } else { step }].0;
        assert!(state(&cli) == *want, "kill {kill} of {}: neither the old state nor the new", steps[step]);
        if !is_new {
            cli.json(&steps[step]);
            assert!(state(&cli) == states[step + 1].0, "kill {kill} of {}: another result", steps[step]);
        }
        if let Some(left) =
            contents(&cli, "a.wgvqi").iter().find(|(name, _)| !is_new && name.starts_with('.'))
        {
            panic!("kill {kill} of {}: {} is left", steps[step], left.0);
        }
    }
    assert!(cut >= kills / 4, "only {cut} of {kills} kills came before the end");
}
