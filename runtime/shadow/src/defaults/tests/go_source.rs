//! Draws `go_types.txt` from the Go sources of the API's types, which the test bed's build leaves in the module cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: &[(&str, &str)] = &[
    ("meta/v1", "apimachinery/pkg/apis/meta/v1"),
    ("core/v1", "api/core/v1"),
    ("apps/v1", "api/apps/v1"),
    ("batch/v1", "api/batch/v1"),
    ("autoscaling/v1", "api/autoscaling/v1"),
    ("autoscaling/v2", "api/autoscaling/v2"),
    ("networking/v1", "api/networking/v1"),
    ("policy/v1", "api/policy/v1"),
    ("rbac/v1", "api/rbac/v1"),
    ("storage/v1", "api/storage/v1"),
    ("scheduling/v1", "api/scheduling/v1"),
    ("node/v1", "api/node/v1"),
    ("coordination/v1", "api/coordination/v1"),
    ("discovery/v1", "api/discovery/v1"),
    ("events/v1", "api/events/v1"),
    ("admissionregistration/v1", "api/admissionregistration/v1"),
    ("certificates/v1", "api/certificates/v1"),
    ("flowcontrol/v1", "api/flowcontrol/v1"),
    ("resource/v1", "api/resource/v1"),
    ("authentication/v1", "api/authentication/v1"),
    ("authorization/v1", "api/authorization/v1"),
    ("apiextensions/v1", "apiextensions-apiserver/pkg/apis/apiextensions/v1"),
    ("apiregistration/v1", "kube-aggregator/pkg/apis/apiregistration/v1"),
];

/// A struct's lines, and what other names stand for, of one package.
#[derive(Default)]
struct Package {
    structs: BTreeMap<String, Vec<(String, String, String)>>,
    aliases: BTreeMap<String, String>,
    imports: BTreeMap<String, String>,
}

fn module_cache() -> Option<PathBuf> {
    let output = Command::new("go").args(["env", "GOMODCACHE"]).output().ok()?;
    let cache = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).join("k8s.io");
    cache.is_dir().then_some(cache)
}

fn read(package: &Path) -> Package {
    let mut found = Package::default();
    let mut files: Vec<_> = std::fs::read_dir(package).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let wanted = name.ends_with(".go") && !name.ends_with("_test.go") && !name.starts_with("zz_");
        if wanted && !name.contains("generated") {
            read_file(&std::fs::read_to_string(&file).unwrap(), &mut found);
        }
    }
    found
}

fn read_file(text: &str, found: &mut Package) {
    let mut inside: Option<String> = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (&inside, words.as_slice()) {
            (None, ["import", path] | [path]) if path.starts_with('"') => {
                let path = path.trim_matches('"');
                found.imports.insert(path.rsplit('/').next().unwrap().to_owned(), path.to_owned());
            }
            (None, ["import", alias, path] | [alias, path]) if path.starts_with('"') => {
                found.imports.insert((*alias).to_owned(), path.trim_matches('"').to_owned());
            }
            (None, ["type", name, "struct", "{"]) => {
                inside = Some((*name).to_owned());
                found.structs.insert((*name).to_owned(), vec![]);
            }
            (None, ["type", name, target, ..]) if !matches!(*target, "struct" | "interface" | "func" | "=") => {
                found.aliases.insert((*name).to_owned(), (*target).to_owned());
            }
            (Some(_), ["}"]) => inside = None,
            (Some(name), [first, ..]) if !first.starts_with("//") => {
                let Some(tag) = line.split_once("`").and_then(|(_, t)| t.split_once("json:\"")) else { continue };
                let tag = tag.1.split('"').next().unwrap();
                let declared = if words[1].starts_with('`') { words[0] } else { words[1] };
                let (json, options) = tag.split_once(',').unwrap_or((tag, ""));
                let field = (json.to_owned(), declared.to_owned(), options.to_owned());
                found.structs.get_mut(name).unwrap().push(field);
            }
            _ => {}
        }
    }
}

struct Reader {
    packages: BTreeMap<String, Package>,
}

impl Reader {
    /// The package and the plain name of a type that is named in `package`.
    fn place(&self, package: &str, name: &str) -> (String, String) {
        let Some((alias, name)) = name.split_once('.') else { return (package.to_owned(), name.to_owned()) };
        let path = &self.packages[package].imports[alias];
        let known = PACKAGES.iter().find(|(_, at)| *at == path.trim_start_matches("k8s.io/"));
        (known.map_or_else(|| path.clone(), |(p, _)| (*p).to_owned()), name.to_owned())
    }

