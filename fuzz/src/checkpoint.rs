//! A checkpoint of an agent's session as JSON.

use agentbus::checkpoint::{CheckpointDraft, SessionCheckpoint};

/// What is taken comes back as it was when it is written and read again; what is refused is not quoted.
pub fn checkpoint(input: &[u8]) {
    if let Ok(draft) = CheckpointDraft::from_json(input) {
        let json = serde_json::to_vec(&draft).expect("what was read can be written");
        assert_eq!(CheckpointDraft::from_json(&json).expect("what was written can be read"), draft);
    }
    if let Ok(checkpoint) = SessionCheckpoint::from_json(input) {
        let json = serde_json::to_vec(&checkpoint).expect("what was read can be written");
        assert_eq!(SessionCheckpoint::from_json(&json).expect("what was written can be read"), checkpoint);
    }
}
