//! How things are counted.

/// So many of them: `1 guest`, `2 guests`.
pub fn count(n: usize, noun: &str) -> String {
    if n > 1 {
        format!("{n} {}", plural(noun))
    } else {
        format!("{n} {noun}")
    }
}

/// The plural of an English noun that follows the rules.
pub fn plural(noun: &str) -> String {
    if let Some(stem) = noun.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        return format!("{stem}ies");
    }
    if noun.ends_with(['s', 'x', 'z']) || noun.ends_with("ch") || noun.ends_with("sh") {
        return format!("{noun}es");
    }
    format!("{noun}s")
}
