//! Proofs of single lines, checked without the journal.

use agentbus::audit::proof::{Inclusion, ProofFault, ProveError};
use agentbus::journal::JournalReader;
use serde_json::{Value, json};

use super::support::{Audited, append, at, every, key, open, other_key, session};

#[tokio::test]
async fn every_line_that_a_head_covers_is_proven_without_the_others() {
    let directory = tempfile::tempdir().unwrap();
    session(&directory, 0, every(5)).await;
    session(&directory, 23, every(5)).await;
    let journal = JournalReader::open(directory.path()).unwrap();
    for position in 1..=23 {
        let proof = Inclusion::of(&journal, at(position)).unwrap();
        let text = proof.to_string();
        let read = Inclusion::parse(text.as_bytes()).unwrap();
        assert_eq!(read, proof);
        let proven = read.check(&key().public()).unwrap();
        assert_eq!((proven.position, proven.journal), (at(position), proof.head().journal()));
        let event: Value = serde_json::from_str(&proven.event).unwrap();
        assert_eq!(event["session_id"], format!("s-{}", position - 1));
        // Of the others it tells nothing.
        assert_eq!(text.matches("session_id").count(), 1);
        assert!(serde_json::from_str::<Value>(&text).unwrap()["path"].as_array().unwrap().len() <= 3);
    }
}

#[tokio::test]
async fn what_no_head_covers_or_is_not_there_cannot_be_proven() {
    let audited = Audited::new().await;
    let journal = open(&audited.directory);
    append(&journal, 1).await;
    let refused = Inclusion::of(&journal, at(6)).unwrap_err();
    assert!(
        matches!(refused, ProveError::NotCovered { newest: Some(newest), .. } if newest == at(5)),
        "{refused}"
    );
    let name = &audited.files.names("segments")[1];
    let mut lines = audited.files.lines(name);
    lines[0][60] ^= 1;
    std::fs::write(audited.directory.path().join(name), lines.concat()).unwrap();
    let journal = JournalReader::open(audited.directory.path()).unwrap();
    assert!(matches!(Inclusion::of(&journal, at(2)), Err(ProveError::Broken { head: 1 })));
    Inclusion::of(&journal, at(5)).unwrap();
}

#[tokio::test]
async fn a_proof_of_which_any_bit_was_flipped_proves_nothing_else() {
    let audited = Audited::new().await;
    let journal = JournalReader::open(audited.directory.path()).unwrap();
    let proof = Inclusion::of(&journal, at(5)).unwrap();
    let (text, proven) = (proof.to_string().into_bytes(), proof.check(&key().public()).unwrap());
    for bit in 0..text.len() * 8 {
        let mut flipped = text.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = Inclusion::parse(&flipped)
            && let Ok(other) = read.check(&key().public())
        {
            // An escape may be written in two ways, but what is proven is the same.
            assert_eq!(other, proven, "bit {bit}");
        }
    }
    assert_eq!(proof.check(&other_key().public()).unwrap_err().to_string(), "its head is not to be believed");
}

#[tokio::test]
async fn hostile_proofs_are_refused() {
    let audited = Audited::new().await;
    let journal = JournalReader::open(audited.directory.path()).unwrap();
    let good: Value = serde_json::from_str(&Inclusion::of(&journal, at(2)).unwrap().to_string()).unwrap();
    let other = Inclusion::of(&journal, at(5)).unwrap().head().to_string();
    let hash = "ab".repeat(32);
    let hostile: [(&str, Value); 14] = [
        ("place", json!(0)),
        ("place", json!(2)),
        ("place", json!(u64::MAX)),
        ("place", json!(-1)),
        ("path", json!([])),
        ("path", json!(vec![hash.clone(); 2])),
        ("path", json!(vec![hash.clone(); 54])),
        ("path", json!(["short"])),
        ("path", json!({})),
        ("line", json!("{\"pos\":2")),
        ("line", json!("x".repeat(2 << 20))),
        ("head", json!(other)),
        ("head", json!("{}")),
        ("more", json!(1)),
    ];
    for (field, value) in hostile {
        let mut changed = good.clone();
        changed[field] = value.clone();
        let bytes = serde_json::to_vec(&changed).unwrap();
        let refused = Inclusion::parse(&bytes).and_then(|proof| proof.check(&key().public()));
        let told = value.to_string().chars().take(80).collect::<String>();
        let fault = refused.expect_err(&format!("{field}: {told}"));
        // Of what it holds an error tells nothing.
        assert!(!fault.to_string().contains("abab"), "{fault}");
    }
    let text = good.to_string();
    let twice = text.replacen('{', "{\"place\":1,", 1);
    assert!(matches!(Inclusion::parse(twice.as_bytes()), Err(ProofFault::NotAProof { .. })));
    let later = text.replacen("\"format\":1", "\"format\":2", 1);
    assert_eq!(Inclusion::parse(later.as_bytes()), Err(ProofFault::Format { found: 2 }));
    let deep = vec![b'['; 100_000];
    for bytes in [&b""[..], b"null", b"{", &deep, &[0xFF; 10]] {
        assert!(matches!(Inclusion::parse(bytes), Err(ProofFault::NotAProof { .. })));
    }
    assert_eq!(Inclusion::parse(&vec![b' '; 8 << 20]), Err(ProofFault::TooLong));
}
