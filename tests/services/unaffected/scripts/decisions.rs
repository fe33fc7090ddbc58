use agentbus::event::{CorrectionMode, DecisionId, DecisionType};
use agentbus::service::decision::{Decision, DecisionService, NewDecision};

use super::{Bus, Lines};

/// All of a decision but its times and the ids that the service chose.
fn tell(decision: Decision) -> String {
    let Decision { sequence, decision_type, question, choice, approved_by, corrected_by, superseded, .. } =
        decision;
    let (corrected, superseded) = (corrected_by.len(), superseded.map(|by| (by.by.is_some(), by.cascade)));
    format!("{sequence} {decision_type} {question} {choice} {approved_by:?} {corrected} {superseded:?}")
}

pub(super) fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("decisions");
    let decisions = DecisionService::new(bus);
    let under = |id: &str, parent: &str| {
        NewDecision::new("mend", DecisionType::ToolChoice, "how?", id).with_id(id).with_parent(parent)
    };
    lines.came(decisions.record(under("early", "what")), tell);
    lines.came(decisions.record(NewDecision::root("mend", "what?", "this").with_id("what")), tell);
    lines.came(decisions.record(NewDecision::root("mend", "what?", "that").with_id("second")), tell);
    for (id, parent) in
        [("how", "what"), ("tool", "how"), ("detail", "tool"), ("other", "what"), ("how", "what")]
    {
        lines.came(decisions.record(under(id, parent)), tell);
    }
    let [what, how, tool, other] = ["what", "how", "tool", "other"].map(DecisionId::from);
    lines.came(decisions.approve(&how, "ann"), tell);
    lines.came(decisions.correct(&what, CorrectionMode::Revert, "no"), tell);
    lines.came(decisions.correct(&what, CorrectionMode::Append, "politely"), tell);
    lines.came(decisions.supersede(&how, Some(&tool)), |fallen| fallen.len());
    lines.came(decisions.correct(&how, CorrectionMode::Revert, "ask first"), tell);
    lines.came(decisions.approve(&tool, "ann"), tell);
    lines.came(decisions.supersede(&other, None), |fallen| fallen.len());
    lines.came(decisions.supersede(&what, None), |fallen| fallen.len());
    decisions.list(&"mend".into()).into_iter().for_each(|decision| lines.say(tell(decision)));
    decisions.tree(&"mend".into()).into_iter().for_each(|decision| lines.say(tell(decision)));
    lines
}
