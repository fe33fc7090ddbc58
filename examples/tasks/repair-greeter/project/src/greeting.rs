//! What is said at the door.

use crate::plural::count;

/// Greets everybody by name: `Hello, Ada, Grace and Edsger!`
pub fn greet(names: &[&str]) -> String {
    match names {
        [] => "Hello, world!".to_owned(),
        [one] => format!("Hello, {one}!"),
        [others @ .., last] => format!("Hello, {} and {last}!", others.join(",")),
    }
}

/// Greets everybody and says how many there are.
pub fn welcome(names: &[&str]) -> String {
    format!(
        "{} We expect {} tonight.",
        greet(names),
        count(names.len(), "guest")
    )
}
