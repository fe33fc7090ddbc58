//! What an index of 10,000 files costs, at first and when nothing has changed.
//!
//! `cargo bench --bench resource`. The files have the sizes of source code: half of them less than 4 KB, 16 KB in the
//! mean. Everything is in the cache of the system, which flatters the first run: from a disk it is slower, and the
//! next one is not.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails by a panic")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentbus::service::resource::{DirHandler, IndexOptions, ResourceOptions, ResourceService};

const FOLDERS: u64 = 400;
const FILES_EACH: u64 = 25;
const ROUNDS: usize = 9;

/// The next of some numbers that look random and are always the same, between 0 and 1.
struct Numbers(u64);

impl Numbers {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float has")]
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A size of which the logarithm is spread like a bell: twelve numbers together nearly make one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small and positive")]
    fn size(&mut self) -> usize {
        let bell: f64 = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
        (4_000.0 * (1.65 * bell).exp()).min(2_000_000.0) as usize
    }
}

fn make(root: &Path) -> u64 {
    let (mut numbers, mut total) = (Numbers(7), 0);
    for folder in 0..FOLDERS {
        let at = root.join(format!("module-{}/part-{folder}", folder / 20));
        fs::create_dir_all(&at).unwrap();
        for file in 0..FILES_EACH {
            let content = vec![b'x'; numbers.size()];
            total += content.len() as u64;
            fs::write(at.join(format!("file_{file}.rs")), content).unwrap();
        }
    }
    fs::write(root.join(".gitignore"), "target/\n*.o\n/build\n*.log\n").unwrap();
    total
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn timed(run: impl Future<Output = usize>) -> Duration {
    let started = Instant::now();
    assert_eq!(run.await as u64, FOLDERS * FILES_EACH);
    started.elapsed()
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = make(folder.path());
    // What was changed just now is not trusted to be unchanged.
    std::thread::sleep(Duration::from_millis(500));
    let options = ResourceOptions::default().with_index(IndexOptions::default().with_threads(2));
    let (mut full, mut again, mut touched) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let resources = ResourceService::with_options(options.clone(), None);
        let handler = DirHandler::open(folder.path()).unwrap();
        let resource = resources.register("bench", Arc::new(handler)).unwrap();
        let index = || async { resource.index().await.unwrap().index.files().len() };
        full.push(timed(index()).await);
        again.push(timed(index()).await);
        fs::write(folder.path().join("module-0/part-0/file_0.rs"), round.to_string()).unwrap();
        touched.push(timed(index()).await);
        // So that the next round finds nothing that was changed just now.
        std::thread::sleep(Duration::from_millis(500));
    }
    let (full, again, touched) = (median(full), median(again), median(touched));
    println!("10,000 files, {} MB, 2 threads, median of {ROUNDS}", bytes / 1_000_000);
    println!("first index            {full:>10.2?}");
    println!(
        "nothing changed        {again:>10.2?}  {:.1} times faster",
        full.as_secs_f64() / again.as_secs_f64()
    );
    println!(
        "one file changed       {touched:>10.2?}  {:.1} times faster",
        full.as_secs_f64() / touched.as_secs_f64()
    );
}
