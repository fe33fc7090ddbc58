use std::sync::Arc;

use agentbus::event::Timestamp;
use agentbus::service::context::{
    ContextRequest, ContextService, ContextSource, FileSource, Fragment, Query, SourceError,
};
use agentbus::service::resource::{DirHandler, ResourceService};
use async_trait::async_trait;

use super::{Bus, Lines};

/// Panics whenever it is asked.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl ContextSource for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    async fn gather(&self, _request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        panic!("a source that is meant to")
    }
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("contexts");
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("a.txt", "the harbour at night"), ("b.txt", "a harbour, a harbour"), ("c.txt", "no ship")]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let resources = ResourceService::new(bus.clone());
    let notes = resources.register("notes", Arc::new(DirHandler::open(folder.path()).unwrap())).unwrap();
    let contexts =
        ContextService::builder(bus).searchable(FileSource::new(notes)).source(Broken).build().unwrap();
    let request = |budget| ContextRequest::new("harbour", budget).with_now(Timestamp::from_unix_nanos(0));
    for budget in [500, 100, 1] {
        lines.came(contexts.build(request(budget)).await, |context| context.to_string());
    }
    for text in ["harbour", "whale", ""] {
        let found = contexts.query(Query::new(text)).await;
        lines.came(found, |found| found.iter().map(|fragment| fragment.id().to_owned()).collect::<Vec<_>>());
    }
    lines
}
