//! The audit of a journal: an index that answers questions, and proof for others that it is as it was written.
