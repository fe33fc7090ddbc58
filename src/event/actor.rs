//! What is told about the actor loop.

use super::wire::{details, wire_enum};
use super::{Brief, Few, Text, Usd};

wire_enum! {
    /// What ended an actor's loop.
    ActorErrorKind {
        /// The model failed.
        Model = "model",
        /// The failure policy ended it.
        Policy = "policy",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}

wire_enum! {
    /// Which limit an actor reached.
    EscalationReason {
        /// Iterations of the loop.
        MaxIterations = "max_iterations",
        /// Calls of tools.
        MaxToolCalls = "max_tool_calls",
        /// Wall time.
        Timeout = "timeout",
        /// Money.
        Budget = "budget",
    }
}

details! {
    /// An actor began its loop.
    ActorInvoked {
        /// The actor.
        actor: Text,
        /// The model it asks.
        model: Text,
        /// The tools it may use.
        tools: Few<Text>,
        /// How often it may ask.
        max_iterations: u32,
    }

    /// An actor came to a natural end.
    ActorCompleted {
        /// The actor.
        actor: Text,
        /// How often it asked the model.
        iterations: u32,
        /// How many tools it called.
        tool_calls: u32,
        /// Tokens the model read.
        input_tokens: u64,
        /// Tokens the model wrote.
        output_tokens: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        @optional
        /// What that cost; none without a budget.
        cost_usd: Usd,
    }

    /// The model failed, the failure policy ended the loop, or it was cancelled.
    ActorErrored {
        /// The actor.
        actor: Text,
        /// What happened.
        error: Brief,
        /// What kind of end it was.
        error_kind: ActorErrorKind,
        /// Whether it was cancelled.
        cancelled: bool,
        /// How often it had asked the model.
        iterations: u32,
        @optional
        /// Tokens the model read.
        input_tokens: u64,
        /// Tokens the model wrote.
        output_tokens: u64,
        /// What that cost; none without a budget.
        cost_usd: Usd,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }

    /// An actor reached a limit.
    ActorEscalated {
        /// The actor.
        actor: Text,
        /// Which limit.
        reason: EscalationReason,
        /// How much was allowed, with its unit.
        limit: Text,
        /// How often it had asked the model.
        iterations: u32,
        @optional
        /// Tokens the model read.
        input_tokens: u64,
        /// Tokens the model wrote.
        output_tokens: u64,
        /// What that cost; none without a budget.
        cost_usd: Usd,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    }
}
