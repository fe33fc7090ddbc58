//! Heads, and proofs of single lines.

use std::sync::Arc;

use agentbus::audit::proof::{Expected, Head, Inclusion, SecretKey, verify};
use agentbus::journal::JournalReader;

use super::files::{Chain, manifest_of_one, storage_with, two_lines};

/// Any bytes can stand in the place of a head, and be given for a proof: nothing is believed that is not signed, and
/// what is believed is what was signed.
pub fn proof(input: &[u8]) {
    let key: SecretKey = format!("agentbus-ed25519-secret:{}", "07".repeat(32)).parse().unwrap();
    let public = key.public();
    let head = std::str::from_utf8(input).ok().and_then(|text| Head::parse(text).ok());
    if let Some(head) = &head {
        assert_eq!(Head::parse(&head.to_string()).as_ref(), Ok(head));
        assert!(head.number() > 0 && head.position().is_none_or(|last| last.get() + 1 >= head.from().get()));
    }
    if let Ok(proof) = Inclusion::parse(input) {
        assert_eq!(Inclusion::parse(proof.to_string().as_bytes()).as_ref(), Ok(&proof));
        if let Ok(proven) = proof.check(&public) {
            assert!(proven.event.starts_with(&format!("{{\"pos\":{},", proven.position)));
            assert!(proof.head().check(&public).is_ok());
        }
    }
    let storage = storage_with([
        ("journal.json", manifest_of_one()),
        ("segments/00000000000000000001.jsonl", Chain::begin().seal(two_lines().concat().as_bytes())),
        ("heads/00000000000000000001.json", input.to_vec()),
    ]);
    let reader = JournalReader::on(Arc::new(storage)).unwrap();
    let found = verify(&reader, &public, &Expected::new()).unwrap();
    let is_believed = head.is_some_and(|head| head.number() == 1 && head.check(&public).is_ok());
    assert!(!found.is_proven() || is_believed, "{found:?}");
}