    /// The word for a type: see `types.rs`.
    fn word(&self, package: &str, declared: &str) -> String {
        if let Some(items) = declared.strip_prefix("[]") {
            return if items == "byte" { "y".to_owned() } else { format!("[{}", self.word(package, items)) };
        }
        if let Some((_, values)) = declared.strip_prefix("map[").and_then(|d| d.split_once(']')) {
            return format!("{{{}", self.word(package, values));
        }
        match declared.trim_start_matches('*') {
            "string" => return "s".to_owned(),
            "int32" => return "i".to_owned(),
            "int64" => return "l".to_owned(),
            "int" => return "n".to_owned(),
            "uint32" | "uint16" | "uint8" => return "g".to_owned(),
            "bool" => return "b".to_owned(),
            "float64" | "float32" => return "f".to_owned(),
            "interface{}" | "struct{}" | "any" => return "j".to_owned(),
            _ => {}
        }
        let (package, name) = self.place(package, declared.trim_start_matches('*'));
        match name.as_str() {
            "Quantity" => return "q".to_owned(),
            "Time" => return "t".to_owned(),
            "MicroTime" => return "u".to_owned(),
            "Duration" => return "d".to_owned(),
            "IntOrString" => return "x".to_owned(),
            "RawExtension" | "FieldsV1" | "JSON" | "Object" => return "j".to_owned(),
            "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" => return "J".to_owned(),
            "JSONSchemaPropsOrStringArray" => return "j".to_owned(),
            "UID" => return "s/types.UID".to_owned(),
            "NodeName" => return "s/types.NodeName".to_owned(),
            _ => {}
        }
        let Some(at) = self.packages.get(&package) else { panic!("{package}.{name} is not known") };
        if let Some(target) = at.aliases.get(&name) {
            let word = self.word(&package, target);
            let scalar = word.len() == 1 && "silnb".contains(&word);
            let version = package.rsplit('/').next().unwrap();
            return if scalar { format!("{word}/{version}.{name}") } else { word };
        }
        assert!(at.structs.contains_key(&name), "{package}.{name} is not known");
        format!("{package}.{name}")
    }

    fn fields(&self, package: &str, name: &str) -> Vec<String> {
        let mut fields = vec![];
        for (json, declared, options) in &self.packages[package].structs[name] {
            if options.split(',').any(|o| o == "inline") || json.is_empty() {
                let (package, name) = self.place(package, declared.trim_start_matches('*'));
                fields.extend(self.fields(&package, &name));
                continue;
            }
            if json == "-" {
                continue;
            }
            let word = self.word(package, declared);
            let omits = |what: &str| options.split(',').any(|o| o == what);
            // Go's omitempty leaves structs alone.
            let is_struct = word.find('/').is_some_and(|at| at > 1) && !word.starts_with(['[', '{'])
                || matches!(word.as_str(), "t" | "u" | "d" | "q" | "x");
            let presence = match (declared.starts_with('*'), omits("omitempty")) {
                (true, true) => '*',
                (true, false) => '^',
                (false, true) if !is_struct || omits("omitzero") => '?',
                (false, _) => '!',
            };
            fields.push(format!("{json}{presence}{word}"));
        }
        fields
    }
}

/// The types in the order of their names, one a line.
fn draw(cache: &Path) -> String {
    let mut reader = Reader { packages: BTreeMap::new() };
    for (package, at) in PACKAGES {
        let (module, rest) = at.split_once('/').unwrap();
        reader.packages.insert((*package).to_owned(), read(&cache.join(format!("{module}@v0.36.3")).join(rest)));
    }
    let mut lines = String::new();
    for (package, found) in &reader.packages {
        for name in found.structs.keys() {
            let skipped = package == "meta/v1" && (name.ends_with("Time") || name.ends_with("Options"));
            if name.ends_with("List") || skipped || name.starts_with("JSONSchemaPropsOr") || name == "Duration" {
                continue;
            }
            let fields = reader.fields(package, name);
            if !fields.is_empty() {
                lines.push_str(&format!("{package}.{name} {}\n", fields.join(" ")));
            }
        }
    }
    lines
}

#[test]
fn the_types_are_those_of_the_sources() {
    if windlass_testbed::skipped() {
        return;
    }
    let Some(cache) = module_cache() else {
        windlass_testbed::skip_or_fail("no Go module cache");
        return;
    };
    let drawn = draw(&cache);
    if std::env::var_os("WINDLASS_REWRITE").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/defaults/go_types.txt");
        std::fs::write(file, &drawn).unwrap();
    } else {
        assert!(drawn == super::super::types::SOURCE, "go_types.txt is outdated: run again with WINDLASS_REWRITE=1");
    }
}
