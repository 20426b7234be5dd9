//! Where the neighbours go that a command has found.

use std::path::Path;

use serde_json::{Value, json};
use wgvq::io::{Claims, NeighbourWriter};
use wgvq::search::Neighbours;
use wgvq::{Context, Error, Result};

use crate::args::Common;
use crate::stdin::is_dash;
use crate::stdout;

/// Neighbours that are written at a time.
const BLOCK: usize = 1 << 14;

/// Neighbours, and the user's own ids of rows where there are any.
pub struct Found<'a> {
    pub neighbours: &'a Neighbours,
    pub own: Option<&'a [u64]>,
}

impl Found<'_> {
    /// The ids and distances of some queries at a time.
    fn blocks(&self, queries: usize) -> impl Iterator<Item = (Vec<u64>, &[f64])> {
        let id = |&row: &u32| self.own.map_or(u64::from(row), |ids| ids[row as usize]);
        let Neighbours { ids, distances } = self.neighbours;
        let numbers = queries.max(1) * ids.ncols();
        let (ids, distances) = (ids.as_slice(), distances.as_slice());
        let (ids, distances) = ids.zip(distances).expect("neighbours are in standard layout");
        ids.chunks(numbers).map(move |ids| ids.iter().map(id).collect()).zip(distances.chunks(numbers))
    }

    /// For a document: an object for each query.
    pub fn document(&self) -> Vec<Value> {
        let query = |(query, (ids, distances))| json!({ "query": query, "ids": ids, "distances": distances });
        self.blocks(1).enumerate().map(query).collect()
    }

    /// Prints a table with tabs between its columns: a line for each query and rank.
    pub fn print(&self) {
        stdout::print("query\trank\tid\tdistance\n");
        for (query, (ids, distances)) in self.blocks(1).enumerate() {
            let line = |(at, (id, distance))| format!("{query}\t{}\t{id}\t{distance}\n", at + 1);
            stdout::print(&ids.iter().zip(distances).enumerate().map(line).collect::<String>());
        }
    }
}

/// Claims the files that the neighbours go to.
pub fn claim(claims: &mut Claims, output: Option<&Path>, distances: Option<&Path>) -> Result<()> {
    let output = output.filter(|path| !is_dash(path));
    output.map_or(Ok(()), |path| claims.writes(path))?;
    distances.map_or(Ok(()), |path| claims.writes(path)).context(|| "--distances")
}

/// What is begun before the search, so that nothing is searched for in vain.
pub enum Destination {
    Nowhere,
    /// Standard output, as a table or in the document.
    Stdout,
    Files(Box<NeighbourWriter>),
}

impl Destination {
    /// Where (queries, k) neighbours go whose ids are at most `largest`.
    pub fn begin(
        output: Option<&Path>,
        distances: Option<&Path>,
        shape: (usize, usize),
        largest: u64,
        common: &Common,
    ) -> Result<Self> {
        match output {
            None => Ok(Self::Nowhere),
            Some(path) if is_dash(path) => match distances {
                None => Ok(Self::Stdout),
                Some(_) => Err(Error::input("-o - prints distances too; leave --distances out")),
            },
            Some(path) => {
                let writer = NeighbourWriter::create(path, distances, shape, largest, common.force)?;
                Ok(Self::Files(Box::new(writer)))
            }
        }
    }

    /// Whether stdout has neighbours, and what is said besides belongs on stderr.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// Writes or prints what was found; in a document it has a place of its own.
    pub fn take(self, found: &Found<'_>, common: &Common) -> Result<()> {
        match self {
            Self::Nowhere => {}
            Self::Stdout if common.json => {}
            Self::Stdout => found.print(),
            Self::Files(mut writer) => {
                let queries = BLOCK / found.neighbours.ids.ncols();
                found.blocks(queries).try_for_each(|(ids, distances)| writer.append(&ids, distances))?;
                writer.finish()?;
            }
        }
        Ok(())
    }
}
