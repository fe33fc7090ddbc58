//! What the agent sees of the project before it begins.

use std::num::NonZeroU64;
use std::sync::Arc;

use agentbus::event::DecisionType;
use agentbus::service::actor::Message;
use agentbus::service::context::{
    ContextRequest, ContextService, DecisionSource, FileSource, MAX_QUERY_BYTES, Query,
};
use agentbus::service::decision::{Decision, NewDecision};
use agentbus::service::resource::DirHandler;

use super::agent::Agent;
use super::ending::Ending;

/// By what name the project is a resource.
const PROJECT: &str = "project";

/// How many files a decision names.
const NAMED_FILES: usize = 5;

impl Agent {
    /// Looks which files of the project the goal is about, and shows the actor as much of them as the task grants.
    pub(super) async fn look_around(&self, root: &Decision, tokens: NonZeroU64) -> Result<(), Ending> {
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
        let named: Vec<_> = found.iter().take(NAMED_FILES).map(|fragment| fragment.id()).collect();
        let choice =
            if named.is_empty() { "all of them, for all that is known".to_owned() } else { named.join(", ") };
        let area = DecisionType::Other("area".into());
        self.decisions.record(NewDecision::under(root, area, "which files is it about?", choice))?;
        let request = ContextRequest::new(asked, tokens.get()).with_plan(&root.plan_id);
        let context = contexts.build(request).await?;
        self.say(Message::User(format!("This is what there is:\n\n{context}"))).await?;
        Ok(())
    }
}
