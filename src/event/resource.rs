//! What is told about resources.

use super::Text;
use super::wire::{details, wire_enum};

wire_enum! {
    /// How a resource was read.
    ResourceOperation {
        /// Its content.
        Read = "read",
        /// What is in it.
        List = "list",
        /// What is known about it.
        Stat = "stat",
    }
}

wire_enum! {
    /// How a resource was changed.
    ResourceChange {
        /// It came into being.
        Created = "created",
        /// Its content changed.
        Modified = "modified",
        /// It went.
        Deleted = "deleted",
        /// It has another path.
        Moved = "moved",
    }
}

wire_enum! {
    /// Who changed a resource.
    ResourceSource {
        /// A tool.
        Tool = "tool",
        /// The resource service.
        Service = "service",
        /// Somebody outside; the watcher saw it.
        Watcher = "watcher",
    }
}

details! {
    /// A resource was read.
    ResourceAccessed {
        /// The resource.
        resource: Text,
        /// How.
        operation: ResourceOperation,
        /// How many bytes were read.
        bytes: u64,
    }

    /// A resource was changed.
    ResourceModified {
        /// The resource.
        resource: Text,
        /// The path in it, relative to its root.
        path: Text,
        /// How.
        change: ResourceChange,
        /// By whom.
        source: ResourceSource,
        @optional
        /// The path before, if it moved.
        from_path: Text,
        /// How many bytes it has now.
        bytes: u64,
    }

    /// A resource was indexed.
    ResourceIndexed {
        /// The resource.
        resource: Text,
        /// How many files it has.
        files: u64,
        /// How many are new.
        added: u64,
        /// How many changed.
        changed: u64,
        /// How many went.
        removed: u64,
        /// How many bytes they have.
        bytes: u64,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Whether what was unchanged was left alone.
        incremental: bool,
    }
}
