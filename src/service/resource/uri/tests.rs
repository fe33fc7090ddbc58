use proptest::prelude::*;

use super::*;

fn fault(text: &str) -> (usize, UriFault) {
    match text.parse::<ResourceUri>() {
        Err(UriError::Fault { at, fault }) => (at, fault),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_address_is_read_and_written_the_same() {
    for text in ["file:///a/b.txt", "dir:///", "dir:///a%20b/c", "git:///a/b?rev=HEAD~1", "dir:///%FF"] {
        assert_eq!(text.parse::<ResourceUri>().unwrap().to_string(), text);
    }
    let git: ResourceUri = "git:///a?rev=v1.0".parse().unwrap();
    assert_eq!((git.path(), git.revision()), (Path::new("/a"), Some("v1.0")));
    assert_eq!("dir:///a//b/".parse::<ResourceUri>().unwrap().to_string(), "dir:///a/b");
    assert_eq!(ResourceUri::dir("/é").unwrap().to_string(), "dir:///%C3%A9");
}

#[test]
fn a_hostile_address_is_refused_at_its_place() {
    assert_eq!(fault("file://host/a"), (7, UriFault::Relative));
    assert_eq!(fault("dir://a/b"), (6, UriFault::Relative));
    assert_eq!(fault("dir://"), (6, UriFault::Relative));
    assert_eq!(fault("file:///"), (7, UriFault::Nameless));
    assert_eq!(fault("dir:///a/../b"), (9, UriFault::Climbs));
    assert_eq!(fault("dir:///a/%2e%2E"), (9, UriFault::Climbs));
    assert_eq!(fault("dir:///./a"), (7, UriFault::Climbs));
    assert_eq!(fault("dir:///a%00b"), (8, UriFault::Zero));
    assert_eq!(fault("dir:///a\0b"), (8, UriFault::Zero));
    assert_eq!(fault("dir:///a%2Fb"), (8, UriFault::Slash));
    assert_eq!(fault("dir:///a%2"), (8, UriFault::Escape));
    assert_eq!(fault("dir:///a%zz"), (8, UriFault::Escape));
    assert_eq!(fault("dir:///a%é"), (8, UriFault::Escape));
    assert_eq!(fault("dir:///a#b"), (8, UriFault::Unescaped));
    assert_eq!(fault("dir:///a\nb"), (8, UriFault::Unescaped));
    assert_eq!(fault("dir:///a?rev=b"), (8, UriFault::Query));
    assert_eq!(fault("git:///a"), (8, UriFault::Query));
    assert_eq!(fault("git:///a?ref=b"), (8, UriFault::Query));
    for revision in ["", "--upload-pack=x", "a b", "a..b", "a:b", "a&b=c", &"a".repeat(257)] {
        assert_eq!(fault(&format!("git:///a?rev={revision}")), (13, UriFault::Revision), "{revision}");
    }
    for other in ["", "a", "/a", "http://a/b", "FILE:///a", "file:/a", "s3://bucket"] {
        assert_eq!(other.parse::<ResourceUri>(), Err(UriError::Scheme), "{other}");
    }
    let long = format!("dir:///{}", "a".repeat(MAX_URI_BYTES));
    assert_eq!(long.parse::<ResourceUri>(), Err(UriError::TooLong { actual: MAX_URI_BYTES + 7 }));
    assert!(ResourceUri::dir("a/b").is_err() && ResourceUri::dir("/a/../b").is_err());
}

proptest! {
    #[test]
    fn any_path_has_one_address(names in prop::collection::vec(prop::collection::vec(1..=255_u8, 1..9), 1..5)) {
        let is_name = |name: &Vec<u8>| !name.contains(&b'/') && name != b"." && name != b"..";
        prop_assume!(names.iter().all(is_name));
        let path: PathBuf = std::iter::once(OsString::from("/"))
            .chain(names.into_iter().map(OsString::from_vec))
            .collect();
        let uri = ResourceUri::file(&path).unwrap();
        prop_assert_eq!(uri.path(), &path);
        prop_assert_eq!(uri.to_string().parse::<ResourceUri>().unwrap(), uri);
        prop_assert_eq!(unescape_path(&escape(&path)), Some(path));
    }

    #[test]
    fn no_text_is_too_hostile(text in "(file|dir|git)?(://)?[/a%.?=#\\PC]{0,20}") {
        if let Ok(uri) = text.parse::<ResourceUri>() {
            prop_assert_eq!(uri.to_string().parse::<ResourceUri>(), Ok(uri));
        }
    }
}
