//! Everything that can be done to a small journal with one stroke is found, or harmless for a reason.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentbus::audit::proof::{ChangeKind, Expected};

use super::still::Still;
use super::support::{Audited, changes, rehash, verified};

/// Which bytes of `journal.json` may be changed unnoticed, and why: no line and no head depends on them. It is written
/// by writers for writers, and not signed.
///
/// - `created`: nobody reads it but to show it.
/// - `reserved`: which positions the next writer leaves out.
/// - `boot` (absent after a clean close): whether the next writer looks for unsynced lines.
/// - The last newline.
/// - The key `chain` of a segment: without it the chain before a segment is that behind the one before, and the content
///   of the very first line is in a head's Merkle root.
fn harmless_in_manifest(text: &str) -> Vec<Range<usize>> {
    let mut harmless = Vec::new();
    for key in ["created", "reserved"] {
        let begin = text.find(&format!("\"{key}\"")).unwrap();
        let value = begin + key.len() + 3;
        let end = value + text[value..].find(',').unwrap();
        harmless.push(value..end);
    }
    harmless.extend(text.match_indices("\"chain\"").map(|(at, key)| at + 1..at + key.len() - 1));
    harmless.push(text.len() - 1..text.len());
    harmless
}

/// Whether that is found; a journal that cannot be read is.
fn is_found(files: &Still) -> bool {
    !verified(files, &Expected::new()).is_ok_and(|found| found.is_proven())
}

/// Checks all cases on two threads.
fn on_threads(cases: usize, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        break;
                    }
                    check(case);
                }
            });
        }
    });
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[tokio::test]
async fn any_flipped_bit_of_a_segment_is_found_and_named_as_a_change_of_its_line() {
    let files = Audited::new().await.files;
    let mut position = 0;
    for name in files.names("segments") {
        let whole = files.files[&name].clone();
        let mut start = 0;
        for line in files.lines(&name) {
            position += 1;
            on_threads(line.len() * 8, |bit| {
                let bit = start * 8 + bit;
                let found = changes(&files.with(&name, flipped(&whole, bit)));
                let expected = [(ChangeKind::LineChanged, Some((position, position)))];
                assert_eq!(found, expected, "bit {bit} of {name}");
            });
            start += line.len();
        }
    }
    assert_eq!(position, 5);
}

#[tokio::test]
async fn any_flipped_bit_of_a_head_is_found_and_its_head_named() {
    let files = Audited::new().await.files;
    for (name, number) in files.names("heads").iter().zip(1..) {
        let whole = files.files[name].clone();
        on_threads(whole.len() * 8, |bit| {
            let found = verified(&files.with(name, flipped(&whole, bit)), &Expected::new()).unwrap();
            let [change] = found.changes.as_slice() else { panic!("bit {bit} of {name}: {found:?}") };
            assert_eq!(change.heads, Some(number..=number), "bit {bit} of {name}: {change}");
            let kinds = [ChangeKind::HeadChanged, ChangeKind::HeadForged, ChangeKind::HeadOtherKey];
            assert!(kinds.contains(&change.kind), "bit {bit} of {name}: {change}");
        });
    }
}

#[tokio::test]
async fn any_flipped_bit_of_the_manifest_is_found_or_harmless() {
    let files = Audited::new().await.files;
    let whole = files.files["journal.json"].clone();
    let harmless = harmless_in_manifest(str::from_utf8(&whole).unwrap());
    on_threads(whole.len() * 8, |bit| {
        let is_harmless = harmless.iter().any(|range| range.contains(&(bit / 8)));
        let is_found = is_found(&files.with("journal.json", flipped(&whole, bit)));
        let around = String::from_utf8_lossy(&whole[(bit / 8).saturating_sub(20)..=bit / 8]).into_owned();
        assert!(is_found || is_harmless, "bit {} of byte {}: ..{around}", bit % 8, bit / 8);
    });
}

#[tokio::test]
async fn the_first_line_is_proven_by_the_tree_where_nothing_tells_the_chain_before_it() {
    let files = Audited::new().await.files;
    let manifest = str::from_utf8(&files.files["journal.json"]).unwrap().replace("\"chain\"", "\"chaim\"");
    let files = files.with("journal.json", manifest.into_bytes());
    assert_eq!(changes(&files), []);
    let name = files.names("segments").swap_remove(0);
    let mut lines = files.lines(&name);
    lines[0][60] ^= 1;
    let found = changes(&files.with(&name, lines.concat()));
    assert!(matches!(found[..], [(_, Some((1, _)))]), "{found:?}");
}

