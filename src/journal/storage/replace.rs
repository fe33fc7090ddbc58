//! Writing a small file whole or not at all.

use std::io;

use super::{Open, Storage, append_all};

/// Writes `bytes` to the file of that name, in place of what it held: a crash leaves the old content or the new.
///
/// The caller holds the lock that guards the file, so that nobody else writes the temporary one.
pub(crate) fn durably_replace(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    match storage.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _left_behind_by_a_crash => {}
    }
    let file = storage.open(&temporary, Open::Create)?;
    append_all(&*file, bytes)?;
    file.sync()?;
    drop(file);
    storage.rename(&temporary, name)?;
    storage.sync_folder(name.rsplit_once('/').map_or("", |(folder, _)| folder))
}
