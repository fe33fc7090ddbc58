//! Counts, sizes and spans in words.

/// So many of them: `1 file`, `2 files`.
pub(crate) fn counted(n: impl Into<u64>, noun: &str) -> String {
    let n = n.into();
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A size: `812 B`, `1.4 kB`.
pub(crate) fn bytes(n: u64) -> String {
    scaled(n, 1_000, ("B", "kB", "MB"))
}

/// A span: `812 ms`, `1.4 s`.
pub(crate) fn millis(n: u64) -> String {
    scaled(n, 1_000, ("ms", "s", "ks"))
}

fn scaled(n: u64, step: u64, units: (&str, &str, &str)) -> String {
    let tenths = |unit: u64| format!("{}.{}", n / unit, n % unit * 10 / unit);
    if n < step {
        format!("{n} {}", units.0)
    } else if n < step * step {
        format!("{} {}", tenths(step), units.1)
    } else {
        format!("{} {}", tenths(step * step), units.2)
    }
}
