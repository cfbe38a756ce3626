//! `windlass secrets`: what is kept in the customer folder's `secrets.age`, or in the user's own.
//!
//! No value is ever printed or taken as an argument.

mod edit;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use windlass_runtime::customer::Customer;
use windlass_runtime::secret::{AgeVault, Identity, MIN_MASKED, Origin, Secret, Vault as _};
use windlass_runtime::{Error, Kind, Result, secret};
use zeroize::Zeroizing;

use crate::args::{Format, Secrets, SecretsCommand};
use crate::asking::Asking;
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::render::Sources;
use crate::vault;
use crate::workspace::{self, shown_here};

/// The longest secret that is read.
const LONGEST: u64 = 1024 * 1024;

/// The file of secrets that is meant.
struct Kept {
    vault: AgeVault,
    customer: Option<Customer>,
    /// Where it is, as one would write it here.
    place: String,
}

impl Kept {
    fn find(customer: Option<&Path>, ui: &Ui) -> Result<Self> {
        let customer = workspace::customer(customer)?;
        let vault = vault::file_of(&ui.machine, customer.as_ref())?;
        let place = shown_here(&vault.place());
        Ok(Self { vault, customer, place })
    }

    /// Says which secrets scripts would refuse.
    fn warn_of_short(&self, ui: &Ui, names: &[(String, bool)]) {
        let short: Vec<String> = names.iter().filter(|(_, long)| !long).map(|(name, _)| line(name)).collect();
        if !short.is_empty() {
            ui.err(&format!(
                "{} scripts refuse secrets of fewer than {MIN_MASKED} characters, which cannot be masked: {}\n",
                ui.err_style.yellow("warning:"),
                short.join(", ")
            ));
        }
    }
}

pub(crate) fn run(secrets: &Secrets, ui: &Ui) -> Result<u8, Failed> {
    let customer = secrets.customer.as_deref();
    match &secrets.command {
        SecretsCommand::Key => key(ui)?,
        SecretsCommand::List { output } => list(&Kept::find(customer, ui)?, *output, ui)?,
        SecretsCommand::Set { name } => set(&Kept::find(customer, ui)?, name, ui)?,
        SecretsCommand::Edit => edit::run(&Kept::find(customer, ui)?, ui)?,
        SecretsCommand::Encrypt { files, replace } => encrypt(&Kept::find(customer, ui)?, files, *replace, ui)?,
        SecretsCommand::Recipients => recipients(&Kept::find(customer, ui)?, ui)?,
        SecretsCommand::Rekey => rekey(&Kept::find(customer, ui)?, ui)?,
    }
    Ok(exit::OK)
}

fn list(kept: &Kept, output: Format, ui: &Ui) -> Result<()> {
    let names = kept.vault.names()?;
    if output == Format::Json {
        ui.out_json(&json!({ "file": kept.vault.place(), "names": names }));
        return Ok(());
    }
    for name in &names {
        ui.out(&format!("{}\n", line(name)));
    }
    if names.is_empty() && !ui.quiet {
        ui.err(&format!("there are no secrets in {}: windlass secrets set NAME\n", line(&kept.place)));
    }
    Ok(())
}

fn set(kept: &Kept, name: &str, ui: &Ui) -> Result<()> {
    let value = match Asking::begin(ui)? {
        Some(person) => typed_twice(&person, name)?,
        None => from_stdin(name)?,
    };
    if value.chars().count() < MIN_MASKED {
        return Err(Error::usage(format!(
            "a secret has at least {MIN_MASKED} characters: a shorter one cannot be masked"
        ))
        .hint("nothing was changed"));
    }
    let known = kept.vault.read(name)?;
    kept.vault.replace(name, &Secret::new(Origin::Age(name.to_owned()), value.as_str()))?;
    let what = match known {
        Some(known) if known.expose() == value.as_str() => "is as it was in",
        Some(_) => "has a new value in",
        None => "is kept in",
    };
    tell(ui, &format!("{name} {what} {}", kept.place));
    Ok(())
}

/// A secret that is typed blindly is typed twice.
fn typed_twice(person: &Asking, name: &str) -> Result<Zeroizing<String>> {
    loop {
        let first = person.secret(&format!("Value of {}", line(name)))?;
        if first.is_empty() {
            return Err(Error::usage("nothing was entered").hint("nothing was changed"));
        }
        if *first == *person.secret("Once more")? {
            return Ok(first);
        }
        person.say("These were not the same. Once again:\n");
    }
}

