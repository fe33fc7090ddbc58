//! [`Connection`]: what the tools of one server share, and what ends it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::model::ClientConfig;
use rmcp::service::{Peer, RoleClient, RunningService};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::process::Process;
use super::sent::Sent;

/// How long a server may take to end by itself when it is closed.
const END_AT_MOST: Duration = Duration::from_secs(1);

/// How many calls of one server run at once.
const MAX_CALLS: usize = 256;

/// A connection to a server. Dropped, it is ended at once, and with it the process.
#[derive(Debug)]
pub(super) struct Connection {
    server: String,
    peer: Peer<RoleClient>,
    sent: Sent,
    /// As many permits as further calls may run.
    calls: Semaphore,
    /// How the server ended, once it has.
    end: Arc<OnceLock<String>>,
    stop: CancellationToken,
    /// Cancelled when all of it is gone.
    gone: CancellationToken,
    _keeper: AbortOnDropHandle<()>,
}

impl Connection {
    pub(super) fn keep(server: &str, sent: Sent, keeper: Keeper) -> Self {
        let (stop, gone, end) = (CancellationToken::new(), CancellationToken::new(), Arc::default());
        let peer = keeper.running.peer().clone();
        let task = tokio::spawn(keeper.run(stop.clone(), gone.clone(), Arc::clone(&end)));
        let calls = Semaphore::new(MAX_CALLS);
        let server = server.to_owned();
        Self { server, peer, sent, calls, end, stop, gone, _keeper: AbortOnDropHandle::new(task) }
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Waits until one more call may run, which holds what is returned to its end.
    pub(super) async fn one_more_call(&self) -> SemaphorePermit<'_> {
        self.calls.acquire().await.expect("the semaphore is never closed")
    }

    /// What it was sent that nobody else may hear.
    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// How the server ended; none as long as that is not known.
    pub(super) fn end(&self) -> Option<&str> {
        self.end.get().map(String::as_str)
    }

    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.gone.cancelled().await;
    }
}

/// What keeps a connection alive.
pub(super) struct Keeper {
    running: RunningService<RoleClient, ClientConfig>,
    process: Option<Process>,
}

impl Keeper {
    pub(super) fn new(running: RunningService<RoleClient, ClientConfig>, process: Option<Process>) -> Self {
        Self { running, process }
    }

    async fn run(self, stop: CancellationToken, gone: CancellationToken, end: Arc<OnceLock<String>>) {
        let _gone = gone.drop_guard();
        let Self { mut running, mut process } = self;
        let ended = tokio::select! {
            ended = ended(process.as_mut()) => ended,
            () = stop.cancelled() => {
                // Whoever reads from it hears that nothing more comes, and may end by itself.
                drop(running.close_with_timeout(END_AT_MOST).await);
                drop(tokio::time::timeout(END_AT_MOST, ended(process.as_mut())).await);
                "it was closed".to_owned()
            }
        };
        // Nobody else says it.
        let _said = end.set(ended);
    }
}

/// Waits until the process ends, or has to be ended; for ever where there is none.
async fn ended(process: Option<&mut Process>) -> String {
    let Some(process) = process else {
        return std::future::pending().await;
    };
    match (&mut process.ended).await {
        Ok(Ok(status)) => format!("its process ended: {status}"),
        Ok(Err(_)) | Err(_) => "its process ended".to_owned(),
    }
}
