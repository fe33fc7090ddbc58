//! Random polls, acknowledgements, failures and restarts against a model: each event is given at least once, in
//! order, and none is passed over but with a letter.

use std::collections::BTreeSet;
use std::sync::Arc;

use agentbus::journal::{Durability, NackError, Nacked};
use agentbus::testing::FaultyStorage;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

const MAX_ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: u64 = 2;

#[derive(Clone, Debug)]
enum Act {
    /// Appends an event, which matches the filter or does not.
    Append(bool),
    Poll(usize),
    /// Acknowledges one of the events given since the last acknowledgement.
    Ack(prop::sample::Index),
    /// Acknowledges a position from three before the cursor to three behind the end.
    AckAny(prop::sample::Index),
    /// The next event fails.
    Fail,
    /// A position near the cursor fails, whatever it is.
    FailAny(u64),
    Wait(u64),
    Reopen,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => any::<bool>().prop_map(Act::Append),
        4 => (1..5_usize).prop_map(Act::Poll),
        4 => any::<prop::sample::Index>().prop_map(Act::Ack),
        1 => any::<prop::sample::Index>().prop_map(Act::AckAny),
        3 => Just(Act::Fail),
        1 => (0..5_u64).prop_map(Act::FailAny),
        3 => (0..6_u64).prop_map(Act::Wait),
        2 => Just(Act::Reopen),
    ]
}

/// What a consumer has to do, told by what it was asked.
#[derive(Debug, Default)]
struct Model {
    last: u64,
    /// The positions of the events that match.
    matching: Vec<u64>,
    cursor: u64,
    /// The position, how often it failed, and the second before which it is not given.
    retry: Option<(u64, u32, u64)>,
    second: u64,
    given: Vec<u64>,
    letters: Vec<u64>,
}

impl Model {
    fn pending(&self) -> impl Iterator<Item = u64> {
        self.matching.iter().copied().filter(|position| *position > self.cursor)
    }

    fn poll(&self, max: usize) -> (Vec<u64>, Option<Position>) {
        let held = self.retry.filter(|(.., not_before)| *not_before > self.second).map(|(held, ..)| held);
        let events: Vec<_> =
            self.pending().take(max).take_while(|position| Some(*position) != held).collect();
        let through = match (events.last(), held) {
            (Some(last), _) if events.len() == max => *last,
            (_, Some(held)) => held - 1,
            _ => self.last,
        };
        (events, Some(through).filter(|through| *through > self.cursor).map(at))
    }

    fn ack(&mut self, position: u64) -> bool {
        if position < self.cursor || position > self.last.max(self.cursor) {
            return false;
        }
        self.cursor = position;
        self.retry = self.retry.filter(|(failed, ..)| *failed > position);
        true
    }

    /// How often it has failed now, and whether that was the last time.
    fn fail(&mut self, position: u64) -> (u32, bool) {
        let before =
            self.retry.filter(|(failed, ..)| *failed == position).map_or(0, |(_, attempts, _)| attempts);
        let attempts = before + 1;
        if attempts == MAX_ATTEMPTS {
            self.letters.push(position);
            (self.cursor, self.retry) = (position, None);
            return (attempts, true);
        }
        self.retry = Some((position, attempts, self.second + FIRST_BACKOFF * u64::from(attempts)));
        (attempts, false)
    }
}

/// A journal, its consumer, and the model of it.
struct Bench {
    runtime: Runtime,
    storage: Arc<FaultyStorage>,
    journal: Journal,
    consumer: Option<Consumer>,
    clock: FixedClock,
    model: Model,
}

