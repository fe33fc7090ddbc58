//! What each operator yields, and when. Where RxPY has the operator, the tables are what RxPY 6.1 does with the same
//! marble text on its virtual time.

use std::time::Duration;

use agentbus::StreamRx;
use agentbus::testing::marbles::{FRAME, assert_marbles, cold};

/// Checks an operator against rows of source and expectation.
macro_rules! table {
    ($operator:expr, $($source:literal => $expected:literal),+ $(,)?) => {
        $(assert_marbles($operator(cold($source).rx()), $expected).await;)+
    };
}

#[tokio::test(start_paused = true)]
async fn debounce_yields_an_item_once_it_was_quiet_behind_it() {
    table!(|source: Source| source.debounce(3 * FRAME),
        "|"           => "|",
        ""            => "",
        "---|"        => "---|",
        "a"           => "---a",
        "a|"          => "-(a|)",
        "a---|"       => "---a|",
        "a--|"        => "---(a|)",
        "a--b---|"    => "------b|",
        "ab-c-----d|" => "------c---(d|)",
        "(ab)----|"   => "---b-|",
        "a-b-c-d-e-|" => "----------(e|)",
        "(ab|)"       => "(b|)",
        "a---b|"      => "---a-(b|)",
        "a--(b|)"     => "---(b|)",
    );
}

#[tokio::test(start_paused = true)]
async fn debounce_by_zero_yields_the_last_item_of_each_instant() {
    table!(|source: Source| source.debounce(Duration::ZERO),
        "a-b-|"   => "a-b-|",
        "(ab)-c|" => "b-c|",
        "(ab|)"   => "(b|)",
    );
}

#[tokio::test(start_paused = true)]
async fn debounce_for_ever_yields_the_last_item_at_the_end() {
    table!(|source: Source| source.debounce(Duration::MAX),
        "a-b-|" => "----(b|)",
        "a-b-"  => "",
    );
}

#[tokio::test(start_paused = true)]
async fn throttle_first_yields_the_first_item_of_each_stretch() {
    table!(|source: Source| source.throttle_first(3 * FRAME),
        "|"            => "|",
        "a|"           => "a|",
        "a"            => "a",
        "abcdefg|"     => "a--d--g|",
        "a--b-c---d|"  => "a--b-----d|",
        "(ab)-(cd)|"   => "a--|",
        "-----a-b--c|" => "-----a----c|",
        "(ab|)"        => "(a|)",
    );
}

#[tokio::test(start_paused = true)]
async fn throttle_first_by_zero_yields_all_and_for_ever_only_the_first() {
    table!(|source: Source| source.throttle_first(Duration::ZERO), "(ab)-c|" => "(ab)-c|");
    table!(|source: Source| source.throttle_first(Duration::MAX), "(ab)-c|" => "a--|");
}

#[tokio::test(start_paused = true)]
async fn throttle_last_yields_the_last_item_of_each_period_and_ends_with_its_period() {
    table!(|source: Source| source.throttle_last(3 * FRAME),
        "|"            => "---|",
        "---|"         => "---|",
        "a"            => "---a",
        "a|"           => "---(a|)",
        "--a|"         => "---(a|)",
        "---a|"        => "---a--|",
        "-a-b-c-d-|"   => "---b--c--(d|)",
        "ab-c--d----|" => "---c--d-----|",
        "(ab)----|"    => "---b--|",
        "a--(b|)"      => "---(b|)",
        "a-----|"      => "---a--|",
        "(a|)"         => "---(a|)",
        "-------|"     => "---------|",
    );
}

#[tokio::test(start_paused = true)]
async fn throttle_last_by_zero_takes_periods_of_a_frame() {
    table!(|source: Source| source.throttle_last(Duration::ZERO),
        "(ab)-c|" => "-bc|",
        "|"       => "-|",
    );
}

#[tokio::test(start_paused = true)]
async fn distinct_until_changed_leaves_repetitions_out() {
    table!(|source: Source| source.distinct_until_changed(),
        "|"        => "|",
        "aabbab|"  => "a-b-ab|",
        "(aaa)a|"  => "a-|",
        "abab|"    => "abab|",
        "a-a"      => "a",
    );
    table!(|source: Source| source.distinct_until_changed_by_key(char::to_ascii_lowercase),
        "aAbBaB|"  => "a-b-aB|",
        "(aAb)B-|" => "(ab)--|",
    );
}

