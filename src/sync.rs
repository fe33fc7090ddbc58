//! The locks of the live side: those of `std`, or those of shuttle when its models drive them (`tests/models`).
//!
//! Whatever is shared between threads on the way of an event is taken from here, and every thread-local that is held
//! over a lock: to shuttle the threads of a model are one thread of the system. Statistics need not be.
//!
//! A poisoned lock is taken all the same: what is guarded here is changed in single steps, and a panic of foreign
//! code never happens while one is held.

#[cfg(not(shuttle))]
pub(crate) use tokio::sync::Notify;

#[cfg(not(shuttle))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{ThreadId, current as current_thread},
    thread_local,
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{ThreadId, current as current_thread},
    thread_local,
};

#[cfg(shuttle)]
pub(crate) use notify::Notify;

#[cfg(shuttle)]
mod notify;

/// Takes the lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for `condition` to be told, poisoned or not. It may return without that.
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits like [`wait`], at most that long.
pub(crate) fn wait_for<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    patience: std::time::Duration,
) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, patience).unwrap_or_else(std::sync::PoisonError::into_inner).0
}
