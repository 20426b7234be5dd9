//! Columns that an index keeps beside its vectors: `--keep`, `--where` and `--show`.

use std::fs;

use serde_json::{Value, json};
use wgvq::columns::Column;
use wgvq::io::read_column;
use wgvq::ndarray::{Array2, s};

use crate::common::cli::Cli;

/// What a line of names is called.
fn name(row: usize) -> String {
    format!("{} {row}", ["föhre", "tab\tand\"quote", "it's", ""][row % 4])
}

/// Vectors `x.npy` of which the last 100 are `more.npy` too, queries, and tables of what is said of them: `x.parquet` has columns `query` (the
/// row), `id` and `distance`, `names.txt` a line for each.
fn with_tables() -> Cli {
    let cli = Cli::new("cpu");
    let x = crate::common::clustered(600, 8, 20, 3);
    for (file, rows) in [("x", 0..500), ("more", 500..600)] {
        cli.write(&format!("{file}.npy"), &x.slice(s![rows.clone(), ..]).to_owned());
        fs::write(cli.path(&format!("{file}.txt")), rows.map(|row| name(row) + "\n").collect::<String>())
            .unwrap();
        cli.json(&format!("truth {file}.npy {file}.npy -k 1 -o {file}.parquet"));
    }
    cli.write("q.npy", &x.slice(s![100..140, ..]).to_owned());
    cli
}

const KEEP: &str = "--keep row=x.parquet:query --keep x.parquet:distance --keep name=x.txt";

/// All neighbours of the queries.
fn all(cli: &Cli, more: &str) -> Value {
    cli.json(&format!("index search a.wgvqi q.npy -k 600 --nprobe 4 --depth 600 {more}"))["neighbours"]
        .clone()
}

/// The values of a column of the first query, in ascending order.
fn values(neighbours: &Value, column: &str) -> Vec<Value> {
    let mut values = neighbours[0]["columns"][column].as_array().unwrap().clone();
    values.sort_by_key(|value| value.as_i64());
    values
}

#[test]
fn vectors_are_found_by_what_is_said_of_them() {
    let cli = with_tables();
    let built = cli.json(&format!("index build x.npy --spec IVF4,PQ4x4 {KEEP} -o a.wgvqi"));
    let columns = json!([
        { "name": "row", "type": "int" }, { "name": "distance", "type": "float" }, { "name": "name", "type": "string" }
    ]);
    assert_eq!((&built["columns"], &built["format"]), (&columns, &2.into()));
    let said = String::from_utf8(cli.run("index info a.wgvqi").stdout).unwrap();
    assert!(said.contains("\nkeeps      row int, distance float, name string\n"), "{said}");

    let found =
        all(&cli, "--where \"row >= 100 and row < 110 and not name = 'föhre 104'\" --show row --show name");
    let rows: Vec<Value> = [100, 101, 102, 103, 105, 106, 107, 108, 109].map(Value::from).into();
    assert_eq!(values(&found, "row"), rows);
    for query in 0..40 {
        let (ids, columns) = (&found[query]["ids"], &found[query]["columns"]);
        assert_eq!(ids, &columns["row"]);
        let names: Vec<String> =
            ids.as_array().unwrap().iter().map(|id| name(id.as_u64().unwrap() as usize)).collect();
        assert_eq!(columns["name"], json!(names));
    }
    // With a filter by ids both have to let a vector pass.
    fs::write(cli.path("few.txt"), "103\n7\n104\n").unwrap();
    let both = all(&cli, "--where \"row >= 100\" --filter few.txt");
    assert_eq!(both[3]["ids"], json!([103, 104]));
    assert_eq!(both[3]["columns"], Value::Null, "nothing is to be shown");
    let within =
        cli.json("index search a.wgvqi q.npy --radius 1e9 --nprobe 4 --where \"name in ('it''s 102', 'x')\"");
    assert_eq!(within["neighbours"][39]["ids"], json!([102]));

    // Others come with what is said of them, by the name that the column has there or by another.
    cli.refuse(
        "index add a.wgvqi more.npy",
        "keeps a column row; say where it is, as in --keep row=FILE: more.npy: has no column row",
    );
    let add = "index add a.wgvqi more.npy --keep more.parquet:distance --keep name=more.txt";
    assert_eq!(cli.json(&format!("{add} --keep row=more.parquet:query"))["vectors"], 600);
    let found = all(&cli, "--where \"row = 3\" --show name --show distance");
    let mut names = found[0]["columns"]["name"].as_array().unwrap().clone();
    names.sort_by_key(|name| name.as_str().map(str::to_owned));
    assert_eq!(names, [name(3), name(503)].map(Value::from));
    assert_eq!(found[0]["columns"]["distance"], json!([0.0, 0.0]));
    fs::write(cli.path("gone.txt"), "3\n").unwrap();
    cli.json("index remove a.wgvqi --ids gone.txt");
    cli.json("index compact a.wgvqi");
    cli.json("index verify a.wgvqi");
    assert_eq!(all(&cli, "--where \"row = 3\" --show name")[0]["columns"]["name"], json!([name(503)]));
}

