//! Any verbs in any order come to what a model of a few lines says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use agentbus::checkpoint::{
    Change, CheckpointError, CheckpointFilter, CheckpointStatus, CheckpointStore, StoredCheckpoint,
};
use agentbus::event::Timestamp;
use agentbus::testing::FixedClock;
use proptest::prelude::*;

use crate::support::{Home, draft};

const START: Timestamp = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);

/// What is done; a number chooses among what there is.
#[derive(Clone, Debug)]
enum Act {
    Create { session: u8 },
    Resolve(usize),
    Abandon(usize, u8),
    Damage(usize),
    Quarantine(usize),
    Cleanup { hours: u64 },
    Wait { hours: u64 },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..3_u8).prop_map(|session| Act::Create { session }),
        3 => any::<usize>().prop_map(Act::Resolve),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(which, reason)| Act::Abandon(which, reason)),
        1 => any::<usize>().prop_map(Act::Damage),
        2 => any::<usize>().prop_map(Act::Quarantine),
        1 => (0..50_u64).prop_map(|hours| Act::Cleanup { hours }),
        2 => (0..20_u64).prop_map(|hours| Act::Wait { hours }),
    ];
    prop::collection::vec(act, 1..40)
}

/// What a file is.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    session: String,
    status: CheckpointStatus,
    reason: Option<String>,
    created: u64,
    updated: u64,
    is_damaged: bool,
}

/// The folder as it should be.
#[derive(Debug, Default)]
struct Model {
    files: BTreeMap<String, Known>,
    archived: BTreeSet<String>,
    quarantined: BTreeSet<String>,
    /// How many acts there were.
    acts: u64,
    hour: u64,
}

impl Model {
    fn chosen(&self, which: usize) -> Option<String> {
        self.files.keys().nth(which.checked_rem(self.files.len())?).cloned()
    }

    /// What becomes of one that is to be changed; the kind of the refusal, if it cannot be.
    fn change(
        &mut self,
        file: &str,
        to: CheckpointStatus,
        reason: Option<String>,
    ) -> Result<Change, &'static str> {
        let hour = self.hour;
        let known = self.files.get_mut(file).unwrap();
        match known.status {
            _ if known.is_damaged => Err("corrupt"),
            CheckpointStatus::Active => {
                (known.status, known.reason, known.updated) = (to, reason, hour);
                Ok(Change::Written)
            }
            status if status == to => Ok(Change::Repeated),
            _ => Err("not_conforming"),
        }
    }
}

fn clock(model: &Model) -> FixedClock {
    // No two acts at one moment: names are of the clock.
    let into_the_hour = Duration::from_millis(model.acts);
    FixedClock::at(START.saturating_add(Duration::from_hours(model.hour)).saturating_add(into_the_hour))
}

fn act(home: &Home, store: &CheckpointStore, model: &mut Model, act: &Act) {
    model.acts += 1;
    let _clock = clock(model);
    let kind = |error: CheckpointError| error.kind();
    match act {
        Act::Wait { hours } => model.hour += hours,
        Act::Create { session } => {
            let session = format!("s-{session}");
            let stored = store.create(&draft(&session)).unwrap();
            let known = Known {
                session,
                status: CheckpointStatus::Active,
                reason: None,
                created: model.hour,
                updated: model.hour,
                is_damaged: false,
            };
            assert_eq!(model.files.insert(stored.file, known), None, "a name of its own");
        }
        Act::Resolve(which) => {
            let Some(file) = model.chosen(*which) else { return };
            let expected = model.change(&file, CheckpointStatus::Resolved, None);
            assert_eq!(store.resolve(&file).map(|changed| changed.change).map_err(kind), expected);
        }
        Act::Abandon(which, reason) => {
            let Some(file) = model.chosen(*which) else { return };
            let reason = format!("reason {reason}");
            let expected = model.change(&file, CheckpointStatus::Abandoned, Some(reason.clone()));
            let abandoned = store.abandon(&file, &reason, "me");
            assert_eq!(abandoned.map(|changed| changed.change).map_err(kind), expected);
        }
        Act::Damage(which) => {
            let Some(file) = model.chosen(*which) else { return };
            fs::write(home.file(&file), "damaged").unwrap();
            model.files.get_mut(&file).unwrap().is_damaged = true;
        }
        Act::Quarantine(which) => {
            let Some(file) = model.chosen(*which) else { return };
            let put_away = store.quarantine(&file, "damaged", "me").map(drop).map_err(kind);
            if model.files[&file].is_damaged {
                assert_eq!(put_away, Ok(()));
                model.files.remove(&file);
                model.quarantined.insert(file);
            } else {
                assert_eq!(put_away, Err("not_conforming"));
            }
        }
        Act::Cleanup { hours } => cleanup(store, model, *hours),
    }
}

