//! What may be said to `gc`.

use std::time::Duration;

use clap::Args;

use super::journal::DirectoryArgs;
use super::value;

#[derive(Clone, Debug, Args)]
pub(crate) struct GcArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// How old the youngest event of a segment must be, such as 12h or 30d.
    #[arg(long, value_name = "D", value_parser = value::span)]
    pub(crate) older_than: Duration,

    /// Only say what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
