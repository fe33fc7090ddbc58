//! How long to wait between two attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait after so many attempts: `first`, twice as long each time, at most `longest`; less up to a half at
/// random.
pub(super) fn delay_after(attempts: u32, first: Duration, longest: Duration) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let most = first.saturating_mul(1 << doublings).min(longest);
    // The state of a new hasher is random.
    let random = u32::try_from(RandomState::new().hash_one(attempts) % 1024).unwrap_or(0);
    most / 2 + (most / 2048).saturating_mul(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_the_longest_and_keeps_at_least_its_half() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(1));
        for (attempts, most) in [(0, 200), (1, 200), (2, 400), (3, 800), (4, 1000), (u32::MAX, 1000)] {
            let most = Duration::from_millis(most);
            let delay = delay_after(attempts, first, longest);
            assert!(delay >= most / 2 && delay <= most, "{attempts}: {delay:?}");
        }
        assert_eq!(delay_after(7, Duration::ZERO, longest), Duration::ZERO);
        assert!(delay_after(u32::MAX, Duration::MAX, Duration::MAX) >= Duration::MAX / 2);
    }
}
