//! Sums as bytes, to be sent from one machine to another.
//!
//! A [`Parcel`] of, in order: a `u32`, the length of what follows it, a JSON object that says of which model and blocks they are; for
//! each group of codebooks the meetings (u64) and the values (i128).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::fixed::Unit;
use super::plan::{Group, Plan};
use super::{RefitSums, Sums};
use crate::error::Result;
use crate::quantizers::parcel::{Parcel, number};

const PARCEL: Parcel = Parcel { letters: b"wgvqsums", version: 1, name: "sums of a refit" };

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
        PARCEL.wrap(|bytes| {
            bytes.extend((head.len() as u32).to_le_bytes());
            bytes.extend(head);
            for Sums { meetings, values } in &self.groups {
                bytes.extend(meetings.iter().flat_map(|number| number.to_le_bytes()));
                bytes.extend(values.iter().flat_map(|number| number.to_le_bytes()));
            }
        })
    }

    /// The sums that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the bytes are no such sums, of a newer version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        PARCEL.open(bytes, Self::read)
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
