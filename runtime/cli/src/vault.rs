//! Where this user's and this customer's secrets are kept.

use std::sync::Arc;

use windlass_runtime::customer::Customer;
use windlass_runtime::secret::{AgeVault, Secret, Vault};
use windlass_runtime::{Error, Result};

use crate::io::Machine;

/// The customer folder's vault, or the user's own. Nothing is read or made before it is used.
pub(crate) fn of(machine: &Machine, customer: Option<&Customer>) -> Arc<dyn Vault> {
    match file_of(machine, customer) {
        Ok(vault) => Arc::new(vault),
        Err(error) => Arc::new(Nowhere(error)),
    }
}

/// The same as the file that it is.
pub(crate) fn file_of(machine: &Machine, customer: Option<&Customer>) -> Result<AgeVault> {
    let folders = machine.folders()?;
    Ok(match customer {
        Some(customer) => AgeVault::of_customer(&customer.folder, &folders, customer.recipients.clone()),
        None => AgeVault::of_user(&folders),
    })
}

/// A machine without a place for secrets: whoever needs one is told why.
struct Nowhere(Error);

impl Vault for Nowhere {
    fn read(&self, _: &str) -> Result<Option<Secret>> {
        Err(self.0.clone())
    }

    fn keep(&self, _: &str, _: &Secret) -> Result<()> {
        Err(self.0.clone())
    }

    fn place(&self) -> String {
        "nowhere".to_owned()
    }
}
