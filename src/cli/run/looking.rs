//! What the agent sees of the project before it begins, and what is noticed of its sandbox while it works.

use std::sync::Arc;

use agentbus::event::DecisionType;
use agentbus::service::actor::Message;
use agentbus::service::context::{
    ContextRequest, ContextService, DecisionSource, FileSource, Fragment, MAX_QUERY_BYTES, Query,
};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::resource::{DirHandler, Watch};
use agentbus::service::sandbox::Sandbox;

use super::agent::Agent;
use super::ending::Ending;
use crate::cli::report::{complain, with_causes};

/// By what name the project is a resource.
const PROJECT: &str = "project";

/// How many files a decision names.
const NAMED_FILES: usize = 5;

impl Agent {
    /// Looks which files of the project the goal is about, and shows the actor as much of them as the task grants.
    pub(super) async fn look_around(&self, root: &Decision, tokens: u64) -> Result<(), Ending> {
        let handler = DirHandler::open(&self.destination).map_err(Ending::Open)?;
        let project = self.resources.register(PROJECT, Arc::new(handler))?;
        project.index().await?;
        let contexts = ContextService::builder(self.bus.clone())
            .searchable(FileSource::new(project))
            .source(DecisionSource::new(self.decisions.clone()))
            .build()?;
        let goal = self.task.goal.as_str();
        let asked = goal.get(..goal.floor_char_boundary(MAX_QUERY_BYTES)).unwrap_or(goal);
        let found = contexts.query(Query::new(asked)).await?;
        let named: Vec<_> = found.iter().take(NAMED_FILES).map(Fragment::id).collect();
        let choice =
            if named.is_empty() { "all of them, for all that is known".to_owned() } else { named.join(", ") };
        self.decided(&root.plan_id, "which files is it about?", |question| {
            NewDecision::under(root, DecisionType::Other("area".into()), question, choice)
        })?;
        let request = ContextRequest::new(asked, tokens).with_plan(&root.plan_id);
        let context = contexts.build(request).await?;
        self.say(Message::User(format!("This is what there is:\n\n{context}"))).await?;
        Ok(())
    }

    /// Has it told what programs write in the sandbox, for as long as the watch is kept. A run goes on without.
    pub(super) async fn watch(&self, sandbox: &Sandbox) -> Option<Watch> {
        let watched = match self.resources.tree_of(sandbox) {
            Ok(tree) => tree.watch().await.map_err(|error| with_causes(&error)),
            Err(error) => Err(with_causes(&error)),
        };
        watched.inspect_err(|error| complain(&format!("nobody watches the sandbox: {error}"))).ok()
    }
}

/// Ends the watch when everything is told that happened so far.
pub(super) async fn end(watch: Option<Watch>) {
    if let Some(watch) = watch {
        if let Err(error) = watch.caught_up().await {
            complain(&format!(
                "not all is told that programs wrote in the sandbox: {}",
                with_causes(&*error)
            ));
        }
        watch.close().await;
    }
}

#[cfg(test)]
mod tests {
    use agentbus::service::decision::DecisionService;
    use agentbus::service::resource::ResourceService;

    use super::*;
    use crate::cli::task::CONTEXT_TOKENS;

    #[tokio::test]
    async fn the_least_tokens_that_a_task_may_grant_have_room_for_a_context() {
        let folder = tempfile::tempdir().unwrap();
        for nth in 0..20 {
            let text = format!("mend it, file {nth}, before anything else is done\n").repeat(40);
            std::fs::write(folder.path().join(format!("mend-it-{nth}.txt")), text).unwrap();
        }
        let resources = ResourceService::new(None);
        let handler = Arc::new(DirHandler::open(folder.path()).unwrap());
        let contexts = ContextService::builder(None)
            .searchable(FileSource::new(resources.register(PROJECT, handler).unwrap()))
            .source(DecisionSource::new(DecisionService::new(None)))
            .build()
            .unwrap();
        let context = contexts.build(ContextRequest::new("mend it", *CONTEXT_TOKENS.start())).await.unwrap();
        assert!(context.tokens <= *CONTEXT_TOKENS.start() && !context.dropped.is_empty(), "{context:?}");
    }
}
