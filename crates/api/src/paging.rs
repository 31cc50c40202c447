//! Pages of what is listed from the engine's state, in the order of its ids. Pages of the read models have cursors of
//! their own, in `reads.rs`.

use crate::errors::{Code, Problem};
use crate::extract::Parameters;
use crate::objects::List;
use crate::reads::page_limit;
use core::fmt::Display;
use core::str::FromStr;

/// The page that a request asks for: at most `limit` objects, those whose ids come after `after`.
pub(crate) struct StatePage<I> {
    limit: usize,
    after: Option<I>,
}

impl<I: Copy + Display + FromStr> StatePage<I> {
    /// From a query that may hold `limit` and `cursor` and nothing else.
    pub(crate) fn parse(mut parameters: Parameters) -> Result<Self, Problem> {
        let limit = page_limit(&mut parameters)?;
        let refused = |_| Problem::of_field(Code::CursorInvalid, "cursor", "this is not a cursor; pass on what an earlier page gave");
        let after = parameters.take("cursor")?.map(|text| text.parse().map_err(refused)).transpose()?;
        parameters.finish()?;
        Ok(Self { limit, after })
    }

    /// The last id of the page before.
    pub(crate) const fn after(&self) -> Option<I> {
        self.after
    }

    /// How many to ask the state for: one more than a page shows says whether there is another page.
    pub(crate) const fn count_max(&self) -> usize {
        self.limit + 1
    }

    /// The page of what the state gave.
    pub(crate) fn list<T, O>(&self, mut found: Vec<T>, id: impl Fn(&T) -> I, shown: impl Fn(T) -> O) -> List<O> {
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        let next_cursor = found.last().filter(|_| has_more).map(|last| id(last).to_string());
        List::new(found.into_iter().map(shown).collect(), next_cursor)
    }
}
