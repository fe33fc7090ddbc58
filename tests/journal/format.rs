//! The format of a journal, as `docs/journal-format.md` tells it.

mod crash_table;
mod disk;
