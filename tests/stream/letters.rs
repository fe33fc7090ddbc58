//! Openings are small letters, their closings the same letters capital; a digit is neither.

#[expect(clippy::trivially_copy_pass_by_ref, reason = "correlate gives it a reference")]
pub(crate) fn small(item: &char) -> Option<char> {
    item.is_ascii_lowercase().then_some(*item)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "correlate gives it a reference")]
pub(crate) fn capital(item: &char) -> Option<char> {
    item.is_ascii_uppercase().then(|| item.to_ascii_lowercase())
}
