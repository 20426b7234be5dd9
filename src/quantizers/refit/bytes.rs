//! Sums as bytes, to be sent from one machine to another.
//!
//! In order: the eight bytes `wgvqsums`; a `u32`, the version; a `u32`, the length of what follows it, a JSON object that says of
//! which model and blocks they are; for each group of codebooks the meetings (u64) and the values (i128); the XXH3-128 of all
//! before. Numbers are little-endian.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::fixed::Unit;
use super::plan::{Group, Plan};
use super::{RefitSums, Sums};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"wgvqsums";
const VERSION: u32 = 1;

/// The JSON object.
#[derive(Serialize, Deserialize)]
struct Head {
    model: String,
    unit: Unit,
    groups: Vec<Group>,
    blocks: BTreeSet<u64>,
    vectors: u64,
    /// In decimal, as JSON's numbers end at 64 bits.
    error: String,
}

impl RefitSums {
    /// The sums as bytes, which [`from_bytes`](Self::from_bytes) reads on any machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            model: self.plan.model.clone(),
            unit: self.plan.unit,
            groups: self.plan.groups.clone(),
            blocks: self.blocks.clone(),
            vectors: self.vectors,
            error: self.error.to_string(),
        };
        let head = serde_json::to_vec(&head).expect("numbers and texts are JSON");
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((head.len() as u32).to_le_bytes());
        bytes.extend(head);
        for Sums { meetings, values } in &self.groups {
            bytes.extend(meetings.iter().flat_map(|number| number.to_le_bytes()));
            bytes.extend(values.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend(XxHash3_128::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// The sums that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the bytes are no such sums, of a newer version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(Error::input("these are no sums of a refit: their first bytes are not wgvqsums"));
        };
        let damaged =
            || Error::input("the sums of a refit were damaged on their way, or cut short; make them again");
        let (version, _) = number(rest).ok_or_else(damaged)?;
        if version > VERSION {
            return Err(Error::input(format!(
                "sums of a refit of version {version}; this wgvq reads version {VERSION}: take the same wgvq on all machines"
            )));
        }
        let (whole, hash) = bytes.split_last_chunk::<16>().ok_or_else(damaged)?;
        if XxHash3_128::oneshot(whole) != u128::from_le_bytes(*hash) {
            return Err(damaged());
        }
        Self::read(whole.get(MAGIC.len() + 4..).ok_or_else(damaged)?).ok_or_else(damaged)
    }

    /// What follows the version.
    fn read(rest: &[u8]) -> Option<Self> {
        let (length, rest) = number(rest)?;
        let (head, mut rest) = rest.split_at_checked(length as usize)?;
        let Head { model, unit, groups, blocks, vectors, error } = serde_json::from_slice(head).ok()?;
        let mut read = Vec::with_capacity(groups.len());
        for group in &groups {
            group.is_whole().then_some(())?;
            let (meetings, values) = (group.meetings().checked_mul(8)?, group.sums().checked_mul(16)?);
            let (meetings, behind) = rest.split_at_checked(meetings)?;
            let (values, behind) = behind.split_at_checked(values)?;
            rest = behind;
            read.push(Sums {
                meetings: meetings.as_chunks().0.iter().map(|&number| u64::from_le_bytes(number)).collect(),
                values: values.as_chunks().0.iter().map(|&number| i128::from_le_bytes(number)).collect(),
            });
        }
        let plan = Plan { model, groups, unit };
        rest.is_empty().then_some(Self { plan, blocks, vectors, error: error.parse().ok()?, groups: read })
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}
