use std::sync::Weak;

use proptest::prelude::*;

use super::*;
use crate::event::{DomainEvent, SessionCreated};

/// What happens to a ring, one thing after the other.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize),
    Join,
    Leave(usize),
    Take(usize),
    TakeOne(usize),
    /// A reader hands over what it took.
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_usize).prop_map(Step::Push),
        1 => Just(Step::Push(150)),
        2 => Just(Step::Join),
        2 => (0..3_usize).prop_map(Step::Leave),
        8 => (0..3_usize).prop_map(Step::Take),
        4 => (0..3_usize).prop_map(Step::TakeOne),
        6 => (0..3_usize).prop_map(Step::Release),
    ]
}

/// One that reads the ring, and what it took last.
#[derive(Default)]
struct Reader {
    next: u64,
    own: VecDeque<Entry>,
    part: Option<Part>,
    /// Read one at a time, or let go of by the ring.
    kept: Vec<Entry>,
    over: Vec<Arc<Chunk>>,
}

impl Reader {
    /// The turns of what it took last.
    fn turns(&self) -> Vec<u64> {
        let shared = self.part.as_ref().map(|part| (part.from..part.to).map(|place| part.chunk.at(place)));
        let shared = shared.into_iter().flatten().map(|entry| entry.expect("it is filled"));
        self.own.iter().chain(shared).map(|entry| entry.turn.get()).collect()
    }

    fn release(&mut self) {
        self.own.clear();
        *self = Self { next: self.next, own: std::mem::take(&mut self.own), ..Self::default() };
    }
}

/// A ring, and what must be true of it: the entry at a place has the turn behind it.
struct Run {
    ring: Ring,
    size: Size,
    readers: Vec<Reader>,
    pushed: Vec<Weak<DomainEvent>>,
    end: u64,
    aftermath: Aftermath,
}

impl Run {
    fn new(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap();
        let (ring, size) = (Ring::new(capacity), Size::of(capacity));
        Self { ring, size, readers: Vec::new(), pushed: Vec::new(), end: 0, aftermath: Aftermath::default() }
    }

    /// What is overrun, whoever reads.
    fn overrun(&self) -> u64 {
        self.end.saturating_sub(self.size.capacity.get() as u64)
    }

    fn alive(&self) -> usize {
        self.pushed.iter().filter(|event| event.strong_count() > 0).count()
    }

    fn push(&mut self) {
        let event = Arc::new(DomainEvent::new(SessionCreated::new(false)));
        self.pushed.push(Arc::downgrade(&event));
        self.end += 1;
        self.ring.push(Entry { turn: Turn::new(self.end).unwrap(), event }, &mut self.aftermath);
    }

    /// Jumps over what it missed, as a seat does. What follows for it.
    fn jump(&mut self, number: usize) -> u64 {
        let next = self.readers[number].next.max(self.overrun());
        self.readers[number].next = next;
        next
    }

    fn moved(&mut self, number: usize, count: u64) {
        self.readers[number].next += count;
        let over = self.ring.moved(self.readers[number].next);
        self.readers[number].over.extend(over);
    }

    fn take(&mut self, number: usize) {
        let next = self.jump(number);
        let reader = &mut self.readers[number];
        if !reader.turns().is_empty() {
            return;
        }
        let taken = self.ring.take(next, &mut reader.own);
        let count = taken.as_ref().map_or(0, |taken| taken.count);
        assert_eq!(count == 0, next == self.end, "there is something or it is at the end");
        assert!(count <= self.size.batch() as u64);
        let last = taken.as_ref().map(|taken| taken.last.get());
        reader.part = taken.and_then(|taken| taken.part);
        assert!(reader.own.capacity() <= self.size.batch());
        assert_eq!(reader.turns(), (next + 1..=next + count).collect::<Vec<_>>());
        assert_eq!(last, reader.turns().last().copied());
        if count > 0 {
            self.moved(number, count);
        }
    }

    fn take_one(&mut self, number: usize) {
        let next = self.jump(number);
        let entry = self.ring.take_one(next);
        assert_eq!(entry.as_ref().map(|entry| entry.turn.get()), (next < self.end).then_some(next + 1));
        if let Some(entry) = entry {
            self.readers[number].kept.push(entry);
            self.moved(number, 1);
        }
    }

    fn leave(&mut self, number: usize) {
        let mut gone = self.readers.remove(number);
        self.ring.leave(gone.next, &mut self.aftermath);
        if let [last] = self.readers.as_slice() {
            self.ring.leave_alone(last.next, &mut self.aftermath);
        }
        // Kept as what it took may be, until the ring was looked at.
        gone.over.extend(gone.part.take().map(|part| part.chunk));
        self.aftermath.chunks.append(&mut gone.over);
        self.aftermath.events.extend(gone.own.drain(..).chain(gone.kept.drain(..)));
    }

