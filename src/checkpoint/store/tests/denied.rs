//! What the system denies. Root may do what others may not: where root runs it, the test runs itself once more, as
//! somebody else.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// The name of the test below among all of the library.
const DENIED: &str = "checkpoint::store::tests::denied::\
                      what_cannot_be_read_is_listed_and_what_cannot_be_written_is_as_it_was";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_read_is_listed_and_what_cannot_be_written_is_as_it_was() {
    let home = Home::new();
    fs::remove_file(home.path().join(MALFORMED)).unwrap();
    let file = home.path().join(&home.active);
    set_mode(&file, 0o000);
    if fs::read(&file).is_ok() {
        return pass_as_somebody_else();
    }
    let store = CheckpointStore::open(home.path()).unwrap();
    let listing = store.list(&crate::checkpoint::CheckpointFilter::all()).unwrap();
    let [malformed] = &listing.malformed[..] else { panic!("{listing:?}") };
    assert!(matches!(malformed.error, CheckpointError::Io(_)), "{malformed:?}");
    assert_eq!(store.resolve(&home.active).unwrap_err().kind(), "io");
    set_mode(&file, 0o640);
    let before = home.tree();
    set_mode(&home.path(), 0o500);
    let done = [
        store.resolve(&home.active).map(drop),
        store.create(&CheckpointDraft::new("a", "s-2", "p")).map(drop),
        store.cleanup(Duration::ZERO).map(drop),
    ];
    set_mode(&home.path(), 0o700);
    for refused in done {
        assert_eq!(refused.unwrap_err().kind(), "not_applied");
    }
    assert_eq!(home.tree(), before);
    home.assert_outside_untouched();
}

/// Runs the test above as nobody, by the open file of this program: nobody may not find the way to it.
fn pass_as_somebody_else() {
    let program = fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "/proc/self/fd/0", "--exact", DENIED]);
    let output = command.current_dir("/").stdin(Stdio::from(program)).output();
    let Ok(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "as root this test needs setpriv, of util-linux");
        drop(writeln!(std::io::stderr(), "PASSED OVER: a test that needs setpriv, which is not installed"));
        return;
    };
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told} {output:?}");
}
