//! WHAT is to be run: a customer folder, the name of a stock playbook, a playbook's folder, or a script.

use std::path::{Path, PathBuf};

use super::hooks::HooksFile;
use super::load::Playbook;
use crate::customer::Customer;
use crate::files::Tree;
use crate::suggest::nearest;
use crate::{Error, Kind, Result};

/// A playbook, and for whom.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The playbook.
    pub playbook: Playbook,
    /// The customer.
    pub customer: Option<Customer>,
}

/// Finds what is meant by `what`; without it, the customer folder around `here`. `customer` names the customer folder for
/// a playbook other than the folder's own.
///
/// # Errors
/// [`Kind::Usage`] for what is nothing of all that, with the nearest stock playbook; what hinders reading it.
pub fn choose(what: Option<&str>, customer: Option<&Path>, here: &Path, stock: Option<Tree>) -> Result<Chosen> {
    let Some(what) = what else {
        let folder = match customer {
            Some(folder) => here.join(folder),
            None => Customer::around(here).ok_or_else(|| {
                Error::usage("it is not said what to run, and this is no customer folder")
                    .hint(format!("name a customer folder, a playbook's folder, a script, or one of: {}", names(stock)))
            })?,
        };
        return of_customer(&shorter(&folder, here), stock);
    };
    let given = match customer {
        Some(folder) => Some(Customer::open(folder)?),
        None => None,
    };
    let path = shorter(&here.join(what), &std::env::current_dir().unwrap_or_default());
    if Customer::is_at(&path) {
        if given.is_some() {
            return Err(Error::usage(format!("{what} is a customer folder, and --customer names another"))
                .hint("name a playbook beside --customer, or leave --customer out"));
        }
        return of_customer(&path, stock);
    }
    let is_stock = stock.is_some_and(|tree| tree.playbooks().contains(&what));
    // A folder of the same name must be meant as such: ./single-node.
    let mut playbook = if is_stock && !what.starts_with(['.', '/']) && !path.join("playbook.rhai").is_file() {
        named(what, stock)?
    } else if is_stock && path.join("playbook.rhai").is_file() {
        return Err(Error::usage(format!("{what} is the name of a stock playbook, and of a folder here"))
            .hint(format!("write ./{what} for the folder; for the stock playbook, go elsewhere")));
    } else if path.is_dir() {
        Playbook::folder(&path)?
    } else if path.is_file() {
        Playbook::script(&path)?
    } else {
        return Err(unknown(what, stock));
    };
    if let Some(customer) = &given {
        playbook.hooks = HooksFile::of(customer, customer.playbook == what)?;
    }
    Ok(Chosen { playbook, customer: given })
}

/// The folder as a person there would write it.
fn shorter(folder: &Path, here: &Path) -> PathBuf {
    match folder.strip_prefix(here) {
        Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from("."),
        Ok(rest) => rest.to_owned(),
        Err(_) => folder.to_owned(),
    }
}

fn of_customer(folder: &Path, stock: Option<Tree>) -> Result<Chosen> {
    let customer = Customer::open(folder)?;
    let own = customer.folder.join(&customer.playbook);
    let playbook = if stock.is_some_and(|tree| tree.playbooks().contains(&customer.playbook.as_str())) {
        named(&customer.playbook, stock)
    } else if own.is_dir() {
        Playbook::folder(&folder.join(&customer.playbook))
    } else if own.is_file() {
        Playbook::script(&folder.join(&customer.playbook))
    } else {
        let error = unknown(&customer.playbook, stock);
        Err(error.context(format!("{}", folder.join(crate::customer::CUSTOMER_FILE).display())))
    };
    let mut playbook = playbook?;
    playbook.hooks = HooksFile::of(&customer, true)?;
    Ok(Chosen { playbook, customer: Some(customer) })
}

fn named(name: &str, stock: Option<Tree>) -> Result<Playbook> {
    let tree = stock.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no stock playbook {name}")))?;
    Playbook::stock(tree, name)
}

fn names(stock: Option<Tree>) -> String {
    stock.map(|tree| tree.playbooks().join(", ")).unwrap_or_default()
}

fn unknown(what: &str, stock: Option<Tree>) -> Error {
    let error =
        Error::usage(format!("{what} is no customer folder, no stock playbook, no playbook's folder and no script"));
    let known = stock.map(|tree| tree.playbooks()).unwrap_or_default();
    match nearest(what, known.iter().copied()) {
        Some(name) => error.hint(format!("did you mean the stock playbook \"{name}\"?")),
        None => error.hint(format!("the stock playbooks are: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TREE: Tree = Tree(&[("single-node/playbook.rhai", b"step(\"a\", || 1)"), ("steps/x.rhai", b"")]);

    #[test]
    fn each_form_is_found_and_nonsense_names_the_nearest() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        let write = |path: &str, text: &str| {
            let path = here.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        write("acme/customer.yaml", "playbook: single-node\n");
        write("own/customer.yaml", "playbook: mine\n");
        write("own/mine/playbook.rhai", "1");
        let script = write("x.rhai", "1");
        let find = |what: Option<&str>| choose(what, None, here, Some(TREE));
        let path = |name: &str| here.join(name).display().to_string();
        assert_eq!(find(Some(&path("acme"))).unwrap().playbook.source, "stock:single-node/playbook.rhai");
        assert_eq!(find(Some("single-node")).unwrap().playbook.name, "single-node");
        assert_eq!(find(Some(&path("own"))).unwrap().playbook.name, "mine");
        assert_eq!(find(Some(&script)).unwrap().playbook.name, "x");
        let inside = choose(None, None, &here.join("acme"), Some(TREE));
        assert!(inside.is_err() || inside.unwrap().customer.is_some());
        assert!(find(Some("single-nod")).unwrap_err().hint_text().unwrap().contains("\"single-node\""));
        assert!(find(None).unwrap_err().hint_text().unwrap().contains("single-node"));
        let both = choose(Some(&path("acme")), Some(&here.join("own")), here, Some(TREE)).unwrap_err();
        assert!(both.to_string().contains("--customer"));
        let other = choose(Some("single-node"), Some(&here.join("acme")), here, Some(TREE)).unwrap();
        assert_eq!(other.customer.unwrap().name, "acme");
    }
}
