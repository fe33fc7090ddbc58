//! The groups that have not ended, at the end of who drives them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::Group;
use super::queue::Queue;
use crate::sync::{Mutex, lock};

/// The groups; one that is removed from here ends.
pub(super) struct Groups<K, T> {
    places: HashMap<K, usize>,
    senders: Vec<Option<Sender<K, T>>>,
    /// The places that no group has.
    free: Vec<usize>,
    /// Each group once, the one that was silent the longest on top, as far as was known when it was put there.
    silent: BinaryHeap<Reverse<Silent>>,
    left: Arc<Left>,
    /// How many items there were.
    items: u64,
    pub(super) at_most: NonZeroUsize,
    pub(super) capacity: NonZeroUsize,
}

/// Our end of a group, which ends it when dropped.
struct Sender<K, T> {
    key: K,
    queue: Arc<Queue<T>>,
    /// The numbers of its first item and its last.
    first: u64,
    last: u64,
}

impl<K, T> Drop for Sender<K, T> {
    fn drop(&mut self) {
        self.queue.end();
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Silent {
    /// The number of its last item.
    since: u64,
    place: usize,
    /// The number of its first item.
    first: u64,
}

/// The groups that nobody reads any more.
type Left = Mutex<Vec<(usize, u64)>>;

/// Where a group has its place; told by its reader when he goes.
pub(super) struct Seat {
    left: Arc<Left>,
    place: usize,
    first: u64,
}

impl Seat {
    pub(super) fn leave(&self) {
        lock(&self.left).push((self.place, self.first));
    }
}

impl<K, T> Groups<K, T> {
    pub(super) fn new(at_most: NonZeroUsize, capacity: NonZeroUsize) -> Self {
        Self {
            places: HashMap::new(),
            senders: Vec::new(),
            free: Vec::new(),
            silent: BinaryHeap::new(),
            left: Arc::default(),
            items: 0,
            at_most,
            capacity,
        }
    }

    /// Whether no item has come.
    pub(super) fn had_none(&self) -> bool {
        self.items == 0
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn end_all(&mut self) {
        self.places = HashMap::new();
        self.free = Vec::new();
        self.silent = BinaryHeap::new();
        // Dropped last: wakers run, which is foreign code.
        drop(mem::take(&mut self.senders));
    }

    /// The group at that place, if it is still the one that began with that item.
    fn at(&self, place: usize, first: u64) -> Option<&Sender<K, T>> {
        self.senders.get(place)?.as_ref().filter(|sender| sender.first == first)
    }
}

impl<K: Clone + Eq + Hash, T> Groups<K, T> {
    /// Takes an item into the group of its key; gives back the group if it is a new one.
    pub(super) fn take_in(&mut self, key: K, item: T) -> Option<Group<K, T>> {
        self.items += 1;
        let item = match self.places.get(&key).copied() {
            None => item,
            Some(place) => self.pass_on(place, item)?,
        };
        self.make_room();
        let queue = Arc::new(Queue::new(self.capacity, item));
        let seat = self.seat(key.clone(), Arc::clone(&queue));
        Some(Group { key, queue, seat })
    }

    /// Passes the item on to the group at that place. If nobody reads that, it ends and the item is given back.
    fn pass_on(&mut self, place: usize, item: T) -> Option<T> {
        let sender = self.senders.get_mut(place)?.as_mut()?;
        sender.last = self.items;
        let item = sender.queue.push(item)?;
        self.end(place);
        Some(item)
    }

    fn seat(&mut self, key: K, queue: Arc<Queue<T>>) -> Seat {
        let (place, first) = (self.free.pop().unwrap_or(self.senders.len()), self.items);
        let sender = Some(Sender { key: key.clone(), queue, first, last: first });
        match self.senders.get_mut(place) {
            Some(free) => *free = sender,
            None => self.senders.push(sender),
        }
        self.places.insert(key, place);
        self.silent.push(Reverse(Silent { since: first, place, first }));
        Seat { left: Arc::clone(&self.left), place, first }
    }

    /// Ends what nobody reads and, if that is not enough, what was silent the longest.
    fn make_room(&mut self) {
        let left = mem::take(&mut *lock(&self.left));
        for (place, first) in left {
            if self.at(place, first).is_some() {
                self.end(place);
            }
        }
        while self.places.len() >= self.at_most.get()
            && let Some(Reverse(Silent { since, place, first })) = self.silent.pop()
        {
            match self.at(place, first).map(|sender| sender.last) {
                Some(last) if last == since => self.end(place),
                // It has had items since: each of them pays for one such detour at most.
                Some(last) => self.silent.push(Reverse(Silent { since: last, place, first })),
                None => {}
            }
        }
        if self.silent.len() > 2 * self.places.len() + 8 {
            let silent = mem::take(&mut self.silent);
            let there =
                silent.into_iter().filter(|Reverse(silent)| self.at(silent.place, silent.first).is_some());
            self.silent = there.collect();
        }
    }

    fn end(&mut self, place: usize) {
        if let Some(sender) = self.senders.get_mut(place).and_then(Option::take) {
            self.places.remove(&sender.key);
            self.free.push(place);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const FEW: NonZeroUsize = NonZeroUsize::new(3).expect("it is not zero");

    fn keys(groups: &Groups<u32, u64>) -> Vec<u32> {
        let mut keys: Vec<_> = groups.places.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn who_was_silent_the_longest_goes_first_whenever_it_came() {
        let mut groups = Groups::new(FEW, FEW);
        let mut begun: Vec<_> = [1, 2, 3].into_iter().filter_map(|key| groups.take_in(key, 0)).collect();
        for key in [1, 3, 2, 1] {
            assert!(groups.take_in(key, 0).is_none());
        }
        begun.extend(groups.take_in(4, 0));
        assert_eq!(keys(&groups), [1, 2, 4]);
        begun.extend(groups.take_in(5, 0));
        assert_eq!(keys(&groups), [1, 4, 5]);
        assert_eq!(begun.len(), 5);
    }

    #[test]
    fn groups_that_come_and_go_leave_nothing_behind() {
        let mut groups = Groups::new(FEW, FEW);
        for key in 0..1_000 {
            drop(groups.take_in(key, 0));
            drop(groups.take_in(key, 0));
        }
        assert!(groups.places.len() <= 3 && groups.senders.len() <= 3, "{} groups", groups.senders.len());
        assert!(groups.silent.len() <= 15 && lock(&groups.left).len() <= 3);
    }
}
