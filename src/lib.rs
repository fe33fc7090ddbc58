#![doc = include_str!("../README.md")]

pub mod event;

pub use event::{Category, Details, DomainEvent, EventType, Payload, Scope, Severity};
