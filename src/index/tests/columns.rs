//! Columns that are kept beside vectors, and searches by them.

use super::*;
use crate::columns::{ColumnType, Value};

/// What is said of row `row` of a table: nulls in every column, texts of several lengths.
fn said(row: usize) -> [Option<Value<'static>>; 4] {
    let langs = ["de", "en", "", "fr", "größer"];
    [
        (!row.is_multiple_of(5)).then_some(Value::Int(1900 + (row as i64 * 7) % 130)),
        (row % 7 != 3).then_some(Value::Float(((row * 13) % 100) as f64 * 0.25 - 5.0)),
        (!row.is_multiple_of(3)).then_some(Value::Bool(row % 3 == 1)),
        (!row.is_multiple_of(11)).then_some(Value::String(langs[row % 13 % langs.len()])),
    ]
}

const NAMES: [(&str, ColumnType); 4] = [
    ("year", ColumnType::Int),
    ("price", ColumnType::Float),
    ("new", ColumnType::Bool),
    ("lang", ColumnType::String),
];

/// The columns of these rows.
fn table(rows: impl Iterator<Item = usize> + Clone) -> Vec<Column> {
    let column = |(at, (name, kind)): (usize, (&str, ColumnType))| {
        let mut column = Column::new(name, kind);
        rows.clone().for_each(|row| column.push(said(row)[at]).unwrap());
        column
    };
    NAMES.into_iter().enumerate().map(column).collect()
}

fn add_rows(
    index: &mut Index,
    x: &Array2<f32>,
    rows: std::ops::Range<usize>,
    replace: bool,
) -> Result<Added> {
    let ids: Vec<u64> = rows.clone().map(|row| row as u64).collect();
    let how = Add::default().replace(replace);
    // In another order than the index has them.
    let mut columns = table(rows);
    columns.reverse();
    index.add(&Engine::cpu(), &self::rows(x, &ids), Ids::Given(&ids), how.keep(&columns))
}

/// The ids of the rows of which the predicate holds.
fn holds(index: &Index, predicate: &str) -> Vec<u64> {
    let mut ids = Vec::new();
    for (rows, segment) in index.matching(&predicate.parse().unwrap()).unwrap().iter().zip(&index.segments) {
        let all = (0..segment.rows()).filter(|&row| rows.contains(segment.place(row)));
        let before = ids.len();
        ids.extend(all.map(|row| segment.id(row).unwrap()));
        assert_eq!(rows.count(), ids.len() - before, "a bit of no row: {predicate}");
    }
    ids.sort_unstable();
    ids
}

type Truth = Option<bool>;

