//! [`Told`]: what is told of one resource, each kind of event at one place.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use super::index::IndexReport;
use super::path::shown;
use crate::emitter::{Emitter, Outbox};
use crate::event::{
    ResourceAccessed, ResourceChange, ResourceIndexed, ResourceModified, ResourceOperation, ResourceSource,
    Scope, Text,
};
use crate::service::time::millis;
use crate::sync::{Mutex, lock};

/// Something that was done with a resource.
#[derive(Debug)]
pub(super) enum Fact {
    Accessed { operation: ResourceOperation, bytes: u64 },
    Modified(Modified),
    Indexed(Indexed),
}

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modified {
    pub(super) path: PathBuf,
    pub(super) change: ResourceChange,
    pub(super) source: ResourceSource,
    pub(super) from: Option<PathBuf>,
    pub(super) bytes: Option<u64>,
}

/// What an index run found, in numbers.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) files: u64,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) removed: u64,
    pub(super) bytes: u64,
    pub(super) duration: Duration,
    pub(super) incremental: bool,
}

impl Indexed {
    pub(super) fn of(report: &IndexReport) -> Self {
        Self {
            files: report.index.files().len() as u64,
            added: report.added.len() as u64,
            changed: report.changed.len() as u64,
            removed: report.removed.len() as u64,
            bytes: report.index.bytes(),
            duration: report.duration,
            incremental: report.incremental,
        }
    }
}

/// What is told of one resource, in the order in which it was kept.
///
/// A change is kept while it is the only one that runs, and told when the next one may begin: whoever tells first
/// tells what others kept before, too.
#[derive(Debug)]
pub(super) struct Told {
    resource: Text,
    /// Guards what was kept; held for single moves, and taken inside the outbox, never the other way round.
    kept: Mutex<VecDeque<(Scope, Fact)>>,
    outbox: Outbox<()>,
}

impl Told {
    pub(super) fn new(resource: Text, emitter: Emitter) -> Self {
        Self { resource, kept: Mutex::default(), outbox: Outbox::new((), emitter) }
    }

    /// The name of the resource.
    pub(super) fn resource(&self) -> &Text {
        &self.resource
    }

    /// Keeps a fact until [`Told::tell`].
    pub(super) fn keep(&self, scope: &Scope, fact: Fact) {
        if self.outbox.emitter().bus().is_some() {
            lock(&self.kept).push_back((scope.clone(), fact));
        }
    }

    /// Tells what was kept.
    pub(super) fn tell(&self) {
        self.outbox.change(|(), events| {
            while let Some((scope, fact)) = self.next() {
                let resource = self.resource.clone();
                match fact {
                    Fact::Accessed { operation, bytes } => {
                        events.emit_in(&scope, || ResourceAccessed::new(resource, operation, bytes));
                    }
                    Fact::Modified(one) => events.emit_in(&scope, || {
                        let mut told =
                            ResourceModified::new(resource, shown(&one.path), one.change, one.source);
                        told.from_path = one.from.as_deref().map(shown);
                        told.bytes = one.bytes;
                        told
                    }),
                    Fact::Indexed(Indexed {
                        files,
                        added,
                        changed,
                        removed,
                        bytes,
                        duration,
                        incremental,
                    }) => {
                        let duration = millis(duration);
                        events.emit_in(&scope, || {
                            ResourceIndexed::new(
                                resource,
                                files,
                                added,
                                changed,
                                removed,
                                bytes,
                                duration,
                                incremental,
                            )
                        });
                    }
                }
            }
        });
    }

    fn next(&self) -> Option<(Scope, Fact)> {
        lock(&self.kept).pop_front()
    }
}
