//! The calls of tools that one reply asks for.

use std::collections::HashSet;

use tokio_util::task::AbortOnDropHandle;

use super::running::{End, Running};
use crate::event::{CallId, Scope};
use crate::service::actor::model::{Message, ToolRequest};
use crate::service::tool::{ToolCall, ToolContext, ToolFailure, ToolResult, ToolRuntime, ToolSpec};

/// Runs the calls of one reply: neighbours that change nothing together, any other alone, in their order.
pub(super) async fn call_tools(
    runtime: &ToolRuntime,
    run: &mut Running,
    context: &ToolContext,
    tools: &[ToolSpec],
    calls: Vec<ToolRequest>,
) -> Result<(), End> {
    let changes_nothing =
        |call: &ToolRequest| tools.iter().any(|spec| spec.name == call.name && spec.read_only);
    for batch in calls.chunk_by(|one, next| changes_nothing(one) && changes_nothing(next)) {
        let under_way: Vec<_> = batch
            .iter()
            .map(|request| {
                run.report.tool_calls += 1;
                let (runtime, context) = (runtime.clone(), context.clone());
                let call = tool_call(request, &mut run.call_ids);
                let task = Scope::current().spawn(async move { runtime.call(call, &context).await });
                AbortOnDropHandle::new(task)
            })
            .collect();
        for (request, task) in batch.iter().zip(under_way) {
            let (text, is_error) = match task.await {
                Ok(Ok(result)) => (shown(result), false),
                Ok(Err(failure)) => (told(&failure), true),
                Err(_shutting_down) => return Err(End::cancelled()),
            };
            run.failures_in_a_row = if is_error { run.failures_in_a_row.saturating_add(1) } else { 0 };
            run.say(Message::Tool { id: request.id.clone(), content: text, is_error }).await;
        }
        run.check_policy()?;
    }
    Ok(())
}

/// The call that a request asks for. Its id is the model's, if that is one and was not used before.
fn tool_call(request: &ToolRequest, used: &mut HashSet<CallId>) -> ToolCall {
    let call = ToolCall::new(request.name.as_str(), request.input());
    match request.id.parse::<CallId>() {
        Ok(id) if used.insert(id.clone()) => call.with_id(id),
        _ => call,
    }
}

fn shown(result: ToolResult) -> String {
    if result.truncated {
        return format!("{}\n[the output was cut; it has {} bytes]", result.output, result.bytes);
    }
    result.output
}

fn told(failure: &ToolFailure) -> String {
    format!("error ({}): {}", failure.kind, failure.message)
}
