//! What stands in the database of an index.
//!
//! | table | what it holds |
//! |---|---|
//! | `state` | how far the journal is indexed: the last position and the chain behind its line, in the transaction of its rows |
//! | `kinds` | the kinds of events, with category, severity and flags as they were when they were indexed |
//! | `events` | a row for each event, its position the key: the envelope, and the details as JSON |
//! | `blocks` | which positions of each block of 4,096 there are, and the oldest and newest time among them |
//! | `postings` | by block, field and value: which positions have that value |
//! | `texts` | the texts of the details, for full-text search (FTS5, without a copy of them) |
//! | `log` | a view of the events with the names of their kinds, for whoever opens the database by hand |

/// The format that this build writes and reads (`user_version`).
pub(super) const FORMAT: i64 = 1;

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
        id TEXT NOT NULL,
        causation_id TEXT,
        plan_id TEXT,
        parent_plan_id TEXT,
        root_plan_id TEXT,
        session_id TEXT,
        correlation_id TEXT NOT NULL,
        origin TEXT,
        seq INTEGER,
        actor_name TEXT,
        project_name TEXT,
        user_identity TEXT,
        traceparent TEXT,
        more TEXT,
        details TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_id ON events (id);
    CREATE INDEX events_by_cause ON events (causation_id) WHERE causation_id IS NOT NULL;
    CREATE INDEX events_by_parent ON events (parent_plan_id) WHERE parent_plan_id IS NOT NULL;
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
    CREATE VIRTUAL TABLE texts USING fts5 (details, content = '', contentless_delete = 1);
    INSERT INTO texts (texts, rank) VALUES ('hashsize', 16777216);
    CREATE VIEW log AS
        SELECT position, event_type, category, severity, is_critical, is_security,
            strftime('%Y-%m-%dT%H:%M:%S', (timestamp - (timestamp % 1000000000 + 1000000000) % 1000000000)
                / 1000000000, 'unixepoch')
                || printf('.%09dZ', (timestamp % 1000000000 + 1000000000) % 1000000000) AS timestamp,
            id, origin, seq, correlation_id, causation_id, plan_id, root_plan_id, session_id, actor_name,
            project_name, user_identity, traceparent, more, details
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
