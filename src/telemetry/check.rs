//! Whether an interval that was read could have been counted here: [`IntervalFault`].

use super::interval::{
    DIGITS, MAX_BUDGETS, MAX_NAMES, MAX_SLOTS, TelemetryGroup, TelemetryInterval, TelemetryRow,
};
use super::times;
use crate::event::Usd;

/// The greatest number that is believed: 2^53, so that every program that reads JSON can hold it.
pub(super) const MAX_NUMBER: u64 = 1 << 53;

/// The most rows: of each group those with names, and the one without.
const MAX_ROWS: usize = TelemetryGroup::ALL.len() * (MAX_NAMES + 1);

/// Why an event of the kind `telemetry.interval` counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntervalFault {
    /// Its details are those of no interval: one is missing, of another type, negative, or a name is none.
    #[error("its details are not those of an interval")]
    Details,
    /// It ends before it begins.
    #[error("it ends before it begins")]
    Backward,
    /// Its times have digits that nobody gives them.
    #[error("its times have {actual} significant digits, not at most {DIGITS}")]
    Digits {
        /// How many.
        actual: u8,
    },
    /// It has more rows than an interval can have.
    #[error("it has {actual} rows, not at most {MAX_ROWS}")]
    Rows {
        /// How many.
        actual: usize,
    },
    /// It has more rows of one group than that can have: of each name one, and one of all that had no room.
    #[error(
        "of the group {group} it has {named} rows with a name and {others} without, not at most {MAX_NAMES} and 1"
    )]
    Group {
        /// Which.
        group: TelemetryGroup,
        /// How many have a name.
        named: usize,
        /// How many have none.
        others: usize,
    },
    /// It has more budgets than an interval can have.
    #[error("it has {actual} budgets, not at most {MAX_BUDGETS}")]
    Budgets {
        /// How many.
        actual: usize,
    },
    /// Its histograms have more slots than an interval can have.
    #[error("its histograms have {actual} slots, not at most {MAX_SLOTS}")]
    Slots {
        /// How many.
        actual: usize,
    },
    /// A histogram is out of order, has an empty slot or one that none of so many digits has, or holds more than its row
    /// counts.
    #[error("the histogram of row {row} is none")]
    Histogram {
        /// Which row, from 1.
        row: usize,
    },
    /// The sum or the longest of the times of a row is none of times as its histogram holds them.
    #[error("the sum or the longest of the times of row {row} is not that of its histogram")]
    Times {
        /// Which row, from 1.
        row: usize,
    },
    /// More failed than there were.
    #[error("row {row} counts more that failed than there were")]
    Failed {
        /// Which row, from 1.
        row: usize,
    },
    /// A number is beyond 2^53, alone or together with what was read before, or an amount is negative.
    #[error("a number is larger than can be counted, or an amount negative")]
    Number,
}

impl TelemetryInterval {
    /// How many times its histograms hold; refused if it could not have been counted here.
    pub(super) fn check(&self) -> Result<u64, IntervalFault> {
        if self.to < self.from {
            return Err(IntervalFault::Backward);
        }
        if self.digits > DIGITS {
            return Err(IntervalFault::Digits { actual: self.digits });
        }
        if self.rows.len() > MAX_ROWS {
            return Err(IntervalFault::Rows { actual: self.rows.len() });
        }
        self.check_groups()?;
        if self.budgets.len() > MAX_BUDGETS {
            return Err(IntervalFault::Budgets { actual: self.budgets.len() });
        }
        let slots: usize = self.rows.iter().map(|row| row.times.len()).sum();
        if slots > MAX_SLOTS {
            return Err(IntervalFault::Slots { actual: slots });
        }
        let told = self.budgets.iter().flat_map(|budget| [budget.warnings, budget.exceeded]);
        let mut numbers = told.chain([self.missed, self.forgotten, self.other_budgets]);
        let mut amounts = self.budgets.iter().flat_map(|budget| [budget.spent_usd, budget.limit_usd]);
        if numbers.any(|number| number > MAX_NUMBER) || amounts.any(|amount| amount < Usd::ZERO) {
            return Err(IntervalFault::Number);
        }
        let mut held = 0_u64;
        for (row, number) in self.rows.iter().zip(1..) {
            held += check_row(row, number, self.digits)?;
            if held > MAX_NUMBER {
                return Err(IntervalFault::Number);
            }
        }
        Ok(held)
    }

