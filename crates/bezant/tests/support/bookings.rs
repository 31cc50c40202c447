//! A bulk load on a merchant's own ledger, from clients that ask with records and clients that ask with JSON, and the judge who
//! compares what they were told with the accounts, the transfers, the histories and the journal.

use super::{Bezant, Client, Draw, Plan, wait_for};
use ledger::{Account, Balances, CreateTransferStatus, Transfer, TransferFlags};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// Clients at a time; every other one asks with JSON.
const CLIENTS: u64 = 3;
/// Transfers of a large batch. Of four batches one is small.
const BATCH: u64 = 1_000;
/// Transfers of the largest small batch.
const SMALL_BATCH_MAX: u64 = 17;
/// Accounts that transfers are between.
const ACCOUNTS: u128 = 10;
/// An account that does not exist.
const NOBODY: u128 = 404;

/// A transfer that is asked for, and what has to be answered.
struct Item {
    transfer: Transfer,
    /// The answer when it is asked for the first time.
    first: CreateTransferStatus,
    /// The answer ever after.
    again: CreateTransferStatus,
}

impl Item {
    fn created(transfer: Transfer) -> Self {
        Self { transfer, first: CreateTransferStatus::Created, again: CreateTransferStatus::Exists }
    }

    fn happens(&self) -> bool {
        self.first == CreateTransferStatus::Created
    }
}

const fn is_large(batch: u64) -> bool {
    batch % 4 != 3
}

fn id(client: u64, batch: u64, index: u64) -> u128 {
    u128::from(client + 1) << 64 | u128::from(batch * BATCH + index)
}

/// A batch of one client: most transfers happen; some reserve, some end what this batch or the large one before reserved, some are
/// refused, for good or for what they are.
fn items(client: u64, batch: u64) -> Vec<Item> {
    let count = if is_large(batch) { BATCH } else { 1 + batch % SMALL_BATCH_MAX };
    (0..count).map(|index| item(client, batch, index)).collect()
}

fn item(client: u64, batch: u64, index: u64) -> Item {
    let id_at = |batch, index| id(client, batch, index);
    let plain = plain(id_at(batch, index));
    let ends = |pending_id, flags, amount| {
        let ended = Transfer { id: plain.id, pending_id, flags, amount, ..Transfer::default() };
        Item::created(ended)
    };
    let before = (0..batch).rev().find(|before| is_large(*before));
    match (is_large(batch).then_some(index % 16), before) {
        (Some(3 | 11), _) => Item::created(Transfer { flags: TransferFlags::PENDING, ..plain }),
        (Some(5), _) => ends(id_at(batch, index - 2), TransferFlags::VOID_PENDING_TRANSFER, 0),
        (Some(13), Some(before)) => {
            let reserved = id_at(before, index - 2);
            ends(reserved, TransferFlags::POST_PENDING_TRANSFER, amount(reserved).div_ceil(2))
        }
        (Some(7), _) => Item {
            transfer: Transfer { debit_account_id: NOBODY, ..plain },
            first: CreateTransferStatus::DebitAccountNotFound,
            again: CreateTransferStatus::IdAlreadyFailed,
        },
        (Some(8), _) => {
            let refused = CreateTransferStatus::LinkedEventFailed;
            Item { transfer: Transfer { flags: TransferFlags::LINKED, ..plain }, first: refused, again: refused }
        }
        (Some(9), _) => {
            let refused = CreateTransferStatus::AccountsMustBeDifferent;
            Item { transfer: Transfer { credit_account_id: plain.debit_account_id, ..plain }, first: refused, again: refused }
        }
        (Some(_) | None, _) => Item::created(plain),
    }
}

fn amount(id: u128) -> u128 {
    1 + id % 7
}

