//! Secrets from where people have them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Origin, Secret};
use crate::{Error, Kind, Result};

/// A file with a secret has at most this many bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Asks a person for a secret. The terminal belongs to the program that hosts the session.
pub trait Prompter: Send + Sync {
    /// Shows `text` and reads an answer without showing it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where there is nobody to ask, [`Kind::Cancelled`] when the question was not answered.
    fn secret(&self, text: &str) -> Result<Zeroizing<String>>;
}

/// The secret in the environment variable of this name.
///
/// # Errors
/// [`Kind::NotFound`] when it is not set, [`Kind::Malformed`] when it is no UTF-8.
pub fn from_env(name: &str) -> Result<Secret> {
    // `var_os` gives nothing for a name that no variable can have.
    let value = std::env::var_os(name).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("the environment variable {name} is not set"))
            .hint(format!("export {name}=…, or let the secret come from a file or a prompt"))
    })?;
    match value.into_string() {
        Ok(value) => Ok(Secret::new(Origin::Env(name.to_owned()), value)),
        Err(value) => {
            drop(Zeroizing::new(value.into_encoded_bytes()));
            Err(Error::new(Kind::Malformed, format!("the environment variable {name} is no text in UTF-8"))
                .hint("a secret is text; encode binary data, in base64 for example"))
        }
    }
}

/// The secret in this file, without the line break at its end.
///
/// # Errors
/// [`Kind::NotFound`] when there is no such file, [`Kind::Malformed`] when it is a folder, a device, more than 1 MiB, or no
/// UTF-8, [`Kind::System`] when it cannot be read.
pub fn from_file(path: &Path) -> Result<Secret> {
    let shown = path.display();
    let unreadable = |source: io::Error| {
        let error = if source.kind() == io::ErrorKind::NotFound {
            Error::new(Kind::NotFound, format!("there is no file {shown} to read the secret from")).hint(
                "see whether the path is right; a relative one begins at the folder that the command was started in",
            )
        } else {
            Error::new(Kind::System, format!("the file {shown} with the secret cannot be read"))
                .hint("see who owns it, and as whom Windlass runs")
        };
        error.resource(shown.to_string()).source(source)
    };
    let malformed = |what: &str, hint: &str| {
        Error::new(Kind::Malformed, format!("{shown} {what}")).hint(hint).resource(shown.to_string())
    };
    // Looked at first, because opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(malformed("is a folder, not a file with a secret", "name one of the files in it"));
    }
    if !metadata.is_file() {
        return Err(malformed("is a pipe or a device, not a file with a secret", "write the secret into a 0600 file"));
    }
    let size = usize::try_from(metadata.len().min(FILE_LIMIT)).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    File::open(path).map_err(unreadable)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(malformed("has more than 1 MiB: that is no secret", "see whether the path is right"));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| malformed("is no text in UTF-8", "a secret is text; encode binary data, in base64 for example"))?;
    Ok(Secret::new(Origin::File(path.to_owned()), without_line_break(text)))
}

/// The answer to a question. It is asked once: whoever needs it again keeps the secret.
///
/// # Errors
/// What the prompter gives, and [`Kind::Usage`] for an empty answer.
pub fn from_prompt(prompter: &dyn Prompter, text: &str) -> Result<Secret> {
    let answer = prompter.secret(text)?;
    let answer = without_line_break(&answer);
    if answer.is_empty() {
        return Err(Error::usage(format!("nothing was entered for “{text}”")).hint("enter the secret; it is not shown"));
    }
    Ok(Secret::new(Origin::Prompt(text.to_owned()), answer))
}

fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Answers(Mutex<Vec<Result<String>>>);

    impl Prompter for Answers {
        fn secret(&self, text: &str) -> Result<Zeroizing<String>> {
            assert_eq!(text, "Password of db:");
            self.0.lock().unwrap().remove(0).map(Zeroizing::new)
        }
    }

    #[test]
    fn an_environment_variable_is_read_as_it_is() {
        assert_eq!(from_env("PATH").unwrap().expose(), std::env::var("PATH").unwrap());
        assert_eq!(from_env("PATH").unwrap().origin(), &Origin::Env("PATH".into()));
        for name in ["WINDLASS_NO_SUCH_VARIABLE", "", "A=B", "A\0B"] {
            let error = from_env(name).unwrap_err();
            assert_eq!(error.kind(), Kind::NotFound);
            assert!(error.hint_text().unwrap().contains("export"));
        }
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (text, value) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("", "")]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(from_file(&path).unwrap().expose(), value);
        }
        assert_eq!(from_file(&path).unwrap().origin(), &Origin::File(path.clone()));
        fs::write(&path, vec![b'x'; 1024 * 1024]).unwrap();
        assert_eq!(from_file(&path).unwrap().expose().len(), 1024 * 1024);
    }

    #[test]
    fn what_is_no_file_with_a_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(from_file(&path).unwrap_err().kind(), Kind::NotFound);
        for (path, what) in [(folder.path(), "is a folder"), (Path::new("/dev/null"), "device")] {
            let error = from_file(path).unwrap_err();
            assert_eq!(error.kind(), Kind::Malformed);
            assert!(error.message().contains(what) && error.hint_text().is_some());
        }
        for (bytes, what) in [(vec![b'x'; 1024 * 1024 + 1], "1 MiB"), (b"canary\xff".to_vec(), "UTF-8")] {
            fs::write(&path, bytes).unwrap();
            let error = from_file(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Malformed);
            assert!(error.message().contains(what) && !format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_prompt_belongs_to_the_host() {
        let cancelled = Error::new(Kind::Cancelled, "nobody answered");
        let answers = Answers(Mutex::new(vec![Ok("pass word\n".into()), Ok("\n".into()), Err(cancelled)]));
        let secret = from_prompt(&answers, "Password of db:").unwrap();
        assert_eq!((secret.expose(), secret.origin()), ("pass word", &Origin::Prompt("Password of db:".into())));
        assert_eq!(from_prompt(&answers, "Password of db:").unwrap_err().kind(), Kind::Usage);
        assert_eq!(from_prompt(&answers, "Password of db:").unwrap_err().kind(), Kind::Cancelled);
    }
}
