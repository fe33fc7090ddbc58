//! [`Queue`]: what a server is told waits for its turn, and a request that nobody waits for any more leaves the queue.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio_util::sync::CancellationToken;

use crate::sync::{Mutex, lock};

/// A transport that writes one message after the other, and of a request that is cancelled before its turn neither the
/// request nor the notice that it is cancelled.
///
/// A server need not read what it is told. Each call of its tools ends in time all the same, but what was to be told
/// would stay, and be done when the server reads again. So nothing stays of a call that has ended, but for what was
/// written already, or is being written.
pub(super) struct Queue<T> {
    transport: T,
    /// Held by whoever writes; taken in the order in which messages came.
    turn: Arc<tokio::sync::Mutex<()>>,
    waiting: Arc<Waiting>,
}

/// The requests that wait for their turn. It is held for single moves.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<RequestId, CancellationToken>>);

/// What is to be done with a message.
enum Place {
    /// It is a request, which may leave the queue.
    OfRequest(Ticket),
    /// It says that a request is cancelled that has just left the queue.
    Needless,
    Other,
}

impl<T> Queue<T> {
    pub(super) fn new(transport: T) -> Self {
        Self { transport, turn: Arc::default(), waiting: Arc::default() }
    }

    fn place_of(&self, message: &TxJsonRpcMessage<RoleClient>) -> Place {
        match message {
            JsonRpcMessage::Request(request) => Place::OfRequest(Ticket::take(&self.waiting, &request.id)),
            JsonRpcMessage::Notification(notice) => match &notice.notification {
                ClientNotification::CancelledNotification(cancelled) => {
                    let request = cancelled.params.request_id.as_ref();
                    let has_left = request.is_some_and(|request| self.waiting.withdraw(request));
                    if has_left { Place::Needless } else { Place::Other }
                }
                _ => Place::Other,
            },
            _ => Place::Other,
        }
    }
}

impl<T: Transport<RoleClient, Error = io::Error>> Transport<RoleClient> for Queue<T> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let place = self.place_of(&message);
        let (turn, sending) = (Arc::clone(&self.turn), self.transport.send(message));
        async move {
            let _turn = match place {
                Place::Needless => return Ok(()),
                Place::Other => turn.lock().await,
                Place::OfRequest(ticket) => {
                    let turn = tokio::select! {
                        biased;
                        () = ticket.withdrawn.cancelled() => return Ok(()),
                        turn = turn.lock() => turn,
                    };
                    if !ticket.give() {
                        return Ok(());
                    }
                    turn
                }
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

impl Waiting {
    /// Takes a request out of the queue; whether it was there.
    fn withdraw(&self, request: &RequestId) -> bool {
        let left = lock(&self.0).remove(request);
        left.inspect(CancellationToken::cancel).is_some()
    }
}

/// That a request waits for its turn. Dropped, it does not any more.
struct Ticket {
    request: RequestId,
    withdrawn: CancellationToken,
    waiting: Arc<Waiting>,
}

impl Ticket {
    fn take(waiting: &Arc<Waiting>, request: &RequestId) -> Self {
        let withdrawn = CancellationToken::new();
        lock(&waiting.0).insert(request.clone(), withdrawn.clone());
        Self { request: request.clone(), withdrawn, waiting: Arc::clone(waiting) }
    }

    /// Gives it up, since its turn has come; whether the request is still wanted.
    fn give(&self) -> bool {
        lock(&self.waiting.0).remove(&self.request).is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.give();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use serde_json::{Value, json};
    use tokio::sync::Semaphore;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    /// A server that reads so many messages as it is permitted to, and what it read.
    struct Reads {
        permitted: Arc<Semaphore>,
        read: UnboundedSender<Value>,
    }

    impl Transport<RoleClient> for Reads {
        type Error = io::Error;

        fn send(
            &mut self,
            message: TxJsonRpcMessage<RoleClient>,
        ) -> impl Future<Output = io::Result<()>> + Send + 'static {
            let (permitted, read) = (Arc::clone(&self.permitted), self.read.clone());
            async move {
                permitted.acquire_owned().await.unwrap().forget();
                read.send(serde_json::to_value(message).unwrap()).map_err(io::Error::other)
            }
        }

        async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
            None
        }

        async fn close(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Something that is told, or was.
    struct Sending {
        future: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
        is_over: bool,
    }

    impl Sending {
        /// Goes on to where it has to wait; whether it is over.
        fn is_over(&mut self) -> bool {
            let mut context = Context::from_waker(Waker::noop());
            self.is_over =
                self.is_over || matches!(self.future.as_mut().poll(&mut context), Poll::Ready(Ok(())));
            self.is_over
        }
    }

    struct World {
        queue: Queue<Reads>,
        permitted: Arc<Semaphore>,
        read: UnboundedReceiver<Value>,
    }

    impl World {
        fn new() -> Self {
            let (permitted, (sender, read)) = (Arc::new(Semaphore::new(0)), unbounded_channel());
            let queue = Queue::new(Reads { permitted: Arc::clone(&permitted), read: sender });
            Self { queue, permitted, read }
        }

        /// Begins to tell something, and goes on to where that has to wait.
        fn tell(&mut self, message: Value) -> Sending {
            let future = Box::pin(self.queue.send(serde_json::from_value(message).unwrap()));
            let mut sending = Sending { future, is_over: false };
            sending.is_over();
            sending
        }

        fn ask(&mut self, id: u32) -> Sending {
            self.tell(json!({"jsonrpc": "2.0", "id": id, "method": "ping"}))
        }

        fn cancel(&mut self, id: u32) -> Sending {
            let method = "notifications/cancelled";
            self.tell(json!({"jsonrpc": "2.0", "method": method, "params": {"requestId": id}}))
        }

        /// What the server has read: the ids of requests, and those of which it reads that they are cancelled, negative.
        fn read(&mut self) -> Vec<i64> {
            let all = std::iter::from_fn(|| self.read.try_recv().ok());
            all.map(|read| {
                let cancelled = read["params"]["requestId"].as_i64().map(|id| -id);
                read["id"].as_i64().or(cancelled).unwrap()
            })
            .collect()
        }

        fn waiting(&self) -> usize {
            lock(&self.queue.waiting.0).len()
        }
    }

    #[test]
    fn a_request_that_is_cancelled_before_its_turn_is_never_told() {
        let mut world = World::new();
        let mut asked = [world.ask(1), world.ask(2), world.ask(3)];
        assert_eq!(world.waiting(), 2);
        assert!(world.cancel(2).is_over() && asked[1].is_over(), "nothing of it waits");
        // The first is being written: it may be that the server reads it.
        let mut cancelled = world.cancel(1);
        assert!(!cancelled.is_over() && !asked[0].is_over());
        world.permitted.add_permits(3);
        assert!(asked[0].is_over() && asked[2].is_over() && cancelled.is_over());
        assert_eq!((world.read(), world.waiting()), (vec![1, 3, -1], 0));
        assert!(!world.cancel(3).is_over(), "what was told is cancelled by telling it");
    }

    #[test]
    fn nothing_is_left_of_a_thousand_requests_that_nobody_waits_for() {
        let mut world = World::new();
        let _being_written = world.ask(0);
        for id in 1..=1000 {
            let mut asked = world.ask(id);
            assert!(world.cancel(id).is_over() && asked.is_over());
        }
        assert_eq!(world.waiting(), 0);
        drop(world.ask(1001));
        assert_eq!(world.waiting(), 0, "nor of one that was dropped");
    }
}