    /// Refuses more rows of one group than a table has. Of one name there may be several: of names whose secrets were
    /// masked, when the ends that told them apart were cut.
    fn check_groups(&self) -> Result<(), IntervalFault> {
        for group in TelemetryGroup::ALL {
            let rows = self.rows.iter().filter(|row| row.group == group);
            let (named, others) = rows.fold((0, 0), |(named, others), row| match row.name {
                Some(_) => (named + 1, others),
                None => (named, others + 1),
            });
            if named > MAX_NAMES || others > 1 {
                return Err(IntervalFault::Group { group, named, others });
            }
        }
        Ok(())
    }
}

/// How many times the histogram of a row holds.
fn check_row(row: &TelemetryRow, number: usize, digits: u8) -> Result<u64, IntervalFault> {
    let TelemetryRow { count, began, failed, retried, input_tokens, output_tokens, .. } = *row;
    let numbers = [count, began, failed, retried, input_tokens, output_tokens];
    if numbers.iter().any(|number| *number > MAX_NUMBER) || row.cost_usd < Usd::ZERO {
        return Err(IntervalFault::Number);
    }
    // What failed in a phase can be tried again, and has not ended then.
    if failed > count && row.group != TelemetryGroup::Phase {
        return Err(IntervalFault::Failed { row: number });
    }
    let held = times::held(&row.times, digits).filter(|held| *held <= count);
    let held = held.ok_or(IntervalFault::Histogram { row: number })?;
    if times::can_be(&row.times, digits, row.sum_ms, row.max_ms) {
        return Ok(held);
    }
    Err(IntervalFault::Times { row: number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn read(row: &str) -> Result<u64, IntervalFault> {
        let json = format!(
            r#"{{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:01:00Z","digits":2,"rows":[{row}]}}"#
        );
        let interval: TelemetryInterval =
            serde_json::from_str(&json).map_err(|_json| IntervalFault::Details)?;
        interval.check()
    }

    #[test]
    fn what_nobody_counts_is_refused() {
        let row = |rest: &str| format!(r#"{{"group":"tool","name":"t",{rest}}}"#);
        assert_eq!(read(&row(r#""count":3,"sum_ms":7,"max_ms":5,"times":[[1,2],[5,1]]"#)), Ok(3));
        assert_eq!(read(r#"{"group":"phase","name":"execute","failed":3}"#), Ok(0), "it goes on");
        let histogram = Err(IntervalFault::Histogram { row: 1 });
        let times = Err(IntervalFault::Times { row: 1 });
        for (rest, fault) in [
            (r#""count":-1"#, Err(IntervalFault::Details)),
            (r#""count":1.5"#, Err(IntervalFault::Details)),
            (r#""count":9007199254740993"#, Err(IntervalFault::Number)),
            (r#""cost_usd":"-1""#, Err(IntervalFault::Number)),
            (r#""count":3,"times":[[5,1],[1,2]]"#, histogram),
            (r#""count":3,"times":[[1,1],[1,2]]"#, histogram),
            (r#""count":3,"times":[[1,0]]"#, histogram),
            (r#""count":3,"times":[[1,4]]"#, histogram),
            (r#""count":3,"times":[[1,18446744073709551615],[2,18446744073709551615]]"#, histogram),
            (r#""count":3,"sum_ms":1000,"max_ms":1000,"times":[[1000,1]]"#, histogram),
            (r#""count":3,"failed":4"#, Err(IntervalFault::Failed { row: 1 })),
            (r#""count":3,"sum_ms":8,"max_ms":5,"times":[[1,2],[5,1]]"#, times),
            (r#""count":3,"sum_ms":6,"max_ms":5,"times":[[1,2],[5,1]]"#, times),
            (r#""count":3,"sum_ms":7,"max_ms":6,"times":[[1,2],[5,1]]"#, times),
            (r#""count":3,"sum_ms":7,"times":[[1,2],[5,1]]"#, times),
            (r#""count":3,"max_ms":18446744073709551615,"times":[[1,2],[5,1]]"#, times),
            (r#""count":3,"sum_ms":1"#, times),
            (r#""count":3,"max_ms":1"#, times),
            (r#""count":3,"times":[[4294967296,1]]"#, Err(IntervalFault::Details)),
            (r#""count":3,"times":[[-1,1]]"#, Err(IntervalFault::Details)),
        ] {
            assert_eq!(read(&row(rest)), fault, "{rest}");
        }
    }

    #[test]
    fn a_name_that_acts_on_a_terminal_is_refused_and_one_too_long_is_cut() {
        let named = |name: &str| read(&format!(r#"{{"group":"tool","name":"{name}","count":1}}"#));
        assert_eq!(named("\\u001b[2J"), Err(IntervalFault::Details));
        assert_eq!(named(""), Err(IntervalFault::Details));
        assert_eq!(named(&"x".repeat(300)), Ok(0));
        assert_eq!(named(&format!("{}\\n", "x".repeat(300))), Err(IntervalFault::Details));
        assert_eq!(read(r#"{"group":"none","count":1}"#), Err(IntervalFault::Details));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let moment = Timestamp::from_unix_nanos;
        let mut interval: TelemetryInterval = serde_json::from_str(
            r#"{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:01:00Z","digits":2,"rows":[]}"#,
        )
        .unwrap();
        let row: TelemetryRow = serde_json::from_str(r#"{"group":"kind","count":1}"#).unwrap();
        interval.rows = vec![row.clone(); MAX_ROWS + 1];
        assert_eq!(interval.check(), Err(IntervalFault::Rows { actual: MAX_ROWS + 1 }));
        let group = TelemetryGroup::Kind;
        interval.rows = vec![row.clone(); 2];
        assert_eq!(interval.check(), Err(IntervalFault::Group { group, named: 0, others: 2 }));
        let named = |number: usize| TelemetryRow { name: Some(format!("n{number}").into()), ..row.clone() };
        interval.rows = (0..=MAX_NAMES).map(named).collect();
        let named = MAX_NAMES + 1;
        assert_eq!(interval.check(), Err(IntervalFault::Group { group, named, others: 0 }));
        interval.rows.pop();
        interval.rows.push(row.clone());
        assert_eq!(interval.check(), Ok(0));
        let times = (0..=MAX_SLOTS).map(|ms| (u32::try_from(ms).unwrap(), 1)).collect();
        interval.rows = vec![TelemetryRow { times, ..row }];
        assert_eq!(interval.check(), Err(IntervalFault::Slots { actual: MAX_SLOTS + 1 }));
        interval.rows.clear();
        for (spent, limit) in [("-5", "1"), ("5", "-1")] {
            let json =
                format!(r#"{{"tier":"plan","scope_id":"x","spent_usd":"{spent}","limit_usd":"{limit}"}}"#);
            interval.budgets = vec![serde_json::from_str(&json).unwrap()];
            assert_eq!(interval.check(), Err(IntervalFault::Number));
        }
        interval.budgets.clear();
        (interval.from, interval.to) = (moment(1), moment(0));
        assert_eq!(interval.check(), Err(IntervalFault::Backward));
        (interval.to, interval.digits) = (moment(1), 3);
        assert_eq!(interval.check(), Err(IntervalFault::Digits { actual: 3 }));
    }
}
