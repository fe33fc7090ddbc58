//! Ignore files: what they hide, and what may stand there instead of one.

use super::*;
use crate::service::resource::index::rules::{MAX_RULES_BYTES, MAX_RULES_BYTES_OF_ALL};

impl Tree {
    /// A tree with a file that the rules to come would hide, and another.
    fn with_a_text() -> Self {
        let tree = Self::new();
        tree.write("a.txt", "a");
        tree.write("sub/b", "b");
        tree
    }

    /// Expects that the ignore file has no say, which is told, in each run.
    fn expect_no_say(&self, path: &str) {
        let unread = [Unread { path: path.into(), reason: UnreadReason::Rules }];
        let first = self.index(None).index;
        assert_eq!((files(&first), first.unread()), (vec!["a.txt", "sub/b"], &unread[..]), "{path}");
        let same = self.index(Some(&first)).index;
        assert!(Arc::ptr_eq(&first, &same), "{path}: what stands there has not changed");
    }
}

#[test]
fn an_ignore_file_that_leads_out_of_the_folder_has_no_say() {
    for path in [".gitignore", ".ignore", "sub/.ignore"] {
        let (tree, outside) = (Tree::with_a_text(), tempfile::tempdir().unwrap());
        let rules = outside.path().join("rules");
        fs::write(&rules, "*.txt\nb\n").unwrap();
        symlink(&rules, tree.at(path)).unwrap();
        tree.expect_no_say(path);
    }
}

#[test]
fn an_ignore_file_that_never_ends_is_not_waited_for() {
    for path in [".gitignore", "sub/.ignore"] {
        let tree = Tree::with_a_text();
        symlink("/dev/zero", tree.at(path)).unwrap();
        tree.expect_no_say(path);
        let tree = Tree::with_a_text();
        rustix::fs::mkfifoat(&tree.dir, path, rustix::fs::Mode::RWXU).unwrap();
        tree.expect_no_say(path);
    }
    let tree = Tree::with_a_text();
    rustix::fs::mkfifoat(&tree.dir, "sub/CACHEDIR.TAG", rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(files(&tree.index(None).index), ["a.txt", "sub/b"]);
}

#[test]
fn an_ignore_file_that_is_too_long_has_no_say_and_one_that_is_not_has() {
    let tree = Tree::with_a_text();
    let mut rules = "*.txt\n".repeat(usize::try_from(MAX_RULES_BYTES).unwrap() / 6 + 1);
    tree.write(".gitignore", &rules);
    tree.expect_no_say(".gitignore");
    rules.truncate(usize::try_from(MAX_RULES_BYTES).unwrap());
    tree.write(".gitignore", &rules);
    assert_eq!(files(&tree.index(None).index), ["sub/b"]);
}

#[test]
fn a_folder_whose_ignore_file_takes_too_much_is_left_out_and_told_of() {
    let tree = Tree::with_a_text();
    tree.write("sub/c/d", "d");
    tree.write("sub/.gitignore", "?".repeat(250_000));
    let unread = [Unread { path: "sub/.gitignore".into(), reason: UnreadReason::Rules }];
    let first = tree.index(None).index;
    assert_eq!((files(&first), first.unread()), (vec!["a.txt"], &unread[..]));
    assert!(Arc::ptr_eq(&first, &tree.index(Some(&first)).index), "what stands there has not changed");
    tree.write("sub/.gitignore", "c\n");
    assert_eq!(files(&tree.index(Some(&first)).index), ["a.txt", "sub/b"]);
}

#[test]
fn of_ignore_files_that_are_too_long_together_the_last_ones_leave_their_folders_out() {
    let (tree, most) = (Tree::new(), MAX_RULES_BYTES_OF_ALL / MAX_RULES_BYTES);
    let long = "#".repeat(usize::try_from(MAX_RULES_BYTES).unwrap());
    for nth in 0..=most {
        tree.write(&format!("{nth}/a"), "a");
        tree.write(&format!("{nth}/.gitignore"), &long);
    }
    let index = tree.index(None).index;
    assert_eq!((files(&index).len() as u64, index.unread().len()), (most, 1));
    assert_eq!(index.unread()[0].reason, UnreadReason::Rules);
    let folder = index.unread()[0].path.parent().unwrap();
    assert!(index.file(folder.join("a")).is_none());
}

#[test]
fn a_line_that_is_no_text_is_told_and_the_others_hold() {
    let tree = Tree::with_a_text();
    tree.write(".gitignore", b"\xef\xbb\xbf*.txt\r\n\xff\r\nnone\n");
    let index = tree.index(None).index;
    let unread = [Unread { path: ".gitignore".into(), reason: UnreadReason::Patterns }];
    assert_eq!((files(&index), index.unread()), (vec!["sub/b"], &unread[..]));
}

fn a_pattern() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["a", "b", "c.log", "*.log", "build", ".h", "*", "**", "a/b", "b?"]);
    (
        prop::sample::select(vec!["", "!", "/", "!/", "#", "**/"]),
        names,
        prop::sample::select(vec!["", "/", "/**"]),
    )
        .prop_map(|(before, name, behind)| format!("{before}{name}{behind}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// The crate ignore, which reads such files itself, is the model: for files that are files.
    #[test]
    fn the_rules_say_what_the_crate_makes_of_such_files(
        paths in prop::collection::vec(a_path(), 1..12),
        rules in prop::collection::vec(
            (
                prop::sample::select(vec!["", "a/", "b/", "build/", "a/b/"]),
                prop::sample::select(vec![".gitignore", ".ignore"]),
                prop::collection::vec(a_pattern(), 0..4),
            ),
            0..4,
        ),
        hidden in prop::sample::select(vec![HiddenFiles::LeftOut, HiddenFiles::Included]),
    ) {
        let mut tree = Tree::new();
        tree.options = tree.options.with_hidden(hidden);
        for path in &paths {
            let _whether_it_could = tree.try_write(path, b"");
        }
        for (folder, name, patterns) in &rules {
            let _whether_it_could = tree.try_write(&format!("{folder}{name}"), patterns.join("\n").as_bytes());
        }
        let mut walker = ignore::WalkBuilder::new(tree.folder.path());
        walker.hidden(hidden == HiddenFiles::LeftOut).parents(false).git_global(false).git_exclude(false);
        let found = walker.require_git(false).build().map(Result::unwrap);
        let found = found.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
        let mut model: Vec<PathBuf> =
            found.map(|entry| entry.path().strip_prefix(tree.folder.path()).unwrap().to_owned()).collect();
        model.sort_unstable();
        let index = tree.index(None).index;
        let shown: Vec<PathBuf> = index.files().iter().map(|file| file.path().to_owned()).collect();
        prop_assert_eq!(shown, model);
    }
}
