//! Restarts and neighbourhood search over drains.

use super::desk::Desk;
use crate::work::{Effort, Work};

/// Replaces `best` by a cheaper plan if one is found.
pub(super) fn improve(
    _start: &Desk<'_>,
    _best: &mut Desk<'_>,
    _effort: Effort,
    _work: &mut Work<'_>,
) {
}
