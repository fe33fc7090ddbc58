//! [`TelemetryInterval`]: what happened within an interval, as an event.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::custom_kinds;
use crate::event::{BudgetTierKind, NameError, Text, Timestamp, Usd};

/// How many names of one group an interval tells apart.
pub const MAX_NAMES: usize = 128;

/// How many budgets an interval tells apart.
pub const MAX_BUDGETS: usize = 64;

/// How many slots all histograms of an interval have together.
pub const MAX_SLOTS: usize = 10_240;

/// The longest time that percentiles tell apart, in milliseconds: 49 days.
pub const MAX_MILLIS: u64 = u32::MAX as u64;

/// How many significant digits times have, where there is room.
pub(super) const DIGITS: u8 = 2;

/// What happened within an interval, as one `Telemetry` counted it.
///
/// On the wire numbers that are 0 are left out of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TelemetryInterval {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How many significant digits the times of its rows have: 2, or 1 or 0 if more differed than there is room for.
    pub digits: u8,
    /// How many events were missed, at most: they were counted nowhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
    /// Of how many plans it was forgotten since when they were in their phase: too many were under way.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forgotten: u64,
    /// What was counted, by group and name.
    pub rows: Vec<TelemetryRow>,
    /// What was told of budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<TelemetryBudget>,
    /// How often something was told of budgets that had no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_budgets: u64,
}

/// What the rows of one group count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TelemetryGroup {
    /// Calls of a tool, refused ones too; their times are of those that were tried.
    Tool,
    /// Runs of an actor.
    Actor,
    /// Runs of validations, all under the name `run`.
    Validation,
    /// A validation that had to pass and said no, or could not say.
    Check,
    /// Stays of plans in a phase. A plan that is cancelled or applied ends its last one.
    Phase,
    /// Events of a kind, with how long it took where their details say so and it was tried.
    Kind,
}

impl TelemetryGroup {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Tool, Self::Actor, Self::Validation, Self::Check, Self::Phase, Self::Kind];

    /// The word that stands for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Actor => "actor",
            Self::Validation => "validation",
            Self::Check => "check",
            Self::Phase => "phase",
            Self::Kind => "kind",
        }
    }
}

impl fmt::Display for TelemetryGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was counted under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TelemetryRow {
    /// What it counts.
    pub group: TelemetryGroup,
    /// Its name; none for all those together that had no room.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_some_name")]
    pub name: Option<Text>,
    /// How many ended, well or ill; of kinds, how many events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u64,
    /// How many began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub began: u64,
    /// How many failed. A phase can fail and be tried again, so that it has not ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// How often it was tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retried: u64,
    /// Tokens that models read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input_tokens: u64,
    /// Tokens that models wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_tokens: u64,
    /// What was paid, as far as it was told.
    #[serde(default = "no_money", skip_serializing_if = "is_no_money")]
    pub cost_usd: Usd,
    /// All times together, in milliseconds, up to 2^64 - 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sum_ms: u64,
    /// The longest time, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_ms: u64,
    /// The histogram of times: the greatest milliseconds of a slot, and how many lie in it; ascending, without empty
    /// slots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<(u32, u64)>,
}

/// What was told of one budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TelemetryBudget {
    /// What the budget is for.
    pub tier: BudgetTierKind,
    /// The id of that plan or session; `organisation` for all.
    #[serde(deserialize_with = "read_name")]
    pub scope_id: Text,
    /// What was spent when it was last told of.
    pub spent_usd: Usd,
    /// What might be spent then.
    pub limit_usd: Usd,
    /// How often it was warned of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub warnings: u64,
    /// How often something did not fit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exceeded: u64,
}

custom_kinds! {
    TelemetryInterval = "telemetry.interval",
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn no_money() -> Usd {
    Usd::ZERO
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes by reference")]
fn is_no_money(amount: &Usd) -> bool {
    *amount == Usd::ZERO
}

/// Reads a name that may have become too long when a secret in it was masked: that is cut, all else is refused.
fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.parse() {
        Err(NameError::TooLong { .. }) if !name.contains(char::is_control) => Ok(Text::from(name)),
        read => read.map_err(de::Error::custom),
    }
}

fn read_some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    read_name(deserializer).map(Some)
}
