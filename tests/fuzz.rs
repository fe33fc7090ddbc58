//! The kept corpus of the fuzz targets, run through the same functions without a fuzzer.

use std::fs;
use std::path::Path;

#[expect(
    clippy::indexing_slicing,
    clippy::naive_bytecount,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "the bodies of the targets fail by a panic, and are public to the fuzzer"
)]
#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Runs all inputs that were kept for a target.
#[expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by a panic, and tells of which input"
)]
fn run(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        // Shown when it fails.
        println!("{}", path.display());
        body(&fs::read(&path).unwrap());
    }
}

macro_rules! corpus {
    ($($test:ident: $target:ident;)+) => {
        $(#[test]
        fn $test() {
            run(stringify!($target), targets::$target);
        })+

        #[test]
        fn every_target_is_run() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            let mut names: Vec<_> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            let mut run = [$(concat!(stringify!($target), ".rs")),+];
            run.sort_unstable();
            assert_eq!(names, run);
        }
    };
}

corpus! {
    hostile_lines_are_told_and_read_over: line;
    hostile_cursors_are_refused_or_gone_on_from: cursor;
    hostile_manifests_are_refused_or_gone_on_from: manifest;
    hostile_directories_are_refused_or_gone_on_in: recovery;
    hostile_events_are_refused_or_kept: event_json;
    hostile_filters_are_refused_or_kept: filter_text;
    hostile_heads_and_proofs_prove_nothing: proof;
    hostile_checkpoints_are_refused_or_kept: checkpoint;
    hostile_memories_are_refused_or_kept: memory;
}
