//! Tests of reading a task.

use std::fs;

use tempfile::TempDir;

use super::*;

const GOOD: &str = r#"
goal = "mend it"

[project]
name = "p"
path = "project"

[actor]
name = "agents/a"
model = "m"
transcript = "transcript.json"

[budget]
plan_usd = "0.5"
warn_at = 0.5
input_usd_per_million = "3"
output_usd_per_million = "15"

[[validation]]
name = "tests"
command = ["true"]
"#;

const TRANSCRIPT: &str =
    r#"{"replies": [{"response": {"model": "recorded", "choices": [{"message": {"content": "done"}}]}}]}"#;

fn folder(task_toml: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("project")).unwrap();
    fs::write(folder.path().join("transcript.json"), TRANSCRIPT).unwrap();
    fs::write(folder.path().join(TASK_FILE), task_toml).unwrap();
    folder
}

fn read_text(task_toml: &str) -> Result<Task, TaskError> {
    read(folder(task_toml).path(), OwnProject::Needed, &[])
}

/// Reads GOOD with `from` replaced by `to`; asserts the place of the fault and that its message holds `expected`.
#[track_caller]
fn assert_fault(from: &str, to: &str, place: (usize, usize), expected: &str) {
    assert!(GOOD.contains(from), "{from:?} is not in the good task");
    let error = read_text(&GOOD.replace(from, to)).unwrap_err();
    let TaskError::Fault { line, column, message, .. } = &error else { panic!("{error}") };
    assert_eq!((*line, *column), place, "{error}");
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn a_good_task_is_read_with_its_defaults() {
    let task = read_text(GOOD).unwrap();
    assert_eq!(task.goal, "mend it");
    assert_eq!(task.limits.iterations.get(), 25);
    assert_eq!(task.model.name(), "m");
    assert_eq!(task.budget.plan.to_string(), "0.5");
    assert_eq!(task.validations.len(), 1);
    assert_eq!(task.validations[0].mode, Mode::Required);
    assert!(task.project.is_absolute());
}

#[test]
fn a_model_without_a_name_in_the_task_has_that_of_its_transcript() {
    assert_eq!(read_text(&GOOD.replace("model = \"m\"", "")).unwrap().model.name(), "recorded");
    assert_eq!(read_text(&GOOD.replace("model = \"m\"", "model = \"n\"")).unwrap().model.name(), "n");
}

#[test]
fn a_fault_in_the_syntax_has_its_place() {
    assert_fault("goal = \"mend it\"", "goal = \"mend it", (2, 16), "");
}

#[test]
fn an_unknown_key_is_named_with_those_expected() {
    assert_fault("plan_usd", "plan_eur", (14, 1), "unknown field `plan_eur`, expected one of `plan_usd`");
    assert_fault("goal =", "gaol = \"x\"\ngoal =", (2, 1), "unknown field `gaol`");
}

#[test]
fn a_missing_key_is_named() {
    assert_fault("goal = \"mend it\"", "", (1, 1), "missing field `goal`");
    assert_fault("warn_at = 0.5\n", "", (13, 1), "missing field `warn_at`");
}

#[test]
fn bad_money_is_refused_where_it_stands() {
    assert_fault("\"0.5\"", "0.5", (14, 12), "a decimal in a string");
    assert_fault("\"0.5\"", "\"half\"", (14, 12), "must be a decimal such as 12.5");
    assert_fault("\"0.5\"", "\"-1\"", (14, 12), "expected 0 or more");
    assert_fault("\"15\"", "\"0.0000001\"", (17, 26), "at most 6 decimal places");
    assert_fault("warn_at = 0.5", "warn_at = 1.5", (15, 11), "between 0 and 1");
}

#[test]
fn paths_that_lead_nowhere_or_outside_are_refused() {
    assert_fault("\"project\"", "\"nowhere\"", (6, 8), "there is no folder \"nowhere\"");
    assert_fault("\"transcript.json\"", "\"project\"", (11, 14), "there is no file \"project\"");
    for outside in ["../p", "/etc", "project/../..", ".", ""] {
        assert_fault("\"project\"", &format!("{outside:?}"), (6, 8), "leaves the folder of the task");
    }
}

#[test]
fn a_transcript_must_be_one() {
    let folder = folder(GOOD);
    fs::write(folder.path().join("transcript.json"), "{}").unwrap();
    let error = read(folder.path(), OwnProject::Needed, &[]).unwrap_err();
    assert!(matches!(error, TaskError::Transcript(_)), "{error}");
}

#[test]
fn an_actor_has_a_transcript_or_an_endpoint() {
    let transcript = "transcript = \"transcript.json\"\n";
    assert_fault(transcript, "", (8, 1), "expected `transcript` or `endpoint`");
    let both = format!("{transcript}endpoint = {{ url = \"http://localhost:1\" }}\n");
    assert_fault(transcript, &both, (12, 12), "a transcript and an endpoint");
}

#[cfg(feature = "openai")]
#[test]
fn a_model_behind_an_endpoint_has_the_name_in_the_task() {
    let transcript = "transcript = \"transcript.json\"\n";
    let endpoint = "endpoint = { url = \"http://localhost:1\" }\n";
    assert_eq!(read_text(&GOOD.replace(transcript, endpoint)).unwrap().model.name(), "m");
    let nameless = format!("model = \"m\"\n{transcript}");
    assert_fault(&nameless, endpoint, (10, 12), "expected `model` in the actor");
}

#[cfg(not(feature = "openai"))]
#[test]
fn an_endpoint_needs_its_feature() {
    let endpoint = "endpoint = { url = \"http://localhost:1\" }\n";
    assert_fault("transcript = \"transcript.json\"\n", endpoint, (11, 12), "without the feature `openai`");
}

#[test]
fn a_link_out_of_the_task_is_refused() {
    let folder = folder(&GOOD.replace("\"project\"", "\"link\""));
    std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
    let error = read(folder.path(), OwnProject::Needed, &[]).unwrap_err();
    assert!(error.to_string().contains("leaves the folder of the task"), "{error}");
}

#[test]
fn the_projects_path_does_not_matter_where_the_user_names_another() {
    let folder = folder(&GOOD.replace("\"project\"", "\"nowhere\""));
    assert!(read(folder.path(), OwnProject::Replaced, &[]).is_ok());
}

#[test]
fn validations_must_be_commands_with_names_of_their_own_and_one_required() {
    assert_fault("[\"true\"]", "[]", (21, 11), "expected a program and its arguments");
    assert_fault("[\"true\"]", "[\"\"]", (21, 11), "expected a program and its arguments");
    assert_fault(
        "[\"true\"]",
        "[\"true\"]\nmode = \"optional\"",
        (22, 8),
        "expected `required` or `informational`",
    );
    let again = "[\"true\"]\n[[validation]]\nname = \"tests\"\ncommand = [\"true\"]";
    assert_fault("[\"true\"]", again, (23, 8), "two validations are called \"tests\"");
    let error = read_text(&GOOD.replace("[\"true\"]", "[\"true\"]\nmode = \"informational\"")).unwrap_err();
    assert!(error.to_string().contains("no validation is required"), "{error}");
}

#[test]
fn limits_are_never_zero() {
    let error = read_text(&format!("{GOOD}\n[limits]\niterations = 0\n")).unwrap_err();
    assert!(error.to_string().contains(":24:14: "), "{error}");
    let error = read_text(&format!("{GOOD}\n[limits]\nfixes = 3\n")).unwrap_err();
    assert!(error.to_string().contains(":24:9: too many attempts; expected at most 2"), "{error}");
}

#[test]
fn hostile_text_is_not_echoed_raw() {
    let error = read_text(&GOOD.replace("plan_usd", "\"plan\\u001b[2J\"")).unwrap_err().to_string();
    assert!(!error.contains('\x1b'), "{error:?}");
}

#[test]
fn a_folder_without_a_task_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let error = read(folder.path(), OwnProject::Needed, &[]).unwrap_err();
    assert!(matches!(error, TaskError::Read { .. }), "{error}");
    fs::create_dir(folder.path().join(TASK_FILE)).unwrap();
    assert!(matches!(read(folder.path(), OwnProject::Needed, &[]).unwrap_err(), TaskError::Read { .. }));
}

#[test]
fn a_huge_task_file_is_not_read() {
    let folder = folder(GOOD);
    let file = fs::File::create(folder.path().join(TASK_FILE)).unwrap();
    file.set_len(MAX_TASK_BYTES + 1).unwrap();
    assert!(matches!(read(folder.path(), OwnProject::Needed, &[]).unwrap_err(), TaskError::Read { .. }));
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = folder(GOOD);
    fs::remove_file(folder.path().join(TASK_FILE)).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join(TASK_FILE)).unwrap();
    let is_refused = || {
        let error = read(folder.path(), OwnProject::Needed, &[]).unwrap_err();
        matches!(&error, TaskError::Read { source, .. } if source.to_string().contains("regular file"))
    };
    assert!(is_refused());
    fs::remove_file(folder.path().join(TASK_FILE)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join(TASK_FILE), rustix::fs::Mode::RWXU).unwrap();
    assert!(is_refused(), "and not waited for");
}

mod tables;
