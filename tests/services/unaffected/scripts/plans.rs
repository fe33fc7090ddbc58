use std::sync::Arc;

use agentbus::event::{PlanErrorKind, PlanId, PlanPhase};
use agentbus::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
use agentbus::service::plan::{ApplySummary, NewPlan, Plan, PlanFilter, PlanService};
use async_trait::async_trait;

use super::{Bus, Lines};

/// Refuses one plan its last phase.
#[derive(Debug)]
struct Refuses;

#[async_trait]
impl Gate for Refuses {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        tokio::task::yield_now().await;
        let GateOperation::EnterPhase { to, .. } = question.operation else { return GateAnswer::Allowed };
        if to == PlanPhase::Apply && question.plan_id == "held" {
            return GateAnswer::refused(["a test is missing"]);
        }
        GateAnswer::Allowed
    }
}

/// All of a plan but its times.
fn tell(plan: Plan) -> String {
    let Plan {
        id, root_id, parent_id, name, phase, state, revision, reversion_count, attempt, reason, ..
    } = plan;
    format!(
        "{id} {root_id} {parent_id:?} {name} {phase} {state} {revision} {reversion_count} {attempt} {reason:?}"
    )
}

async fn lead_to_execute(plans: &PlanService, plan: &PlanId, lines: &mut Lines) {
    lines.came(plans.advance(plan).await, tell);
    lines.came(plans.start(plan), tell);
    lines.came(plans.complete(plan), tell);
    lines.came(plans.advance(plan).await, tell);
    lines.came(plans.start(plan), tell);
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("plans");
    let plans = PlanService::new(bus).with_gate(Arc::new(Refuses));
    let (mend, held) = (PlanId::from("mend"), PlanId::from("held"));
    for plan in [&mend, &held] {
        lines.came(plans.create(NewPlan::new("mend it").with_id(plan).with_project_names(["greeter"])), tell);
        lines.came(plans.create(NewPlan::new("again").with_id(plan)), tell);
        lines.came(plans.start(plan), tell);
        lead_to_execute(&plans, plan, &mut lines).await;
        lines.came(plans.fail(plan, "no luck", PlanErrorKind::Transient), tell);
        lines.came(plans.retry(plan), tell);
        lines.came(plans.start(plan), tell);
        for child in ["part", "other"] {
            let new = NewPlan::new("part of it").with_id(format!("{plan}-{child}"));
            lines.came(plans.spawn_child(plan, new), tell);
        }
        lines.came(plans.revert_to(plan, PlanPhase::Strategize, "think again"), tell);
        lines.came(plans.start(plan), tell);
        lines.came(plans.complete(plan), tell);
        lines.came(plans.advance(plan).await, tell);
        lines.came(plans.start(plan), tell);
        lines.came(plans.complete(plan), tell);
        lines.came(plans.advance(plan).await, tell);
        lines.came(plans.start(plan), tell);
        lines.came(plans.constrain(plan, "not so"), tell);
        lines.came(plans.retry(plan), tell);
        lines.came(plans.revert_to(plan, PlanPhase::Execute, "better"), tell);
    }
    lines.came(plans.cancel(&held, "enough"), tell);
    lines.came(plans.spawn_child(&held, NewPlan::new("late").with_id("late")), tell);
    for _ in 0..2 {
        lines.came(plans.start(&mend), tell);
        lines.came(plans.complete(&mend), tell);
        lines.came(plans.advance(&mend).await, tell);
    }
    lines.came(plans.start(&mend), tell);
    lines.came(plans.apply(&mend, ApplySummary::default()), tell);
    lines.came(plans.cancel(&mend, "too late"), tell);
    lines.came(plans.cancel(&"nobody".into(), "nobody"), tell);
    plans.list(&PlanFilter::all()).into_iter().for_each(|plan| lines.say(tell(plan)));
    lines.came(plans.tree(&held), |tree| tree.into_iter().map(tell).collect::<Vec<_>>());
    lines
}
