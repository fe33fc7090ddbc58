use greeter::{count, greet, plural, welcome};

#[test]
fn nobody_in_particular_is_the_world() {
    assert_eq!(greet(&[]), "Hello, world!");
}

#[test]
fn one_guest_is_greeted_by_name() {
    assert_eq!(greet(&["Ada"]), "Hello, Ada!");
    assert_eq!(greet(&["Ada", "Grace"]), "Hello, Ada and Grace!");
}

#[test]
fn many_guests_are_listed() {
    assert_eq!(
        greet(&["Ada", "Grace", "Edsger"]),
        "Hello, Ada, Grace and Edsger!"
    );
}

#[test]
fn one_is_singular_and_all_others_are_plural() {
    assert_eq!(count(1, "guest"), "1 guest");
    assert_eq!(count(2, "guest"), "2 guests");
    assert_eq!(count(0, "guest"), "0 guests");
}

#[test]
fn nouns_take_the_plural_of_their_ending() {
    for (noun, many) in [
        ("toast", "toasts"),
        ("box", "boxes"),
        ("story", "stories"),
        ("day", "days"),
    ] {
        assert_eq!(plural(noun), many);
    }
}

#[test]
fn an_empty_house_still_says_how_many_it_expects() {
    assert_eq!(welcome(&[]), "Hello, world! We expect 0 guests tonight.");
    assert_eq!(welcome(&["Ada"]), "Hello, Ada! We expect 1 guest tonight.");
}
