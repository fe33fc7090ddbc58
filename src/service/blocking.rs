//! Blocking work off the runtime's threads, which stops when nobody waits for it any more.

use std::panic::resume_unwind;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Runs `work` on a thread where it may block, and returns what it returns. A panic of `work` goes on in the caller.
///
/// # Cancel safety
/// When the returned future is dropped, the token that `work` was given is cancelled; `work` itself decides where
/// it stops, and always comes to its own end.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
) -> T {
    let stop = CancellationToken::new();
    let stop_when_dropped = stop.clone().drop_guard();
    match spawn_blocking(move || work(&stop)).await {
        Ok(result) => {
            stop_when_dropped.disarm();
            result
        }
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only a runtime that shuts down refuses the work; it is about to drop this future too.
            Err(_shutting_down) => std::future::pending().await,
        },
    }
}
