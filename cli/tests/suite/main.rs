//! The program by its commands.

mod common;

mod bench;
mod cli;
mod columns;
mod convert;
mod curves;
mod format;
mod golden;
mod gradient;
mod index;
mod interpret;
mod kills;
mod limits;
mod losses;
mod privacy;
mod readme;
mod repack;
mod search;
mod space_filling;
mod tune;
mod values;
