//! What the command line asks for; `run --help` tells it to people.

use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
    pub(crate) docs: Option<PathBuf>,
    pub(crate) only: Option<String>,
    /// The same program with the other allocator, which measures what depends on it.
    pub(crate) other_allocator: Option<PathBuf>,
    /// A Python that has the Python rivals.
    pub(crate) python: Option<PathBuf>,
    /// Prints sections as lines of JSON, for the program that started this one.
    pub(crate) sections: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => args.quick = true,
                "--sections" => args.sections = true,
                "--json" => args.json = Some(value()?.into()),
                "--docs" => args.docs = Some(value()?.into()),
                "--other-allocator" => args.other_allocator = Some(value()?.into()),
                "--python" => args.python = Some(value()?.into()),
                "--only" => args.only = Some(value()?),
                _ => return Err(format!("{word} is not known")),
            }
        }
        if let Some(only) = &args.only
            && !crate::case::GROUPS.iter().any(|(name, _)| name == only)
        {
            return Err(format!("{only} is no group"));
        }
        if args.docs.is_some() && args.only.is_some() {
            return Err("--docs writes about all groups: leave --only out".to_owned());
        }
        Ok(args)
    }
}
