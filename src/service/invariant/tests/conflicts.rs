//! Which of two invariants holds.

use super::*;

/// One of each strength, the strongest first.
fn strengths() -> [NewInvariant; 5] {
    [
        new("s1", Reach::Global).non_overridable(),
        new("s2", Reach::Plan("p".into())),
        new("s3", Reach::Action("apply".into())),
        new("s4", Reach::Project("greeter".into())),
        new("s5", Reach::Global),
    ]
    .map(|invariant| invariant.with_key("k"))
}

#[test]
fn the_stronger_of_two_holds_whichever_was_added_first() {
    for strong in 0..5 {
        for weak in strong + 1..5 {
            for order in [[strong, weak], [weak, strong]] {
                let (invariants, _bus) = service();
                for at in order {
                    invariants.add(strengths()[at].clone()).unwrap();
                }
                let reconciled = invariants.effective(setting()).unwrap();
                assert_eq!(ids(&reconciled.effective), [format!("s{}", strong + 1)]);
                let [lost] = reconciled.overridden.as_slice() else { panic!("{reconciled:?}") };
                assert_eq!(lost.invariant.id.to_string(), format!("s{}", weak + 1));
                assert_eq!(lost.by.to_string(), format!("s{}", strong + 1));
            }
        }
    }
}

#[test]
fn all_lose_to_the_strongest_and_one_key_is_one_conflict() {
    let (invariants, _bus) = service();
    for invariant in strengths().into_iter().rev() {
        invariants.add(invariant).unwrap();
    }
    let reconciled = invariants.effective(setting()).unwrap();
    assert_eq!(ids(&reconciled.effective), ["s1"]);
    assert!(reconciled.overridden.iter().all(|lost| lost.by == "s1"));
    let lost: Vec<_> = reconciled.overridden.iter().map(|lost| lost.invariant.id.to_string()).collect();
    assert_eq!(lost, ["s2", "s3", "s4", "s5"]);
    assert_eq!(reconciled.conflicts.len(), 1);
}

#[test]
fn among_equals_the_first_one_holds_until_it_is_removed() {
    let (invariants, _bus) = service();
    invariants.add(new("z-first", Reach::Project("other".into())).with_key("k")).unwrap();
    invariants.add(new("a-second", Reach::Project("greeter".into())).with_key("k")).unwrap();
    assert_eq!(ids(&invariants.effective(setting()).unwrap().effective), ["z-first"]);
    invariants.remove(&"z-first".into()).unwrap();
    let reconciled = invariants.effective(setting()).unwrap();
    assert_eq!(ids(&reconciled.effective), ["a-second"]);
    assert_eq!((reconciled.overridden.len(), reconciled.conflicts.len()), (0, 0));
}

#[test]
fn invariants_of_other_keys_or_of_none_do_not_conflict() {
    let (invariants, _bus) = service();
    invariants.add(new("a", Reach::Global)).unwrap();
    invariants.add(new("b", Reach::Global)).unwrap();
    invariants.add(new("c", Reach::Global).with_key("k")).unwrap();
    invariants.add(new("d", Reach::Plan("p".into())).with_key("l")).unwrap();
    let reconciled = invariants.effective(setting()).unwrap();
    assert_eq!(ids(&reconciled.effective), ["d", "a", "b", "c"]);
    assert_eq!(reconciled.overridden, []);
}

#[test]
fn an_invariant_that_does_not_reach_the_plan_does_not_conflict() {
    let (invariants, _bus) = service();
    for (id, reach) in [
        ("plan", Reach::Plan("q".into())),
        ("action", Reach::Action("execute".into())),
        ("project", Reach::Project("parser".into())),
        ("all", Reach::Global),
    ] {
        invariants.add(new(id, reach).with_key("k")).unwrap();
    }
    assert_eq!(ids(&invariants.effective(setting()).unwrap().effective), ["all"]);
    assert_eq!(ids(&invariants.effective(Setting::new("r")).unwrap().effective), ["all"]);
    assert_eq!(ids(&invariants.effective(Setting::new("q")).unwrap().effective), ["plan"]);
}

#[test]
fn of_one_key_there_is_one_non_overridable_invariant() {
    let (invariants, _bus) = service();
    let first = new("first", Reach::Global).with_key("k").non_overridable();
    invariants.add(first).unwrap();
    let second = || new("second", Reach::Global).with_key("k").non_overridable();
    let error = invariants.add(second()).unwrap_err();
    assert_eq!(error, InvariantError::KeyTaken { key: "k".into(), holder: "first".into() });
    assert_eq!(invariants.get(&"second".into()), None);
    invariants.add(new("other", Reach::Global).with_key("l").non_overridable()).unwrap();
    invariants.remove(&"first".into()).unwrap();
    invariants.add(second()).unwrap();
}

#[test]
fn only_a_global_invariant_is_non_overridable() {
    let (invariants, _bus) = service();
    for reach in [Reach::Plan("p".into()), Reach::Action("apply".into()), Reach::Project("greeter".into())] {
        let error = invariants.add(new("a", reach.clone()).non_overridable()).unwrap_err();
        assert_eq!(error, InvariantError::NotGlobal { reach });
    }
    assert_eq!(invariants.list(), []);
}
