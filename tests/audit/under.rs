//! What is under an id.

use agentbus::audit::AuditQuery;
use agentbus::event::{PlanCreated, PlanPhase};
use agentbus::journal::{JournalReader, ReadFrom};
use agentbus::{DomainEvent, Filter};

use crate::support::{Home, positions, told};

fn created(plan: &str, parent: Option<&str>) -> DomainEvent {
    let mut details = PlanCreated::new(1, plan, PlanPhase::Action, ["greeter"], 3);
    details.parent_plan_id = parent.map(Into::into);
    DomainEvent::new(details).with_plan_id(plan)
}

/// A tree of plans and causes: what is under a plan, an event, both, and nothing.
fn events() -> Vec<DomainEvent> {
    let root = told(1);
    let plan = created("plan", None).with_causation_id(root.id());
    let child = created("child", Some("plan"));
    let effect = told(4).with_causation_id(child.id());
    let grandchild = created("grandchild", Some("child"));
    let late = told(6).with_plan_id("grandchild");
    let of_tree = told(7).with_plan_id("elsewhere").with_root_plan_id("plan");
    let deep = told(8).with_causation_id(effect.id());
    vec![root, plan, child, effect, grandchild, late, of_tree, deep, told(9), created("other", None)]
}

#[test]
fn the_index_and_the_journal_agree_about_what_is_under_an_id() {
    let home = Home::with(events());
    let mut index = home.index();
    let reader = JournalReader::open(home.path()).unwrap();
    let ids: Vec<_> = home.recorded().iter().map(|recorded| recorded.event.id().to_string()).collect();
    let plans = ["plan", "child", "grandchild", "elsewhere", "other", "nobody"].map(str::to_owned);
    for id in ids.into_iter().chain(plans) {
        for text in [
            format!("under={id}"),
            format!("-under={id}"),
            format!("under={id} session.*"),
            format!("under={id},other"),
        ] {
            let filter: Filter = text.parse().unwrap();
            let read = reader.read(ReadFrom::Start, filter.clone()).unwrap().events();
            let read: Vec<_> = read.map(|recorded| recorded.unwrap().position.get()).collect();
            assert_eq!(positions(&mut index, &AuditQuery::from(filter).limit(3)), read, "{text}");
        }
    }
}

#[test]
fn a_circle_of_causes_ends() {
    let (one, other) = (told(1), told(2));
    let (one_id, other_id) = (one.id(), other.id());
    let home = Home::with([one.with_causation_id(other_id), other.with_causation_id(one_id)]);
    let under = AuditQuery::new().under(one_id.to_string());
    assert_eq!(positions(&mut home.index(), &under), [1, 2]);
}

#[test]
fn an_effect_that_was_recorded_before_its_cause_is_under_it() {
    let cause = told(1);
    let effect = told(2).with_causation_id(cause.id());
    let deeper = told(3).with_causation_id(effect.id());
    let id = cause.id().to_string();
    let home = Home::with([deeper, effect, cause]);
    assert_eq!(positions(&mut home.index(), &AuditQuery::new().under(id)), [1, 2]);
}
