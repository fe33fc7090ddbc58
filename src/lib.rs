#![doc = include_str!("../README.md")]

pub mod bus;
pub mod emitter;
pub mod event;
pub mod filter;
pub mod stream;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;

pub use bus::{EventBus, EventHandler, FlushError, Receipt, Subscription};
pub use emitter::{Changes, Emitter, Outbox};
pub use event::{Category, Details, DomainEvent, EventType, Payload, Scope, Severity};
pub use filter::{Filter, FilterError};
pub use stream::{Delivery, EventStream, Lag, Typed};