#[tokio::test(start_paused = true)]
async fn window_yields_lists_of_one_length_and_the_rest_if_there_is_any() {
    table!(|source: Source| source.window(2),
        "|"       => "|",
        "a"       => "",
        "a|"      => "-([a]|)",
        "ab|"     => "-[ab]|",
        "abc|"    => "-[ab]-([c]|)",
        "(abc)-d|"=> "[ab]-[cd]|",
        "(ab|)"   => "([ab]|)",
        "(abc|)"  => "([ab][c]|)",
    );
    table!(|source: Source| source.window(0), "ab|" => "[a][b]|");
    table!(|source: Source| source.window(usize::MAX), "ab|" => "--([ab]|)");
}

#[tokio::test(start_paused = true)]
async fn window_time_yields_a_list_for_each_period_and_the_one_begun_at_the_end() {
    table!(|source: Source| source.window_time(3 * FRAME),
        "|"            => "([]|)",
        "a|"           => "-([a]|)",
        "---|"         => "---([]|)",
        "a--|"         => "---([a]|)",
        "--a-b-c---d-|"=> "---[a]--[bc]--[]--([d]|)",
        "---a--(b|)"   => "---[a]--([b]|)",
        "(ab)-----|"   => "---[ab]--([]|)",
        "(a|)"         => "([a]|)",
        "--(ab)|"      => "---([ab]|)",
    );
    table!(|source: Source| source.window_time(Duration::ZERO), "(ab)-c|" => "-[ab][c]([]|)");
}

#[tokio::test(start_paused = true)]
async fn window_count_or_time_yields_full_lists_at_once_and_begins_the_time_anew() {
    table!(|source: Source| source.window_count_or_time(2, 3 * FRAME),
        "|"          => "([]|)",
        "a|"         => "-([a]|)",
        "---|"       => "---([]|)",
        "ab-c---|"   => "-[ab]--[c]--([]|)",
        "abc-d|"     => "-[ab]--[cd]([]|)",
        "a-b|"       => "--[ab]([]|)",
        "---(ab)---|"=> "---[ab]--[]([]|)",
        "(abcde)---|"=> "([ab][cd])--[e]([]|)",
        "a--b|"      => "---[ab]([]|)",
        "(ab|)"      => "([ab][]|)",
        "a--(bc)-d|" => "---[ab]-[cd]([]|)",
        "ab|"        => "-[ab]([]|)",
    );
    table!(|source: Source| source.window_count_or_time(0, Duration::MAX), "a(bc)|" => "[a]([b][c])([]|)");
}

#[tokio::test(start_paused = true)]
async fn scan_yields_what_has_accumulated_but_not_the_seed() {
    table!(|source: Source| source.scan(0, |sum, digit| sum + digit.to_digit(10).unwrap()),
        "|"       => "|",
        "1-2(34)" => "1-3(6[10])",
        "(1|)"    => "(1|)",
    );
}

#[tokio::test(start_paused = true)]
async fn take_until_item_ends_with_the_first_item_of_its_notifier() {
    table!(|source: Source| source.take_until_item(cold("---x")),
        "a-b-c-d|"  => "a-b|",
        "a|"        => "a|",
        "---a|"     => "---(a|)",
        "---(ab)|"  => "---(ab|)",
        "--|"       => "--|",
        "---|"      => "---|",
        ""          => "---|",
    );
    table!(|source: Source| source.take_until_item(cold("|")), "a-b-c|" => "a-b-c|");
    table!(|source: Source| source.take_until_item(cold("")), "a-b-c|" => "a-b-c|");
    table!(|source: Source| source.take_until_item(cold("---|")), "a-b-c-d|" => "a-b-c-d|");
    table!(|source: Source| source.take_until_item(cold("x|")),
        "a-b-c|" => "(a|)",
        "-a|"    => "|",
    );
}

#[tokio::test(start_paused = true)]
async fn take_until_ends_when_its_notifier_completes() {
    table!(|source: Source| source.take_until(tokio::time::sleep(2 * FRAME)),
        "a-(bc)-d|" => "a-(bc|)",
        ""          => "--|",
        "(a|)"      => "(a|)",
    );
    table!(|source: Source| source.take_until(std::future::ready(())), "(ab)c|" => "(ab|)");
    table!(|source: Source| source.take_until(std::future::pending::<()>()), "(ab)c|" => "(ab)c|");
}

#[tokio::test(start_paused = true)]
async fn operators_chain() {
    table!(|source: Source| source.distinct_until_changed().window(2).take_until_item(cold("------x")),
        "aab(bc)-cd" => "--[ab]---([cd]|)",
    );
}

type Source = agentbus::Rx<agentbus::testing::marbles::Marbles>;
