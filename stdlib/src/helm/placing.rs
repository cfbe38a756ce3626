//! Files that Helm has fetched, put where the user wants them: staged beside, then moved, so that nobody sees a half of one.
//!
//! What they replace is kept in Windlass' state folder, so that it can be put back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use windlass_runtime::change::{
    Act, Acted, Change, Handler, Inverse, Op, Outcome, Part, PartImage, Plan, Probed, Recipe, Resource,
};
use windlass_runtime::state_folder::{create_private, own_folder};
use windlass_runtime::{Call, Error, Kind, Result};

use super::chart::file_hash;
use super::program::{Helm, unwritable};

/// The handler's name in recipes.
const HANDLER: &str = "helm/files";

/// A file that is to be other than it is.
pub(super) struct Wanted {
    /// Its name, below the folder.
    pub name: String,
    /// Where its content lies; none for a file that goes.
    pub from: Option<PathBuf>,
}

/// Files that are to be put into a folder.
pub(super) struct Placing {
    /// What is changed, as it is told.
    pub resource: Resource,
    pub folder: PathBuf,
    /// Those that differ.
    pub files: Vec<Wanted>,
    /// Why there are none, if so.
    pub reason: String,
    /// How it was before, for the script.
    pub before: Option<Json>,
    pub after: Json,
    /// Where to look for something in a rehearsal, which does not put it there: the path that it would have, and its own.
    pub instead: (PathBuf, PathBuf),
    /// The folder in which the contents lie.
    pub helm: Option<Arc<Helm>>,
}

/// What is changed on this machine.
pub(super) fn resource(kind: &str, path: &Path) -> Resource {
    Resource {
        at: "local".to_owned(),
        api_version: None,
        kind: kind.to_owned(),
        namespace: None,
        name: path.display().to_string(),
    }
}

/// A file on its way from one content to another, by their hashes; none for no file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Move {
    name: String,
    from: Option<String>,
    to: Option<String>,
}

/// What a recipe holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Steps {
    folder: PathBuf,
    moves: Vec<Move>,
}

impl Steps {
    fn recipe(&self) -> Result<Recipe> {
        let data = serde_json::to_value(self).map_err(|e| Error::internal("a recipe cannot be written").source(e))?;
        Ok(Recipe { handler: HANDLER.to_owned(), data })
    }

    fn of(recipe: &Recipe) -> Result<Self> {
        serde_json::from_value(recipe.data.clone())
            .map_err(|e| Error::internal("the journal's recipe for files cannot be read").source(e))
    }

    fn back(&self) -> Self {
        let back = |one: &Move| Move { name: one.name.clone(), from: one.to.clone(), to: one.from.clone() };
        Self { folder: self.folder.clone(), moves: self.moves.iter().map(back).collect() }
    }

    fn path(&self, one: &Move) -> PathBuf {
        self.folder.join(&one.name)
    }

    /// Does it, with contents from these places.
    fn run(&self, contents: &BTreeMap<String, PathBuf>, kept: &Path) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| unwritable(&self.folder, e))?;
        let staged = own_folder(&self.folder, ".windlass-")?;
        let at = |index: usize| staged.path().join(index.to_string());
        for (index, one) in self.moves.iter().enumerate() {
            let (Some(hash), Some(from)) = (&one.to, contents.get(&one.name)) else { continue };
            copy(from, &at(index))?;
            if file_hash(&at(index))? != *hash {
                return Err(Error::new(Kind::System, format!("{} was changed while it was copied", from.display())));
            }
        }
        for one in &self.moves {
            keep(&self.path(one), one.from.as_deref(), kept)?;
        }
        for (index, one) in self.moves.iter().enumerate() {
            let path = self.path(one);
            let moved = match (&one.to, path.parent()) {
                (Some(_), Some(parent)) => fs::create_dir_all(parent).and_then(|()| fs::rename(at(index), &path)),
                _ => fs::remove_file(&path),
            };
            moved.map_err(|e| unwritable(&path, e))?;
        }
        Ok(())
    }
}

