//! The file: opened when it is good, thrown away and made anew when it is not.

use crate::codes;
use crate::error::{Doing, Error, RebuildReason};
use crate::schema::{APPLICATION_ID, Dialect, LEGEND, META, VERSION, definitions};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of one page.
const PAGE_BYTES: i64 = 8 * 1024;
/// Memory for pages of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Memory for pages of each reading connection, in KiB.
const READER_CACHE_KIB: i64 = 8 * 1024;
/// Pages after which the write-ahead log is copied into the file: 16 MiB. Both files are synced then, and the journal shares the
/// disk with them: with 128 MiB its own syncs waited for up to 110 ms.
const CHECKPOINT_PAGES: i64 = 2_000;
/// Size to which the write-ahead log is cut after it was copied, in bytes.
const LOG_BYTES_MAX: i64 = 256 * 1024 * 1024;
/// How long a connection waits for another one's lock, in milliseconds.
const LOCK_WAIT_MS_MAX: u64 = 5_000;
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 64;
/// Files up to this size are read through when they are opened; in larger ones, damage is found when it is read.
const CHECKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Longest description of damage, in bytes.
const DETAIL_BYTES_MAX: usize = 200;

/// Opens the file for writing; makes it anew when it is missing, damaged or of another schema, and says why.
pub(crate) fn open(path: &Path) -> Result<(Connection, Option<RebuildReason>), Error> {
    match inspect(path)? {
        Ok(connection) => Ok((connection, None)),
        Err(reason) => Ok((create_anew(path)?, Some(reason))),
    }
}

/// Throws the file away and makes an empty one.
pub(crate) fn create_anew(path: &Path) -> Result<Connection, Error> {
    remove(path)?;
    create(path).doing("creating the file")
}

/// Removes the file with its logs, the file itself first: without it, logs mean nothing to anybody. None there is fine.
///
/// # Errors
/// [`Error::Remove`].
pub fn remove(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        match std::fs::remove_file(&file) {
            Ok(()) => {}
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Remove { path: file.display().to_string(), source }),
        }
    }
    Ok(())
}

/// Ends writing: everything is in the one file, durable, and no log beside it.
pub(crate) fn finish(path: &Path, connection: Connection) -> Result<(), Error> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).doing("closing the file")?;
    connection.close().map_err(|(_, source)| Error::Sqlite { doing: "closing the file", source })?;
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Install { path: path.display().to_string(), source })
}

/// Puts a file that a [`crate::Writer`] finished in the place of another one. A crash in between leaves the old file, none, or
/// the new one, and never a mixture: what was there is gone before the new one gets its name.
///
/// # Errors
/// [`Error::Remove`], [`Error::Install`].
pub fn install(finished: &Path, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Install { path: path.display().to_string(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sync = || std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed);
    remove(path)?;
    sync()?;
    std::fs::rename(finished, path).map_err(failed)?;
    sync()
}

/// A file as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Its size, in bytes, without its log.
    pub bytes: u64,
    /// The last event that the rows contain, or why a writer would make the file anew.
    pub applied_seq: Result<u64, RebuildReason>,
    /// The version of tables and projection that this program writes.
    pub schema_version: i64,
}

/// Looks at a file without changing it; reads all of it through, whatever its size.
///
/// # Errors
/// When it cannot be read for another reason than its content.
pub fn inspect_file(path: &Path) -> Result<FileStatus, Error> {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let status = |applied_seq| FileStatus { bytes, applied_seq, schema_version: VERSION };
    if !path.exists() {
        return Ok(status(Err(RebuildReason::Missing)));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("opening the file for reading")?;
    let checked = check(&connection, u64::MAX, bytes).and_then(|found| match found {
        Some(reason) => Ok(Err(reason)),
        None => {
            let applied: i64 = connection.query_row("SELECT applied_seq FROM meta WHERE singleton = 0", [], |row| row.get(0))?;
            Ok(u64::try_from(applied).map_err(|_| RebuildReason::Damaged { detail: "the mark is negative".to_owned() }))
        }
    });
    match checked {
        Ok(found) => Ok(status(found)),
        Err(failure) => match damage(&failure) {
            Some(reason) => Ok(status(Err(reason))),
            None => Err(Error::Sqlite { doing: "checking the file", source: failure }),
        },
    }
}

/// Opens the file for reading.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::NotReady { reason: RebuildReason::Missing });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("opening the file for reading")?;
    configure(&connection, READER_CACHE_KIB).doing("opening the file for reading")?;
    match check_version(&connection) {
        Ok(None) => Ok(connection),
        Ok(Some(reason)) => Err(Error::NotReady { reason }),
        Err(failure) => Err(Error::Sqlite { doing: "opening the file for reading", source: failure }),
    }
}

