//! [`Outgoing`]: what waits to be read by a server, and how much of it may.

use std::io;
use std::sync::Arc;

use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::sync::{Mutex, lock};

/// How many messages wait at most for a server that does not read them.
pub(super) const MAX_MESSAGES: usize = 4_096;

/// How many bytes they have at most; one message may have more, if it waits alone.
const MAX_BYTES: usize = 64 << 20;

/// A transport that says when too much waits, and takes nothing more then.
///
/// A server can ask as often as it wants and read none of the answers; without a bound these would pile up.
pub(super) struct Outgoing<T> {
    transport: T,
    /// How many messages wait, and how many bytes they have; held for single moves.
    waiting: Arc<Mutex<(usize, usize)>>,
    /// Cancelled when more would wait than may.
    unread: CancellationToken,
}

impl<T> Outgoing<T> {
    pub(super) fn new(transport: T, unread: CancellationToken) -> Self {
        Self { transport, waiting: Arc::default(), unread }
    }

    /// A place among those that wait; none if there is no room.
    fn enter(&self, bytes: usize) -> Option<Place> {
        let mut waiting = lock(&self.waiting);
        let (messages, all) = (waiting.0 + 1, waiting.1.saturating_add(bytes));
        if messages > MAX_MESSAGES || (all > MAX_BYTES && messages > 1) {
            return None;
        }
        *waiting = (messages, all);
        Some(Place { waiting: Arc::clone(&self.waiting), bytes })
    }
}

impl<T: Transport<RoleClient, Error = io::Error>> Transport<RoleClient> for Outgoing<T> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let entered = self.enter(size_of(&message)).map(|place| (place, self.transport.send(message)));
        if entered.is_none() {
            self.unread.cancel();
        }
        async move {
            let Some((_place, sending)) = entered else {
                return Err(io::Error::other("the server does not read what it is told"));
            };
            sending.await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.transport.receive().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.transport.close().await
    }
}

/// That a message waits. Dropped, it does not any more.
struct Place {
    waiting: Arc<Mutex<(usize, usize)>>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        *waiting = (waiting.0.saturating_sub(1), waiting.1.saturating_sub(self.bytes));
    }
}

/// How many bytes a message has when it is written.
fn size_of(message: &impl Serialize) -> usize {
    struct Counted(usize);
    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // One that cannot be written is refused below; what was counted until then is enough.
    drop(serde_json::to_writer(&mut counted, message));
    counted.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_messages_and_bytes_wait_and_no_more() {
        let outgoing = Outgoing::new((), CancellationToken::new());
        let mut waiting: Vec<_> = (0..MAX_MESSAGES).map(|_nth| outgoing.enter(1).unwrap()).collect();
        assert!(outgoing.enter(1).is_none());
        waiting.pop();
        assert!(outgoing.enter(MAX_BYTES).is_none());
        waiting.push(outgoing.enter(1).unwrap());
        drop(waiting);
        let large = outgoing.enter(MAX_BYTES + 1).unwrap();
        assert!(outgoing.enter(1).is_none(), "it waits alone");
        drop(large);
        assert_eq!(*lock(&outgoing.waiting), (0, 0));
    }

    #[test]
    fn a_message_is_counted_as_it_is_written() {
        assert_eq!(size_of(&serde_json::json!({"a": ["é", 1]})), r#"{"a":["é",1]}"#.len());
    }
}
