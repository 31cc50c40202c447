//! The platform's own secrets: made once, kept in a file beside the data and out of journal, snapshots and views.

use base::Redacted;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the file inside the data folder.
pub const FILE_NAME: &str = "platform.secrets";
const HEADER: &str = "bezant-secrets 1";
const NAMES: [&str; 4] = ["pepper", "derive", "hash", "master"];

/// Four independent 256-bit secrets.
#[derive(Clone)]
pub struct Secrets {
    /// Hashes API keys.
    pub pepper: Redacted<[u8; 32]>,
    /// Derives ids and provider keys.
    pub derive: Redacted<[u8; 32]>,
    /// Hashes idempotency keys, references and subjects.
    pub hash: Redacted<[u8; 32]>,
    /// Wraps the keys of subjects.
    pub master: Redacted<[u8; 32]>,
}

/// Version of all four; rotation adds versions.
pub const VERSION: u32 = 1;

/// Why the secrets could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or made.
    #[error("cannot use the secrets file {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what this program wrote.
    #[error("the secrets file {path} is malformed at line {line}; restore it from a backup: without it sealed data and API keys are lost")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

impl Secrets {
    /// Four secrets out of 128 bytes of entropy.
    pub fn from_entropy(entropy: &[u8; 128]) -> Self {
        let part = |index: usize| Redacted::new(std::array::from_fn(|offset| entropy[index * 32 + offset]));
        Self { pepper: part(0), derive: part(1), hash: part(2), master: part(3) }
    }

    /// Reads the file in `folder`; `None` when there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text).map(Some),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// Reads the file in `folder`, or makes it, readable by its owner alone and durable before this returns.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load_or_create(folder: &Path) -> Result<Self, Error> {
        match Self::load(folder)? {
            Some(secrets) => Ok(secrets),
            None => {
                let path = folder.join(FILE_NAME);
                let mut entropy = [0_u8; 128];
                getrandom::fill(&mut entropy).map_err(|error| Error::Io { path: path.clone(), source: io::Error::other(error) })?;
                let secrets = Self::from_entropy(&entropy);
                secrets.save(folder, &path).map_err(|source| Error::Io { path, source })?;
                Ok(secrets)
            }
        }
    }

    fn save(&self, folder: &Path, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let values = [&self.pepper, &self.derive, &self.hash, &self.master];
        writeln!(file, "{HEADER}")?;
        for (name, value) in NAMES.iter().zip(values) {
            writeln!(file, "{name} {}", hex(value.expose()))?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let malformed = |line: usize| Error::Malformed { path: path.to_owned(), line };
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(malformed(1));
        }
        let mut values = [[0_u8; 32]; 4];
        for (index, name) in NAMES.iter().enumerate() {
            let line = index + 2;
            let digits = lines
                .next()
                .and_then(|text| text.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix(' '))
                .ok_or_else(|| malformed(line))?;
            values[index] = parse_hex(digits).ok_or_else(|| malformed(line))?;
        }
        let [pepper, derive, hash, master] = values.map(Redacted::new);
        Ok(Self { pepper, derive, hash, master })
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Error, FILE_NAME, Secrets};
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("bezant-secrets-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn secrets_are_made_once_and_readable_by_their_owner_alone() {
        let folder = folder("once");
        let first = Secrets::load_or_create(&folder).unwrap();
        let second = Secrets::load_or_create(&folder).unwrap();
        assert_eq!(first.master.expose(), second.master.expose());
        assert_ne!(first.master.expose(), first.derive.expose());
        let mode = std::fs::metadata(folder.join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_malformed_file_is_refused_with_its_line_and_left_as_it_is() {
        let folder = folder("malformed");
        Secrets::load_or_create(&folder).unwrap();
        let path = folder.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).unwrap().replacen("derive ", "derive z", 1);
        std::fs::write(&path, &text).unwrap();
        assert!(matches!(Secrets::load_or_create(&folder), Err(Error::Malformed { line: 3, .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
