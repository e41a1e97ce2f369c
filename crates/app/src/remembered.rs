//! Lists that were written before: the same question about the same revision of a dataset has the same
//! answer, whichever server wrote it.

use crate::{App, BUILD, Error};

impl App {
    /// The answer to a question about a dataset: from the cache where one is configured and has it for
    /// the present revision, else made now. `question` names everything that the answer depends on
    /// beside the dataset.
    ///
    /// # Errors
    /// Those of making it, and a store that does not answer.
    pub async fn remembered<E: From<Error>>(
        &self,
        dataset: &str,
        question: &str,
        make: impl AsyncFnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        if !self.cache.is_configured() {
            return make().await;
        }
        let key = self.key(dataset, question).await?;
        if let Some(found) = self.cache.find(&key).await {
            return Ok(found);
        }
        let made = make().await?;
        // What changed while it was made may be in it or not, so it is no answer to either revision.
        if self.key(dataset, question).await? == key {
            self.cache.keep(&key, &made).await;
        }
        Ok(made)
    }

    async fn key(&self, dataset: &str, question: &str) -> Result<[u8; 32], Error> {
        let totals = self.store.totals().await?;
        let revision =
            totals.iter().find(|one| one.dataset == dataset).map_or(0, |one| one.revision);
        let installation = self.store.installation().await?;
        let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 remembered list");
        for part in [BUILD, dataset, question] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(&revision.to_le_bytes()).update(installation.as_bytes());
        Ok(*hasher.finalize().as_bytes())
    }
}
