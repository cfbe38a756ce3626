//! `windlass new`: makes a customer folder.

mod ask;
mod files;
mod outline;

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value as Json};
use windlass_runtime::customer::CUSTOMER_FILE;
use windlass_runtime::playbook::Layers;
use windlass_runtime::secret::{AgeVault, Origin, Secret, Vault as _};
use windlass_runtime::state_folder::own_folder;
use windlass_runtime::values::{Typing, Values};
use windlass_runtime::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::schemas;
use crate::args::{GivenValues, New, ValuesFrom};
use crate::asking::Asking;
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::Workspace;
use ask::Questions;
use outline::Part;

/// How the folder is called in which a new one is put together.
const MARK: &str = ".windlass-new-";

/// What is to be in the folder.
struct Contents {
    files: Vec<(&'static str, String)>,
    schemas: Vec<(String, String)>,
    typed: Vec<(String, Zeroizing<String>)>,
    /// Keys of values.yaml that hold examples.
    examples: Vec<String>,
}

pub(crate) fn run(new: &New, ui: &Ui) -> std::result::Result<u8, Failed> {
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Kind::System, "the current folder cannot be found").source(e))?;
    check_name(&new.name)?;
    let folder = here.join(&new.name);
    check_free(&folder, &new.name)?;
    let person = Asking::begin(ui)?;
    let from = match (&new.from, &person) {
        (Some(from), _) => from.clone(),
        (None, Some(person)) => asked_for_playbook(person)?,
        (None, None) => {
            let stock = windlass_playbooks::names().join(", ");
            let error = Error::usage("it is not said which playbook the folder is for");
            return Err(error
                .hint(format!("--from NAME; the stock playbooks are: {stock}; or the path of your own"))
                .into());
        }
    };
    let values = ValuesFrom { customer: None, given: new.given.clone() };
    let workspace = Workspace::open(Some(&from), &values)?;
    if workspace.customer.is_some() {
        return Err(Error::usage(format!("{from} is a customer folder, not a playbook"))
            .hint("name its playbook, and give its values by -f: --from PLAYBOOK -f OTHER/values.yaml")
            .into());
    }
    let contents = contents(new, &from, &folder, &workspace, person.as_ref())
        .map_err(|errors| Failed::before(errors, workspace.sources.clone()))?;
    write(&here, &folder, &contents, person.as_ref(), ui)?;
    tell(new, &contents, ui);
    Ok(exit::OK)
}

fn tell(new: &New, contents: &Contents, ui: &Ui) {
    if ui.quiet {
        return;
    }
    ui.err(&format!("{} {}/ is made\n", ui.err_style.bold_green("ok:"), line(&new.name)));
    if !contents.examples.is_empty() {
        ui.err(&format!(
            "{} these are examples, to be changed in {}/values.yaml: {}\n",
            ui.err_style.yellow("note:"),
            line(&new.name),
            line(&contents.examples.join(", "))
        ));
    }
    ui.err(&format!("next: windlass check {0}, windlass rehearse {0}\n", line(&new.name)));
}

/// The folder's name is the customer's, and is typed often: it needs no quotes anywhere.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let first = name.chars().next().is_some_and(char::is_alphanumeric);
    if !first || !name.chars().all(plain) || name.chars().count() > 100 {
        let mut error = Error::usage(format!("{name:?} cannot be the name of a customer folder"));
        error = match Path::new(name).components().next_back() {
            Some(Component::Normal(last)) if name.contains('/') => error
                .hint(format!("it is made where you are: go there (cd), then windlass new {}", last.to_string_lossy())),
            _ => error.hint("a name has letters, digits, - _ and . and begins with a letter or a digit: acme"),
        };
        return Err(error);
    }
    if windlass_playbooks::names().contains(&name) {
        return Err(Error::usage(format!("{name} is the name of a stock playbook"))
            .hint(format!("`windlass run {name}` would mean either: call the folder after the customer")));
    }
    Ok(())
}

