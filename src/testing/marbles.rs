//! Marble text: streams over time, written as text, for tests of operators.
//!
//! | text | means |
//! |---|---|
//! | `-` | a frame in which nothing happens; a frame is 1 ms |
//! | `a` | a value, a letter or digit; it takes a frame |
//! | `(ab)` | all of it in one frame (elsewhere a group takes as many frames as it has characters) |
//! | `[..]` | a value whose own text is not one letter or digit, such as the list `[ab]`; only in what is expected |
//! | <code>\|</code> | the end; a text without it never ends |
//! | space | nothing; it lines texts up |
//!
//! Time is tokio's: under `#[tokio::test(start_paused = true)]` frames are exact and take no time.
//!
//! Faults in a marble text are bugs of a test: they panic, with the position of the fault.
//!
//! ```
//! use std::time::Duration;
//! use agentbus::StreamRx;
//! use agentbus::testing::marbles::{assert_marbles, cold};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let debounced = cold("ab-----c|").rx().debounce(Duration::from_millis(3));
//! assert_marbles(debounced, "   ----b---(c|)").await;
//! # }
//! ```

use std::time::Duration;

mod marble;
mod recorder;
mod source;
mod text;

pub use marble::Marble;
pub use recorder::{assert_marbles, record};
pub use source::{Marbles, cold, hot};

/// How long a frame is.
pub const FRAME: Duration = Duration::from_millis(1);

fn frames(count: u32) -> Duration {
    FRAME.saturating_mul(count)
}
