//! `rxrust`: observers of a subject, called on the publisher's thread.

use std::sync::Arc;

use agentbus::DomainEvent;
use rxrust::prelude::{Observer, SharedObservable, SharedSubject, SubscribeNext};

type Subject = SharedSubject<Arc<DomainEvent>, ()>;

/// A subject that is shared between threads. It panics when two of them publish at once: it has one publisher here.
pub(crate) struct RxRust {
    subject: Subject,
}

impl RxRust {
    /// A subject with so many observers.
    pub(crate) fn new<F>(observers: usize, observer: impl Fn() -> F) -> Self
    where
        F: Fn(&Arc<DomainEvent>) + Send + Sync + 'static,
    {
        let subject = Subject::new();
        for _ in 0..observers {
            let observe = observer();
            subject.clone().into_shared().subscribe(move |event| observe(&event));
        }
        Self { subject }
    }

    pub(crate) fn publish(&mut self, event: Arc<DomainEvent>) {
        self.subject.next(event);
    }
}
