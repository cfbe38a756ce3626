//! The keys of the steps.

use super::{Item, Picture};

/// The keys, with the titles.
pub(super) fn keys(picture: &Picture) -> Vec<Item> {
    picture.known.steps.iter().map(|(key, title)| Item::new(key.clone(), title.clone())).collect()
}

/// Where one can stop: before steps, at failures, before changes.
pub(super) fn breaks(picture: &Picture) -> Vec<Item> {
    let own = [("failure", "where a primitive fails"), ("changes", "before each change")];
    let own = own.map(|(word, about)| Item::new(word.to_owned(), about.to_owned()));
    keys(picture).into_iter().chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::{picture, values};

    #[test]
    fn steps_are_there_with_their_titles() {
        assert_eq!(keys(&picture())[0], Item::new("prepare".to_owned(), "Prepare the hosts".to_owned()));
        assert_eq!(values(&breaks(&picture())), ["prepare", "storage", "failure", "changes"]);
    }
}
