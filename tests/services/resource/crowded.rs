//! Many files, many writers, and a file that somebody writes while it is read.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agentbus::event::{Hash, ResourceChange};
use agentbus::service::resource::{
    DirHandler, HandlerError, IndexOptions, ResourceError, ResourceOptions, ResourceService, UnreadReason,
};

use super::Notes;

#[tokio::test]
async fn a_folder_of_ten_thousand_files_is_listed_indexed_and_watched_whole() {
    let it = Notes::new();
    for nth in 0..10_000 {
        fs::write(it.at(&format!("{nth:05}")), nth.to_string()).unwrap();
    }
    let listed = it.resource.list("").await.unwrap();
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted_by(|one, next| one.name < next.name));
    let first = it.resource.index().await.unwrap();
    assert_eq!((first.added.len(), first.index.unread().len()), (10_000, 0));
    let watch = it.resource.watch().await.unwrap();
    for nth in 0..5_000 {
        fs::remove_file(it.at(&format!("{nth:05}"))).unwrap();
    }
    fs::write(it.at("09999"), "changed").unwrap();
    watch.caught_up().await.unwrap();
    let changes = it.changes();
    assert_eq!(changes.len(), 5_001);
    assert_eq!(changes.last(), Some(&(ResourceChange::Modified, "09999".to_owned(), Some(7))));
    let next = it.resource.index().await.unwrap();
    assert_eq!((next.index.files().len(), next.changed.len(), next.removed.len()), (5_000, 1, 5_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_at_once_are_whole_and_told_in_their_order() {
    let it = Notes::new();
    let watch = it.resource.watch().await.unwrap();
    let writers: Vec<_> = (1..=32_usize)
        .map(|nth| {
            let resource = it.resource.clone();
            tokio::spawn(async move {
                // Each content tells by its length whose it is.
                let content = vec![b'a' + u8::try_from(nth % 26).unwrap(); nth * 1_000];
                resource.write("shared", content.clone()).await.unwrap();
                resource.write(format!("own/{nth}"), content).await.unwrap();
            })
        })
        .collect();
    let reader = {
        let resource = it.resource.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                match resource.read("shared").await {
                    Ok(content) => expect_whole(&content),
                    Err(error) => assert!(
                        matches!(error, ResourceError::Handler { source: HandlerError::Absent, .. }),
                        "{error}"
                    ),
                }
            }
        })
    };
    for writer in writers {
        writer.await.unwrap();
    }
    reader.await.unwrap();
    watch.caught_up().await.unwrap();
    let left = fs::read(it.at("shared")).unwrap();
    expect_whole(&left);
    let changes = it.changes();
    assert_eq!(changes.len(), 64, "each write is told once");
    let shared: Vec<_> = changes.iter().filter(|(_, path, _)| path == "shared").collect();
    assert_eq!((shared.len(), shared[0].0), (32, ResourceChange::Created));
    assert!(shared[1..].iter().all(|(change, ..)| *change == ResourceChange::Modified));
    assert_eq!(shared[31].2, Some(left.len() as u64), "what was told last is what is there");
    assert_eq!(fs::read_dir(it.folder.path()).unwrap().count(), 2, "nothing half written is left");
}

#[track_caller]
fn expect_whole(content: &[u8]) {
    let letter = b'a' + u8::try_from(content.len() / 1_000 % 26).unwrap();
    assert!(content.iter().all(|byte| *byte == letter) && content.len().is_multiple_of(1_000));
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_read_is_taken_as_it_was_at_one_time() {
    const MAX: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let options = ResourceOptions::default()
        .with_max_read_bytes(MAX)
        .with_index(IndexOptions::default().with_max_file_bytes(MAX));
    let resources = ResourceService::with_options(options, None);
    let handler = Arc::new(DirHandler::open(folder.path()).unwrap());
    let resource = resources.register("logs", handler).unwrap();
    let (is_over, path) = (Arc::new(AtomicBool::new(false)), folder.path().join("log"));
    let writer = std::thread::spawn({
        let (is_over, mut log) = (Arc::clone(&is_over), File::create(&path).unwrap());
        move || {
            while !is_over.load(Ordering::Relaxed) {
                log.write_all(&[b'x'; 999]).unwrap();
                // So that it is found at many lengths, and does not fill the disk.
                log.sync_data().unwrap();
            }
        }
    });
    // It grows until it is too large, for the index and for a reader.
    let (mut indexed, mut is_read) = (0, true);
    loop {
        let index = resource.index().await.unwrap().index;
        if let Some(file) = index.file("log") {
            assert!(file.bytes() >= indexed, "it never shrinks");
            indexed = file.bytes();
            assert_eq!(*file.hash(), Hash::of("x".repeat(usize::try_from(indexed).unwrap())));
        } else {
            let [unread] = index.unread() else { panic!("{:?}", index.unread()) };
            assert!(matches!(unread.reason, UnreadReason::TooLarge { bytes } if bytes > MAX), "{unread:?}");
            break;
        }
        if is_read {
            is_read =
                resource.read("log").await.is_ok_and(|content| content.iter().all(|byte| *byte == b'x'));
        }
    }
    let refused = resource.read("log").await.unwrap_err();
    assert!(
        matches!(refused, ResourceError::Handler { source: HandlerError::TooLarge { max: MAX }, .. }),
        "{refused}"
    );
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}
