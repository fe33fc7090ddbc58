use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use agentbus::service::actor::{
    Actor, ActorLimits, ActorOutcome, ActorRuntime, ActorTask, Conversation, LanguageModel, ModelError,
    Reply, ToolRequest,
};
use agentbus::service::tool::{ToolRuntime, ToolSpec};
use async_trait::async_trait;

use super::tools::Named;
use super::{Bus, Lines};

/// Says what it was given; fails where that is empty, and panics when there is no more.
#[derive(Debug)]
struct Says(Mutex<VecDeque<Reply>>);

#[async_trait]
impl LanguageModel for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    async fn respond(&self, _: &Conversation, _: &[ToolSpec]) -> Result<Reply, ModelError> {
        let reply = self.0.lock().unwrap().pop_front().expect("a model that is meant to");
        if reply == Reply::default() {
            return Err(ModelError::Failed { message: "it is lost".to_owned() });
        }
        Ok(reply)
    }
}

fn asks(name: &str) -> Reply {
    let request = ToolRequest { id: "call".to_owned(), name: name.to_owned(), arguments: "{}".to_owned() };
    Reply::new("let me see").with_tool_calls([request])
}

fn tell(outcome: &ActorOutcome, lines: &mut Lines) {
    let report = outcome.report();
    lines.say((report.iterations, report.tool_calls, report.usage, report.cost));
    lines.say(report.conversation.messages().collect::<Vec<_>>());
    match outcome {
        ActorOutcome::Completed { answer, .. } => lines.say(answer),
        ActorOutcome::Escalated { escalation, .. } => lines.say(escalation),
        ActorOutcome::Errored { failure, .. } => lines.say(failure),
        other => panic!("nobody cancels: {other:?}"),
    }
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("actors");
    let tools = ToolRuntime::new(bus.clone());
    for name in ["say", "fail"] {
        tools.register(Named::new(name)).unwrap();
    }
    let actors = ActorRuntime::new(tools, bus);
    let talks = [
        vec![asks("say"), asks("fail"), asks("nobody"), Reply::new("done")],
        vec![asks("say"), Reply::default()],
        vec![asks("say"), asks("say"), asks("say"), asks("say"), asks("say")],
        vec![asks("fail")],
    ];
    for talk in talks {
        let model = Says(Mutex::new(talk.into()));
        let limits = ActorLimits { max_iterations: NonZeroU32::new(4).unwrap(), ..ActorLimits::default() };
        let actor = Actor::new("planner", Arc::new(model)).with_limits(limits);
        tell(&actors.run(&actor, ActorTask::new("mend the greeter")).await, &mut lines);
    }
    lines
}
