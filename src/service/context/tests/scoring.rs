//! Scores, by hand.

use super::*;

#[test]
fn a_score_is_the_weighted_sum() {
    let now = Timestamp::from_unix_nanos(0).saturating_add(Duration::from_hours(48));
    let request = request(1).with_now(now);
    let day_old = Timestamp::from_unix_nanos(0).saturating_add(Duration::from_hours(24));
    let fragment =
        Fragment::new("x", "").with_relevance(0.5).with_quality(0.25).with_depth(1).with_time(day_old);
    let score = Weights::default().score(&fragment, &request);
    assert!((score - (0.4 * 0.5 + 0.3 * 0.5 + 0.2 * 0.25 + 0.1 * 0.5)).abs() < 1e-12, "{score}");
    for (weights, expected) in [
        ((1.0, 0.0, 0.0, 0.0), 0.5),
        ((0.0, 1.0, 0.0, 0.0), 0.5),
        ((0.0, 0.0, 1.0, 0.0), 0.25),
        ((0.0, 0.0, 0.0, 1.0), 0.5),
    ] {
        let (relevance, hierarchy, quality, recency) = weights;
        let weights = Weights::new(relevance, hierarchy, quality, recency).unwrap();
        assert!((weights.score(&fragment, &request) - expected).abs() < 1e-12, "{weights:?}");
    }
}

#[test]
fn recency_is_one_for_what_is_to_come_and_nothing_without_a_time() {
    let recency = Weights::new(0.0, 0.0, 0.0, 1.0).unwrap();
    let score = |fragment: Fragment| recency.score(&fragment, &request(1));
    assert!(score(Fragment::new("x", "")) < 1e-12);
    let to_come = Timestamp::from_unix_nanos(i64::MAX);
    assert!((score(Fragment::new("x", "").with_time(to_come)) - 1.0).abs() < 1e-12);
    let long_ago = Timestamp::from_unix_nanos(i64::MIN);
    let score = score(Fragment::new("x", "").with_time(long_ago));
    assert!(score > 0.0 && score < 1e-4, "{score}");
}

#[test]
fn figures_beyond_their_bounds_count_as_the_nearest_and_no_number_as_none() {
    for (figure, expected) in
        [(f64::NAN, 0.0), (-0.1, 0.0), (f64::NEG_INFINITY, 0.0), (1.1, 1.0), (f64::INFINITY, 1.0), (0.5, 0.5)]
    {
        let fragment = Fragment::new("x", "").with_relevance(figure).with_quality(figure);
        assert_eq!(
            (fragment.relevance().to_bits(), fragment.quality().to_bits()),
            (f64::to_bits(expected), f64::to_bits(expected))
        );
    }
    let deep = Weights::default().score(&Fragment::new("x", "").with_depth(u32::MAX), &request(1));
    assert!(deep > 0.0 && deep < 1e-9);
}

#[test]
fn weights_that_weigh_nothing_are_refused() {
    for weights in
        [[0.0; 4], [f64::NAN, 1.0, 1.0, 1.0], [1.0, -0.1, 1.0, 1.0], [1.0, 1.0, f64::INFINITY, 1.0]]
    {
        let [relevance, hierarchy, quality, recency] = weights;
        assert_eq!(Weights::new(relevance, hierarchy, quality, recency), Err(WeightsError));
    }
}
