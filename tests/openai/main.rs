//! A model behind an endpoint of chat completions, asked over real connections to a server that plays a script.
//!
//! Nothing here waits for time to pass: where time must, the clock is moved while nothing else can happen.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does, by a panic"
)]

mod actor;
mod command_line;
mod failing;
mod log;
mod retrying;
mod secrets;
mod server;

use std::time::Duration;

use agentbus::service::actor::{
    ChatCompletionsModel, Conversation, LanguageModel as _, Message, ModelError, Reply,
};

/// A conversation in which something was asked.
fn asked(question: &str) -> Conversation {
    let mut conversation = Conversation::new();
    conversation.push(Message::User(question.to_owned()));
    conversation
}

/// Asks the model, without tools.
async fn ask(model: &ChatCompletionsModel) -> Result<Reply, ModelError> {
    model.respond(&asked("well?"), &[]).await
}

/// Lets that much time pass at once. It stands still meanwhile, so that only what waited before sees it.
async fn pass(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}
