//! Threads that nobody waits for: where processors are scarce, whoever decides or answers goes before them.

/// How much nicer than others such a thread is: beside one of them it gets a quarter of a processor.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Makes the calling thread less urgent, for good. Without it everything works, less evenly.
pub(crate) fn yield_to_others() {
    #[cfg(target_os = "linux")] // elsewhere it would be the whole process
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "a thread beside the hot path could not be made less urgent");
    }
}
