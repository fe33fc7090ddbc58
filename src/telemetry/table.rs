//! [`Table`]: tallies by group and name, so many names of a group and no more.

use std::collections::BTreeMap;

use super::interval::TelemetryGroup;
use super::tally::Tally;
use crate::event::Text;

/// Tallies by group and name.
#[derive(Debug)]
pub(super) struct Table {
    /// How many names a group may have.
    room: usize,
    rows: BTreeMap<(TelemetryGroup, Option<Text>), Tally>,
    /// How many names each group has.
    names: BTreeMap<TelemetryGroup, usize>,
}

impl Table {
    pub(super) fn new(room: usize) -> Self {
        Self { room, rows: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// The tally of that name; that of all others, if the group has no room for one more, or there is no name.
    pub(super) fn row(&mut self, group: TelemetryGroup, name: Option<&Text>) -> &mut Tally {
        let mut key = (group, name.filter(|name| !name.is_empty()).cloned());
        if key.1.is_some() && !self.rows.contains_key(&key) {
            let names = self.names.entry(group).or_default();
            if *names < self.room {
                *names += 1;
            } else {
                key.1 = None;
            }
        }
        self.rows.entry(key).or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (TelemetryGroup, Option<&Text>, &Tally)> {
        self.rows.iter().map(|((group, name), tally)| (*group, name.as_ref(), tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_room_share_a_row_in_each_group() {
        let mut table = Table::new(2);
        for name in ["a", "b", "c", "", "d", "a"] {
            table.row(TelemetryGroup::Tool, Some(&Text::from(name))).count += 1;
        }
        table.row(TelemetryGroup::Actor, Some(&Text::from("d"))).count += 1;
        let rows: Vec<_> =
            table.rows().map(|(group, name, tally)| (group, name.map(Text::as_str), tally.count)).collect();
        assert_eq!(
            rows,
            [
                (TelemetryGroup::Tool, None, 3),
                (TelemetryGroup::Tool, Some("a"), 2),
                (TelemetryGroup::Tool, Some("b"), 1),
                (TelemetryGroup::Actor, Some("d"), 1),
            ]
        );
    }
}