fn cleanup(store: &CheckpointStore, model: &mut Model, hours: u64) {
    let report = store.cleanup(Duration::from_hours(hours)).unwrap();
    let (hour, total) = (model.hour, model.files.len());
    let is_due = |known: &Known| {
        !known.is_damaged && known.status != CheckpointStatus::Abandoned && hour - known.updated >= hours
    };
    let due: Vec<_> = model.files.extract_if(.., |_, known| is_due(known)).map(|(file, _)| file).collect();
    let archived: Vec<_> = report.archived.iter().map(|stored| stored.file.clone()).collect();
    assert_eq!(archived, due);
    assert_eq!(report.errors.len(), model.files.values().filter(|known| known.is_damaged).count());
    assert_eq!(report.archived.len() + report.skipped.len() + report.errors.len(), total);
    model.archived.extend(due);
}

/// The folder is what the model says.
fn assert_agree(home: &Home, store: &CheckpointStore, model: &Model) {
    let _clock = clock(model);
    let listing = store.list(&CheckpointFilter::all()).unwrap();
    let listed = |stored: &StoredCheckpoint| {
        let found = &stored.checkpoint;
        let hours = |time: Timestamp| time.since(START).as_secs() / 3_600;
        let known = Known {
            session: found.saved.session_id.to_string(),
            status: found.status,
            reason: found.abandonment.as_ref().map(|why| why.reason.clone()),
            created: hours(found.created_at),
            updated: hours(found.updated_at),
            is_damaged: false,
        };
        (stored.file.clone(), known)
    };
    let found: BTreeMap<_, _> = listing.checkpoints.iter().map(listed).collect();
    let sound = model.files.iter().filter(|(_, known)| !known.is_damaged);
    assert_eq!(found, sound.map(|(file, known)| (file.clone(), known.clone())).collect());
    let newest_first = |a: &StoredCheckpoint, b: &StoredCheckpoint| {
        (a.checkpoint.created_at, &a.file) > (b.checkpoint.created_at, &b.file)
    };
    assert!(listing.checkpoints.is_sorted_by(newest_first));
    let damaged: Vec<_> = listing.malformed.iter().map(|malformed| &malformed.file).collect();
    assert_eq!(
        damaged,
        model.files.iter().filter(|(_, known)| known.is_damaged).map(|(file, _)| file).collect::<Vec<_>>()
    );
    for session in ["s-0", "s-1", "s-2"] {
        let newest = listing.checkpoints.iter().find(|stored| {
            stored.checkpoint.status == CheckpointStatus::Active
                && stored.checkpoint.saved.session_id == session
        });
        assert_eq!(store.resume(&session.into()).ok().map(|resumed| resumed.stored).as_ref(), newest);
    }
    for (folder, expected) in [("archive", &model.archived), ("quarantine", &model.quarantined)] {
        let names = fs::read_dir(home.file(folder)).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(&names.filter(|name| !name.ends_with(".record")).collect::<BTreeSet<_>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_verbs_in_any_order_come_to_what_the_model_says(acts in acts()) {
        let home = Home::new();
        let store = home.store();
        let mut model = Model::default();
        for next in &acts {
            act(&home, &store, &mut model, next);
            assert_agree(&home, &store, &model);
        }
        home.assert_outside_untouched();
    }
}