/// Copies a file, with the permissions that a new one has here.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::File::open(from).and_then(|mut from| {
        let mut out = fs::File::create_new(to)?;
        std::io::copy(&mut from, &mut out)?;
        out.sync_all()
    });
    copied.map_err(|e| unwritable(to, e))
}

/// Keeps what a file holds before it is replaced. Another content than the one that was seen is somebody else's work.
fn keep(path: &Path, seen: Option<&str>, kept: &Path) -> Result<()> {
    let there = if path.exists() { Some(file_hash(path)?) } else { None };
    if there.as_deref() != seen {
        return Err(Error::new(
            Kind::Conflict,
            format!("{} was changed while something else was fetched", path.display()),
        )
        .hint("run it again"));
    }
    let Some(hash) = seen.filter(|hash| !kept.join(hash).exists()) else { return Ok(()) };
    create_private(kept)?;
    let fresh = own_folder(kept, ".new-")?;
    copy(path, &fresh.path().join("x"))?;
    fs::rename(fresh.path().join("x"), kept.join(hash)).map_err(|e| unwritable(kept, e))
}

/// Where replaced files are kept.
fn kept(call: &Call<'_>) -> Result<PathBuf> {
    Ok(call.session().state_folder()?.join("helm/replaced"))
}

/// Puts files into a folder of the user's.
///
/// # Errors
/// Where they cannot be written, and as [`Call::change`].
pub(super) fn place(call: &Call<'_>, placing: Placing) -> Result<Outcome> {
    let Placing { resource, folder, files, reason, before, after, instead, helm } = placing;
    let (asked, below) = (files.iter().map(|f| (f.name.clone(), f.from.clone())).collect::<Vec<_>>(), folder.clone());
    let moves = call.compute(move || {
        let hash = |path: &Path| if path.exists() { file_hash(path).map(Some) } else { Ok(None) };
        let of = |(name, from): (String, Option<PathBuf>)| {
            let to = from.as_deref().map(file_hash).transpose()?;
            Ok(Move { from: hash(&below.join(&name))?, name, to })
        };
        asked.into_iter().map(of).collect::<Result<Vec<_>>>()
    })?;
    let steps = Steps { folder, moves };
    let contents = files.into_iter().filter_map(|file| Some((file.name, file.from?))).collect();
    let writes = call.session().target().writes_files();
    if !writes && !steps.moves.is_empty() {
        let (path, own) = instead;
        rehearsed().insert((call.session().id().to_owned(), path), (own, helm.clone()));
    }
    let ended = Ended { after: Some(after.clone()), writes, helm };
    let mut change = change(call, resource, before, steps, contents, ended)?;
    if let Some(Part { plan: plan @ Plan::Unchanged(_), .. }) = change.parts.first_mut() {
        *plan = Plan::Unchanged(reason);
    }
    let mut outcome = call.change(change)?;
    // In a rehearsal too, the script is told what there would be.
    outcome.objects = vec![Some(after)];
    Ok(outcome)
}

/// What a change of files ends with.
struct Ended {
    after: Option<Json>,
    writes: bool,
    helm: Option<Arc<Helm>>,
}

