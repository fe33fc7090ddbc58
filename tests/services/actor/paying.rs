//! Actors that pay their models.

use super::*;

/// Prices at which a token of either kind costs so many dollars.
fn prices(input: &str, output: &str) -> TokenPrices {
    TokenPrices { input_per_million: input.parse().unwrap(), output_per_million: output.parse().unwrap() }
}

/// An actor that pays a dollar for each token it is told, and the budget it pays from.
fn payer(model: Arc<dyn LanguageModel>) -> (Actor, BudgetService) {
    let budgets = BudgetService::new(None);
    let budget = ActorBudget::new(budgets.clone(), BudgetTier::Organisation, prices("0", "1000000"));
    (Actor::new("a", model).with_budget(budget.with_expected_output(10)), budgets)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[tokio::test]
async fn each_answer_is_paid_and_a_refused_reservation_escalates() {
    let it = fixture().await;
    let budgets = BudgetService::new(it.world.bus());
    let plan = BudgetTier::Plan("plan-7".into());
    budgets.set_limit(&plan, "0.005".parse().unwrap()).unwrap();
    let prices =
        TokenPrices { input_per_million: "10".parse().unwrap(), output_per_million: "100".parse().unwrap() };
    let budget = ActorBudget::new(budgets.clone(), plan.clone(), prices).with_expected_output(10);
    let reads = || asks(&[("c", "read_file", json!({"path": "a.txt"}))]);
    let model = transcript(&[reads(), reads(), reads(), reads()]);

    let actor = Actor::new("a", model).with_tools(["read_file"]).with_budget(budget);
    let outcome = it.run(&actor).await;

    let ActorOutcome::Escalated { escalation, report } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (escalation.reason, escalation.limit.as_str()),
        (EscalationReason::Budget, "0.005 USD for plan plan-7")
    );
    // 100 tokens in and 10 out are 2,000 millionths of a dollar.
    assert_eq!((report.iterations, report.cost), (2, Usd::from_micros(4_000)));
    let status = budgets.status(&plan);
    assert_eq!((status.spent, status.reserved), (Usd::from_micros(4_000), Usd::ZERO));
    let exceeded = it.world.bus.only::<BudgetExceeded>();
    assert_eq!(exceeded.event().causation_id(), Some(it.world.bus.only::<ActorInvoked>().event().id()));
}

/// A model whose answer cannot be used, and does not say what it took.
#[derive(Debug)]
struct Garbled;

#[async_trait]
impl LanguageModel for Garbled {
    fn name(&self) -> &'static str {
        "garbled"
    }

    async fn respond(&self, _: &Conversation, _: &[ToolSpec]) -> Result<Reply, ModelError> {
        Err(ModelError::malformed("it is no JSON"))
    }
}

#[tokio::test]
async fn an_answer_that_does_not_say_what_it_took_costs_what_was_reserved_for_it() {
    let silent = json!({"response": {"choices": [{"message": {"content": "done"}}]}});
    let mut free = silent.clone();
    free["response"]["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0});
    let error = json!({"error": {"status": 401, "message": "no key"}});
    let models: [(Arc<dyn LanguageModel>, &str, u32); 4] = [
        (transcript(&[silent]), "10", 1),
        (Arc::new(Garbled), "10", 1),
        (transcript(&[free]), "0", 0),
        (transcript(&[error]), "0", 0),
    ];
    for (model, cost, unmetered) in models {
        let (actor, budgets) = payer(model);
        let actors = ActorRuntime::new(ToolRuntime::new(None), None);
        let outcome = actors.run(&actor, ActorTask::new("well?")).await;
        let status = budgets.status(&BudgetTier::Organisation);
        assert_eq!((status.spent, status.reserved), (usd(cost), Usd::ZERO), "{outcome:?}");
        let report = outcome.report();
        assert_eq!((report.cost, report.unmetered, report.usage), (usd(cost), unmetered, Usage::default()));
    }
}

#[tokio::test]
async fn a_claim_beyond_every_amount_is_spent_and_lets_nothing_more_through() {
    let mut greedy = asks(&[("c", "no_such_tool", json!({}))]);
    greedy["response"]["usage"] = json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX});
    let (actor, budgets) = payer(transcript(&[greedy, answers("never said")]));
    budgets.record(BudgetTier::Organisation, usd("1")).unwrap();
    let actors = ActorRuntime::new(ToolRuntime::new(None), None);
    let outcome = actors.run(&actor, ActorTask::new("well?")).await;
    let ActorOutcome::Escalated { escalation, report } = outcome else { panic!("{outcome:?}") };
    assert_eq!((escalation.reason, report.cost), (EscalationReason::Budget, Usd::MAX));
    let status = budgets.status(&BudgetTier::Organisation);
    assert_eq!((status.spent, status.reserved), (Usd::MAX, Usd::ZERO));
}

#[tokio::test]
async fn what_the_tools_say_of_themselves_is_reserved_for() {
    let it = fixture().await;
    let budgets = BudgetService::new(it.world.bus());
    budgets.set_limit(&BudgetTier::Organisation, usd("20")).unwrap();
    let budget = ActorBudget::new(budgets, BudgetTier::Organisation, prices("1000000", "0"));
    let free = || {
        let mut free = answers("done");
        free["response"]["usage"] = json!({"prompt_tokens": 0, "completion_tokens": 0});
        Actor::new("a", transcript(&[free])).with_budget(budget.clone())
    };
    let outcome = it.run(&free().with_tools(Vec::<String>::new())).await;
    assert!(matches!(outcome, ActorOutcome::Completed { .. }), "{outcome:?}");
    let outcome = it.run(&free().with_tools(["read_file"])).await;
    assert!(matches!(outcome, ActorOutcome::Escalated { .. }), "{outcome:?}");
    let requested = it.world.bus.only::<BudgetExceeded>().requested_usd;
    let spec = built_in().first().unwrap().spec();
    let said = spec.name.len() + spec.description.len() + spec.parameters.to_string().len();
    let tokens = (said + "mend it".len()).div_ceil(3);
    assert_eq!(requested, usd(&tokens.to_string()));
}