impl Bench {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let storage = Arc::new(FaultyStorage::new());
        let builder = Journal::builder_on(storage.clone()).durability(Durability::Os).segment_bytes(600);
        let journal = builder.open().unwrap();
        let mut bench =
            Self { runtime, storage, journal, consumer: None, clock: clock(), model: Model::default() };
        bench.reopen();
        bench
    }

    fn reopen(&mut self) {
        drop(self.consumer.take());
        let options = ConsumerOptions::new()
            .filter("session=wanted".parse::<Filter>().unwrap())
            .max_attempts(MAX_ATTEMPTS)
            .backoff(Duration::from_secs(FIRST_BACKOFF), Duration::from_mins(1));
        let reader = JournalReader::on(self.storage.clone()).unwrap();
        self.consumer = Some(reader.consumer_with("indexer", options).unwrap());
    }

    fn consumer(&mut self) -> &mut Consumer {
        self.consumer.as_mut().unwrap()
    }

    fn append(&mut self, matches: bool) {
        let session = if matches { "wanted" } else { "other" };
        let event = DomainEvent::new(SessionCreated::new(false)).with_session_id(session);
        self.model.last = self.runtime.block_on(self.journal.append(event)).unwrap().get();
        if matches {
            self.model.matching.push(self.model.last);
        }
    }

    fn poll(&mut self, max: usize) -> Result<usize, TestCaseError> {
        let polled = self.consumer().poll(max).unwrap();
        let (events, through) = self.model.poll(max);
        prop_assert_eq!((positions(&polled), polled.through), (events.clone(), through));
        prop_assert!(polled.unreadable.is_empty() && polled.removed.is_none());
        let highest = self.model.given.iter().max().copied().unwrap_or_default();
        let new: Vec<_> = events.iter().copied().filter(|position| *position > highest).collect();
        self.model.given.extend(new);
        Ok(events.len())
    }

    fn ack(&mut self, position: u64) -> Result<(), TestCaseError> {
        let Some(asked) = Position::new(position) else { return Ok(()) };
        let acknowledged = self.consumer().ack(asked);
        prop_assert_eq!(acknowledged.is_ok(), self.model.ack(position), "{:?}", acknowledged);
        Ok(())
    }

    fn fail(&mut self, position: u64) -> Result<(), TestCaseError> {
        let Some(asked) = Position::new(position) else { return Ok(()) };
        let nacked = self.consumer().nack(asked, "by design");
        let next = self.model.pending().next();
        if next != Some(position) {
            let is_told =
                matches!(&nacked, Err(NackError::NotNext { next: told, .. }) if *told == next.map(at));
            prop_assert!(is_told, "{:?}", nacked);
            return Ok(());
        }
        let (expected, is_last) = self.model.fail(position);
        match nacked.unwrap() {
            Nacked::Dead { attempts } => prop_assert!(is_last && attempts == expected),
            Nacked::Again { attempts, .. } => prop_assert!(!is_last && attempts == expected),
            other => prop_assert!(false, "{other:?}"),
        }
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        match act {
            Act::Append(matches) => self.append(*matches),
            Act::Poll(max) => drop(self.poll(*max)?),
            Act::Ack(choice) => {
                let open: Vec<_> =
                    self.model.given.iter().copied().filter(|given| *given > self.model.cursor).collect();
                if !open.is_empty() {
                    self.ack(open[choice.index(open.len())])?;
                }
            }
            Act::AckAny(choice) => {
                // Only what is refused or changes nothing: the rest was not given.
                let position = (self.model.cursor + choice.index(8) as u64).saturating_sub(3);
                if position <= self.model.cursor || position > self.model.last {
                    self.ack(position)?;
                }
            }
            Act::Fail => {
                let next = self.model.pending().next();
                next.map_or(Ok(()), |next| self.fail(next))?;
            }
            Act::FailAny(ahead) => self.fail(self.model.cursor + ahead)?,
            Act::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(*seconds));
                self.model.second += seconds;
            }
            Act::Reopen => self.reopen(),
        }
        Ok(())
    }

    /// Works the rest off and sees that nothing was passed over.
    fn finish(mut self) -> Result<(), TestCaseError> {
        self.act(&Act::Wait(1_000))?;
        while self.poll(3)? > 0 {
            let next = self.model.pending().next().unwrap();
            self.ack(next)?;
        }
        let letters = self.consumer().dead_letters().unwrap().letters;
        let dead: Vec<_> = letters.iter().map(|letter| letter.position.get()).collect();
        prop_assert_eq!(&dead, &self.model.letters);
        prop_assert!(letters.iter().all(|letter| &*letter.reason == "by design"));
        prop_assert!(self.model.given.is_sorted(), "in order: {:?}", self.model.given);
        let handled: BTreeSet<_> = self.model.given.iter().chain(&dead).copied().collect();
        prop_assert!(self.model.matching.iter().all(|position| handled.contains(position)));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_consumer_does_as_its_model(acts in prop::collection::vec(acts(), 1..60)) {
        let mut bench = Bench::new();
        for act in &acts {
            bench.act(act)?;
        }
        bench.finish()?;
    }
}