fn change(
    call: &Call<'_>,
    resource: Resource,
    before: Option<Json>,
    steps: Steps,
    contents: BTreeMap<String, PathBuf>,
    ended: Ended,
) -> Result<Change> {
    let line = |one: &Move| {
        let word = match (&one.from, &one.to) {
            (None, _) => "created",
            (_, None) => "deleted",
            _ => "replaced",
        };
        format!("{}: {word}", steps.path(one).display())
    };
    let op = match steps.moves.as_slice() {
        all if all.iter().all(|one| one.from.is_none()) => Op::Create,
        all if all.iter().all(|one| one.to.is_none()) => Op::Delete,
        _ => Op::Update,
    };
    let plan = match steps.moves.is_empty() {
        true => Plan::Unchanged("it is as before already".to_owned()),
        false => Plan::Act { op, diff: steps.moves.iter().map(line).collect(), note: None },
    };
    let (probe, kept, computer) = (steps.recipe()?, kept(call)?, call.computer());
    let act: Act = Box::new(move || {
        Box::pin(async move {
            let Ended { after, writes, helm } = ended;
            if !writes {
                return Ok(vec![Acted::Assumed("a rehearsal writes no files on this machine".to_owned())]);
            }
            let done = computer.run(move || steps.run(&contents, &kept)).await;
            drop(helm);
            Ok(vec![match done {
                Ok(()) => Acted::Done(after),
                Err(error) if error.kind() == Kind::Conflict => Acted::Failed(error),
                // Some of the files may have been moved by then.
                Err(error) => Acted::Broken(error),
            }])
        })
    });
    Ok(Change { parts: vec![Part { resource, before, plan }], act, inverse: Inverse::By(probe.clone()), probe })
}

type Rehearsed = BTreeMap<(String, PathBuf), (PathBuf, Option<Arc<Helm>>)>;

/// What rehearsals of this process have fetched and not put where it would be, by their sessions and by that path.
fn rehearsed() -> MutexGuard<'static, Rehearsed> {
    static REHEARSED: Mutex<Rehearsed> = Mutex::new(BTreeMap::new());
    REHEARSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where something lies that this rehearsal has fetched.
pub(super) fn instead_of(call: &Call<'_>, path: &Path) -> Option<PathBuf> {
    rehearsed().get(&(call.session().id().to_owned(), path.to_owned())).map(|(own, _)| own.clone())
}

/// Probes and takes back what was put into folders.
pub(super) struct Files;

impl Handler for Files {
    fn name(&self) -> &'static str {
        HANDLER
    }

    fn probe(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>> {
        let steps = Steps::of(recipe)?;
        let probed = call.compute(move || {
            let as_it_is = |one: &Move| file_hash(&steps.path(one)).ok();
            let is = |state: fn(&Move) -> &Option<String>| steps.moves.iter().all(|m| as_it_is(m) == *state(m));
            Ok(match (is(|one| &one.to), is(|one| &one.from)) {
                (true, _) => Probed::TookEffect,
                (false, true) => Probed::DidNot,
                _ => Probed::Unclear(format!("some of the files below {} are as they were", steps.folder.display())),
            })
        })?;
        Ok(vec![probed; parts.len()])
    }

    fn inverse(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Change> {
        let back = Steps::of(recipe)?.back();
        let [part] = parts else { return Err(Error::internal("a change of files has one part")) };
        let (resource, kept) = (part.resource.clone(), kept(call)?);
        let (steps, contents) = call.compute(move || {
            let (mut moves, mut contents) = (Vec::new(), BTreeMap::new());
            for one in back.moves.iter().cloned() {
                let path = back.path(&one);
                let there = file_hash(&path).ok();
                if there == one.to {
                    continue;
                }
                if there != one.from {
                    return Err(Error::new(Kind::Conflict, format!("{} has been changed since", path.display()))
                        .hint("nothing was undone: look at it, and put right what is there by hand"));
                }
                if let Some(hash) = &one.to {
                    let own = kept.join(hash);
                    if !own.exists() {
                        let what = format!("what {} held before is not kept on this machine", path.display());
                        return Err(Error::new(Kind::Conflict, what).hint("undo where the run was made"));
                    }
                    contents.insert(one.name.clone(), own);
                }
                moves.push(one);
            }
            Ok((Steps { folder: back.folder.clone(), moves }, contents))
        })?;
        let ended = Ended { after: part.before.clone(), writes: call.session().target().writes_files(), helm: None };
        change(call, resource, part.after.clone(), steps, contents, ended)
    }
}