#[tokio::test]
async fn a_file_cut_anywhere_is_found() {
    let files = Audited::new().await.files;
    let (newest, oldest) = (files.names("heads").pop().unwrap(), files.names("segments").swap_remove(0));
    for (name, whole) in files.files.iter().filter(|(name, _)| !name.ends_with("lock")) {
        on_threads(whole.len(), |len| {
            let is_found = is_found(&files.with(name, whole[..len].to_vec()));
            let is_newline_of_manifest = name == "journal.json" && len == whole.len() - 1;
            assert!(is_found || is_newline_of_manifest, "{len} bytes of {name}");
        });
        let is_found = is_found(&files.without(name));
        // Of the newest head nothing else tells: see `at_least`. An oldest segment may have been removed by retention,
        // which is told.
        assert_eq!(is_found, *name != newest && *name != oldest, "without {name}");
    }
}

#[tokio::test]
async fn any_line_that_is_removed_is_found_and_named_also_if_all_hashes_are_made_anew() {
    let files = Audited::new().await.files;
    let mut position = 0;
    for name in files.names("segments") {
        for place in 0..files.lines(&name).len() {
            position += 1;
            let mut rest = files.lines(&name);
            rest.remove(place);
            let cut = files.with(&name, rest.concat());
            let removed = (ChangeKind::LinesRemoved, Some((position, position)));
            assert_eq!(changes(&cut), [removed], "{position}");
            let [(kind, Some((first, last)))] = changes(&rehash(&cut))[..] else { panic!("{position}") };
            assert_eq!(kind, ChangeKind::LinesRemoved, "{position}");
            assert!((first..=last).contains(&position), "{position} in {first} to {last}");
        }
    }
}

#[tokio::test]
async fn any_two_lines_that_are_swapped_are_found_also_if_all_hashes_are_made_anew() {
    let files = Audited::new().await.files;
    let places: Vec<_> = files
        .names("segments")
        .into_iter()
        .flat_map(|name| (0..files.lines(&name).len()).map(move |place| (name.clone(), place)))
        .collect();
    for (one, first) in places.iter().zip(1..) {
        for (other, second) in places.iter().zip(1..).skip(first) {
            let mut swapped = files.clone();
            let (a, b) = (files.lines(&one.0)[one.1].clone(), files.lines(&other.0)[other.1].clone());
            for ((name, place), line) in [(one, b), (other, a)] {
                let mut lines = swapped.lines(name);
                lines[*place] = line;
                swapped = swapped.with(name, lines.concat());
            }
            let found = changes(&swapped);
            assert!(!found.is_empty(), "{first} and {second}");
            if one.0 == other.0 {
                let expected = (ChangeKind::LinesReordered, Some((first as u64, first as u64)));
                assert_eq!(found[0], expected, "{first} and {second}");
            }
            assert!(is_found(&rehash(&swapped)), "{first} and {second}");
        }
    }
}

#[tokio::test]
async fn a_line_that_is_added_is_found_and_named() {
    let files = Audited::new().await.files;
    let name = &files.names("segments")[1];
    let lines = files.lines(name);
    let forged = b"{\"pos\":3,\"id\":\"01J5Z3NDEKTSV4RRFFQ69G5FAV\"".to_vec();
    let forged = [&forged, &lines[0][lines[0].len() - 77..]].concat();
    for (added, place) in [(lines[0].clone(), 1), (forged.clone(), 0), (b"{}\n".to_vec(), 1)] {
        let mut more = lines.clone();
        more.insert(place, added);
        let found = changes(&files.with(name, more.concat()));
        assert_eq!(found[0].0, ChangeKind::LineAdded, "{place}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_changed_with_all_hashes_made_anew_is_named_by_the_lines_of_its_head() {
    let files = Audited::new().await.files;
    let (mut position, ranges) = (0, [(1, 3), (1, 3), (1, 3), (4, 5), (4, 5)]);
    for name in files.names("segments") {
        for place in 0..files.lines(&name).len() {
            position += 1;
            let mut lines = files.lines(&name);
            let text = String::from_utf8(lines[place].clone()).unwrap();
            lines[place] = text.replace("\"imported\":false", "\"imported\":true").into_bytes();
            let changed = rehash(&files.with(&name, lines.concat()));
            let expected = (ChangeKind::LinesRewritten, Some(ranges[position - 1]));
            assert_eq!(changes(&changed), [expected], "{position}");
        }
    }
}

#[tokio::test]
async fn a_head_in_the_place_of_another_or_of_another_journal_is_found() {
    let files = Audited::new().await.files;
    let names = files.names("heads");
    for one in &names {
        for other in names.iter().filter(|other| *other != one) {
            let copied = files.with(one, files.files[other].to_vec());
            assert!(is_found(&copied), "{other} as {one}");
        }
    }
    let others = Audited::new().await.files;
    for name in &names {
        assert!(is_found(&files.with(name, others.files[name].to_vec())), "{name}");
    }
    let mut swapped = files.clone();
    for name in names {
        swapped = swapped.with(&name, others.files[&name].to_vec());
    }
    assert!(is_found(&swapped), "all of them");
}
