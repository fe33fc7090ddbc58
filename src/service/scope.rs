//! [`KeptScope`]: a scope as it is kept outside of the process.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::text::check_name;
use crate::event::{CorrelationId, EventId, PlanId, Scope, SessionId, Text, TraceContext};

/// What a scope says, as far as it can be read back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct KeptScope {
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<PlanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_plan_id: Option<PlanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_identity: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<CorrelationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceContext>,
}

impl KeptScope {
    pub(super) fn of(scope: &Scope) -> Self {
        Self {
            plan_id: readable(scope.plan_id()),
            root_plan_id: readable(scope.root_plan_id()),
            session_id: readable(scope.session_id()),
            actor_name: readable(scope.actor_name()),
            project_name: readable(scope.project_name()),
            user_identity: readable(scope.user_identity()),
            correlation_id: readable(scope.correlation_id()),
            causation_id: scope.causation_id().copied(),
            traceparent: scope.trace().copied(),
        }
    }
}

/// A name, unless it is one that is refused when it is read: the embedder may put any into a scope, and one of them
/// must not cost a whole snapshot.
fn readable<T: Clone + fmt::Display>(name: Option<&T>) -> Option<T> {
    name.filter(|name| check_name(&name.to_string()).is_ok()).cloned()
}

impl From<KeptScope> for Scope {
    fn from(kept: KeptScope) -> Self {
        let mut scope = Self::new();
        macro_rules! take {
            ($($field:ident, $with:ident;)+) => {
                $(if let Some(value) = kept.$field {
                    scope = scope.$with(value);
                })+
            };
        }
        take! {
            plan_id, with_plan_id;
            root_plan_id, with_root_plan_id;
            session_id, with_session_id;
            actor_name, with_actor_name;
            project_name, with_project_name;
            user_identity, with_user_identity;
            correlation_id, with_correlation_id;
            causation_id, with_causation_id;
            traceparent, with_trace;
        }
        scope
    }
}
