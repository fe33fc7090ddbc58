//! What may be said to `telemetry`.

use agentbus::event::Timestamp;
use clap::Args;

use super::journal::DirectoryArgs;
use super::value;

#[derive(Clone, Debug, Args)]
pub(crate) struct TelemetryArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// Only what was told at that time or later: an RFC 3339 time, or how long ago, such as 90s, 15m, 2h, 7d.
    #[arg(long, value_name = "T", value_parser = value::moment)]
    pub(crate) since: Option<Timestamp>,
}
