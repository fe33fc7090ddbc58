//! What may be said to the verbs that sign and prove.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::journal::DirectoryArgs;
use super::value;

#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// The public key of who signs the heads, or the file that holds it.
    #[arg(long, value_name = "PUB")]
    pub(crate) key: Option<String>,

    /// A head that was kept elsewhere: its number and hash as `heads` prints them, or a file whose last line is one.
    #[arg(long, value_name = "HEAD", requires = "key")]
    pub(crate) at_least: Option<String>,

    /// How old the newest head may be, such as 10m or 1d.
    #[arg(long, value_name = "D", requires = "key", value_parser = value::span)]
    pub(crate) max_age: Option<Duration>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HeadsArgs {
    #[command(flatten)]
    pub(crate) of: DirectoryArgs,

    /// Show only what is signed with this key: the public key, or the file that holds it.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Go on with those that come, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Sign the journal meanwhile, whoever writes it, with the secret key in this file.
    #[arg(long, value_name = "KEY", requires = "follow")]
    pub(crate) sign_with: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) verb: KeysVerb,
}

/// What is to be done with keys.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// Makes a new one: the secret key in a file for its owner alone, the public key beside it with .pub.
    ///
    /// Nothing is written over.
    New(NewKeyArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NewKeyArgs {
    /// The file of the secret key, or a folder, where it is called agentbus.key.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
