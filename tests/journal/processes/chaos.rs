//! Three writers of one journal that open, write, close and die in any order, each of which meets any faults; where all
//! that is promised is synced, their machine crashes too.

use std::io::ErrorKind;

use agentbus::journal::Durability;
use agentbus::testing::{Fault, FaultyStorage, When};

use super::{OnFailure, Process};
use crate::support::{DURABILITIES, Watched, files, on_threads, wait};

/// How many runs there are, unless `AGENTBUS_CHAOS` says otherwise.
const RUNS: u64 = 500;

/// How many things happen in one.
const STEPS: usize = 40;

/// A source of numbers that look random: splitmix64.
struct Chance(u64);

impl Chance {
    /// A number below that one.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    /// One of them.
    fn of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }
}

struct Chaos {
    chance: Chance,
    machine: Watched,
    durability: Durability,
    writers: Vec<Process>,
    /// Those that died.
    gone: Vec<Process>,
    /// Whether the machine crashed: what nobody was promised may have left a hole.
    has_crashed: bool,
    /// What happened, for whoever has to understand a failure.
    told: Vec<String>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let durability = chance.of(&DURABILITIES);
        let machine = Watched::new(FaultyStorage::new());
        let (writers, gone) = (Vec::new(), Vec::new());
        let told = vec![format!("seed {seed}, {durability:?}")];
        let mut chaos = Self { chance, machine, durability, writers, gone, has_crashed: false, told };
        for _ in 0..3 {
            let writer = chaos.begin();
            chaos.writers.push(writer);
        }
        chaos
    }

    /// Another process, which opens the journal.
    fn begin(&mut self) -> Process {
        let number = 1 + self.writers.len() + self.gone.len();
        let mut writer = Process::new(self.machine.fork_process(), number, OnFailure::Waits);
        writer.open(self.durability, self.chance.of(&[600, 1_000, 1_000_000]));
        writer
    }

    /// Something happens to one of the three.
    async fn step(&mut self) {
        let (which, count) = (self.chance.below(3), 1 + self.chance.below(3));
        let what = self.chance.below(if self.durability == Durability::Sync { 11 } else { 10 });
        self.told.push(format!("{which}: {what} ({count})"));
        let soon = self.chance.below(12) as u64;
        let fault = match self.chance.below(3) {
            0 => Fault::Tear(self.chance.below(1_500)),
            1 => Fault::Fail(ErrorKind::StorageFull),
            _ => Fault::Fail(ErrorKind::Other),
        };
        let writer = &mut self.writers[which];
        let call = writer.storage.storage.calls() + 1 + soon;
        match what {
            0..=2 => writer.append(count).await,
            3 | 4 => writer.record(count),
            5 => writer.flush().await,
            6 | 7 => writer.storage.storage.inject(When::Call(call), fault),
            8 => {
                // Its life ends on the way, or right after.
                writer.storage.storage.inject(When::Call(call), Fault::Freeze);
                writer.on_failure = OnFailure::GoesOn;
                writer.append(count).await;
                writer.record(count);
                writer.flush().await;
                writer.storage.storage.freeze();
                self.replace(which).await;
            }
            9 => {
                writer.flush().await;
                writer.close().await;
                self.replace(which).await;
            }
            _ => self.crash_machine().await,
        }
        self.check();
    }

    async fn replace(&mut self, which: usize) {
        self.writers[which].close().await;
        let next = self.begin();
        self.gone.push(std::mem::replace(&mut self.writers[which], next));
    }

    async fn crash_machine(&mut self) {
        for mut writer in std::mem::take(&mut self.writers) {
            writer.on_failure = OnFailure::GoesOn;
            writer.storage.storage.freeze();
            writer.close().await;
            self.gone.push(writer);
        }
        let seed = self.chance.below(usize::MAX) as u64;
        self.machine = self.machine.moved_to(self.machine.storage.crash_machine(seed));
        self.has_crashed = true;
        for _ in 0..3 {
            let writer = self.begin();
            self.writers.push(writer);
        }
    }

    /// What was promised to anybody is there, once and in order.
    fn check(&self) {
        let files = files(&self.machine.storage.restart_process());
        let told = self.told.join("\n  ");
        for writer in self.writers.iter().chain(&self.gone) {
            writer.account.check(&files, usize::MAX, &told);
        }
        assert!(self.has_crashed || files.faults.is_empty(), "{:?} {told}", files.faults);
        let faults = self.machine.faults();
        let is_promised = |fault: &&String| !self.has_crashed || fault.contains("with other content");
        assert_eq!(faults.iter().find(is_promised), None, "{told}");
    }
}

#[test]
fn whatever_happens_to_three_writers_what_was_promised_is_there() {
    let asked = std::env::var("AGENTBUS_CHAOS").map(|runs| runs.parse().unwrap());
    let seeds: Vec<u64> = (0..asked.unwrap_or(RUNS)).collect();
    on_threads(&seeds, |seed| {
        let mut chaos = Chaos::new(*seed);
        wait(async {
            for _ in 0..STEPS {
                chaos.step().await;
            }
            for which in 0..3 {
                chaos.writers[which].storage.storage.heal();
                chaos.writers[which].flush().await;
                chaos.writers[which].close().await;
            }
        });
        chaos.check();
    });
}
