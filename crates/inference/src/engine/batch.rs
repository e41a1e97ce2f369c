//! Rows on several threads. Each thread writes its own answers, so nothing depends on their order.

use super::parts::Part;
use super::rank::Number;

/// Fewer rows than this are not worth a thread.
const LEAST_ROWS: usize = 512;
/// A thread's share is a multiple of it, so that its tiles are full.
const WHOLE_TILES: usize = 64;

/// Answers all rows, with up to `threads` threads.
pub(super) fn run<V: Number>(
    part: &Part,
    rows: &[V],
    features: usize,
    outputs: usize,
    threads: usize,
    into: &mut [f64],
) {
    let count = into.len() / outputs.max(1);
    let threads = threads.min(count / LEAST_ROWS).max(1);
    if threads == 1 {
        part.answer(rows, features, into);
        return;
    }
    let share = count.div_ceil(threads).next_multiple_of(WHOLE_TILES);
    std::thread::scope(|scope| {
        let shares = rows.chunks(share * features).zip(into.chunks_mut(share * outputs));
        for (rows, into) in shares {
            scope.spawn(move || part.answer(rows, features, into));
        }
    });
}