fn check_free(folder: &Path, name: &str) -> Result<()> {
    let taken = match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => std::fs::read_dir(folder).map_or(true, |mut all| all.next().is_some()),
        found => found.is_ok(),
    };
    if taken {
        let what = if folder.join(CUSTOMER_FILE).exists() {
            "is a customer folder already"
        } else {
            "is there already, and not empty"
        };
        return Err(Error::new(Kind::Usage, format!("{name} {what}")).hint("take another name, or move it away"));
    }
    Ok(())
}

fn asked_for_playbook(person: &Asking) -> Result<String> {
    let names = windlass_playbooks::names();
    person.say(&format!("The stock playbooks are: {}. A path leads to one of your own.\n", names.join(", ")));
    loop {
        let answer = person.line(&format!("{} ", person.style.bold("Which playbook?")))?;
        if !answer.is_empty() {
            return Ok(answer);
        }
    }
}

fn contents(
    new: &New,
    from: &str,
    folder: &Path,
    workspace: &Workspace,
    person: Option<&Asking>,
) -> std::result::Result<Contents, Vec<Error>> {
    let one = |error: Error| vec![error];
    let playbook = &workspace.playbook;
    let defaults = playbook.values(None, &Layers::default()).map_err(one)?.to_json();
    let mut given = given(new, workspace).map_err(one)?;
    let bundled = workspace.schema.as_ref().map(|schema| schema.bundled());
    let root = bundled.as_ref().map(Part::root);
    let (mut typed, mut context, mut examples) = (Vec::new(), new.context.clone(), Vec::new());
    if let Some(person) = person {
        if let (Some(schema), Some(root)) = (&workspace.schema, &root) {
            let mut questions = Questions { person, schema, defaults: &defaults, typed: Vec::new() };
            questions.ask(root, &mut given).map_err(one)?;
            typed = questions.typed;
        }
        if context.is_none() {
            person.say("\n");
            let question = "Context of the kubeconfig (without an answer: the current one of each run): ";
            context = Some(person.line(&person.style.bold(question)).map_err(one)?).filter(|answer| !answer.is_empty());
        }
    } else {
        for (key, part) in root.iter().flat_map(Part::properties) {
            let needed = root.as_ref().is_some_and(|root| root.requires(&key));
            if needed
                && !given.contains_key(&key)
                && defaults.get(&key).is_none()
                && let Some(example) = part.example(&key)
            {
                given.insert(key.clone(), example);
                examples.push(key);
            }
        }
    }
    check(workspace, &given, &defaults, folder)?;
    let mut written = Json::Object(given);
    if let Some(schema) = &workspace.schema {
        relative(&mut written, &mut windlass_runtime::values::Path::default(), schema, folder);
    }
    let given = match written {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    let is_stock = playbook.source.starts_with("stock:");
    let named = if is_stock { playbook.name.clone() } else { beside(Path::new(from), folder) };
    let mut files = vec![(CUSTOMER_FILE, files::customer(&new.name, &named, context.as_deref()).map_err(one)?)];
    files.push((
        "values.yaml",
        files::values(&playbook.name, root.as_ref(), &given, &examples, &defaults).map_err(one)?,
    ));
    let hosts = bundled.as_ref().and_then(|schema| schema.get("x-windlass-hosts"));
    if let Some(hosts) = hosts {
        files.push(("hosts.yaml", files::hosts(hosts).map_err(one)?));
    }
    let step =
        super::list::prepare(workspace).ok().and_then(|prepared| prepared.steps().first().map(|s| s.key.clone()));
    files.push(("hooks.rhai", files::hooks(&playbook.name, step.as_deref().unwrap_or("STEP"))));
    files.push(("README.md", files::readme(&new.name, &playbook.name, hosts.is_some())));
    files.push((
        ".gitignore",
        "# What runs leave here: the journal, locks, schemas for editors.\n.windlass/\n".to_owned(),
    ));
    let schemas = schemas::of_folder(playbook, workspace.schema.as_deref()).map_err(one)?;
    Ok(Contents { files, schemas, typed, examples })
}

/// What the command line gives, without the playbook's own.
fn given(new: &New, workspace: &Workspace) -> Result<Map<String, Json>> {
    let mut builder = Values::builder();
    if let Some(schema) = &workspace.schema {
        builder = builder.schema(schema.clone());
    }
    let GivenValues { files, set, set_string } = &new.given;
    builder = files.iter().fold(builder, |builder, file| builder.file(file));
    builder = set.iter().fold(builder, |builder, set| builder.set(set, Typing::Guess));
    builder = set_string.iter().fold(builder, |builder, set| builder.set(set, Typing::Text));
    let values = builder.build()?;
    if let Some(leaf) = values.explain(workspace.schema.as_deref()).iter().find(|leaf| leaf.value.is_none()) {
        return Err(Error::new(
            Kind::Secret,
            format!("{} is a secret, and is never written into a file in clear", leaf.path),
        )
        .hint(
            "give it as a reference, such as { env: NAME } or { age: NAME }, and keep it by windlass secrets set NAME",
        ));
    }
    match values.to_json() {
        Json::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// Whether the playbook takes these values.
fn check(
    workspace: &Workspace,
    given: &Map<String, Json>,
    defaults: &Json,
    folder: &Path,
) -> std::result::Result<(), Vec<Error>> {
    let Some(schema) = &workspace.schema else { return Ok(()) };
    let layers = Values::builder().schema(schema.clone()).layer(&workspace.playbook.name, defaults.clone());
    let values = layers.layer_in("values.yaml", Json::Object(given.clone()), folder).build().map_err(|e| vec![e])?;
    schema.validate(&values)
}

/// Writes the paths in it as they are found from the folder.
fn relative(
    value: &mut Json,
    at: &mut windlass_runtime::values::Path,
    schema: &windlass_runtime::values::Schema,
    folder: &Path,
) {
    use windlass_runtime::values::Segment;
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                relative(value, &mut at.join(Segment::Key(key.clone())), schema, folder);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                relative(value, &mut at.join(Segment::Index(index)), schema, folder);
            }
        }
        Json::String(text) if schema.is_path(at) => *text = beside(Path::new(text), folder),
        _ => {}
    }
}

