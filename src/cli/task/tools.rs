//! The programs that a task gives its actors as tools.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use agentbus::service::tool::{ProgramTool, ToolRuntime, built_in};
use serde::Deserialize;
use toml::Spanned;

use super::{Source, TaskError};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolTable {
    name: Spanned<String>,
    description: String,
    command: Spanned<Vec<String>>,
    /// What each parameter means, by its name.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    read_only: bool,
    timeout_s: Option<NonZeroU64>,
    temporary_statuses: Option<Vec<i32>>,
}

impl ToolTable {
    fn check(self, source: &Source<'_>) -> Result<ProgramTool, TaskError> {
        let command = source.command(self.command)?;
        let mut tool = ProgramTool::new(self.name.into_inner(), self.description, command);
        for (name, description) in self.parameters {
            tool = tool.with_parameter(name, description);
        }
        if let Some(statuses) = self.temporary_statuses {
            tool = tool.with_temporary_statuses(statuses);
        }
        if let Some(seconds) = self.timeout_s {
            tool = tool.with_timeout(Duration::from_secs(seconds.get()));
        }
        Ok(if self.read_only { tool.read_only() } else { tool })
    }
}

/// The tools of a task, which can be registered beside the built-in ones.
pub(super) fn check_tools(
    tables: Vec<ToolTable>,
    source: &Source<'_>,
) -> Result<Vec<Arc<ProgramTool>>, TaskError> {
    let trial = ToolRuntime::new(None);
    for tool in built_in() {
        trial.register(tool).expect("the built-in tools have names of their own");
    }
    let mut tools = Vec::new();
    for table in tables {
        let span = table.name.span();
        let tool = Arc::new(table.check(source)?);
        trial.register(Arc::<ProgramTool>::clone(&tool)).map_err(|error| source.fault(span, error))?;
        tools.push(tool);
    }
    Ok(tools)
}
