//! `IndexPreTransform`: a rotation before another index, about an offset if there is one.

use super::chain::Chain;
use super::fields::Fields;
use super::header::Header;
use super::kinds::{Body, Index};
use super::parts::Parts;
use crate::error::{Error, Result};

#[derive(Default)]
pub(super) struct Transformed {
    chain: Chain,
    inner: Option<Index>,
}

impl Transformed {
    pub fn of(mut parts: Parts, rows: Option<usize>) -> Result<Box<dyn Body>> {
        let chain = Chain::take(&mut parts);
        if chain.is_empty() {
            return Err(Error::input(format!("{}: has nothing behind its rotation", parts.spec)));
        }
        let inner = Index::of(parts, rows)?;
        Ok(Box::new(Self { chain, inner: Some(inner) }))
    }
}

impl Body for Transformed {
    fn own_rows(&self) -> Option<usize> {
        self.inner.as_ref()?.body.own_rows()
    }

    fn fields(&mut self, header: Header, at: &mut Fields<'_>) -> Result<()> {
        self.chain.fields(header.d, at)?;
        match &mut self.inner {
            Some(inner) => inner.write(at),
            None => {
                if self.chain.unit {
                    let why = "scales vectors to length 1, which no quantizer does; only an index of lists is read behind that";
                    return Err(at.wrong("chain", why));
                }
                let inner = Index::read(at, true)?;
                header.expect_same(inner.header, at)?;
                self.inner = Some(inner);
                Ok(())
            }
        }
    }

    fn into_parts(self: Box<Self>, header: Header) -> Result<Parts> {
        let inner = self.inner.ok_or_else(|| Error::input("an index behind a transform was not read"))?;
        self.chain.before(inner.into_parts()?, header.d)
    }
}
