//! [`Watcher`]: the task that waits for hints, and tells what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::examine::Examiner;
use super::mailbox::{Hints, Mailbox};
use super::{Progress, WatchError, WatchOptions};
use crate::event::Scope;
use crate::service::blocking::blocking;
use crate::service::resource::handle::Shared;
use crate::service::resource::told::Fact;
use crate::sync::lock;

/// Looks after one folder, in a task of its own.
pub(super) struct Watcher {
    pub(super) shared: Arc<Shared>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) options: WatchOptions,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) asked: Arc<AtomicU64>,
    pub(super) stop: CancellationToken,
    /// In what it tells: where the watch was begun.
    pub(super) scope: Scope,
}

impl Watcher {
    /// Watches until it is stopped or cannot go on.
    pub(super) async fn run(self, mut examiner: Examiner) {
        let end = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    break WatchError::Cancelled { path: examiner.path.clone() };
                }
                () = self.quiet() => {}
            }
            let hints = self.mailbox.take();
            let (mark, is_lost) = (hints.mark, hints.is_lost);
            let (back, looked) = self.look(examiner, hints).await;
            examiner = back;
            if let Err(error) = looked {
                break error;
            }
            if is_lost {
                self.mark_again(&examiner).await;
            }
            self.progress.send_modify(|progress| progress.mark = progress.mark.max(mark));
        };
        *self.shared.turn.lock().await = None;
        if !matches!(end, WatchError::Cancelled { .. }) {
            let resource = self.shared.told.resource();
            tracing::warn!(target: "agentbus::resource", %resource, error = %end, "watch_ended");
        }
        self.progress.send_modify(|progress| progress.end = Some(Arc::new(end)));
    }

    /// Waits until something has happened and then nothing more for a while, or somebody waits to hear of it.
    async fn quiet(&self) {
        self.mailbox.arrived().await;
        let latest = Instant::now() + self.options.at_most;
        while !self.mailbox.has_mark() {
            let until = latest.min(Instant::now() + self.options.quiet);
            tokio::select! {
                biased;
                () = self.mailbox.arrived() => {}
                () = sleep_until(until) => return,
            }
            if Instant::now() >= latest {
                return;
            }
        }
    }

    /// Looks where the hints point while nobody else changes the resource, and tells.
    async fn look(&self, mut examiner: Examiner, hints: Hints) -> (Examiner, Result<(), WatchError>) {
        let mut turn = Arc::clone(&self.shared.turn).lock_owned().await;
        let (shared, scope) = (Arc::clone(&self.shared), self.scope.clone());
        let (examiner, looked) = blocking(move |_stop| {
            let known = turn.get_or_insert_default();
            let looked = examiner.examine(known, &hints).map(|facts| {
                for fact in facts {
                    shared.told.keep(&scope, Fact::Modified(fact));
                }
            });
            let looked = looked.and_then(|()| examiner.check_place());
            (examiner, looked)
        })
        .await;
        self.shared.told.tell();
        (examiner, looked)
    }

    /// Marks that were asked for may be among what was lost.
    async fn mark_again(&self, examiner: &Examiner) {
        let (source, mark) = (Arc::clone(&examiner.source), self.asked.load(Ordering::SeqCst));
        if mark > 0 {
            // If it fails, it fails for who asks next, too.
            drop(blocking(move |_stop| lock(&source).mark(mark)).await);
        }
    }
}
