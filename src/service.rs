//! The services of the domain: each does its work and tells of it.
//!
//! A service is a cheap clone of a handle, safe to call from many tasks. It tells by the bus that it was given, or
//! tells nobody: it does its work the same, and never fails, waits or panics because of the bus. An event is told
//! after the change that it tells of, and the events of one entity in the order of its changes. What a service
//! refuses is a typed error that names the state it found and what was asked of it; nothing has changed then, and
//! nothing is told unless the refusal is itself the fact.

pub mod actor;
mod backoff;
mod blocking;
pub mod budget;
pub mod context;
pub mod decision;
mod document;
mod git;
#[cfg(any(feature = "mcp", feature = "openai"))]
mod https;
pub mod invariant;
pub mod plan;
mod process;
mod regular;
pub mod resource;
pub mod restore;
pub mod sandbox;
mod scope;
pub mod session;
mod snapshot;
mod time;
pub mod tool;
pub mod validation;

pub use actor::ActorRuntime;
pub use budget::BudgetService;
pub use context::ContextService;
pub use decision::DecisionService;
pub use invariant::InvariantService;
pub use plan::PlanService;
pub use resource::ResourceService;
pub use sandbox::SandboxService;
pub use session::SessionService;
pub use tool::ToolRuntime;
pub use validation::ValidationPipeline;
