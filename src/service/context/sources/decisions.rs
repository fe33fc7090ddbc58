//! [`DecisionSource`]: what was decided in the plan.

use std::collections::HashMap;
use std::fmt::Write as _;

use async_trait::async_trait;

use super::{first_line, relevances};
use crate::redact::Redactor;
use crate::service::context::{ContextRequest, ContextSource, Fragment, SourceError};
use crate::service::decision::{Decision, DecisionService};

/// Gives the decisions of the request's plan that hold, in the order in which they were taken; those superseded are
/// left out. Without a plan it gives nothing. It is called `decisions`.
///
/// All of a decision is what was asked, chosen and not chosen; its outline is question and choice; its line the choice.
/// It is as deep as it stands in the tree. Its quality is 1 if it was approved, else its confidence, else one half.
///
/// A plan whose decisions could not be restored is refused.
#[derive(Debug, Clone)]
pub struct DecisionSource {
    decisions: DecisionService,
    redactor: Redactor,
}

impl DecisionSource {
    /// Gives what that service has.
    pub fn new(decisions: DecisionService) -> Self {
        Self { decisions, redactor: Redactor::untagged() }
    }

    /// The same source, that masks secrets by another redactor before it cuts a choice short.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }
}

#[async_trait]
impl ContextSource for DecisionSource {
    fn name(&self) -> &'static str {
        "decisions"
    }

    async fn gather(&self, request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        let Some(plan) = request.plan_id() else { return Ok(Vec::new()) };
        let restored = self.decisions.restored();
        if restored.is_some_and(|restored| restored.broken.iter().any(|broken| broken.plan_id == *plan)) {
            return Err(SourceError::refused(format!("the decisions of plan {plan} could not be restored")));
        }
        // By sequence: a parent stands before its children.
        let all = self.decisions.list(plan);
        let mut depths = HashMap::new();
        for decision in &all {
            let parent = decision.parent_id.as_ref().and_then(|parent| depths.get(parent));
            let depth = parent.map_or(0, |depth: &u32| depth.saturating_add(1));
            depths.insert(&decision.id, depth);
        }
        let holding: Vec<&Decision> = all.iter().filter(|decision| decision.superseded.is_none()).collect();
        let texts: Vec<String> = holding.iter().map(|decision| full(decision)).collect();
        let relevances = relevances(request.query(), &texts);
        let fragments =
            holding.into_iter().zip(texts).zip(relevances).map(|((decision, text), relevance)| {
                let depth = depths.get(&decision.id).copied().unwrap_or_default();
                fragment(decision, text, &self.redactor).with_relevance(relevance).with_depth(depth)
            });
        Ok(fragments.collect())
    }
}

fn fragment(decision: &Decision, text: String, redactor: &Redactor) -> Fragment {
    let confidence = decision.confidence.map(|part| f64::from(part.as_millionths()) / 1e6);
    let quality = if decision.approved_by.is_some() { 1.0 } else { confidence.unwrap_or(0.5) };
    Fragment::new(decision.id.to_string(), text)
        .with_title(format!("{}, {}", decision.sequence, decision.decision_type))
        .with_outline(format!("{} -> {}", decision.question, decision.choice))
        .with_line(first_line(&redactor.redact_text(&decision.choice)))
        .with_quality(quality)
        .with_time(decision.changed_at)
}

fn full(decision: &Decision) -> String {
    let mut text = format!("asked: {}\nchosen: {}\n", decision.question, decision.choice);
    let mut tell = |what: &str, value: String| {
        writeln!(text, "{what}: {value}").expect("a String takes any text");
    };
    if !decision.alternatives.is_empty() {
        let more = decision.alternatives.more();
        let named = decision.alternatives.join("; ");
        tell("not chosen", if more > 0 { format!("{named}; and {more} more") } else { named });
    }
    if let Some(confidence) = decision.confidence {
        tell("confidence", confidence.to_string());
    }
    if let Some(approver) = &decision.approved_by {
        tell("approved by", approver.to_string());
    }
    text
}
