//! [`Backpressure`]: a server is not listened to while it does not read what it is answered.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::JsonRpcMessage;
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::Notify;

/// How many answers wait at most for the server to read them while it is still listened to.
const MAX_ANSWERS: usize = 64;

/// A transport that takes nothing more from the server while [`MAX_ANSWERS`] answers wait to be written.
///
/// A server can ask as often as it wants and read none of the answers; they would pile up in memory. Our own requests do
/// not count: a server may have to finish what it writes before it reads them.
pub(super) struct Backpressure<T> {
    transport: T,
    answers: Arc<Answers>,
}

/// The answers that wait to be written.
#[derive(Debug, Default)]
struct Answers {
    waiting: AtomicUsize,
    /// Told whenever one is written or given up.
    fewer: Notify,
}

impl<T> Backpressure<T> {
    pub(super) fn new(transport: T) -> Self {
        Self { transport, answers: Arc::default() }
    }
}

impl<T: Transport<RoleClient, Error = io::Error>> Transport<RoleClient> for Backpressure<T> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let is_answer = matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
        let waiting = is_answer.then(|| Waiting::new(&self.answers));
        let sending = self.transport.send(message);
        async move {
            let _waiting = waiting;
            sending.await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.answers.are_few().await;
        self.transport.receive().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.transport.close().await
    }
}

impl Answers {
    async fn are_few(&self) {
        loop {
            let mut fewer = std::pin::pin!(self.fewer.notified());
            fewer.as_mut().enable();
            if self.waiting.load(Ordering::Acquire) < MAX_ANSWERS {
                return;
            }
            fewer.await;
        }
    }
}

/// That an answer waits. Dropped, it does not any more.
struct Waiting(Arc<Answers>);

impl Waiting {
    fn new(answers: &Arc<Answers>) -> Self {
        answers.waiting.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(answers))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.fewer.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use serde_json::json;

    use super::*;

    /// A server that asks whenever it is listened to, and reads nothing.
    struct NeverReads;

    impl Transport<RoleClient> for NeverReads {
        type Error = io::Error;

        fn send(
            &mut self,
            _message: TxJsonRpcMessage<RoleClient>,
        ) -> impl Future<Output = io::Result<()>> + Send + 'static {
            std::future::pending()
        }

        async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
            let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
            Some(serde_json::from_value(ping).unwrap())
        }

        async fn close(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn message(of: serde_json::Value) -> TxJsonRpcMessage<RoleClient> {
        serde_json::from_value(of).unwrap()
    }

    fn is_listened_to(transport: &mut Backpressure<NeverReads>) -> bool {
        pin!(transport.receive()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_server_that_reads_no_answer_is_not_listened_to_until_it_does() {
        let mut transport = Backpressure::new(NeverReads);
        let ask = || message(json!({"jsonrpc": "2.0", "id": 7, "method": "ping"}));
        let mut asked = Vec::new();
        for _nth in 0..2 * MAX_ANSWERS {
            asked.push(transport.send(ask()));
        }
        let answer = || message(json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
        let mut answers = Vec::new();
        while is_listened_to(&mut transport) {
            answers.push(transport.send(answer()));
        }
        assert_eq!(answers.len(), MAX_ANSWERS);
        drop(answers.pop());
        assert!(is_listened_to(&mut transport));
    }
}
