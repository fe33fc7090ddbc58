use std::sync::Arc;
use std::time::Duration;

use agentbus::service::invariant::{
    Invariant, InvariantCheck, InvariantCheckError, InvariantContext, InvariantOptions, InvariantService,
    NewInvariant, Reach, Reconciled, Setting, Subject, Verdict,
};
use agentbus::service::plan::{NewPlan, PlanService};
use async_trait::async_trait;

use super::{Bus, Lines};

#[derive(Debug, Clone, Copy)]
enum Check {
    Holds,
    SaysNo,
    Errors,
    Panics,
}

#[async_trait]
impl InvariantCheck for Check {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        tokio::task::yield_now().await;
        match self {
            Self::Holds => Ok(Verdict::Held),
            Self::SaysNo => Ok(Verdict::Violated("no".to_owned())),
            Self::Errors => Err(InvariantCheckError::new("who knows")),
            Self::Panics => panic!("a check that is meant to"),
        }
    }
}

#[derive(Debug)]
struct Hangs;

#[async_trait]
impl InvariantCheck for Hangs {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        std::future::pending().await
    }
}

fn tell(found: &Reconciled) -> String {
    let ids = found.effective.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
    let lost = found.overridden.iter().map(|lost| format!("{} to {}", lost.invariant.id, lost.by));
    format!("{ids:?} {:?} {:?}", lost.collect::<Vec<_>>(), found.conflicts)
}

async fn enforce(invariants: &InvariantService, plan: &str, lines: &mut Lines) {
    let setting = Setting::new(plan).with_action("strategize").with_project_names(["greeter"]);
    let report = invariants.enforce(&setting, &Subject::new()).await;
    lines.came(report, |report| {
        let results =
            report.results.iter().map(|result| (result.invariant.id.to_string(), result.outcome.clone()));
        (tell(&report.reconciled), results.collect::<Vec<_>>(), report.is_kept())
    });
}

pub(super) async fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("invariants");
    let invariants = InvariantService::new(bus.clone());
    let new = |id: &str, reach| NewInvariant::new(format!("{id} must hold"), reach).with_id(id);
    let added = [
        new("firm", Reach::Global).non_overridable().with_key("k").with_check(Arc::new(Check::Holds)),
        new("mine", Reach::Plan("mend".into())).with_key("k").with_check(Arc::new(Check::SaysNo)),
        new("act", Reach::Action("strategize".into())).with_check(Arc::new(Check::Errors)),
        new("ours", Reach::Project("greeter".into())).with_check(Arc::new(Check::Panics)),
        new("said", Reach::Global),
        new("said", Reach::Global),
        new("also", Reach::Global).non_overridable().with_key("k"),
        new("not", Reach::Plan("mend".into())).non_overridable(),
    ];
    let tell_one = |one: Invariant| format!("{} {:?} {}", one.id, one.check, one.is_active);
    for invariant in added {
        lines.came(invariants.add(invariant), tell_one);
    }
    for plan in ["mend", "paint", ""] {
        lines.came(invariants.reconcile(Setting::new(plan)), |found| tell(&found));
        enforce(&invariants, plan, &mut lines).await;
    }
    // On its own: whatever else is checked might take too long as well.
    let hurried = InvariantService::new(bus.clone());
    let hurried = hurried.with_options(InvariantOptions::default().with_timeout(Duration::ZERO));
    lines.came(hurried.add(new("slow", Reach::Global).with_check(Arc::new(Hangs))), tell_one);
    enforce(&hurried, "mend", &mut lines).await;
    for id in ["ours", "ours", "nobody"] {
        lines.came(invariants.remove(&id.into()), tell_one);
    }
    let plans = PlanService::new(bus).with_gate(Arc::new(invariants.clone()));
    lines.came(plans.create(NewPlan::new("mend").with_id("mend")), |plan| plan.revision);
    lines.came(plans.advance(&"mend".into()).await, |plan| plan.revision);
    lines.came(invariants.remove(&"act".into()), tell_one);
    lines.came(plans.advance(&"mend".into()).await, |plan| (plan.phase, plan.revision));
    lines.say(serde_json::to_string(&invariants.snapshot(None)).unwrap());
    lines
}
