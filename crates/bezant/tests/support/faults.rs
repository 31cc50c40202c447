//! Disks that misbehave: small ones, and syncs of files that fail or never return, on the threads of the platform that a test
//! chooses, by a library in C that is loaded before the system's.

use super::Folder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says where the fault is that applies now, and how often it was met.
const FAULT_VARIABLE: &str = "BEZANT_TEST_SYNC_FAULT";

/// The fault's file holds `fail THREAD` or `hang THREAD`, with `*` for every thread; each time it is met, the file of the same
/// name with `.met` gets a byte more.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_faulty(void) {
    char fault[64] = {0}, thread[17] = {0}, met[4096];
    const char *path = getenv("BEZANT_TEST_SYNC_FAULT");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, fault, sizeof fault - 1);
    close(file);
    prctl(PR_GET_NAME, thread);
    if (length < 6 || (strcmp(fault + 5, "*") != 0 && strcmp(fault + 5, thread) != 0)) return 0;
    snprintf(met, sizeof met, "%s.met", path);
    file = open(met, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "x", 1) != 1) abort();
    close(file);
    while (strncmp(fault, "hang ", 5) == 0) pause();
    errno = EIO;
    return 1;
}
int fdatasync(int file) { return is_faulty() ? -1 : (int)syscall(SYS_fdatasync, file); }
int fsync(int file) { return is_faulty() ? -1 : (int)syscall(SYS_fsync, file); }
"#;

/// A fault that can be switched on and off in running processes.
pub struct SyncFault {
    library: PathBuf,
    fault: PathBuf,
}

impl SyncFault {
    /// Makes the library; `None` where there is no C compiler, which is said.
    pub fn new(folder: &Folder) -> Option<Self> {
        let made = Self { library: folder.join("sync_fault.so"), fault: folder.join("sync-fault") };
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-x", "c", "-", "-o"]).arg(&made.library).stdin(Stdio::piped());
        let mut compiling = match compiler.spawn() {
            Ok(compiling) => compiling,
            Err(error) => {
                println!("SKIPPED: there is no C compiler: {error}");
                return None;
            }
        };
        compiling.stdin.take().unwrap().write_all(LIBRARY.as_bytes()).unwrap();
        assert!(compiling.wait().unwrap().success());
        Some(made)
    }

    /// What a process needs in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        vec![("LD_PRELOAD".to_owned(), text(&self.library)), (FAULT_VARIABLE.to_owned(), text(&self.fault))]
    }

    /// From now on every sync on this thread fails; `*` is every thread.
    pub fn fail(&self, thread: &str) {
        self.set(&format!("fail {thread}"));
    }

    /// From now on no sync on this thread returns.
    pub fn hang(&self, thread: &str) {
        self.set(&format!("hang {thread}"));
    }

    fn set(&self, fault: &str) {
        self.clear();
        let new = self.fault.with_extension("new");
        fs::write(&new, fault).unwrap();
        fs::rename(new, &self.fault).unwrap();
    }

    /// How often the fault was met.
    pub fn met_count(&self) -> u64 {
        fs::metadata(self.met()).map_or(0, |found| found.len())
    }

    /// From now on all is well, but for what hangs already.
    pub fn clear(&self) {
        for path in [self.fault.clone(), self.met()] {
            let _ = fs::remove_file(path); // there was none
        }
    }

    fn met(&self) -> PathBuf {
        self.fault.with_extension("met")
    }
}

/// A small file system in memory; unmounted at the end.
pub struct Mounted(pub PathBuf);

impl Mounted {
    /// Mounts it; `None` where that is not allowed, which is said.
    pub fn new(folder: &Path, mib: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(folder);
        let failure = match mount.output() {
            Ok(output) if output.status.success() => return Some(Self(folder.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!("SKIPPED: no small file system can be mounted here: {failure}");
        None
    }

    /// Gives it another size, with everything in it.
    pub fn resize(&self, mib: u64) {
        let resized = Command::new("mount").args(["-o", &format!("remount,size={mib}m")]).arg(&self.0).status().unwrap();
        assert!(resized.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status(); // nothing else can be done about it
    }
}