fn plain(id: u128) -> Transfer {
    let (debit_account_id, credit_account_id) = (1 + id % ACCOUNTS, 1 + (id + 1 + id / ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS);
    Transfer { id, debit_account_id, credit_account_id, amount: amount(id), ledger: 1, code: 1, ..Transfer::default() }
}

/// As JSON, with what is not zero.
fn json_of(transfer: &Transfer) -> Value {
    let names = [
        (TransferFlags::LINKED, "linked"),
        (TransferFlags::PENDING, "pending"),
        (TransferFlags::POST_PENDING_TRANSFER, "post_pending_transfer"),
        (TransferFlags::VOID_PENDING_TRANSFER, "void_pending_transfer"),
    ];
    let flags: Vec<&str> = names.iter().filter(|(flag, _)| transfer.flags.contains(*flag)).map(|(_, name)| *name).collect();
    let mut object = json!({ "id": transfer.id.to_string(), "amount": transfer.amount.to_string(), "flags": flags });
    if transfer.is_resolution() {
        object["pending_id"] = json!(transfer.pending_id.to_string());
    } else {
        object["debit_account_id"] = json!(transfer.debit_account_id.to_string());
        object["credit_account_id"] = json!(transfer.credit_account_id.to_string());
        object["ledger"] = json!(transfer.ledger);
        object["code"] = json!(transfer.code);
    }
    object
}

/// A merchant's server that keeps a ledger.
struct Keeper {
    client: Client,
    address: SocketAddr,
    authorization: String,
}

impl Keeper {
    fn new(address: SocketAddr, api_key: &str) -> Self {
        Self { client: Client::new(address), address, authorization: format!("Bearer {api_key}") }
    }

    /// The body of an answer; `None` when it is not known what became of the request.
    fn ask(&mut self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Option<Vec<u8>> {
        let headers = [("authorization", self.authorization.as_str()), ("content-type", media_type)];
        let Ok(answer) = self.client.send(method, path, &headers, body) else {
            self.client = Client::new(self.address);
            return None;
        };
        if answer.status == 503 {
            return None;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        Some(answer.body)
    }

    /// The answer as records' statuses.
    fn create_by_records(&mut self, what: &str, body: &[u8]) -> Option<Vec<u32>> {
        let answer = self.ask("POST", &format!("/v1/ledger/{what}"), &format!("application/vnd.bezant.{what}"), body)?;
        let (numbers, rest) = answer.as_chunks::<4>();
        assert!(rest.is_empty());
        Some(numbers.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    fn create_by_json(&mut self, items: &[Item]) -> Option<Vec<u32>> {
        let transfers: Vec<Value> = items.iter().map(|item| json_of(&item.transfer)).collect();
        let body = json!({ "transfers": transfers }).to_string();
        let answer = self.ask("POST", "/v1/ledger/transfers", "application/json", body.as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let code = |result: &Value| CreateTransferStatus::ALL.iter().find(|status| status.name() == result["status"]).unwrap().code();
        Some(answer["results"].as_array().unwrap().iter().map(code).collect())
    }

    /// Creates a batch in the way of a client, or hears that it was created before; `None` when the answer is not known.
    fn create(&mut self, client: u64, items: &[Item]) -> Option<Vec<u32>> {
        if client % 2 == 1 {
            return self.create_by_json(items);
        }
        let body: Vec<u8> = items.iter().flat_map(|item| item.transfer.encode()).collect();
        self.create_by_records("transfers", &body)
    }

    /// A read that must work.
    fn read(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "GET" { Vec::new() } else { body.to_string().into_bytes() };
        serde_json::from_slice(&self.ask(method, path, "application/json", &body).unwrap()).unwrap()
    }
}

fn codes(items: &[Item], status: impl Fn(&Item) -> CreateTransferStatus) -> Vec<u32> {
    items.iter().map(|item| status(item).code()).collect()
}

/// What clients may do, and what they have done.
#[derive(Default)]
struct Progress {
    /// Batches that clients may begin, those that they have begun among them.
    allowed: u64,
    begun: u64,
    is_ending: bool,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    changed: Condvar,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
}

impl Shared {
    /// Waits until another batch may begin; `false` when none may any more.
    fn begin(&self) -> bool {
        let waiting = |progress: &mut Progress| progress.begun >= progress.allowed && !progress.is_ending;
        let mut progress = self.changed.wait_while(self.progress.lock().unwrap(), waiting).unwrap();
        progress.begun += 1;
        !progress.is_ending
    }
}

/// Clients under way. Each sends its next batch when the one before was answered, as far as it may.
pub struct Bookings {
    shared: Arc<Shared>,
    clients: Vec<std::thread::JoinHandle<u64>>,
}

impl Bookings {
    /// Creates the accounts, and starts clients that may begin no batch yet.
    pub fn start(platform: &Bezant) -> Self {
        let account = |id| Account { id, ledger: 1, code: 1, ..Account::default() };
        let records: Vec<u8> = (1..=ACCOUNTS).flat_map(|id| account(id).encode()).collect();
        let statuses = Keeper::new(platform.address, &platform.api_key).create_by_records("accounts", &records).unwrap();
        assert!(statuses.iter().all(|status| *status == CreateTransferStatus::Created.code()), "{statuses:?}");
        let shared = Arc::<Shared>::default();
        let clients = (0..CLIENTS)
            .map(|client| {
                let (mut keeper, shared) = (Keeper::new(platform.address, &platform.api_key), Arc::clone(&shared));
                std::thread::spawn(move || run(client, &mut keeper, &shared))
            })
            .collect();
        Self { shared, clients }
    }

    /// Lets clients begin so many batches more.
    pub fn allow(&self, batches: u64) {
        let mut progress = self.shared.progress.lock().unwrap();
        progress.allowed = progress.allowed.saturating_add(batches);
        drop(progress);
        self.shared.changed.notify_all();
    }

    /// Lets them begin so many more, and waits until all were answered.
    pub fn book(&self, batches: u64) {
        self.allow(batches);
        let allowed = self.shared.progress.lock().unwrap().allowed;
        wait_for("batches to be answered", || (self.acknowledged() >= allowed).then_some(()));
    }

    /// Lets clients begin more than enough, and waits until some of them were answered.
    pub fn be_amid(&self, draw: &mut Draw) {
        let goal = self.acknowledged() + 1 + draw.below(20);
        self.allow(20 + CLIENTS);
        wait_for("batches to be answered", || (self.acknowledged() >= goal).then_some(()));
    }

    /// Batches that were answered.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Requests of which the client did not hear what became of them, or heard that nobody can say.
    pub fn unknown(&self) -> u64 {
        self.shared.unknown.load(Ordering::Relaxed)
    }

    /// Lets every client finish the batch that it is at.
    pub fn finish(self) -> Booked {
        self.shared.progress.lock().unwrap().is_ending = true;
        self.shared.changed.notify_all();
        Booked { batches: self.clients.into_iter().map(|client| client.join().unwrap()).collect() }
    }
}

/// One client: the same batch until it is answered, then the next. How many batches it made.
fn run(client: u64, keeper: &mut Keeper, shared: &Shared) -> u64 {
    let mut batch = 0;
    while shared.begin() {
        let items = items(client, batch);
        let statuses = wait_for("a batch to be answered", || {
            let statuses = keeper.create(client, &items);
            shared.unknown.fetch_add(u64::from(statuses.is_none()), Ordering::Relaxed);
            statuses
        });
        // A batch happens as a whole: the one whose answer was lost is there altogether or not at all.
        let as_expected = statuses == codes(&items, |item| item.first) || statuses == codes(&items, |item| item.again);
        assert!(as_expected, "batch {batch} of client {client}: {statuses:?}");
        batch += 1;
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    batch
}

/// What clients were told that happened: so many batches of each.
pub struct Booked {
    batches: Vec<u64>,
}

impl Booked {
    fn items(&self) -> impl Iterator<Item = (u64, Vec<Item>)> {
        (0..).zip(&self.batches).flat_map(|(client, count)| (0..*count).map(move |batch| (client, items(client, batch))))
    }

    /// What the balances have to be, from account 1 on: by plain addition.
    fn balances(&self) -> Vec<Balances> {
        let mut sums = vec![Balances::default(); 1 + usize::try_from(ACCOUNTS).unwrap()];
        let at = |account: u128| usize::try_from(account).unwrap();
        for item in self.items().flat_map(|(_, items)| items).filter(Item::happens) {
            let made = item.transfer;
            let reserved = if made.is_resolution() { plain(made.pending_id) } else { made };
            let (debit, credit) = (at(reserved.debit_account_id), at(reserved.credit_account_id));
            if made.is_resolution() {
                sums[debit].debits_pending -= reserved.amount;
                sums[credit].credits_pending -= reserved.amount;
            }
            if made.flags.contains(TransferFlags::PENDING) {
                sums[debit].debits_pending += made.amount;
                sums[credit].credits_pending += made.amount;
            } else {
                sums[debit].debits_posted += made.amount;
                sums[credit].credits_posted += made.amount;
            }
        }
        sums.split_off(1)
    }

    /// Every transfer that a client was told of is there once, whatever happened meanwhile, and none that was refused: by its id,
    /// in the balances, in the histories of accounts, and when it is asked for again. Then again after a kill and a restart.
    pub fn judge(&self, what: &str, plan: &Plan, mut platform: Bezant) {
        self.judge_ids(&platform);
        self.judge_accounts(&platform);
        platform.process.kill();
        let verified = plan.verified();
        let platform = plan.start();
        self.judge_accounts(&platform);
        let (made, refused): (Vec<Item>, Vec<Item>) = self.items().flat_map(|(_, items)| items).partition(Item::happens);
        println!(
            "{what}: {} batches, {} transfers, {} refused, {} events; nothing lost, nothing doubled",
            self.batches.iter().sum::<u64>(),
            made.len(),
            refused.len(),
            verified["last_seq"]
        );
    }

    fn judge_ids(&self, platform: &Bezant) {
        let mut keeper = Keeper::new(platform.address, &platform.api_key);
        for (client, items) in self.items() {
            let ids: Vec<String> = items.iter().map(|item| item.transfer.id.to_string()).collect();
            let found = keeper.read("POST", "/v1/ledger/transfers/lookup", &json!({ "ids": ids }));
            let mut found = found["data"].as_array().unwrap().iter();
            for item in items.iter().filter(|item| item.happens()) {
                let (made, found) = (&item.transfer, found.next().unwrap_or(&Value::Null));
                let shown = ["id", "amount", "pending_id"].map(|name| found[name].as_str().unwrap_or_default().to_owned());
                let amount = match made.flags.contains(TransferFlags::VOID_PENDING_TRANSFER) {
                    true => amount(made.pending_id),
                    false => made.amount,
                };
                assert_eq!(shown, [made.id, amount, made.pending_id].map(|number| number.to_string()), "{made:?}: {found}");
            }
            assert_eq!(found.next(), None, "what was refused does not exist");
            assert_eq!(keeper.create(client, &items), Some(codes(&items, |item| item.again)));
        }
    }

    fn judge_accounts(&self, platform: &Bezant) {
        let mut keeper = Keeper::new(platform.address, &platform.api_key);
        let ids: Vec<String> = (1..=ACCOUNTS).map(|id| id.to_string()).collect();
        let accounts = keeper.read("POST", "/v1/ledger/accounts/lookup", &json!({ "ids": ids }));
        let expected = self.balances();
        let shown: Vec<Balances> = accounts["data"].as_array().unwrap().iter().map(balances).collect();
        assert_eq!(shown, expected, "the balances of accounts");
        let sum = |of: fn(&Balances) -> u128| shown.iter().map(of).sum::<u128>();
        assert_eq!(sum(|one| one.debits_posted), sum(|one| one.credits_posted), "the trial balance");
        assert_eq!(sum(|one| one.debits_pending), sum(|one| one.credits_pending), "the trial balance of what is reserved");
        for (id, expected) in ids.iter().zip(&expected) {
            let found = keeper.read("GET", &format!("/v1/ledger/accounts/{id}/balances"), &Value::Null);
            assert_eq!(balances(&found["balances"]), *expected, "the sums over the history of account {id}");
        }
        self.judge_history(&mut keeper, 3);
    }

    /// An account's pages are all of its transfers, once each, in order, from either end.
    fn judge_history(&self, keeper: &mut Keeper, account: u128) {
        let concerns = |made: &Transfer| {
            let of = if made.is_resolution() { plain(made.pending_id) } else { *made };
            of.debit_account_id == account || of.credit_account_id == account
        };
        let made = self.items().flat_map(|(_, items)| items).filter(Item::happens).map(|item| item.transfer);
        let mut expected: Vec<u128> = made.filter(concerns).map(|made| made.id).collect();
        expected.sort_unstable();
        for order in ["oldest_first", "newest_first"] {
            let (mut cursor, mut found, mut times) = (String::new(), Vec::new(), Vec::new());
            loop {
                let path = format!("/v1/ledger/accounts/{account}/transfers?limit=100&order={order}&cursor={cursor}");
                let page = keeper.read("GET", &path, &Value::Null);
                for transfer in page["data"].as_array().unwrap() {
                    found.push(number(&transfer["id"]));
                    times.push(number(&transfer["timestamp"]));
                }
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = next.to_owned();
            }
            assert!(times.is_sorted_by(|a, b| if order == "oldest_first" { a < b } else { a > b }), "{order}");
            found.sort_unstable();
            assert!(found == expected, "{order}: {} of {}", found.len(), expected.len());
        }
    }
}

fn number(text: &Value) -> u128 {
    text.as_str().unwrap().parse().unwrap()
}

fn balances(shown: &Value) -> Balances {
    let of = |name: &str| number(&shown[name]);
    Balances {
        debits_pending: of("debits_pending"),
        debits_posted: of("debits_posted"),
        credits_pending: of("credits_pending"),
        credits_posted: of("credits_posted"),
    }
}