#[test]
fn what_is_shown_stands_beside_ids_wherever_they_go() {
    let cli = with_tables();
    cli.json(&format!("index build x.npy --spec IVF4,PQ4x4 {KEEP} -o a.wgvqi"));
    let search = "index search a.wgvqi q.npy -k 2 --depth 600 --show name --show row -q";
    let table = String::from_utf8(cli.run(search).stdout).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0], ["query", "rank", "id", "distance", "name", "row"]);
    assert!(lines.iter().all(|line| line.len() == 6) && lines.len() == 81, "{table}");
    let first = |query: usize| &lines[1 + 2 * query];
    assert_eq!((first(0)[4], first(0)[5]), ("föhre 100", "100"));
    // What would end a cell is written out.
    assert_eq!((first(1)[2], first(1)[4]), ("101", "tab\\u0009and\"quote 101"));

    cli.json(&format!("{search} -o found.jsonl"));
    let lines = fs::read_to_string(cli.path("found.jsonl")).unwrap();
    let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["columns"]["name"][0], name(101));
    cli.json(&format!("{search} -o found.parquet"));
    let column = |name: &str| read_column(format!("{}:{name}", cli.path("found.parquet").display())).unwrap();
    let text = |column: &Column, row: usize| column.get(row).unwrap().to_string();
    let (ids, names, rows) = (column("id"), column("name"), column("row"));
    assert_eq!(ids, rows.renamed("id"));
    assert!((0..80).all(|row| text(&names, row) == name(text(&ids, row).parse().unwrap())));
    cli.json("index search a.wgvqi q.npy --radius 1e9 --show row -o within.parquet");
    let within = read_column(format!("{}:row", cli.path("within.parquet").display())).unwrap();
    assert!(within.len() > 80, "{}", within.len());

    cli.refuse(&format!("{search} -o found.npy"), "written to .jsonl and .parquet");
    cli.refuse(&format!("{search} -o b.parquet --distances d.npy"), "leave --distances out");
    cli.refuse(&format!("{search} --show row"), "--show row is given twice");
    cli.refuse(&format!("{search} --show rwo"), "keeps no column rwo; did you mean row?");
    cli.json("index build x.npy --spec SQ8 --keep x.parquet:id -o b.wgvqi");
    cli.refuse("index search b.wgvqi q.npy --show id -o b.parquet", "has a column id of its own");
    assert!(!cli.path("b.parquet").exists() && !cli.path("found.npy").exists());
}

#[test]
fn bad_columns_and_predicates_are_named_and_harm_nothing() {
    let cli = with_tables();
    cli.write("few.npy", &Array2::<f32>::ones((3, 8)));
    let build = "index build x.npy --spec IVF4,PQ4x4 -o a.wgvqi";
    for (keep, why) in [
        ("year", "--keep year: x.npy: has no column year, only tables such as .parquet have"),
        ("gone.parquet:year", "--keep gone.parquet:year: gone.parquet"),
        ("x.parquet:year", "has no column 'year' (there is: query int, rank int, id int, distance float)"),
        ("x.parquet", "x.parquet: is a table; name a column of it"),
        ("q.npy", "columns are read from .parquet"),
        ("more.txt", "the column more has 100 rows for 500 vectors"),
        ("x.txt --keep x=x.txt", "two columns are called \"x\""),
    ] {
        cli.refuse(&format!("{build} --keep {keep}"), why);
    }
    assert!(!cli.path("a.wgvqi").exists());
    cli.refuse(&format!("{build} --keep x.txt --memory 1KB"), "--memory");
    cli.json(&format!("{build} {KEEP}"));
    let manifest = fs::read(cli.path("a.wgvqi/manifest")).unwrap();
    for (predicate, why) in [
        ("row >", "at character 6: a number, a 'text' between single quotes, true or false is expected"),
        (
            "rwo = 1",
            "the index keeps no column rwo; did you mean row? (there is: row int, distance float, name string)",
        ),
        ("row = 'a'", "the column row is int: 'a' cannot be compared with whole numbers"),
        ("", "at character 1: the name of a column is expected"),
    ] {
        let search = format!("index search a.wgvqi q.npy --where \"{predicate}\"");
        let output = cli.run(&search);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{search}");
        assert!(stderr.contains(why), "{search}: {stderr}");
    }
    let add = "index add a.wgvqi more.npy --keep name=more.txt --keep row=more.parquet:query";
    cli.refuse(
        &format!("{add} --keep distance=more.parquet:query"),
        "the column distance is float in the index, and int here",
    );
    cli.refuse(
        &format!("{add} --keep more.parquet:distance --keep x=more.txt"),
        "the index keeps no column x",
    );
    cli.refuse(
        &format!("{add} --keep distance=x.parquet:distance"),
        "the column distance has 500 rows for 100 vectors",
    );
    assert_eq!(fs::read(cli.path("a.wgvqi/manifest")).unwrap(), manifest);
    // An index that keeps nothing.
    cli.json("index build x.npy --spec SQ8 -o b.wgvqi");
    let output = cli.run("index search b.wgvqi q.npy --where \"row = 1\"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("keeps no column row (there is: none)"));
}