/// A path from the current folder as one would write it in `folder`: relative where it is near, as it is where it is not.
fn beside(path: &Path, folder: &Path) -> String {
    let here = folder.parent().unwrap_or(Path::new("/"));
    let whole = windlass_runtime::files::tidy(&here.join(path));
    let common = whole.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().count() - common;
    // An example is relative already; what is far away is best named in full.
    if !path.is_absolute() && path.starts_with("..") && !here.join(path).exists() {
        return path.display().to_string();
    }
    if up > 3 || common <= 1 {
        return whole.display().to_string();
    }
    let down: PathBuf = whole.components().skip(common).collect();
    let relative: PathBuf = std::iter::repeat_n("..", up).collect::<PathBuf>().join(down);
    relative.display().to_string()
}

/// Puts the folder together beside its place, and then where it belongs: there is all of it, or nothing.
fn write(here: &Path, folder: &Path, contents: &Contents, person: Option<&Asking>, ui: &Ui) -> Result<()> {
    let fault = |path: &Path, error: std::io::Error| {
        Error::new(Kind::System, format!("{} cannot be written", path.display()))
            .hint("nothing was made; is the disk full, or the folder read-only?")
            .source(error)
    };
    let staging = own_folder(here, MARK)?;
    let staged = staging.path().join("folder");
    std::fs::create_dir(&staged).map_err(|e| fault(&staged, e))?;
    for (name, text) in &contents.files {
        let path = staged.join(name);
        std::fs::write(&path, text).map_err(|e| fault(&path, e))?;
    }
    schemas::write(&contents.schemas, &staged.join(schemas::FOLDER))?;
    if !contents.typed.is_empty() {
        let vault = AgeVault::of_customer(&staged, &ui.machine.folders()?, Vec::new());
        for (name, value) in &contents.typed {
            vault.keep(name, &Secret::new(Origin::Age(name.clone()), value.as_str()))?;
        }
    }
    person.map_or(Ok(()), Asking::check)?;
    // An empty folder may be there; one that was filled in the meantime stays.
    std::fs::rename(&staged, folder).map_err(|e| fault(folder, e))
}
