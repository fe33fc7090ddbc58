//! `heads`: how far a journal had come, signed, to be kept elsewhere.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use agentbus::audit::proof::{Head, HeadError, HeadOptions, HeadSigner, PublicKey, SecretKey, heads};
use agentbus::journal::{Health, JournalReader, Position};
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Ended, VerbError, directory, runtime, stdout};
use crate::cli::args::proof::HeadsArgs;
use crate::cli::interrupt::Interrupts;
use crate::cli::report::{complain, with_causes};
use crate::cli::timeline::counted;
use crate::cli::wait::waiter;

/// How often it is looked whether there is a new head.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long signing the last head may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn main(args: &HeadsArgs) -> Result<Ended, VerbError> {
    let key = args.sign_with.as_deref().map(SecretKey::read).transpose()?;
    let reader = directory::reader(&args.of.directory)?;
    let signer = key.as_ref().map(SecretKey::public);
    let public = args.key.as_deref().map(super::keys::public).transpose()?.or(signer);
    let shown_before = (1, BTreeSet::new());
    let mut shown = Shown { before: shown_before, key: public, is_well: true, json: args.of.json };
    if args.follow {
        runtime(1)?.block_on(follow(&reader, key, &mut shown))?;
    } else {
        shown.show(&reader)?;
    }
    Ok(Ended::well_if(shown.is_well))
}

/// Shows heads until a signal, or until nobody reads stdout any more, and signs meanwhile.
async fn follow(reader: &JournalReader, key: Option<SecretKey>, shown: &mut Shown) -> Result<(), VerbError> {
    let interrupts = Interrupts::listen(CancellationToken::new(), None).map_err(VerbError::Start)?;
    let (waiter, _stop) = waiter().map_err(VerbError::Start)?;
    let mut output = spawn_blocking(move || waiter.for_output_gone());
    let signer = key.map(|key| HeadSigner::start(reader, key, HeadOptions::new())).transpose()?;
    let mut is_watched = true;
    loop {
        block_in_place(|| shown.show(reader))?;
        if let Some(reason) = signer.as_ref().and_then(failing) {
            shown.complain_once(&format!("does not sign: {reason}"));
        }
        tokio::select! {
            biased;
            () = interrupts.token().cancelled() => break,
            woken = &mut output, if is_watched => match woken {
                Ok(Ok(_gone)) => break,
                // It cannot be watched: the next line that is printed tells.
                _ => is_watched = false,
            },
            () = sleep(LOOK_EVERY) => {}
        }
    }
    if let Some(signer) = signer {
        if let Err(error) = signer.close(CLOSE_DEADLINE).await {
            complain(&format!("the last head was not signed: {}", with_causes(&error)));
            shown.is_well = false;
        }
        block_in_place(|| shown.show(reader))?;
    }
    Ok(())
}

fn failing(signer: &HeadSigner) -> Option<String> {
    match signer.health() {
        Health::Failing { reason, .. } => Some(reason),
        _ => None,
    }
}

/// What was shown.
struct Shown {
    /// The first number of which no head was shown, and those behind it of which one was.
    before: (u64, BTreeSet<u64>),
    /// By whom they must be signed.
    key: Option<PublicKey>,
    /// Whether all of it could be.
    is_well: bool,
    json: bool,
}

impl Shown {
    /// Shows the heads that there are by now.
    fn show(&mut self, reader: &JournalReader) -> Result<(), VerbError> {
        let mut out = stdout(self.json);
        for head in heads(reader, self.before.0)? {
            match head {
                Ok(head) if self.before.1.contains(&head.number()) => {}
                Ok(head) => match self.key.as_ref().map_or(Ok(()), |key| head.check(key)) {
                    Ok(()) => {
                        self.note(head.number());
                        print(&mut out, self.json, &head)?;
                    }
                    Err(fault) => self.complain_once(&format!("head {}: {fault}", head.number())),
                },
                // Those behind it are shown all the same.
                Err(error @ HeadError::Fault { .. }) => self.complain_once(&with_causes(&error)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(out.flush()?)
    }

    /// A head that is there before those in front of it, as a forged one may be, hides none of them.
    fn note(&mut self, number: u64) {
        let (next, behind) = &mut self.before;
        behind.insert(number);
        while behind.remove(next) {
            *next = next.saturating_add(1);
        }
    }

    fn complain_once(&mut self, what: &str) {
        if std::mem::take(&mut self.is_well) {
            complain(what);
        }
    }
}

fn print(out: &mut impl Write, json: bool, head: &Head) -> io::Result<()> {
    if json {
        return writeln!(out, "{head}");
    }
    let (position, lines) = (head.position().map_or(0, Position::get), counted(head.count(), "line"));
    writeln!(out, "{} {} up to position {position}, {lines}", head.name(), head.time())
}