/// The file as it is, or why it cannot stay.
fn inspect(path: &Path) -> Result<Result<Connection, RebuildReason>, Error> {
    if !path.exists() {
        return Ok(Err(RebuildReason::Missing));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("opening the file")?;
    let bytes = std::fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
    match check(&connection, CHECKED_BYTES_MAX, bytes) {
        Ok(None) => Ok(Ok(connection)),
        Ok(Some(reason)) => Ok(Err(reason)),
        Err(failure) => match damage(&failure) {
            Some(reason) => Ok(Err(reason)),
            None => Err(Error::Sqlite { doing: "checking the file", source: failure }),
        },
    }
}

/// What SQLite's failure says about the file itself.
fn damage(failure: &rusqlite::Error) -> Option<RebuildReason> {
    match failure {
        rusqlite::Error::SqliteFailure(code, _) if matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Some(RebuildReason::Damaged { detail: shortened(&failure.to_string()) })
        }
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::Utf8Error(..) => {
            Some(RebuildReason::Damaged { detail: shortened(&failure.to_string()) })
        }
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    text.char_indices().take_while(|(at, char)| at + char.len_utf8() <= DETAIL_BYTES_MAX).map(|(_, char)| char).collect()
}

/// Why the file cannot stay as it is. Files of more than `checked_bytes_max` are not read through.
fn check(connection: &Connection, checked_bytes_max: u64, bytes: u64) -> Result<Option<RebuildReason>, rusqlite::Error> {
    configure(connection, WRITER_CACHE_KIB)?;
    if let Some(reason) = check_version(connection)? {
        return Ok(Some(reason));
    }
    let mut found: Vec<String> = strings(connection, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let mut expected = definitions(Dialect::Sqlite);
    found.sort();
    expected.sort();
    if found != expected || legend(connection)? != codes::legend() {
        return Ok(Some(RebuildReason::SchemaDrift));
    }
    if bytes <= checked_bytes_max {
        let verdict = strings(connection, "PRAGMA quick_check(1)")?;
        if verdict != ["ok"] {
            return Ok(Some(RebuildReason::Damaged { detail: shortened(&verdict.join("; ")) }));
        }
    }
    let rows: i64 = connection.query_row("SELECT count(*) FROM meta WHERE singleton = 0", [], |row| row.get(0))?;
    Ok((rows != 1).then_some(RebuildReason::SchemaDrift))
}

fn check_version(connection: &Connection) -> Result<Option<RebuildReason>, rusqlite::Error> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application != APPLICATION_ID || found != VERSION {
        return Ok(Some(RebuildReason::SchemaVersion { found, expected: VERSION }));
    }
    Ok(None)
}

fn strings(connection: &Connection, sql: &str) -> Result<Vec<String>, rusqlite::Error> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn legend(connection: &Connection) -> Result<Vec<(&'static str, u16, String)>, rusqlite::Error> {
    let expected = codes::legend();
    let mut statement = connection.prepare("SELECT kind, code, label FROM legend ORDER BY kind, code")?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u16>(1)?, row.get::<_, String>(2)?)))?;
    let found: Vec<(String, u16, String)> = found.collect::<Result<_, _>>()?;
    // Only enums that this program knows can be equal to its own.
    let known = |kind: &str| expected.iter().find(|(name, _, _)| *name == kind).map(|(name, _, _)| *name);
    Ok(found.into_iter().map(|(kind, code, label)| (known(&kind).unwrap_or(""), code, label)).collect())
}

fn create(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    configure(&connection, WRITER_CACHE_KIB)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    debug_assert!(mode == "wal", "a file on a disk can have a write-ahead log");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for definition in definitions(Dialect::Sqlite) {
        transaction.execute_batch(&definition)?;
    }
    for (kind, code, label) in codes::legend() {
        transaction.prepare_cached(&LEGEND.insertion())?.execute(params![kind, code, label])?;
    }
    transaction.execute(&META.insertion(), params![0, 0, 0])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(connection)
}

/// `NORMAL` keeps the file consistent through a power failure and may lose its last batches, which are applied again.
fn configure(connection: &Connection, cache_kib: i64) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::from_millis(LOCK_WAIT_MS_MAX))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.query_row(&format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"), [], |_| Ok(()))?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {LOG_BYTES_MAX}"), [], |_| Ok(()))?;
    // Without this, SQLite plans a statement anew whenever a value is bound that could have changed the plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}
