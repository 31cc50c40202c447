//! A double-entry ledger as a pure state machine: accounts, and transfers between them.
//!
//! What lives here: the two record types and their 128-byte encoding, every rule about when a
//! transfer may happen, and the state that the rules read. What does not: time (it is passed in),
//! storage (the journal of records is elsewhere), history and metadata (whoever keeps the journal tells
//! what a batch needs of them, see [`Ledger::recall`] and `metadata.rs`), balances of the past (a read model), permissions, and
//! any idea of why money moves.
//!
//! The semantics follow TigerBeetle's published model (`src/tigerbeetle.zig` and
//! `src/state_machine.zig` at commit 52ad553): names, numbers and precedence of results are the
//! same, so the same workload gives the same results and balances. Two doors lead to the state:
//!
//! * [`Ledger::create_accounts`] and [`Ledger::create_transfers`] take events of clients. Every
//!   outcome is a status, ids are remembered for idempotency until [`Ledger::forget`]. What they
//!   created can be applied again from a journal ([`Ledger::apply_transfers`]).
//!   [`Ledger::create_entries_into`] makes chains of transfers of entries with many legs.
//! * [`Ledger::open_account`] and [`Ledger::apply_legs`] take the platform's own postings. They
//!   were decided before, so a violation is a bug and panics; their ids only grow, so nothing but
//!   the open holds is remembered. The two doors share accounts but not transfer ids.
//!
//! Read first: `types.rs`, then `transfers.rs`.

mod account_table;
mod accounts;
mod balances;
mod batch;
mod booking;
mod codec;
mod consistency;
mod entries;
mod exists;
mod index;
mod items;
mod legs;
mod lowering;
mod metadata;
mod names;
mod open;
mod recent;
mod replay;
mod snapshot;
mod state;
mod status;
mod totals;
mod transfers;
mod types;

pub use accounts::AccountResult;
pub use balances::AccountBalances;
pub use batch::BATCH_EVENTS_MAX;
pub use codec::{ACCOUNT_SIZE_BYTES, DecodeError, TRANSFER_SIZE_BYTES};
pub use consistency::Inconsistency;
pub use entries::{About, ENTRY_POSTINGS_MAX, Entry, EntryResult, EntryStatus, Posting, Side};
pub use items::Items;
pub use metadata::{METADATA_BYTES_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, Metadata, MetadataFault, PAIR_BYTES};
pub use names::{ACCOUNT_NAME_BYTES_MAX, AccountName, NoAccountName};
pub use recent::Past;
pub use state::{Ledger, Pending, PendingStatus};
pub use status::{CreateAccountStatus, CreateTransferStatus};
pub use totals::Totals;
pub use transfers::TransferResult;
pub use types::{AMOUNT_MAX, Account, AccountFlags, Balances, TIMESTAMP_MAX, Transfer, TransferFlags};
