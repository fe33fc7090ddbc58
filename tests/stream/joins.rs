//! Operators of several streams, at their edges: nothing, errors, ends, one instant, being dropped in the middle.

use std::time::Duration;

use agentbus::stream::rx::Heard;
use agentbus::testing::marbles::{FRAME, Marbles, assert_marbles, cold};
use agentbus::{Rx, StreamRx};
use tokio_stream::{Stream, StreamExt};

/// Checks an operator of two streams against rows of both and of what is expected.
macro_rules! table {
    ($operator:expr, $($source:literal, $other:literal => $expected:literal),+ $(,)?) => {
        $(assert_marbles($operator(cold($source).rx(), cold($other)), $expected).await;)+
    };
}

type Source = Rx<Marbles>;

/// `X` is an error, and the end.
fn fallible(text: &str) -> impl Stream<Item = Result<char, char>> + use<> {
    cold(text).map(|item| if item == 'X' { Err(item) } else { Ok(item) })
}

#[tokio::test(start_paused = true)]
async fn merge_yields_both_and_ends_with_both() {
    table!(|source: Source, other| source.merge(other),
        "|",       "|"      => "|",
        "|",       "a|"     => "a|",
        "a-b|",    "-x----|"=> "axb---|",
        "(ab)c|",  "(xy)z|" => "(abxy)(cz)|",
        "a|",      ""       => "a",
        "",        "|"      => "",
        "(a|)",    "(b|)"   => "(ab|)",
    );
}

#[tokio::test(start_paused = true)]
async fn with_latest_from_yields_items_with_the_latest_of_the_other_that_of_their_instant_too() {
    table!(|source: Source, other| source.with_latest_from(other),
        "|",      "x"     => "|",
        "ab|",    "|"     => "--|",
        "a-b|",   "-x|"   => "--[bx]|",
        "ab|",    "xy|"   => "[ax][by]|",
        "(ab)|",  "(xy)|" => "([ay][by])|",
        "-(ab)|", "(xy)|" => "-([ay][by])|",
        "a-b",    "x"     => "[ax]-[bx]",
        "---",    "x|"    => "",
    );
}

#[tokio::test(start_paused = true)]
async fn combine_latest_yields_the_latest_of_both_whenever_either_comes() {
    table!(|source: Source, other| source.combine_latest(other),
        "|",      "|"    => "|",
        "a|",     "x|"   => "[ax]|",
        "(ab)|",  "(xy)|"=> "([bx][by])|",
        "a-b|",   "-x---|"=> "-[ax][bx]--|",
        "|",      "--x|" => "--|",
        "--a|",   "|"    => "--|",
        "ab|",    "----|"=> "----|",
        "a|",     ""     => "",
    );
}

#[tokio::test(start_paused = true)]
async fn sample_yields_the_last_item_when_the_sampler_does_and_ends_with_either() {
    table!(|source: Source, sampler| source.sample(sampler),
        "|",       ""        => "",
        "|",       "--x"     => "--|",
        "a--b--|", "--x--x"  => "--a--b",
        "a|",      "--x--x"  => "--(a|)",
        "a-b-c-",  "-x-|"    => "-a-(b|)",
        "a-----",  "|"       => "(a|)",
        "(ab)-",   "(xx)-x"  => "b",
        "-a-|",    "---x"    => "---(a|)",
    );
}

