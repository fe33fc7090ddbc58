//! A [`Slab`]: things under small numbers that stay theirs until they are removed.

/// Where a thing lies in a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<Slot>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, thing: T) -> Slot {
        let slot = self.free.pop().unwrap_or(Slot(self.slots.len()));
        if let Some(empty) = self.slots.get_mut(slot.0) {
            *empty = Some(thing);
            return slot;
        }
        // A route by id nearly always has one reader; the first push of a `Vec` would make room for four.
        if self.slots.is_empty() {
            self.slots.reserve_exact(1);
        }
        self.slots.push(Some(thing));
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let thing = self.slots.get_mut(slot.0)?.take()?;
        self.free.push(slot);
        Some(thing)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        self.slots.get(slot.0)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.slots.get_mut(slot.0)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }
}
