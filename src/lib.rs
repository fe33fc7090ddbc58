#![doc = include_str!("../README.md")]

#[cfg(feature = "audit")]
pub mod audit;
pub mod bus;
#[cfg(feature = "checkpoint")]
pub mod checkpoint;
pub mod emitter;
pub mod event;
pub mod filter;
#[cfg(feature = "agent")]
pub mod gate;
pub mod journal;
pub mod redact;
#[cfg(feature = "agent")]
pub mod service;
pub mod stream;
mod sync;
#[cfg(feature = "telemetry")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use bus::{
    CloseReport, EventBus, EventBusExt, EventHandler, FanoutEventBus, FlushError, HandlerCounts, Ledger,
    LedgerRow, LoggingEventBus, NullEventBus, ReactiveEventBus, Receipt, RecordError, Recorder, SpawnError,
    SpawnOptions, Stats, Subscription,
};
pub use emitter::{Changes, Emitter, Outbox};
pub use event::{Category, Details, DomainEvent, EventType, Payload, Scope, Severity};
pub use filter::{Filter, FilterError};
pub use redact::Redactor;
pub use stream::{Delivery, EventStream, Lag, Rx, StreamRx, Typed};
