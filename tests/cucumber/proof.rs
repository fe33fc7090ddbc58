//! Steps of `features/proof.feature`: the program, as a person runs it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use agentbus::event::Hash;
use cucumber::{World, given, then, when};
use tempfile::TempDir;

/// The bytes at the end of a line that its hash does not cover.
const ENDING: usize = 77;

pub(crate) async fn run() -> bool {
    crate::told::run::<Proofs>("proof.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Proofs {
    journal: TempDir,
    keys: TempDir,
    elsewhere: TempDir,
    /// How many events were appended.
    appended: usize,
    kept: String,
    /// What the last run of the program said, and whether all was well.
    told: String,
    is_well: bool,
}

impl Proofs {
    fn new() -> Self {
        let folder = || TempDir::new().expect("a temporary directory can be made");
        Self {
            journal: folder(),
            keys: folder(),
            elsewhere: folder(),
            appended: 0,
            kept: String::new(),
            told: String::new(),
            is_well: false,
        }
    }

    /// Runs the program, with that on stdin.
    fn run(&mut self, args: &[&str], input: &str) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agentbus"))
            .args(args)
            .current_dir(self.elsewhere.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        let mut stdin = child.stdin.take().expect("it has a stdin");
        // It may refuse before it reads.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        self.is_well = output.status.success();
        self.told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    }

    fn directory(&self) -> String {
        self.journal.path().display().to_string()
    }

    fn secret(&self) -> String {
        self.keys.path().join("agentbus.key").display().to_string()
    }

    fn public(&self) -> String {
        self.keys.path().join("agentbus.key.pub").display().to_string()
    }

    fn append(&mut self, count: usize, more: &[&str]) {
        let numbers = self.appended + 1..=self.appended + count;
        let line = |number| {
            format!(
                "{{\"event_type\":\"session.created\",\"session_id\":\"s-{number}\",\"details\":{{\"imported\":false}}}}\n"
            )
        };
        let input: String = numbers.map(line).collect();
        self.appended += count;
        let directory = self.directory();
        self.run(&[&["append", &directory], more].concat(), &input);
    }

    fn segment(&self) -> PathBuf {
        self.journal.path().join("segments/00000000000000000001.jsonl")
    }

    fn head(&self, number: u64) -> PathBuf {
        self.journal.path().join(format!("heads/{number:020}.json"))
    }

    /// How many heads there are.
    fn heads(&self) -> u64 {
        (1..=1_000).take_while(|number| self.head(*number).exists()).last().unwrap_or_default()
    }

    /// Changes the lines of the journal.
    fn lines(&self, change: impl FnOnce(&mut Vec<String>)) {
        let text = fs::read_to_string(self.segment()).expect("there is a segment");
        let mut lines = text.split_inclusive('\n').map(str::to_owned).collect();
        change(&mut lines);
        fs::write(self.segment(), lines.concat()).expect("it can be written");
    }
}

#[given("new keys")]
#[when("keys are made in the same place")]
fn new_keys(world: &mut Proofs) {
    let folder = world.keys.path().display().to_string();
    world.run(&["keys", "new", &folder], "");
}

#[given(expr = "a journal of {int} events, signed")]
#[when(expr = "{int} event is appended and signed")]
fn appended_and_signed(world: &mut Proofs, count: usize) {
    let secret = world.secret();
    world.append(count, &["--sign-with", &secret]);
}

#[given(expr = "{int} events are appended")]
fn appended(world: &mut Proofs, count: usize) {
    world.append(count, &[]);
    assert!(world.is_well, "{}", world.told);
}

#[when(regex = "a secret is appended by two runs with (a|no) key for tags")]
fn secret_appended(world: &mut Proofs, key: String) {
    let (directory, file) = (world.directory(), world.secret());
    let more: &[&str] = if key == "a" { &["--tag-key", &file] } else { &[] };
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let line = format!(
        "{{\"event_type\":\"session.created\",\"session_id\":\"{secret}\",\"details\":{{\"imported\":false}}}}\n"
    );
    for _run in 0..2 {
        world.run(&[&["append", &directory], more].concat(), &line);
        assert!(world.is_well, "{}", world.told);
    }
}

/// The tags of the last two masks in the journal.
fn tags(world: &Proofs) -> [String; 2] {
    let text = fs::read_to_string(world.segment()).expect("there is a segment");
    let mut masks = text.rsplit("[redacted:").map(|rest| rest.chars().take(12).collect::<String>());
    [(); 2].map(|()| masks.next().expect("a secret was appended"))
}

#[then("the tags of both are the same")]
fn same_tags(world: &mut Proofs) {
    let [one, other] = tags(world);
    assert_eq!(one, other);
}

#[then("the tags of both differ")]
fn other_tags(world: &mut Proofs) {
    let [one, other] = tags(world);
    assert_ne!(one, other);
}

#[given("others may read the secret key")]
fn exposed(world: &mut Proofs) {
    fs::set_permissions(world.secret(), fs::Permissions::from_mode(0o644)).expect("it is ours");
}

#[given(expr = "line {int} is changed")]
fn changed(world: &mut Proofs, line: usize) {
    let changed = |lines: &mut Vec<String>| {
        let line = lines.get_mut(line - 1).expect("there is such a line");
        *line = line.replace("false", "true");
    };
    world.lines(changed);
}

#[given(expr = "line {int} is changed and all hashed anew")]
fn rehashed(world: &mut Proofs, line: usize) {
    changed(world, line);
    let manifest = fs::read_to_string(world.journal.path().join("journal.json")).expect("there is one");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("it is JSON");
    let mut chain = Hash::of(manifest.get("id").and_then(|id| id.as_str()).expect("it has an id"));
    world.lines(|lines| {
        for line in lines {
            let covered = line.split_at(line.len() - ENDING).0;
            let leaf = Hash::of(covered);
            chain = Hash::of([chain.as_bytes().as_slice(), leaf.as_bytes().as_slice()].concat());
            *line = format!("{covered},\"chain\":\"{chain}\"}}\n");
        }
    });
}

#[given(expr = "line {int} is removed")]
fn removed(world: &mut Proofs, line: usize) {
    world.lines(|lines| drop(lines.remove(line - 1)));
}

#[given("the last line is removed")]
fn last_removed(world: &mut Proofs) {
    world.lines(|lines| drop(lines.pop()));
}

#[given(expr = "lines {int} and {int} are swapped")]
fn swapped(world: &mut Proofs, one: usize, other: usize) {
    world.lines(|lines| lines.swap(one - 1, other - 1));
}

#[given(expr = "line {int} is there twice")]
fn twice(world: &mut Proofs, line: usize) {
    world.lines(|lines| lines.insert(line, lines.get(line - 1).expect("there is such a line").clone()));
}

#[given(expr = "head {int} is removed")]
fn head_removed(world: &mut Proofs, number: u64) {
    fs::remove_file(world.head(number)).expect("it is there");
}

#[given(expr = "head {int} is changed")]
fn head_changed(world: &mut Proofs, number: u64) {
    let text = fs::read_to_string(world.head(number)).expect("it is there");
    let (said, root) = text.split_once("\"root\":\"").expect("it has a root");
    let digit = if root.starts_with('0') { '1' } else { '0' };
    let root = root.get(1..).expect("it has digits");
    fs::write(world.head(number), format!("{said}\"root\":\"{digit}{root}")).expect("it can be written");
}

#[given("the newest head is kept elsewhere")]
fn kept(world: &mut Proofs) {
    let directory = world.directory();
    world.run(&["heads", &directory], "");
    world.kept = world.told.lines().last().expect("there is one").to_owned();
    fs::write(world.elsewhere.path().join("kept"), &world.kept).expect("it can be written");
}

#[given("all heads but the first are removed")]
fn heads_removed(world: &mut Proofs) {
    for number in 2..=world.heads() {
        head_removed(world, number);
    }
}

#[given("the journal is put back to what the first head covers")]
fn put_back(world: &mut Proofs) {
    let text = fs::read_to_string(world.head(1)).expect("it is there");
    let head: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let position = head.get("position").and_then(serde_json::Value::as_u64).expect("it has a position");
    let position = usize::try_from(position).expect("it is small");
    world.lines(|lines| lines.truncate(position));
}

#[when("it is verified")]
fn verified(world: &mut Proofs) {
    let (directory, public) = (world.directory(), world.public());
    world.run(&["verify", &directory, "--key", &public], "");
}

#[when("it is verified with the head that was kept")]
fn verified_with_kept(world: &mut Proofs) {
    let (directory, public) = (world.directory(), world.public());
    world.run(&["verify", &directory, "--key", &public, "--at-least", "kept"], "");
}

#[when(expr = "line {int} is proven")]
fn line_is_proven(world: &mut Proofs, line: u64) {
    let directory = world.directory();
    world.run(&["audit", "prove", &directory, &line.to_string()], "");
    assert!(world.is_well, "{}", world.told);
    fs::write(world.elsewhere.path().join("proof"), &world.told).expect("it can be written");
}

#[when("the event in the proof is changed")]
fn proof_is_changed(world: &mut Proofs) {
    let changed = world.told.replace("false", "true");
    assert_ne!(changed, world.told);
    fs::write(world.elsewhere.path().join("proof"), changed).expect("it can be written");
}

#[when("the proof is checked in an empty directory")]
fn proof_is_checked(world: &mut Proofs) {
    let public = fs::read_to_string(world.public()).expect("there is one");
    let gone = std::mem::replace(&mut world.journal, TempDir::new().expect("one can be made"));
    gone.close().expect("it can be removed");
    world.run(&["audit", "check-proof", "proof", "--key", public.trim()], "");
}

#[then("the secret key is for its owner alone")]
fn for_its_owner(world: &mut Proofs) {
    let mode = fs::metadata(world.secret()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[then("it is proven")]
fn is_proven(world: &mut Proofs) {
    assert!(world.is_well && world.told.starts_with("proven"), "{}", world.told);
}

#[then("it is not proven")]
fn is_not_proven(world: &mut Proofs) {
    assert!(!world.is_well, "{}", world.told);
}

#[then(expr = "it is refused: {string}")]
fn is_refused(world: &mut Proofs, reason: String) {
    assert!(!world.is_well && world.told.contains(&reason), "{}", world.told);
}

#[then(regex = r#"^it says "(.*)"$"#)]
fn says(world: &mut Proofs, words: String) {
    assert!(world.told.contains(&words), "{}", world.told);
}

#[then(expr = "it does not say {string}")]
fn does_not_say(world: &mut Proofs, words: String) {
    assert!(!world.told.contains(&words), "{}", world.told);
}
