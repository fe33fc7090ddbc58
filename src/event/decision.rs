//! What is told about decisions.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{details, wire_enum};
use super::{Brief, DecisionId, Few, Fraction, Text};

/// What a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecisionType {
    /// What the plan is for: the root of its decisions.
    PromptDefinition,
    /// How to go about it.
    StrategyChoice,
    /// How to do one part of it.
    ImplementationChoice,
    /// To give a part to a plan of its own.
    SubplanSpawn,
    /// To keep an invariant.
    InvariantEnforced,
    /// To use a tool.
    ToolChoice,
    /// What a person wanted otherwise.
    UserIntervention,
    /// Anything else, in the embedder's words.
    Other(Text),
}

impl DecisionType {
    /// The word that stands for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PromptDefinition => "prompt_definition",
            Self::StrategyChoice => "strategy_choice",
            Self::ImplementationChoice => "implementation_choice",
            Self::SubplanSpawn => "subplan_spawn",
            Self::InvariantEnforced => "invariant_enforced",
            Self::ToolChoice => "tool_choice",
            Self::UserIntervention => "user_intervention",
            Self::Other(word) => word,
        }
    }
}

impl From<Text> for DecisionType {
    fn from(word: Text) -> Self {
        match word.as_str() {
            "prompt_definition" => Self::PromptDefinition,
            "strategy_choice" => Self::StrategyChoice,
            "implementation_choice" => Self::ImplementationChoice,
            "subplan_spawn" => Self::SubplanSpawn,
            "invariant_enforced" => Self::InvariantEnforced,
            "tool_choice" => Self::ToolChoice,
            "user_intervention" => Self::UserIntervention,
            _ => Self::Other(word),
        }
    }
}

impl fmt::Display for DecisionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for DecisionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DecisionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Self::from)
    }
}

wire_enum! {
    /// How a decision is corrected.
    CorrectionMode {
        /// Its whole subtree is superseded by a sibling.
        Revert = "revert",
        /// It stands; the guidance becomes its child.
        Append = "append",
    }
}

details! {
    /// A decision was recorded.
    DecisionCreated {
        /// The decision service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The decision.
        decision_id: DecisionId,
        /// What it is about.
        decision_type: DecisionType,
        /// Its number within the plan, from 0 without gaps.
        sequence: u64,
        /// What was asked.
        question: Brief,
        /// What was chosen.
        choice: Brief,
        /// What was not.
        alternatives: Few<Brief>,
        @optional
        /// The decision it follows from; none for the root.
        parent_id: DecisionId,
        /// How sure the decider was.
        confidence: Fraction,
    }

    /// A decision was approved, by a person or by policy.
    DecisionApproved {
        /// The decision service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The decision.
        decision_id: DecisionId,
        /// By whom.
        approved_by: Text,
    }

    /// A decision was corrected.
    DecisionCorrected {
        /// The decision service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The decision.
        decision_id: DecisionId,
        /// The decision that corrects it.
        corrected_by_id: DecisionId,
        /// How.
        mode: CorrectionMode,
        /// What is wanted instead.
        guidance: Brief,
        /// How many decisions were superseded by it.
        superseded_count: u64,
    }

    /// A decision was superseded.
    DecisionSuperseded {
        /// The decision service's revision of this plan, from 1 without gaps.
        revision: u64,
        /// The decision.
        decision_id: DecisionId,
        /// Whether it fell with a decision above it.
        cascade: bool,
        @optional
        /// The decision that took its place.
        superseded_by: DecisionId,
    }
}
