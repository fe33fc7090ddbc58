use agentbus::event::Usd;
use agentbus::service::budget::{BudgetService, BudgetTier};

use super::{Bus, Lines};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(super) fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("budgets");
    let budgets = BudgetService::new(bus);
    let (plan, session) = (BudgetTier::Plan("mend".into()), BudgetTier::Session("s-1".into()));
    for (tier, limit) in [(&plan, "10"), (&session, "0"), (&BudgetTier::Organisation, "20"), (&plan, "-1")] {
        lines.came(budgets.set_limit(tier, usd(limit)), |()| limit);
    }
    let status = |lines: &mut Lines| {
        for tier in [&plan, &session, &BudgetTier::Organisation] {
            let status = budgets.status(tier);
            lines.say((status.spent, status.reserved, status.limit, status.remaining()));
        }
    };
    let mut held = Vec::new();
    for (tiers, amount) in [
        (vec![plan.clone()], "4"),
        (vec![plan.clone()], "5.5"),
        (vec![plan.clone()], "0.500001"),
        (vec![session.clone()], "0.000001"),
        (vec![plan.clone(), session.clone()], "30"),
        (vec![], "10"),
        (vec![], "-1"),
    ] {
        match budgets.reserve(tiers, usd(amount)) {
            Ok(reservation) => {
                lines.say(reservation.estimate());
                held.push(reservation);
            }
            Err(refused) => lines.0.push(format!("refused: {refused}")),
        }
        status(&mut lines);
    }
    drop(held.pop());
    status(&mut lines);
    for (reservation, cost) in held.into_iter().zip(["12", "-1"]) {
        lines.came(reservation.settle(usd(cost)), |()| cost);
        status(&mut lines);
    }
    for cost in ["0", "7", "30", "-2"] {
        lines.came(budgets.record([plan.clone(), session.clone()], usd(cost)), |()| cost);
        status(&mut lines);
    }
    budgets.remove_limit(&plan);
    status(&mut lines);
    lines.say(serde_json::to_string(&budgets.snapshot(None)).unwrap());
    lines
}
