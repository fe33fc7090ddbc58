//! Which operations run, also those that nobody waits for any more.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::SandboxService;
use crate::service::blocking::blocking;

/// How many operations run.
pub(super) type Count = watch::Sender<usize>;

/// An operation that runs, until it is dropped.
struct Running {
    count: Count,
}

impl Running {
    fn begin(count: &Count) -> Self {
        count.send_modify(|running| *running += 1);
        Self { count: count.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.count.send_modify(|running| *running -= 1);
    }
}

impl SandboxService {
    /// Runs `work` where it may block; [`SandboxService::settled`] waits for its end.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> T + Send + 'static,
    ) -> T {
        let running = Running::begin(&self.inner.running);
        // In this order: what nobody takes any more is dropped before it is over.
        let (done, _running) = blocking(move |stop| (work(stop), running)).await;
        done
    }

    /// Waits until no operation runs: also those come to their ends that nobody waits for any more. So whoever is about
    /// to remove the place of the sandboxes, or to end the process, finds nobody who still writes there.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn settled(&self) {
        let mut running = self.inner.running.subscribe();
        // The sender is in the service itself.
        drop(running.wait_for(|running| *running == 0).await);
    }
}
