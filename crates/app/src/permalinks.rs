//! Addresses under which decisions are found again, for answers, lists, streams and messages.

use crate::App;

/// Where a decision is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permalink(String);

impl Permalink {
    /// The decision itself.
    #[must_use]
    pub fn decision(&self) -> &str {
        &self.0
    }

    /// What a person can apply of it.
    #[must_use]
    pub fn rendered(&self) -> String {
        format!("{}/rendered", self.0)
    }

    /// What reproduces it.
    #[must_use]
    pub fn bundle(&self) -> String {
        format!("{}/bundle", self.0)
    }
}

impl App {
    /// The same, known to the world under an address such as `https://ml.example.com`; without one
    /// links begin at the root of whatever address a caller uses.
    #[must_use]
    pub fn with_public_address(self, address: Option<&str>) -> App {
        let address = address.unwrap_or_default().trim_end_matches('/').to_owned();
        App { public_address: address, ..self }
    }

    /// Where a decision is found.
    #[must_use]
    pub fn permalink(&self, decision_id: &str) -> Permalink {
        Permalink(self.reached_at(&format!("/api/v1/ml/decisions/{decision_id}")))
    }

    /// Where people reach a path of this server.
    pub(crate) fn reached_at(&self, path: &str) -> String {
        format!("{}{path}", self.public_address)
    }
}
