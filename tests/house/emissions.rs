//! Each kind of event is emitted at exactly one place of the services.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use agentbus::EventType;

use crate::docs::struct_name;
use crate::layering::{code, is_test, sources};

/// How often the details called `name` are made in `code`, by their constructor.
fn sites(code: &str, name: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let constructor = format!("{name}::new");
    let found = code.match_indices(&constructor).filter(|(at, _)| {
        let behind = &code[at + constructor.len()..];
        !code[..*at].ends_with(is_word) && !behind.starts_with(is_word)
    });
    found.count()
}

/// The files in which each kind is emitted, once for each site.
fn emissions() -> BTreeMap<&'static str, Vec<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join("service.rs")];
    sources(&src.join("service"), &mut files);
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files.iter().filter(|file| !is_test(file)) {
        let code = code(&fs::read_to_string(file).unwrap());
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        for kind in EventType::ALL {
            let here = std::iter::repeat_n(name.clone(), sites(&code, &struct_name(kind)));
            found.entry(kind.as_str()).or_default().extend(here);
        }
    }
    found
}

#[test]
fn each_kind_is_emitted_at_one_place_and_no_other() {
    let found = emissions();
    let faults: Vec<_> = EventType::ALL
        .iter()
        .filter(|kind| found[kind.as_str()].len() != 1)
        .map(|kind| format!("{kind}: expected one site, found {:?}", found[kind.as_str()]))
        .collect();
    assert!(faults.is_empty(), "not emitted at one place:\n{}", faults.join("\n"));
}

#[test]
fn a_site_is_a_constructor_of_that_very_kind() {
    let code = "events.emit_in(&scope, || PlanCreated::new(1)); map(event::PlanCreated::new); \
                SubPlanCreated::new(); PlanCreated::newest(); matches!(told, PlanCreated { .. })";
    assert_eq!(sites(code, "PlanCreated"), 2);
}
