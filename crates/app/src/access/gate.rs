//! Telling who calls from the key that was sent.
//!
//! Keys are held in memory for a moment, so that a call does not ask the database; a key that was made
//! or revoked on another server counts here after that moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use store::{ApiKeyRow, AuditRow};

use super::secret::Secret;
use super::{Caller, Right, Role};
use crate::{App, Error};

/// How long keys are believed before they are read again.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(2);

/// Refusals that are noted within a minute; of more, only the number is, so that nobody can fill the
/// record from outside.
const NOTED_A_MINUTE: u32 = 60;

/// Letters of what was called, and with which key, that are noted.
const LONGEST_NOTE: usize = 200;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A key is needed, and none came.
    NoKey,
    /// The key is unknown, has ended or was revoked. Which of these it is, nobody is told.
    BadKey,
    /// The key is good, for something else.
    Role(Role),
}

/// With what somebody was let in who stays: by what the key is known, and its digest. It has no `Debug`.
#[derive(Clone)]
pub struct Pass {
    key: Option<(String, blake3::Hash)>,
    right: Right,
}

impl Pass {
    /// Of the key that was sent, where one was, for a right.
    #[must_use]
    pub fn of(sent: Option<&str>, right: Right) -> Pass {
        let sent = sent.map(Secret::sent);
        let known = |secret: &Secret| Some((secret.shown_prefix()?.to_owned(), secret.digest()));
        Pass { key: sent.as_ref().and_then(known), right }
    }
}

/// Keys as they were read, and refusals of this minute.
#[derive(Default)]
pub(crate) struct Gate {
    known: Mutex<Option<Arc<Known>>>,
    refusals: Mutex<Refusals>,
}

struct Known {
    read_at: Timestamp,
    /// Whether there ever was a key: from then on calls need one, whatever became of it.
    any: bool,
    by_prefix: BTreeMap<String, Vec<(ApiKeyRow, blake3::Hash)>>,
}

#[derive(Default)]
struct Refusals {
    minute: i64,
    noted: u32,
    passed_over: u64,
}

impl Gate {
    /// Makes the next call read the keys.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many refusals were passed over since the last one that was noted; `None` when this one is
    /// passed over too.
    fn count_refusal(&self, now: Timestamp) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if refusals.minute != minute {
            refusals.minute = minute;
            refusals.noted = 0;
        }
        if refusals.noted >= NOTED_A_MINUTE {
            refusals.passed_over += 1;
            return None;
        }
        refusals.noted += 1;
        Some(std::mem::take(&mut refusals.passed_over))
    }
}

impl App {
    /// Whether calls need no key: there never was one.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn is_open(&self) -> Result<bool, Error> {
        Ok(!self.known_keys().await?.any)
    }

    /// Who calls with this key, where it has the right.
    ///
    /// # Errors
    /// A store that does not answer. Inside: why the call is refused.
    pub async fn admit(
        &self,
        sent: Option<&str>,
        right: Right,
    ) -> Result<Result<Caller, Refusal>, Error> {
        if right == Right::Anybody {
            return Ok(Ok(Caller::development()));
        }
        let known = self.known_keys().await?;
        if !known.any {
            return Ok(Ok(Caller::development()));
        }
        let Some(sent) = sent else { return Ok(Err(Refusal::NoKey)) };
        let pass = Pass::of(Some(sent), right);
        let Some(caller) = known.caller(&pass, self.clock.now()) else {
            return Ok(Err(Refusal::BadKey));
        };
        let may = caller.role.may(right);
        Ok(if may { Ok(caller) } else { Err(Refusal::Role(caller.role)) })
    }

    /// Whether somebody who was let in still would be: the key has not ended and was not revoked since,
    /// or there still is none.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn still_admits(&self, pass: &Pass) -> Result<bool, Error> {
        let known = self.known_keys().await?;
        let caller = || known.caller(pass, self.clock.now());
        let may = || caller().is_some_and(|caller| caller.role.may(pass.right));
        Ok(pass.right == Right::Anybody || !known.any || may())
    }

    /// Notes that a call was refused. `what` is the call, such as `GET /api/v1/ml/keys`.
    pub async fn note_refusal(&self, what: &str, sent: Option<&str>, refusal: &Refusal) {
        let now = self.clock.now();
        let sent = sent.map(Secret::sent);
        // What was sent may be anything, and as long as it likes.
        let short = |text: &str| -> String { text.chars().take(LONGEST_NOTE).collect() };
        let prefix = sent.as_ref().and_then(Secret::shown_prefix).map(short);
        let why = match refusal {
            Refusal::NoKey => "no key",
            Refusal::BadKey => "a key that is worth nothing",
            Refusal::Role(_) => "a key without the right",
        };
        let what = short(what);
        tracing::warn!(call = what, key = prefix, "refused: {why}");
        let Some(passed_over) = self.gate.count_refusal(now) else { return };
        let row = AuditRow {
            happened_at: now,
            actor: prefix.unwrap_or_else(|| "nobody".to_owned()),
            action: "access.refuse".to_owned(),
            subject: what,
            detail: serde_json::json!({ "why": why, "refused_without_note_before": passed_over }),
        };
        if let Err(error) = self.store.note(&row).await {
            tracing::warn!(%error, "a refusal could not be noted");
        }
    }

    async fn known_keys(&self) -> Result<Arc<Known>, Error> {
        let now = self.clock.now();
        let held = self.gate.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = held
            && now >= known.read_at
            && now.duration_since(known.read_at) < BELIEVED_FOR
        {
            return Ok(known);
        }
        let keys = self.store.keys().await?;
        let mut by_prefix: BTreeMap<String, Vec<(ApiKeyRow, blake3::Hash)>> = BTreeMap::new();
        let any = !keys.is_empty();
        for (key, digest) in keys {
            let digest = blake3::Hash::from_bytes(digest);
            by_prefix.entry(key.shown_prefix.clone()).or_default().push((key, digest));
        }
        let known = Arc::new(Known { read_at: now, any, by_prefix });
        *self.gate.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }
}

impl Known {
    fn caller(&self, pass: &Pass, now: Timestamp) -> Option<Caller> {
        let (prefix, digest) = pass.key.as_ref()?;
        let keys = self.by_prefix.get(prefix)?;
        // Hashes of this type compare in constant time.
        let (key, _) = keys.iter().find(|(_, known)| known == digest)?;
        let ended = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= now);
        (!ended).then_some(())?;
        Some(Caller {
            name: format!("{} ({})", key.label, key.shown_prefix),
            role: Role::from_name(&key.role)?,
            customer_id: key.customer_id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let gate = Gate::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let noted = (0..1000).filter(|_| gate.count_refusal(at(30)).is_some()).count();
        assert_eq!(noted, NOTED_A_MINUTE as usize);
        assert_eq!(gate.count_refusal(at(60)), Some(1000 - u64::from(NOTED_A_MINUTE)));
        assert_eq!(gate.count_refusal(at(61)), Some(0));
    }
}
