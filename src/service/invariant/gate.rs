//! The service as a [`Gate`]: a violated invariant refuses the move.

use async_trait::async_trait;

use super::{InvariantService, Setting, Subject};
use crate::event::Brief;
use crate::gate::{Gate, GateAnswer, GateQuestion};

#[async_trait]
impl Gate for InvariantService {
    /// Enforces what holds for the plan that is asked about; the action is the name of the phase that it is to enter.
    ///
    /// # Cancel safety
    /// Dropped, it stops the checks; as [`InvariantService::enforce`].
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        self.answer(question, &Subject::new()).await
    }
}

impl InvariantService {
    /// What it answers as a gate, where the checks have more to look at than the question: the sandbox of the plan, say.
    ///
    /// # Cancel safety
    /// Dropped, it stops the checks; as [`InvariantService::enforce`].
    pub async fn answer(&self, question: &GateQuestion, subject: &Subject) -> GateAnswer {
        let subject = subject.clone().with_operation(question.operation);
        let report = match self.enforce(Setting::from(question), &subject).await {
            Ok(report) => report,
            Err(error) => return GateAnswer::refused([error.to_string()]),
        };
        if report.is_kept() {
            return GateAnswer::Allowed;
        }
        let reasons = report.violated().map(|(invariant, reason)| {
            let (id, text) = (&invariant.id, &invariant.text);
            Brief::from(format!("invariant {id} is violated: {reason}; it demands: {text}"))
        });
        GateAnswer::refused(reasons)
    }
}