    fn run(&mut self, step: Step) {
        let (alive, pushed) = (self.alive(), self.pushed.len());
        match step {
            Step::Push(count) if !self.readers.is_empty() => (0..count).for_each(|_| self.push()),
            Step::Join if self.readers.len() < 3 => {
                self.ring.join();
                self.readers.push(Reader { next: self.ring.end(), ..Reader::default() });
            }
            Step::Leave(number) if number < self.readers.len() => self.leave(number),
            Step::Take(number) if number < self.readers.len() => self.take(number),
            Step::TakeOne(number) if number < self.readers.len() => self.take_one(number),
            Step::Release(_)
            | Step::Push(_)
            | Step::Join
            | Step::Leave(_)
            | Step::Take(_)
            | Step::TakeOne(_) => {}
        }
        assert_eq!(self.alive(), alive + self.pushed.len() - pushed, "a ring drops no event itself");
        self.aftermath.settle();
        if let Step::Release(number) = step
            && let Some(reader) = self.readers.get_mut(number)
        {
            reader.release();
        }
        self.check();
    }

    fn check(&self) {
        let Self { ring, readers, end, .. } = self;
        assert_eq!(ring.end(), *end);
        for Reader { next, .. } in readers {
            assert_eq!(ring.start().max(*next), self.overrun().max(*next), "what it missed is exact");
            let head = ring.at_or_first(*next).map(|entry| entry.turn.get());
            let follows = self.overrun().max(*next);
            assert_eq!(head, (follows < *end).then_some(follows + 1));
        }
        match (&ring.entries, readers.as_slice()) {
            (Entries::Queue(queue), readers) => {
                assert!(readers.len() < 2, "a queue is for one alone");
                assert!(queue.room() <= self.size.capacity.get());
                assert!(ring.start() < *end || queue.room() <= self.size.batch());
                let waiting = readers.iter().map(|reader| end - reader.next.max(self.overrun())).sum::<u64>();
                assert_eq!(end - ring.start(), waiting, "what was read is gone");
            }
            (Entries::Chunks(_), [only]) => assert!(only.next < *end, "who has read all has a queue"),
            (Entries::Chunks(_), readers) => assert!(!readers.is_empty(), "chunks are for somebody"),
        }
    }

    /// Whoever is left reads all; then nothing is left alive.
    fn settle(mut self) {
        for number in 0..self.readers.len() {
            while self.jump(number) < self.end {
                self.run(Step::Release(number));
                self.run(Step::Take(number));
            }
            self.run(Step::Release(number));
        }
        while !self.readers.is_empty() {
            self.run(Step::Leave(0));
        }
        assert_eq!(self.alive(), 0);
    }
}

proptest! {
    #[test]
    fn a_ring_gives_each_reader_everything_or_has_it_counted_whoever_comes_and_goes(
        capacity in prop_oneof![Just(1_usize), Just(5), 1..40_usize, Just(200), Just(2_000)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut run = Run::new(capacity);
        run.run(Step::Join);
        for step in steps {
            run.run(step);
        }
        run.settle();
    }
}

#[test]
fn a_ring_that_a_second_reads_for_a_while_is_a_queue_before_and_after() {
    let mut run = Run::new(40);
    let is_queue = |run: &Run| matches!(run.ring.entries, Entries::Queue(_));
    run.run(Step::Join);
    run.run(Step::Push(30));
    run.run(Step::Take(0));
    assert!(is_queue(&run));
    run.run(Step::Join);
    assert!(!is_queue(&run));
    run.run(Step::Push(11));
    run.run(Step::Leave(1));
    assert!(!is_queue(&run), "the first has not read all yet");
    run.run(Step::Release(0));
    for _ in 0..5 {
        run.run(Step::Take(0));
        run.run(Step::Release(0));
    }
    assert!(is_queue(&run));
    run.settle();
}

#[test]
fn a_queue_gives_back_what_a_burst_needed_and_keeps_a_chunks_worth() {
    let mut run = Run::new(1_000);
    let room = |run: &Run| match &run.ring.entries {
        Entries::Queue(queue) => queue.room(),
        Entries::Chunks(_) => unreachable!("one reads alone"),
    };
    run.run(Step::Join);
    run.run(Step::Push(1_500));
    assert_eq!(room(&run), 1_000);
    while run.jump(0) < run.end {
        run.run(Step::Take(0));
        run.run(Step::Release(0));
    }
    assert_eq!(room(&run), 0);
    for _ in 0..3 {
        run.run(Step::Push(62));
        run.run(Step::Take(0));
        run.run(Step::Release(0));
    }
    assert_eq!(room(&run), run.size.batch());
}
