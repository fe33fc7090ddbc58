//! What somebody puts in the place of the root while it is opened: it is left alone.

use super::*;
use crate::service::sandbox::disk::Seam;

/// A root with what is left of a sandbox, and another folder that looks so.
struct Places(TempDir);

impl Places {
    fn new() -> Self {
        let places = Self(tempfile::tempdir().unwrap());
        for place in ["root", "theirs"] {
            let home = places.path(place).join("home");
            fs::create_dir_all(home.join("tree")).unwrap();
            fs::write(home.join("lock"), "").unwrap();
            fs::write(home.join("tree/precious"), "").unwrap();
        }
        places
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn handle(&self) -> Dir {
        Dir::from_std_file(File::open(self.path("root")).unwrap())
    }

    fn service(&self, disk: Disk) -> SandboxService {
        SandboxService::on(self.path("root"), None, disk)
    }

    #[track_caller]
    fn assert_theirs_stays(&self) {
        let names = ["", "home", "home/lock", "home/tree", "home/tree/precious"];
        let found = look(&self.path("theirs"));
        assert_eq!(found.keys().collect::<Vec<_>>(), names.iter().skip(1).map(Path::new).collect::<Vec<_>>());
    }
}

/// Puts a link to another folder in the place of the root, or of a sandbox, before a step.
#[derive(Debug)]
struct Swapping {
    place: PathBuf,
    away: PathBuf,
    theirs: PathBuf,
    before: &'static str,
}

impl Seam for Swapping {
    fn before(&self, step: &str) -> io::Result<()> {
        if step == self.before && !self.away.exists() {
            fs::rename(&self.place, &self.away)?;
            symlink(&self.theirs, &self.place)?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_root_that_is_another_folder_by_now_is_not_opened() {
    let places = Places::new();
    let handle = places.handle();
    fs::rename(places.path("root"), places.path("away")).unwrap();
    symlink(places.path("theirs"), places.path("root")).unwrap();
    places.service(Disk::default()).opened(Some(handle)).await.unwrap_err();
    places.assert_theirs_stays();
}

#[tokio::test]
async fn what_is_swapped_in_while_the_root_is_seen_to_is_left_alone() {
    for (place, theirs) in [("root", "theirs"), ("root/home", "theirs/home")] {
        for before in ["remove tree", "remove lock"] {
            let places = Places::new();
            let [place, theirs, away] = [place, theirs, "away"].map(|name| places.path(name));
            let swapping = Swapping { place, away, theirs, before };
            let service = places.service(Disk::with(Arc::new(swapping)));
            // Whether the rest of it is removed depends on where it is by then.
            drop(service.opened(Some(places.handle())).await);
            assert!(places.path("away").exists(), "it is swapped");
            assert!(!places.path("away/home/tree").exists() && !places.path("away/tree").exists());
            places.assert_theirs_stays();
        }
    }
}

/// Puts another folder in the place of a sandbox that is seen to later, before the first one is removed.
#[derive(Debug)]
struct Exchanging {
    place: PathBuf,
    away: PathBuf,
    theirs: PathBuf,
}

impl Seam for Exchanging {
    fn before(&self, step: &str) -> io::Result<()> {
        if step == "remove tree" && !self.away.exists() {
            fs::rename(&self.place, &self.away)?;
            fs::rename(&self.theirs, &self.place)?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_folder_that_came_in_the_place_of_a_sandbox_since_it_was_locked_is_left_alone() {
    let places = Places::new();
    let [place, away, theirs] = ["root/later", "away", "theirs/home"].map(|name| places.path(name));
    fs::create_dir_all(place.join("tree")).unwrap();
    fs::write(place.join("lock"), "").unwrap();
    let exchanging = Exchanging { place: place.clone(), away: away.clone(), theirs };
    let service = places.service(Disk::with(Arc::new(exchanging)));
    drop(service.opened(Some(places.handle())).await);
    assert!(!away.join("tree").exists(), "what was locked is removed, wherever it is");
    assert!(place.join("tree/precious").exists());
}

#[tokio::test]
async fn a_link_among_the_sandboxes_leads_to_none() {
    let places = Places::new();
    symlink(places.path("theirs/home"), places.path("root/link")).unwrap();
    places.service(Disk::default()).opened(Some(places.handle())).await.unwrap();
    places.assert_theirs_stays();
}
