//! [`ProgramTool`]: a program that the embedder chose, as a tool with a name of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::command::CAPTURE;
use super::files::{cannot, parse, write_access};
use super::spec::{Tool, ToolContext, ToolError, ToolOutput, ToolSpec};
use crate::service::process::{DEFAULT_ENVIRONMENT, Invocation, run};

/// The statuses by which a program says that it may succeed later, unless told otherwise: `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY: [i32; 1] = [75];

/// Runs a program that the embedder chose, in the sandbox's folder. The model chooses only the values of its
/// parameters, each of which is one argument: no shell reads them, and none may begin with `-`, as an option does.
///
/// It runs as a command of [`RunCommand`](super::RunCommand) does, no more confined than that. Another status than 0 is
/// a result that says so; a status that the program uses for what may succeed later, 75 unless
/// [`ProgramTool::with_temporary_statuses`] says otherwise, is tried again.
///
/// ```
/// use agentbus::service::tool::{ProgramTool, Tool};
///
/// let spell = ProgramTool::new("spell", "Checks the spelling of a file.", ["aspell", "list", "--file={path}"])
///     .with_parameter("path", "the file to check")
///     .read_only();
/// assert_eq!(spell.spec().parameters["required"], serde_json::json!(["path"]));
/// ```
#[derive(Clone, Debug)]
pub struct ProgramTool {
    name: String,
    description: String,
    /// The program and its arguments; `{name}` stands for the value of a parameter.
    command: Vec<String>,
    /// What each parameter means, by its name.
    parameters: BTreeMap<String, String>,
    temporary: BTreeSet<i32>,
    is_read_only: bool,
    timeout: Option<Duration>,
}

impl ProgramTool {
    /// A tool of that name that runs the program with its arguments.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        command: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            command: command.into_iter().map(Into::into).collect(),
            parameters: BTreeMap::new(),
            temporary: TEMPORARY.into(),
            is_read_only: false,
            timeout: None,
        }
    }

    /// The same with one more parameter, a text, whose value stands for `{name}` in the arguments.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), description.into());
        self
    }

    /// The same, but the program means these statuses when it may succeed later.
    #[must_use]
    pub fn with_temporary_statuses(mut self, statuses: impl IntoIterator<Item = i32>) -> Self {
        self.temporary = statuses.into_iter().collect();
        self
    }

    /// The same, but the program changes nothing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// The same with that much time for one attempt.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The command with the values in their places.
    fn filled(&self, values: &BTreeMap<String, String>) -> Result<Vec<String>, ToolError> {
        if let Some((name, _)) = values.iter().find(|(_, value)| value.starts_with('-')) {
            let message = format!("`{name}` begins with `-`, as an option does: put something before it");
            return Err(ToolError::refused(message));
        }
        Ok(self.command.iter().map(|argument| fill(argument, values)).collect())
    }
}

#[async_trait]
impl Tool for ProgramTool {
    fn spec(&self) -> ToolSpec {
        let texts = self
            .parameters
            .iter()
            .map(|(name, description)| (name.clone(), json!({"type": "string", "description": description})));
        let parameters = json!({
            "type": "object",
            "properties": texts.collect::<Map<_, _>>(),
            "required": self.parameters.keys().collect::<Vec<_>>(),
            "additionalProperties": false,
        });
        let mut spec = ToolSpec::new(&self.name, &self.description, parameters);
        spec.read_only = self.is_read_only;
        spec.timeout = self.timeout;
        spec
    }

    async fn call(&self, context: &ToolContext, input: Value) -> Result<ToolOutput, ToolError> {
        let mut words = self.filled(&parse(input)?)?.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| ToolError::failed("the tool has no program to run"))?;
        // What changes nothing may run beside others that read.
        let access = if self.is_read_only { None } else { Some(write_access(context)?) };
        let sandbox = context.sandbox()?;
        let finished = run(&Invocation {
            arguments: words.collect(),
            directory: sandbox.tree(),
            inherited: DEFAULT_ENVIRONMENT.map(str::to_owned).to_vec(),
            target: sandbox.target(),
            capture: CAPTURE,
            program,
        })
        .await
        .map_err(cannot("run", &self.name))?;
        drop(access);
        match finished.status.code() {
            Some(status) if self.temporary.contains(&status) => {
                Err(ToolError::transient(format!("{} ended with status {status}, for now", self.name)))
            }
            _ => Ok(ToolOutput::of_command(&finished)),
        }
    }
}

/// The argument with each `{name}` replaced by its value, once: a value is not looked into.
fn fill(argument: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some((before, from)) = rest.split_once('{') {
        filled.push_str(before);
        let named = from.split_once('}').and_then(|(name, behind)| Some((values.get(name)?, behind)));
        rest = if let Some((value, behind)) = named {
            filled.push_str(value);
            behind
        } else {
            filled.push('{');
            from
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_value_stands_for_its_name_and_is_not_looked_into() {
        let values = values(&[("a", "{b}"), ("b", "2")]);
        assert_eq!(fill("x{a}y{b}", &values), "x{b}y2");
        assert_eq!(fill("{c} {a", &values), "{c} {a");
        assert_eq!(fill("{{b}}", &values), "{2}");
    }

    #[test]
    fn a_value_that_would_be_an_option_is_refused() {
        let tool = ProgramTool::new("t", "", ["cat", "{path}"]).with_parameter("path", "");
        let error = tool.filled(&values(&[("path", "--help")])).unwrap_err();
        assert!(matches!(error, ToolError::Refused { .. }), "{error}");
        assert_eq!(tool.filled(&values(&[("path", "a b")])).unwrap(), ["cat", "a b"]);
    }
}
