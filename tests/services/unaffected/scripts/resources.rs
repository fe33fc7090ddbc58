use std::sync::Arc;

use agentbus::service::resource::{DirHandler, IndexReport, ResourceService};

use super::{Bus, Lines};

fn tell(report: &IndexReport) -> String {
    format!("{:?} {:?} {:?} {}", report.added, report.changed, report.removed, report.incremental)
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("resources");
    let folder = tempfile::tempdir().unwrap();
    let resources = ResourceService::new(bus);
    let handler = Arc::new(DirHandler::open(folder.path()).unwrap());
    let notes = resources.register("notes", handler.clone()).unwrap();
    lines.came(resources.register("notes", handler), |_| "registered");
    for (path, content) in [("a.txt", "one"), ("b/c.txt", "two"), ("../d.txt", "no"), ("a.txt", "three")] {
        lines.came(notes.write(path, content).await, |()| path);
    }
    for path in ["a.txt", "b/c.txt", "nothing.txt", "../d.txt"] {
        lines.came(notes.read(path).await, |bytes| String::from_utf8(bytes).unwrap());
    }
    lines.came(notes.list(".").await, |entries| entries.len());
    lines.came(notes.index().await, |report| tell(&report));
    lines.came(notes.rename("a.txt", "e.txt").await, |()| "renamed");
    lines.came(notes.rename("a.txt", "e.txt").await, |()| "renamed");
    lines.came(notes.delete("b/c.txt").await, |()| "deleted");
    lines.came(notes.delete("b/c.txt").await, |()| "deleted");
    lines.came(notes.index().await, |report| tell(&report));
    lines.came(resources.unregister("notes"), |()| "forgotten");
    lines.came(resources.unregister("notes"), |()| "forgotten");
    lines.call(folder.path().display(), "the folder");
    lines
}