fn from_stdin(name: &str) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
    std::io::stdin().take(LONGEST + 1).read_to_string(&mut text).map_err(|e| {
        Error::new(Kind::Malformed, format!("the value of {name} cannot be read from stdin"))
            .source(e)
            .hint("give a text in UTF-8; on a terminal it is asked for")
    })?;
    if text.len() as u64 > LONGEST {
        return Err(Error::usage("what is on stdin has more than 1 MiB: that is no secret"));
    }
    let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if value.is_empty() {
        return Err(Error::usage(format!("there is no value for {name}"))
            .hint(format!("give it on stdin: windlass secrets set {name} < FILE; on a terminal it is asked for")));
    }
    Ok(Zeroizing::new(value.to_owned()))
}

fn encrypt(kept: &Kept, files: &[PathBuf], replace: bool, ui: &Ui) -> Result<()> {
    let mut texts = Vec::new();
    for file in files {
        texts.push((file.display().to_string(), secret::from_file(file)?));
    }
    let texts: Vec<(String, &str)> = texts.iter().map(|(file, text)| (file.clone(), text.expose())).collect();
    for (file, text) in &texts {
        kept.warn_of_short(ui, &AgeVault::names_in(text, file)?);
    }
    let taken = kept.vault.take_in(&texts, replace)?;
    for name in &taken {
        tell(ui, &format!("{name} is kept in {}", kept.place));
    }
    if taken.is_empty() {
        tell(ui, &format!("all of it is in {} already", kept.place));
    }
    let plain: Vec<String> = files.iter().map(|file| line(&file.display().to_string())).collect();
    tell(
        ui,
        &format!(
            "{} is still there in clear: remove it (shred -u), and see that no repository has it",
            plain.join(", ")
        ),
    );
    Ok(())
}

fn key(ui: &Ui) -> Result<()> {
    let path = Identity::path(&ui.machine.folders()?);
    let known = path.exists();
    let identity = Identity::read_or_create(&path)?;
    if !known {
        tell(
            ui,
            &format!("made a key and kept it in {}: without it, nobody reads what is encrypted for it", path.display()),
        );
    }
    ui.out(&format!("{}\n", identity.public_key()));
    Ok(())
}

fn recipients(kept: &Kept, ui: &Ui) -> Result<()> {
    let own = Identity::read(&Identity::path(&ui.machine.folders()?))?.map(|identity| identity.public_key());
    let others = kept.customer.as_ref().map(|customer| customer.recipients.as_slice()).unwrap_or_default();
    for key in own.iter().chain(others.iter().filter(|key| Some(key.trim()) != own.as_deref())) {
        let note = if Some(key) == own.as_ref() { "  (you)" } else { "" };
        ui.out(&format!("{}{note}\n", line(key)));
    }
    let hint = match &kept.customer {
        Some(_) => {
            "add public keys to `recipients` in customer.yaml (each prints theirs by windlass secrets key), then: windlass secrets rekey"
        }
        None => "these are your own secrets: only a customer folder has recipients",
    };
    tell(ui, hint);
    Ok(())
}

fn rekey(kept: &Kept, ui: &Ui) -> Result<()> {
    if !kept.vault.encrypt_anew()? {
        return Err(Error::new(Kind::NotFound, format!("there is no {}", kept.place))
            .hint("windlass secrets set NAME makes it, for you and for the recipients"));
    }
    let others = kept.customer.as_ref().map_or(0, |customer| customer.recipients.len());
    let for_whom = if others == 0 { "you alone".to_owned() } else { format!("you and {others} of `recipients`") };
    tell(ui, &format!("{} is encrypted for {for_whom}", kept.place));
    tell(ui, "who could read it before has read it: change what a former colleague knew");
    Ok(())
}

/// Says what was done.
fn tell(ui: &Ui, text: &str) {
    if !ui.quiet {
        ui.err(&format!("{}\n", line(text)));
    }
}

/// What failed while nothing had been changed yet.
fn unchanged(error: Error) -> Failed {
    Failed::while_running(error, Sources::default())
}
