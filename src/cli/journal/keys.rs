//! `keys`, and keys and heads that are given to other verbs.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use agentbus::audit::proof::{AtLeast, Head, HeadName, KeyError, KeyFile, PublicKey, SecretKey};
use serde::Serialize;

use super::{Ended, VerbError, print_answer};
use crate::cli::args::proof::{KeysArgs, KeysVerb, NewKeyArgs};
use crate::cli::escape::Escaped;
use crate::cli::regular::{self, Links};

/// What the text of a public key begins with; else it is the name of a file.
const PUBLIC: &str = "agentbus-ed25519-";

/// At the end of a file the last line is looked for in so many bytes.
const LAST_LINE: u64 = 8 << 10;

#[derive(Serialize)]
struct Answer {
    secret: String,
    public: String,
    key: String,
}

pub(super) fn main(args: &KeysArgs) -> Result<Ended, VerbError> {
    let KeysVerb::New(NewKeyArgs { path, json }) = &args.verb;
    let (files, key) = (KeyFile::at(path), SecretKey::generate()?);
    files.create(&key)?;
    let shown = |path: &Path| path.display().to_string();
    let key = key.public().to_string();
    let answer = Answer { secret: shown(&files.secret), public: shown(&files.public), key };
    print_answer(*json, &answer, |out| {
        writeln!(out, "{}", answer.key)?;
        writeln!(out, "in {}; the secret key is in {}", Escaped(&answer.public), Escaped(&answer.secret))
    })?;
    Ok(Ended::Well)
}

/// The public key that is meant: itself, or what is in that file.
pub(super) fn public(text: &str) -> Result<PublicKey, VerbError> {
    if text.starts_with(PUBLIC) {
        let path = Path::new("--key").to_owned();
        return Ok(text.parse().map_err(|source| KeyError::NoKey { path, source })?);
    }
    Ok(PublicKey::read(text)?)
}

/// The head that is meant: its name, or the last line of that file.
pub(super) fn head(text: &str) -> Result<AtLeast, VerbError> {
    if let Ok(name) = text.parse::<HeadName>() {
        return Ok(name.into());
    }
    let path = Path::new(text);
    let failed = |source| VerbError::ReadFile { file: path.to_owned(), source };
    let mut file = regular::open(path, Links::Followed).map_err(failed)?;
    let end = end_of(&mut file).map_err(failed)?;
    let last = end.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let name = last.split_whitespace().next().and_then(|word| word.parse::<HeadName>().ok());
    let kept = name.map(AtLeast::from).or_else(|| Head::parse(last).ok().map(AtLeast::from));
    kept.ok_or_else(|| VerbError::NoHead { file: path.to_owned() })
}

fn end_of(file: &mut File) -> io::Result<String> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(LAST_LINE)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}