#[tokio::test(start_paused = true)]
async fn switch_map_follows_the_latest_item_alone() {
    let inner = |item| match item {
        'a' => cold("1-2-3|"),
        'b' => cold("(45)|"),
        'c' => cold(""),
        _ => cold("|"),
    };
    for (source, expected) in [
        ("|", "|"),
        ("a|", "1-2-3|"),
        ("a--b|", "1-2(45)|"),
        ("a-b---|", "1-(45)---|"),
        ("(ab)---|", "(45)---|"),
        ("a-c|", "1"),
        ("d|", "-|"),
        ("(d|)", "|"),
    ] {
        assert_marbles(cold(source).rx().switch_map(inner), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn merge_map_runs_so_many_at_once_and_the_rest_in_their_turn() {
    let inner = |item| match item {
        'a' => cold("1--2|"),
        'b' => cold("3-4|"),
        _ => cold("|"),
    };
    for (bound, source, expected) in [
        (1, "|", "|"),
        (0, "(ab)|", "1--23-4|"),
        (1, "(ab)|", "1--23-4|"),
        (2, "(ab)|", "(13)-42|"),
        (2, "(aab)|", "(11)--(22)3-4|"),
        (9, "-(dd)--|", "----|"),
        (1, "(dddb)|", "3-4|"),
        (2, "a-b", "1-324"),
    ] {
        assert_marbles(cold(source).rx().merge_map(bound, inner), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn start_with_yields_its_items_at_once_and_begins_the_source_then() {
    assert_marbles(cold("-a|").rx().start_with(['x', 'y']), "(xy)a|").await;
    assert_marbles(cold("|").rx().start_with([]), "|").await;
    assert_marbles(cold("").rx().start_with(['x']), "x").await;
}

#[tokio::test(start_paused = true)]
async fn timeout_each_ends_where_nothing_came_for_too_long() {
    for (source, expected) in [
        ("|", "|"),
        ("---|", "---|"),
        ("----|", "---([!nothing came within 3ms]|)"),
        ("a--b--|", "a--b--|"),
        ("a--b", "a--b--([!nothing came within 3ms]|)"),
        ("", "---([!nothing came within 3ms]|)"),
    ] {
        assert_marbles(cold(source).rx().timeout_each(3 * FRAME), expected).await;
    }
    assert_marbles(cold("(ab)c").rx().timeout_each(Duration::ZERO), "(ab[!nothing came within 0ns]|)").await;
    assert_marbles(cold("--a|").rx().timeout_each(Duration::MAX), "--a|").await;
}

#[tokio::test(start_paused = true)]
async fn timeout_each_counts_what_lay_ready_while_nobody_asked() {
    let mut items = Box::pin(cold("a-b-").rx().timeout_each(3 * FRAME));
    assert_eq!(items.next().await, Some(Ok('a')));
    tokio::time::sleep(50 * FRAME).await;
    assert_eq!(items.next().await, Some(Ok('b')));
    assert!(items.next().await.unwrap().is_err());
    assert_eq!(items.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn on_error_goes_on_with_what_is_made_of_the_first_error() {
    for (source, fallback, expected) in [
        ("ab|", "x|", "ab|"),
        ("aX", "-x|", "a-x|"),
        ("X", "|", "|"),
        ("(aX)b|", "X", "(a[!X])"),
        ("-X", "", ""),
    ] {
        let healed = fallible(source).rx().on_error(|error| {
            assert_eq!(error, 'X');
            fallible(fallback)
        });
        assert_marbles(healed, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn retry_begins_again_so_often_and_yields_the_error_that_comes_then() {
    for (source, retries, expected) in [
        ("ab|", 5, "ab|"),
        ("aX", 0, "a([!X]|)"),
        ("aX", 2, "aaa([!X]|)"),
        ("X", 3, "([!X]|)"),
        ("(aX)b|", 1, "(aa[!X]|)"),
    ] {
        let tried = fallible(source).rx().retry(retries, |_| fallible(source));
        assert_marbles(tried, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_has_the_items_of_its_key_and_ends_with_the_source_or_whoever_drives_it() {
    assert_marbles(cold("|").rx().group_by(|item| *item), "|").await;
    // Each is dropped at once, so that the next item of its key begins another.
    let keys = cold("(ab)Ac|").rx().group_by(char::to_ascii_lowercase);
    assert_marbles(keys, "([a:][b:])[a:][c:]|").await;
    let all = cold("(ab)Ac|").rx().group_by(char::to_ascii_lowercase);
    assert_marbles(all.merge_map(9, |group| group.rx().window(usize::MAX)), "---([aA][b][c]|)").await;

    let mut groups = Box::pin(cold("(ab)-A-").rx().group_by(char::to_ascii_lowercase));
    let a = groups.next().await.unwrap();
    assert!(tokio::time::timeout(3 * FRAME, async { while groups.next().await.is_some() {} }).await.is_err());
    drop(groups);
    assert_eq!(a.collect::<Vec<_>>().await, [Heard::Item('a'), Heard::Item('A')]);
}

#[tokio::test(start_paused = true)]
async fn a_shared_stream_gives_each_reader_all_and_a_late_one_the_last() {
    let early = cold("ab-c-d|").rx().share(2);
    let late = async {
        tokio::time::sleep(3 * FRAME).await;
        assert_marbles(early.clone(), "(bc)-d|").await;
    };
    let after = async {
        tokio::time::sleep(9 * FRAME).await;
        assert_marbles(early.clone(), "(cd|)").await;
    };
    tokio::join!(biased; assert_marbles(early.clone(), "ab-c-d|"), late, after);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_leaves_the_shared_stream_to_the_others() {
    let first = cold("a-b-c|").rx().share(0);
    let mut second = first.clone();
    let mut first = Box::pin(first);
    assert_eq!(first.next().await, Some(Heard::Item('a')));
    assert_eq!(second.next().await, Some(Heard::Item('a')));
    // Waits for the source, as the last who asked it, and is gone.
    assert!(tokio::time::timeout(FRAME, first.next()).await.is_err());
    let waiting = tokio::spawn(async move { second.next().await });
    tokio::task::yield_now().await;
    drop(first);
    assert_eq!(waiting.await.unwrap(), Some(Heard::Item('b')));
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_shared_stream_begins_where_it_is_made() {
    let mut first = cold("abc|").rx().share(0);
    let at_once = first.clone();
    assert_eq!(first.next().await, Some(Heard::Item('a')));
    let late = first.clone();
    assert_eq!(first.next().await, Some(Heard::Item('b')));
    assert_marbles(at_once, "(ab)c|").await;
    assert_marbles(late, "(bc|)").await;
}
