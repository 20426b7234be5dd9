//! A [`Parcel`] of, in order: a `u32`, the length of what follows it, a JSON object that says of what fit and blocks they are; the
//! lowest values of the dimensions (f32) and the highest; in the second pass the losses (u128), two by two.

use serde::{Deserialize, Serialize};

use super::{FitSums, Plan, Second, Seen};
use crate::error::Result;
use crate::quantizers::even_levels::Wanted;
use crate::quantizers::extent::Ranges;
use crate::quantizers::parcel::{Parcel, number};

const PARCEL: Parcel = Parcel { letters: b"wgvqfits", version: 1, name: "sums of a fit" };

/// The JSON object.
#[derive(Serialize, Deserialize)]
struct Head {
    plan: Plan,
    seen: Seen,
    dim: usize,
    /// Of the second pass: what the first has seen.
    first: Option<Seen>,
}

impl FitSums {
    /// The sums as bytes, which [`from_bytes`](Self::from_bytes) reads on any machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { plan, seen, ranges, second } = self;
        let first = second.as_ref().map(|second| second.first.clone());
        let head = Head { plan: plan.clone(), seen: seen.clone(), dim: self.dim(), first };
        let head = serde_json::to_vec(&head).expect("numbers and texts are JSON");
        PARCEL.wrap(|bytes| {
            bytes.extend((head.len() as u32).to_le_bytes());
            bytes.extend(head);
            bytes.extend(ranges.low.iter().chain(&ranges.high).flat_map(|end| end.to_le_bytes()));
            let losses = second.iter().flat_map(|second| second.losses.iter().flatten());
            bytes.extend(losses.flat_map(|loss| loss.to_le_bytes()));
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
        let (head, rest) = rest.split_at_checked(length as usize)?;
        let Head { plan, seen, dim, first } = serde_json::from_slice(head).ok()?;
        let Wanted { k, shared } = plan.wanted;
        ((2..=1 << 16).contains(&k) && dim > 0).then_some(())?;
        let (ends, losses) = rest.split_at_checked(dim.checked_mul(8)?)?;
        let mut low: Vec<f32> = ends.as_chunks().0.iter().map(|&end| f32::from_le_bytes(end)).collect();
        let high = low.split_off(dim);
        let ascend = |(low, high): (&f32, &f32)| low <= high && low.is_finite() && high.is_finite();
        low.iter().zip(&high).all(ascend).then_some(())?;
        let counted = match first {
            Some(_) if shared => 1,
            Some(_) => dim,
            None => 0,
        };
        let (numbers, behind) = losses.as_chunks();
        (behind.is_empty() && numbers.len() == 2 * counted).then_some(())?;
        let numbers: Vec<u128> = numbers.iter().map(|&loss| u128::from_le_bytes(loss)).collect();
        let second = first.map(|first| Second { first, losses: numbers.as_chunks().0.to_vec() });
        Some(Self { plan, seen, ranges: Ranges { low, high }, second })
    }
}
