//! The hosts of the customer, and the clusters that have names.

use super::{Item, Picture};

/// The hosts, with what they are.
pub(super) fn names(picture: &Picture) -> Vec<Item> {
    picture.known.hosts.iter().map(|(name, about)| Item::new(name.clone(), about.clone())).collect()
}

/// The clusters.
pub(super) fn clusters(picture: &Picture) -> Vec<Item> {
    picture.known.clusters.iter().map(|name| Item::new(name.clone(), String::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::{picture, values};

    #[test]
    fn hosts_and_clusters_are_there() {
        assert_eq!(values(&names(&picture())), ["worker-1"]);
        assert_eq!(values(&clusters(&picture())), ["dr"]);
    }
}
