//! Including the steps of another file.

use super::declare::{Unit, declaring, evaluate_unit, in_script};
use crate::call::Call;
use crate::files::{Home, Located};
use crate::scope::Phase;
use crate::session::Session;
use crate::{Error, Kind, Result};

/// `include_steps("solution")`: evaluates `steps/solution.rhai` of the playbook, or else the stock one.
pub(crate) fn include(call: &Call<'_>, name: &str) -> Result<()> {
    let (scope, context) = (&call.scope, in_script(call)?);
    let Phase::Declare(collector) = &scope.phase else {
        return Err(Error::usage("include_steps stands inside a step").hint("it belongs to the top level"));
    };
    if collector.collected().customer {
        return Err(Error::usage("include_steps stands in a customer's hooks")
            .hint("a step of the customer's says where it belongs: insert(\"key\", #{ after: \"another\" }, || …)"));
    }
    let source = context.call_source().unwrap_or_default();
    let (located, home) = find_steps(&scope.session, source, name)?;
    let shown = located.shown();
    if !collector.collected().included.insert(shown.clone()) {
        return Err(Error::usage(format!("the steps of {shown} are included twice")));
    }
    let text = located.read_text()?;
    scope.session.add_home(&shown, home);
    let unit = Unit::compile(&scope.session, &shown, &text, true)?;
    let below = declaring(&scope.session, scope.cancel.clone(), collector);
    evaluate_unit(&below, collector, &unit, context.call_level() + 1)
}

/// Where the step file of this name is: in `steps/` beside the script, beside the script itself, or among the stock ones.
pub(crate) fn find_steps(session: &Session, source: &str, name: &str) -> Result<(Located, Home)> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if name.is_empty() || !name.chars().all(fine) || name.starts_with('/') {
        return Err(Error::usage(format!("include_steps(\"{name}\"): a name has letters, digits, - and _"))
            .hint("it names a file in the folder steps/, without its ending"));
    }
    let home = session.files().home(source);
    let file = format!("{name}.rhai");
    let mut candidates = vec![home.join(&format!("steps/{file}"))?, home.join(&file)?];
    if let Some(tree) = session.runtime().stock() {
        candidates.push(Located::Built(tree, format!("steps/{file}")));
    }
    let Some(found) = candidates.iter().find(|c| c.exists()) else {
        let known = steps_known(&candidates);
        let error = Error::new(Kind::NotFound, format!("include_steps(\"{name}\"): there is no steps/{file}"));
        return Err(match crate::suggest::did_you_mean(name, known.iter().map(String::as_str)) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("there are: {}", known.join(", "))),
        });
    };
    let home = match found {
        Located::Disk(path) => Home::Disk(path.parent().map(ToOwned::to_owned).unwrap_or_default()),
        Located::Built(tree, path) => {
            Home::Built(*tree, path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default())
        }
    };
    Ok((found.clone(), home))
}

fn steps_known(candidates: &[Located]) -> Vec<String> {
    let folder = |located: &Located| match located {
        Located::Disk(path) => path.parent().map(|p| Located::Disk(p.to_owned())),
        Located::Built(tree, path) => path.rsplit_once('/').map(|(f, _)| Located::Built(*tree, f.to_owned())),
    };
    let lists = candidates.iter().filter_map(folder).filter_map(|f| f.list().ok()).flatten();
    let mut names: Vec<String> =
        lists.filter_map(|f| f.name().strip_suffix(".rhai").map(str::to_owned)).filter(|n| n != "playbook").collect();
    names.sort();
    names.dedup();
    names
}
