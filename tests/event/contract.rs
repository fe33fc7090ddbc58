//! The public contract: the thirty-eight names, what follows from each, and the keys of their details.
//!
//! This table is written out once more by intention. Others read our events: a name, a flag or a required key that
//! changes here breaks them. A key may be added to the optional ones; nothing else may ever change.

use std::collections::BTreeSet;

use agentbus::{Category, EventType, Severity};
use serde_json::Value;

use crate::strategies::example;

struct Row {
    name: &'static str,
    category: &'static str,
    severity: &'static str,
    flags: &'static str,
    required: &'static str,
    optional: &'static str,
}

macro_rules! table {
    ($($name:literal $category:ident $severity:ident $flags:literal: $required:literal ? $optional:literal;)+) => {
        const CONTRACT: &[Row] = &[$(Row {
            name: $name,
            category: stringify!($category),
            severity: stringify!($severity),
            flags: $flags,
            required: $required,
            optional: $optional,
        },)+];
    };
}

table! {
    "plan.created" plan info "": "revision name phase project_names max_reversions" ? "parent_plan_id actor";
    "plan.phase_changed" plan info "": "revision from to reversion reversion_count" ? "reason";
    "plan.state_changed" plan info "": "revision phase from to" ? "reason";
    "plan.applied" plan info "critical": "revision project_names files_changed lines_added lines_removed validations_passed duration_ms" ? "";
    "plan.cancelled" plan warn "critical": "revision reason phase state children_cancelled" ? "";
    "plan.errored" plan error "critical": "revision phase error error_kind attempt" ? "";
    "decision.created" decision info "": "revision decision_id decision_type sequence question choice alternatives" ? "parent_id confidence";
    "decision.approved" decision info "security": "revision decision_id approved_by" ? "";
    "decision.corrected" decision info "": "revision decision_id corrected_by_id mode guidance superseded_count" ? "";
    "decision.superseded" decision warn "": "revision decision_id cascade" ? "superseded_by";
    "invariant.reconciled" invariant info "": "effective overridden conflicts invariant_ids" ? "";
    "invariant.violated" invariant error "critical security": "invariant_id scope text reason" ? "";
    "invariant.enforced" invariant info "": "invariant_id scope duration_ms" ? "";
    "actor.invoked" actor info "": "actor model tools max_iterations" ? "";
    "actor.completed" actor info "critical": "actor iterations tool_calls input_tokens output_tokens duration_ms" ? "cost_usd";
    "actor.errored" actor error "critical": "actor error error_kind cancelled iterations" ? "input_tokens output_tokens cost_usd duration_ms";
    "actor.escalated" actor warn "critical": "actor reason limit iterations" ? "input_tokens output_tokens cost_usd duration_ms";
    "tool.invoked" tool info "": "tool call_id input_hash input_bytes read_only" ? "";
    "tool.completed" tool info "": "tool call_id attempts duration_ms output_bytes output_hash truncated" ? "";
    "tool.errored" tool error "critical security": "tool call_id error error_kind attempts duration_ms" ? "";
    "tool.retried" tool warn "": "tool call_id attempt max_attempts error delay_ms" ? "";
    "resource.accessed" resource info "": "resource operation bytes" ? "";
    "resource.modified" resource info "security": "resource path change source" ? "from_path bytes";
    "resource.indexed" resource info "": "resource files added changed removed bytes duration_ms incremental" ? "";
    "sandbox.created" sandbox info "": "sandbox_id strategy files bytes duration_ms" ? "";
    "sandbox.committed" sandbox info "critical security": "sandbox_id files_added files_changed files_removed lines_added lines_removed duration_ms" ? "";
    "sandbox.rolled_back" sandbox warn "critical security": "sandbox_id reason files_reverted" ? "to_checkpoint";
    "checkpoint.created" sandbox info "": "checkpoint_id sandbox_id reason files new_bytes" ? "";
    "checkpoint.restored" sandbox info "security": "checkpoint_id sandbox_id files_restored files_removed" ? "";
    "context.built" context info "": "fragments dropped deduplicated tokens budget sources failed_sources duration_ms" ? "";
    "context.query_executed" context info "": "source query_hash results duration_ms" ? "";
    "validation.started" validation info "": "run_id required informational attempt" ? "";
    "validation.passed" validation info "critical": "run_id passed informational_failed duration_ms" ? "";
    "validation.failed" validation error "critical": "run_id failed errored passed duration_ms" ? "";
    "session.created" session info "security": "imported" ? "title";
    "session.message_sent" session info "": "message_id sequence role bytes tokens content_hash" ? "";
    "budget.warning" cost warn "critical": "tier scope_id spent_usd limit_usd threshold" ? "";
    "budget.exceeded" cost error "critical security": "tier scope_id spent_usd requested_usd limit_usd" ? "reserved_usd";
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

#[test]
fn the_names_stand_in_their_order_for_ever() {
    let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    let contract: Vec<_> = CONTRACT.iter().map(|row| row.name).collect();
    assert_eq!(names, contract);
    assert_eq!(names.len(), 38);
}

#[test]
fn category_severity_and_flags_are_what_was_promised() {
    for (kind, row) in EventType::ALL.into_iter().zip(CONTRACT) {
        assert_eq!(Ok(kind.category()), row.category.parse::<Category>(), "{kind}");
        assert_eq!(Ok(kind.severity()), row.severity.parse::<Severity>(), "{kind}");
        assert_eq!(kind.is_critical(), words(row.flags).contains("critical"), "{kind}");
        assert_eq!(kind.is_security(), words(row.flags).contains("security"), "{kind}");
    }
}

/// The keys of the details of an example of `kind`.
#[expect(clippy::unwrap_used, reason = "an example has a JSON form, and its details are an object")]
fn keys(kind: EventType, optional: f64) -> BTreeSet<String> {
    let json = example(kind, optional).details_json().unwrap();
    let details: serde_json::Map<String, Value> = serde_json::from_str(&json).unwrap();
    details.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn the_details_have_the_keys_that_were_promised() {
    for (kind, row) in EventType::ALL.into_iter().zip(CONTRACT) {
        let (required, optional) = (words(row.required), words(row.optional));
        let least: Vec<_> = required.iter().map(ToString::to_string).collect();
        let most: BTreeSet<_> = required.union(&optional).map(ToString::to_string).collect();
        assert_eq!(keys(kind, 0.0).into_iter().collect::<Vec<_>>(), least, "{kind}: required");
        assert_eq!(keys(kind, 1.0), most, "{kind}: with all that are optional");
    }
}

#[test]
fn each_required_key_is_missed_by_name_and_no_optional_one_is() {
    for (kind, row) in EventType::ALL.into_iter().zip(CONTRACT) {
        let event: Value = serde_json::to_value(example(kind, 1.0)).unwrap();
        for key in words(row.required) {
            let mut without = event.clone();
            without["details"].as_object_mut().unwrap().remove(key).unwrap();
            let error = serde_json::from_value::<agentbus::DomainEvent>(without).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{kind}: {error}");
        }
        for key in words(row.optional) {
            let mut without = event.clone();
            without["details"].as_object_mut().unwrap().remove(key).unwrap();
            assert!(serde_json::from_value::<agentbus::DomainEvent>(without).is_ok(), "{kind}: {key}");
        }
    }
}
