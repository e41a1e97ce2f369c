//! Pages, and where the next one starts. A cursor is small, plain and storable, so that a job can
//! commit it together with the rows that came before it.

use market::ImportReport;
use serde::{Deserialize, Serialize};

use crate::Error;

/// One page of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// Every believable row, in the order of AWS. An empty page may have a next one.
    pub rows: Vec<T>,
    /// What became of the rows: how many were read, used, skipped on purpose, and quarantined, the
    /// first of the last each with its place and reason.
    pub report: ImportReport,
    /// Where the next page starts; `None` after the last one.
    pub next: Option<C>,
}

/// Where a page starts.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// What AWS gave to ask for this page; `None` for the first one. Valid for the same query only,
    /// and for a limited time.
    pub token: Option<String>,
    /// Pages before this one.
    pub pages: u32,
}

impl Cursor {
    /// The first page.
    #[must_use]
    pub fn first() -> Cursor {
        Cursor::default()
    }

    /// The cursor behind a page whose answer gave this token.
    pub(crate) fn next(
        &self,
        operation: &'static str,
        token: Option<String>,
        most: u32,
    ) -> Result<Option<Cursor>, Error> {
        let Some(token) = token else { return Ok(None) };
        let endless = |detail: String| Err(Error::EndlessPages { operation, detail });
        if self.token.as_ref() == Some(&token) {
            return endless("an answer repeats the token that it was asked with".to_owned());
        }
        let pages = self.pages.saturating_add(1);
        if pages >= most {
            return endless(format!("{most} pages and more to come"));
        }
        Ok(Some(Cursor { token: Some(token), pages }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paging_ends() {
        let first = Cursor::first();
        let token = |text: &str| Some(text.to_owned());
        assert_eq!(first.next("x", None, 10), Ok(None));
        let second = first.next("x", token("a"), 10).unwrap().unwrap();
        assert_eq!(second, Cursor { token: token("a"), pages: 1 });
        assert!(second.next("x", token("b"), 10).is_ok());
        assert!(matches!(second.next("x", token("a"), 10), Err(Error::EndlessPages { .. })));
        assert!(matches!(second.next("x", token("b"), 2), Err(Error::EndlessPages { .. })));
    }
}
