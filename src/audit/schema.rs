//! What stands in the database of an index.
//!
//! | table | what it holds |
//! |---|---|
//! | `state` | how far the journal is indexed: the last position and the chain behind its line, in the transaction of its rows |
//! | `kinds` | the kinds of events, with category, severity and flags as they were when they were indexed |
//! | `events` | a row for each event, its position the key: the event as JSON |
//! | `twins` | the positions of events whose id stands at an earlier position too |
//! | `blocks` | which positions of each block of 4,096 there are, and the oldest and newest time among them |
//! | `postings` | by block, field and value: which positions have that value |
//! | `plans` | the blocks that have events of a plan, or of a tree of which it is the root |
//! | `effects` | by two blocks: which events of the one caused which of the other, as pairs of places |
//! | `unlinked` | the events whose cause is not in the index |
//! | `texts` | the texts of the details, for full-text search (FTS5, without a copy of them) |
//! | `log` | a view of the events with a column for each key, for whoever opens the database by hand |

/// The format that this build writes and reads (`user_version`).
pub(super) const FORMAT: i64 = 2;

/// What tells that a database is an index of ours (`application_id`): "abix".
pub(super) const APPLICATION: i64 = 0x6162_6978;

/// Makes everything, in an empty database.
pub(super) const CREATE: &str = "
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        journal TEXT,
        position INTEGER NOT NULL,
        chain TEXT
    ) STRICT;
    CREATE TABLE kinds (
        kind INTEGER PRIMARY KEY,
        event_type TEXT NOT NULL,
        category TEXT NOT NULL,
        severity TEXT NOT NULL,
        is_critical INTEGER NOT NULL,
        is_security INTEGER NOT NULL,
        UNIQUE (event_type, category, severity, is_critical, is_security)
    ) STRICT;
    CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        timestamp INTEGER NOT NULL,
        id BLOB UNIQUE,
        parent_plan_id TEXT,
        event TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_parent ON events (parent_plan_id) WHERE parent_plan_id IS NOT NULL;
    CREATE TABLE twins (
        id BLOB NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (id, position)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE blocks (
        block INTEGER PRIMARY KEY,
        present BLOB NOT NULL,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE postings (
        block INTEGER NOT NULL,
        field INTEGER NOT NULL,
        value ANY NOT NULL,
        places BLOB NOT NULL,
        PRIMARY KEY (block, field, value)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE plans (
        plan TEXT NOT NULL,
        block INTEGER NOT NULL,
        PRIMARY KEY (plan, block)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE effects (
        cause INTEGER NOT NULL,
        block INTEGER NOT NULL,
        pairs BLOB NOT NULL,
        PRIMARY KEY (cause, block)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE unlinked (
        cause BLOB NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (cause, position)
    ) WITHOUT ROWID, STRICT;
    CREATE VIRTUAL TABLE texts USING fts5 (details, content = '', columnsize = 0);
    INSERT INTO texts (texts, rank) VALUES ('hashsize', 16777216), ('automerge', 8);
    CREATE VIEW log AS
        SELECT position, event_type, category, severity, is_critical, is_security,
            event ->> '$.timestamp' AS timestamp, event ->> '$.id' AS id, event ->> '$.origin' AS origin,
            event ->> '$.seq' AS seq, event ->> '$.correlation_id' AS correlation_id,
            event ->> '$.causation_id' AS causation_id, event ->> '$.plan_id' AS plan_id,
            event ->> '$.root_plan_id' AS root_plan_id, event ->> '$.session_id' AS session_id,
            event ->> '$.actor_name' AS actor_name, event ->> '$.project_name' AS project_name,
            event ->> '$.user_identity' AS user_identity, event ->> '$.traceparent' AS traceparent,
            event -> '$.attributes' AS attributes, event -> '$.details' AS details, event
        FROM events JOIN kinds USING (kind);
    INSERT INTO state (one, journal, position) VALUES (1, NULL, 0);
";

/// What an event may be asked for by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    /// The number of its kind.
    Kind = 1,
    Correlation,
    Plan,
    /// The root of its plan's tree; a plan of which no root is told is its own.
    Root,
    Session,
    Actor,
    Project,
    User,
}

impl Field {
    pub(super) const fn number(self) -> i64 {
        self as i64
    }
}