/// A predicate, and whether it holds of a row: neither where that is not known.
type Case = (&'static str, fn(usize) -> Truth);

fn and(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn not(one: Truth) -> Truth {
    one.map(|one| !one)
}

fn or(one: Truth, other: Truth) -> Truth {
    not(and(not(one), not(other)))
}

fn predicates() -> [Case; 20] {
    fn year(row: usize) -> Option<i64> {
        said(row)[0].map(|value| if let Value::Int(year) = value { year } else { panic!() })
    }
    fn price(row: usize) -> Option<f64> {
        said(row)[1].map(|value| if let Value::Float(price) = value { price } else { panic!() })
    }
    fn new(row: usize) -> Option<bool> {
        said(row)[2].map(|value| value == Value::Bool(true))
    }
    fn lang(row: usize) -> Option<&'static str> {
        said(row)[3].map(|value| if let Value::String(lang) = value { lang } else { panic!() })
    }
    [
        ("year >= 1990", |row| Some(year(row)? >= 1990)),
        ("year != 1907", |row| Some(year(row)? != 1907)),
        ("year in (1914, 5, 1907)", |row| Some([1907, 1914].contains(&year(row)?))),
        ("not year < 1950", |row| Some(year(row)? >= 1950)),
        ("year > 99999", |row| Some(year(row)? > 99999)),
        ("price < 0 or price > 15.5", |row| Some(price(row)? < 0.0 || price(row)? > 15.5)),
        ("price not in (0.25, -0.0, 7)", |row| Some(![0.0, 0.25, 7.0].contains(&price(row)?))),
        ("price = -5", |row| Some(price(row)? == -5.0)),
        ("new = true", new),
        ("new != true", |row| not(new(row))),
        ("new in (false, true)", |row| Some(new(row).is_some()).filter(|there| *there)),
        ("lang = 'de'", |row| Some(lang(row)? == "de")),
        ("lang >= 'fr'", |row| Some(lang(row)? >= "fr")),
        ("lang < 'e'", |row| Some(lang(row)? < "e")),
        ("lang not in ('größer', '')", |row| Some(!["größer", ""].contains(&lang(row)?))),
        ("year is null", |row| Some(year(row).is_none())),
        ("year is not null", |row| Some(year(row).is_some())),
        ("not (year is null or lang is null)", |row| Some(year(row).is_some() && lang(row).is_some())),
        ("year > 1950 and (lang = 'de' or new = false)", |row| {
            let either = or(lang(row).map(|lang| lang == "de"), not(new(row)));
            and(year(row).map(|year| year > 1950), either)
        }),
        ("not (year > 1950 and lang = 'de')", |row| {
            not(and(year(row).map(|year| year > 1950), lang(row).map(|lang| lang == "de")))
        }),
    ]
}

#[test]
fn a_predicate_finds_the_rows_that_it_holds_of() {
    let folder = Folder::new();
    let (x, queries) = (data(7, 2600, 8), data(8, 6, 8));
    for (spec, refinement) in
        [("IVF8,PQ4x4", Refinement::F16), ("IVF3,RQ2x4", Refinement::None), ("PQ4x8", Refinement::U8)]
    {
        let first = x.slice(s![..1500, ..]).to_owned();
        let columns = table(0..1500);
        let mut index = run(build(spec).refine(refinement).keep(&columns), &folder.path("a.wgvqi"), &first);
        add_rows(&mut index, &x, 1500..1507, false).unwrap();
        add_rows(&mut index, &x, 1507..2600, false).unwrap();
        let gone: Vec<u64> = (0..2600).filter(|id| id % 17 == 0).collect();
        index.remove(&gone).unwrap();
        for merged in [false, true] {
            if merged {
                index.compact(&Engine::cpu(), 1 << 20, |_, _| Ok(())).unwrap();
            }
            assert_eq!(index.info().segments, if merged { 1 } else { 3 });
            for (text, truth) in predicates() {
                let is_there = |id: &u64| !id.is_multiple_of(17) && truth(*id as usize) == Some(true);
                let want: Vec<u64> = (0..2600).filter(is_there).collect();
                assert_eq!(holds(&index, text), want, "{text}");
                // A search by it is one among their ids, with few or many of them, and together with other ids.
                let predicate = text.parse().unwrap();
                let ask = || Query::nearest(5).probes(2).depth(30);
                let found = search(&index, &queries, ask().matching(&predicate));
                assert_eq!(found, search(&index, &queries, ask().among(&want)), "{spec} {text}");
                let odd: Vec<u64> = (0..2600).filter(|id| id % 2 == 1).collect();
                let both: Vec<u64> = want.iter().copied().filter(|id| id % 2 == 1).collect();
                let found = search(&index, &queries, ask().matching(&predicate).among(&odd));
                assert_eq!(found, search(&index, &queries, ask().among(&both)), "{spec} {text}");
                let near = || Query::within(6.0).probes(2);
                let found = search(&index, &queries, near().matching(&predicate));
                assert_eq!(found, search(&index, &queries, near().among(&want)), "{spec} {text}");
            }
            let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let text = predicates()[0].0;
            assert_eq!(one.install(|| holds(&index, text)), holds(&index, text));
        }
        index.verify(|_, _| Ok(())).unwrap();
    }
}

#[test]
fn columns_go_where_their_vectors_go() {
    let folder = Folder::new();
    let x = data(7, 900, 6);
    let path = folder.path("a.wgvqi");
    let columns = table(0..600);
    let build = build("IVF4,PQ3x4").keep(&columns).memory(1 << 23);
    let mut index = run(build, &path, &x.slice(s![..600, ..]).to_owned());
    add_rows(&mut index, &x, 600..700, false).unwrap();
    // These come again, with what is said of others.
    let ids: Vec<u64> = (50..70).collect();
    let others = table(800..820);
    let again = rows(&x, &(800..820).collect::<Vec<_>>());
    index.add(&Engine::cpu(), &again, Ids::Given(&ids), Add::default().replace(true).keep(&others)).unwrap();
    let asked: Vec<u64> = (0..700).rev().step_by(3).chain([51, 51]).collect();
    let check = |index: &Index| {
        for (at, (name, kind)) in NAMES.into_iter().enumerate() {
            let column = index.column(name, &asked).unwrap();
            assert_eq!((column.name(), column.kind(), column.len()), (name, kind, asked.len()));
            for (place, &id) in asked.iter().enumerate() {
                let row = if (50..70).contains(&id) { id + 750 } else { id };
                assert_eq!(column.get(place), said(row as usize)[at], "{name} of {id}");
            }
        }
    };
    check(&index);
    check(&Index::open(&path).unwrap());
    index
        .compact(&Engine::cpu(), 1 << 20, |done, all| {
            assert!(done <= all);
            Ok(())
        })
        .unwrap();
    check(&index);
    assert_eq!(index.columns(), NAMES.map(|(name, kind)| ColumnSchema { name: name.into(), kind }));
    assert_eq!(index.info().columns, index.columns());
    assert_eq!(refused(index.column("year", &[3, 900])), "no vector has the id 900");
    let why = refused(index.column("yaer", &[3]));
    let there = "(there is: year int, price float, new bool, lang string)";
    assert_eq!(why, format!("the index keeps no column yaer; did you mean year? {there}"));
    index.remove(&(0..700).collect::<Vec<_>>()).unwrap();
    assert_eq!(holds(&index, "year > 0"), [0; 0]);
    add_rows(&mut index, &x, 0..10, false).unwrap();
    assert_eq!(holds(&index, "year is null"), [0, 5]);
    assert_eq!(index.column("lang", &[]).unwrap().len(), 0);
}

#[test]
fn columns_that_do_not_go_with_an_index_are_named_and_harm_nothing() {
    let folder = Folder::new();
    let (engine, x) = (Engine::cpu(), data(7, 60, 4));
    let path = folder.path("a.wgvqi");
    let columns = table(0..60);
    let mut index = run(build("PQ2x4").keep(&columns), &path, &x);
    let before = std::fs::read(path.join(MANIFEST)).unwrap();
    let mut why =
        |columns: &[Column]| refused(index.add(&engine, &x, Ids::Next, Add::default().keep(columns)));
    let kept = "the index keeps: year int, price float, new bool, lang string";
    assert_eq!(why(&[]), format!("the column year is missing; {kept}; given are: none"));
    let short = why(&table(0..59));
    assert_eq!(short, "the column year has 59 rows for 60 vectors; each has one");
    let mut other = table(0..60);
    other[1] = other[0].clone().renamed("price");
    let other = why(&other);
    assert!(
        other.starts_with(&format!("the column price is float in the index, and int here; {kept}")),
        "{other}"
    );
    let more = [table(0..60), vec![table(0..60).remove(0).renamed("more")]].concat();
    assert!(why(&more).starts_with("the index keeps no column more; "));
    let mut plain = run(build("PQ2x4"), &folder.path("b.wgvqi"), &x);
    let none = refused(plain.add(&engine, &x, Ids::Next, Add::default().keep(&columns)));
    assert!(
        none.starts_with("the index keeps no column year; the index keeps: none; given are: year int"),
        "{none}"
    );
    let predicate = "year = 3".parse().unwrap();
    let none = refused(plain.search(&engine, &x, &Query::nearest(1).matching(&predicate)));
    assert_eq!(none, "\"year = 3\": the index keeps no column year (there is: none)");
    for wrong in [vec![columns[0].clone(), columns[0].clone()], vec![columns[0].clone().renamed("")]] {
        let new = build("PQ2x4").keep(&wrong).run(&engine, &folder.path("c.wgvqi"), &x, Ids::Next, &mut ());
        assert!(refused(new).contains("or one has no name"));
    }
    assert!(!folder.path("c.wgvqi").exists());
    assert_eq!(std::fs::read(path.join(MANIFEST)).unwrap(), before);
    Index::open(&path).unwrap().verify(|_, _| Ok(())).unwrap();
}

/// Readers that know nothing of columns read what has none, and refuse what has some.
#[test]
fn only_an_index_with_columns_is_of_the_newer_format() {
    let folder = Folder::new();
    let x = data(7, 60, 4);
    let columns = table(0..60);
    let formats = [&columns[..], &[]].map(|columns| {
        let path = folder.path("a.wgvqi");
        let index = run(build("PQ2x4").keep(columns), &path, &x);
        let text = std::fs::read_to_string(path.join(MANIFEST)).unwrap();
        let sections = &index.manifest.segments[0].sections;
        let names: Vec<&str> = sections.iter().map(|section| section.name.as_str()).collect();
        assert_eq!(names[..5], ["first_rows", "codes", "ids", "order", "refined"]);
        assert_eq!((text.contains("columns"), names.len() > 5), (!columns.is_empty(), !columns.is_empty()));
        index.info().format
    });
    assert_eq!(formats, [2, 1]);
}

#[test]
fn a_flipped_byte_of_a_column_is_found_where_it_is_read() {
    let folder = Folder::new();
    // So many that the columns lie in other pieces than what is read to open it.
    let n = 9000;
    let x = data(7, n, 4);
    let path = folder.path("a.wgvqi");
    let columns = table(0..n);
    let all: Vec<u64> = (0..n as u64).collect();
    let index = run(build("IVF2,PQ2x4").keep(&columns), &path, &x);
    let record = index.manifest.segments[0].clone();
    let file = path.join(&record.file.file);
    let whole = std::fs::read(&file).unwrap();
    let kept: Vec<_> = record.sections.iter().filter(|section| section.name.starts_with("column-")).collect();
    assert_eq!(kept.len(), 4 + 4 + 1);
    for section in kept {
        assert_eq!(section.start % 64, 0);
        let mut torn = whole.clone();
        torn[section.start as usize + section.bytes as usize / 2] ^= 16;
        std::fs::write(&file, torn).unwrap();
        let index = Index::open(&path).unwrap();
        let number: usize = section.name[7..8].parse().unwrap();
        let name = NAMES[number].0;
        assert!(refused(index.verify(|_, _| Ok(()))).contains("is damaged"), "{}", section.name);
        assert!(refused(index.column(name, &all)).contains("is damaged"), "{}", section.name);
        let predicate = match NAMES[number].1 {
            ColumnType::Int | ColumnType::Float => format!("{name} > 3"),
            ColumnType::Bool => format!("{name} = true"),
            ColumnType::String => format!("{name} = 'de'"),
        };
        assert!(
            refused(index.matching(&predicate.parse().unwrap())).contains("is damaged"),
            "{}",
            section.name
        );
    }
    std::fs::write(&file, &whole).unwrap();
    // Sections that cannot be, as a writer might have them that has gone wrong.
    for (part, bytes) in [("column-0-there", 37), ("column-3-values", 8), ("column-1-text", 5)] {
        let mut manifest = index.manifest.clone();
        let sections = &mut manifest.segments[0].sections;
        match sections.iter_mut().find(|section| section.name == part) {
            Some(section) => section.bytes = bytes,
            None => sections.push(store::manifest::SectionRecord { name: part.into(), start: 0, bytes }),
        }
        std::fs::write(path.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
        let why = refused(Index::open(&path));
        assert!(why.contains(&format!("its section {part} has another length")), "{why}");
    }
    // And texts that end before they begin: each takes the place of the next one's end.
    let mut manifest = index.manifest.clone();
    let values =
        manifest.segments[0].sections.iter_mut().find(|section| section.name == "column-3-values").unwrap();
    values.start -= 64;
    std::fs::write(path.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
    let index = Index::open(&path).unwrap();
    let why = refused(index.verify(|_, _| Ok(())));
    assert!(why.contains("the places of kept texts are not in order") || why.contains("UTF-8"), "{why}");
    assert!(refused(index.matching(&"lang = 'de'".parse().unwrap())).contains("not in order"));
}
