//! Asking the sources: all at once, each with a timeout and a circuit.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::breaker::Breaker;
use super::{ContextRequest, ContextSource, FailureReason, Fragment, SourceError, TextSearch};
use crate::event::{Brief, Scope, Text};
use crate::redact::Redactor;
use crate::service::tool::panic_text;

/// How long the end of a task that was aborted is waited for. Only one that blocks its thread takes any time.
const END_OF_ABORTED: Duration = Duration::from_secs(1);

/// A source of a service.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: Text,
    pub(super) source: Arc<dyn ContextSource>,
    /// The source again, if it can be searched.
    pub(super) search: Option<Arc<dyn TextSearch>>,
    pub(super) timeout: Duration,
    pub(super) breaker: Arc<Breaker>,
}

/// What came of a source.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) name: Text,
    pub(super) result: Result<Vec<Fragment>, FailureReason>,
}

/// Asks all sources at once; what came of each, in their order, whichever answers first.
pub(super) async fn gather(
    sources: &[Asked],
    request: &Arc<ContextRequest>,
    scope: &Scope,
    redactor: &Redactor,
) -> Vec<Gathered> {
    let asked: Vec<_> = sources
        .iter()
        .map(|asked| {
            let (source, request) = (Arc::clone(&asked.source), Arc::clone(request));
            let answer = asked.answer(redactor, scope, async move { source.gather(&request).await });
            AbortOnDropHandle::new(scope.clone().spawn(answer))
        })
        .collect();
    let mut gathered = Vec::with_capacity(sources.len());
    for (asked, task) in sources.iter().zip(asked) {
        // It catches panics and nobody else has the handle: only a runtime that shuts down ends it.
        let ended =
            task.await.unwrap_or_else(|_shutting_down| Err(FailureReason::Failed("it was stopped".into())));
        gathered.push(Gathered { name: asked.name.clone(), result: ended });
    }
    gathered
}

impl Asked {
    /// What the source answers in its time, if it is asked at all. The circuit is looked at now, not when the future is
    /// polled.
    ///
    /// # Cancel safety
    /// Dropped, it ends the task, and the circuit counts nothing.
    pub(super) fn answer(
        &self,
        redactor: &Redactor,
        scope: &Scope,
        work: impl Future<Output = Result<Vec<Fragment>, SourceError>> + Send + 'static,
    ) -> impl Future<Output = Result<Vec<Fragment>, FailureReason>> + Send + 'static {
        let (permit, limit) = (self.breaker.permit(), self.timeout);
        let (redactor, scope) = (redactor.clone(), scope.clone());
        async move {
            let permit = permit?;
            let result = within(limit, scope, &redactor, work).await;
            match &result {
                Ok(_) | Err(FailureReason::Refused(_)) => permit.answered(),
                Err(_) => permit.failed(),
            }
            result
        }
    }
}

/// Runs `work` in a task of its own, so that a panic ends it alone and one that blocks is still timed. Why it failed is
/// told without the secrets that a source may have put into it; masked before it is cut, when a secret is still whole.
async fn within(
    limit: Duration,
    scope: Scope,
    redactor: &Redactor,
    work: impl Future<Output = Result<Vec<Fragment>, SourceError>> + Send + 'static,
) -> Result<Vec<Fragment>, FailureReason> {
    let told = |text: &str| Brief::from(&*redactor.redact_text(text));
    let mut task = AbortOnDropHandle::new(scope.spawn(work));
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Ok(fragments))) => Ok(fragments),
        Ok(Ok(Err(SourceError::Failed { message }))) => Err(FailureReason::Failed(told(&message))),
        Ok(Ok(Err(SourceError::Refused { message }))) => Err(FailureReason::Refused(told(&message))),
        Ok(Err(failed)) => {
            let text = failed.try_into_panic().map(|panic| panic_text(&*panic).to_owned());
            Err(FailureReason::Panicked(told(text.as_deref().unwrap_or("without a text"))))
        }
        Err(_elapsed) => {
            task.abort();
            // What it answers now comes too late, and is dropped.
            drop(tokio::time::timeout(END_OF_ABORTED, task).await);
            Err(FailureReason::TimedOut(limit))
        }
    }
}
