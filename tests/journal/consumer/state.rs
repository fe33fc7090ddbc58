//! What is known of consumers without opening them.

use super::*;

#[test]
fn all_consumers_are_told_with_their_places_and_faults() {
    let _clock = clock();
    let directory = journal_of(3);
    let reader = JournalReader::open(directory.path()).unwrap();
    assert!(reader.consumers().unwrap().is_empty());
    let mut open_one = open(directory.path(), "b-open");
    open_one.ack(at(1)).unwrap();
    open_one.nack(at(2), "timed out").unwrap();
    let mut dying = reader.consumer_with("c-dying", ConsumerOptions::new().max_attempts(1)).unwrap();
    dying.nack(at(1), "one").unwrap();
    dying.nack(at(2), "two").unwrap();
    drop(open(directory.path(), "a-new"));
    fs::write(directory.path().join("cursors/d-corrupt.json"), "{").unwrap();
    for stranger in ["notes.txt", "x.json.tmp", "no name.json"] {
        fs::write(directory.path().join("cursors").join(stranger), "{").unwrap();
    }

    let states = reader.consumers().unwrap();
    let names: Vec<_> = states.iter().map(|state| state.name.as_str()).collect();
    assert_eq!(names, ["a-new", "b-open", "c-dying", "d-corrupt"]);
    let cursor = |number: usize| states[number].cursor.as_ref().unwrap();
    assert_eq!((cursor(0).position, cursor(0).lag, cursor(0).updated), (None, 3, Timestamp::now()));
    assert_eq!((cursor(1).position, cursor(1).lag), (Some(at(1)), 2));
    assert_eq!(cursor(1).retry.as_ref().unwrap().attempts, 1);
    assert_eq!((cursor(2).position, cursor(2).lag), (Some(at(2)), 1));
    assert_eq!(states[2].dead_letters.as_ref().unwrap(), &2);
    assert!(
        matches!(&states[3].cursor, Err(ConsumerError::Corrupt { file, .. }) if file.ends_with("d-corrupt.json"))
    );
}

#[test]
fn dead_letters_that_cannot_be_read_hold_up_nobody_else() {
    let directory = journal_of(2);
    let mut good = open(directory.path(), "good");
    drop(open(directory.path(), "bad"));
    fs::create_dir_all(directory.path().join("dead/bad.jsonl")).unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let states = reader.consumers().unwrap();
    assert!(
        matches!(&states[0].dead_letters, Err(ConsumerError::File { file, .. }) if file == "dead/bad.jsonl")
    );
    assert_eq!(states[1].dead_letters.as_ref().unwrap(), &0);
    assert!(reader.has_consumer(good.name()).unwrap());
    assert!(!reader.has_consumer(&"other".parse().unwrap()).unwrap());
    good.ack(at(1)).unwrap();
}

#[test]
fn looking_at_consumers_writes_nothing() {
    let directory = journal_of(1);
    drop(open(directory.path(), "indexer"));
    let listed = || {
        let mut names: Vec<_> = ["cursors", "dead"]
            .into_iter()
            .flat_map(|folder| fs::read_dir(directory.path().join(folder)).unwrap())
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        names.sort();
        names
    };
    let before = listed();
    let reader = JournalReader::open(directory.path()).unwrap();
    reader.consumers().unwrap();
    assert!(reader.dead_letters("nobody").unwrap().letters.is_empty());
    assert_eq!(listed(), before);
}
