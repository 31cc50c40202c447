//! What is measured: the cases, how large each is, and what it must reach.

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// What the bars are about.
    Standard,
    /// Smaller, so that all cases together take a minute and a half.
    Quick,
    /// One small case, without bars.
    Smoke,
}

impl Size {
    /// Most that is on the disk at the same time: the data of one case, and its journal once more for the append yardstick.
    pub(super) const fn disk_bytes(self) -> u64 {
        match self {
            Self::Standard => 8_000_000_000,
            Self::Quick => 3_000_000_000,
            Self::Smoke => 1_000_000_000,
        }
    }
}

/// What one case must reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// So many transfers a second, unless the disk cannot take their bytes.
    Bulk { bar: f64, aim: f64 },
    /// So many transfers a second, unless the disk cannot sync so often.
    Small { bar: f64, aim: f64 },
    /// One transfer after the other: parts of what a sync and an echo allow.
    OneByOne { bar_share: f64, aim_share: f64 },
}

/// One way to ask a ledger.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) accounts: u64,
    pub(super) transfers: u64,
    pub(super) batch: u32,
    pub(super) clients: u32,
    /// As `bezant ledger bench --ids` takes them.
    pub(super) ids: &'static str,
    /// When to stop, even if fewer transfers were made.
    pub(super) seconds: Option<u64>,
    /// How often it is measured; the median counts.
    pub(super) rounds: usize,
    pub(super) target: Target,
    pub(super) rss_mb_max: f64,
    /// The case of the example `rate` of the ledger's crate that has the same accounts and ids.
    pub(super) in_memory: &'static str,
    /// How long each yardstick takes, in ms.
    pub(super) yardstick_ms: u64,
}

/// Rounds of a case in which a pause of the machine would count, so that the median does.
const ROUNDS: usize = 3;
/// More transfers than fit into the seconds of a case that stops by the clock.
const UNTIL_TIME: u64 = 1_000_000_000;
const RSS_MB_MAX: f64 = 1_000.0;
const RSS_MB_MAX_1M_ACCOUNTS: f64 = 2_000.0;

/// The bulk case, of which the other ones differ in one thing or two.
const BULK: Case = Case {
    name: "bulk",
    accounts: 10_000,
    transfers: 10_000_000,
    batch: 8_189,
    clients: 4,
    ids: "time",
    seconds: None,
    rounds: 1,
    target: Target::Bulk { bar: 800_000.0, aim: 1_200_000.0 },
    rss_mb_max: RSS_MB_MAX,
    in_memory: "10 k accounts, time-ordered ids",
    yardstick_ms: 2_000,
};

const CASES: [Case; 6] = [
    BULK,
    Case {
        name: "bulk_1m_accounts",
        accounts: 1_000_000,
        target: Target::Bulk { bar: 500_000.0, aim: 800_000.0 },
        rss_mb_max: RSS_MB_MAX_1M_ACCOUNTS,
        in_memory: "1 M accounts, time-ordered ids",
        ..BULK
    },
    Case {
        name: "bulk_random_ids",
        ids: "random",
        target: Target::Bulk { bar: 500_000.0, aim: 800_000.0 },
        in_memory: "10 k accounts, random ids",
        ..BULK
    },
    Case {
        name: "batch100",
        transfers: 2_000_000,
        batch: 100,
        clients: 1,
        rounds: ROUNDS,
        target: Target::Small { bar: 150_000.0, aim: 220_000.0 },
        ..BULK
    },
    Case {
        name: "single32",
        transfers: UNTIL_TIME,
        batch: 1,
        clients: 32,
        seconds: Some(60),
        rounds: ROUNDS,
        target: Target::Small { bar: 20_000.0, aim: 30_000.0 },
        ..BULK
    },
    Case {
        name: "single1",
        transfers: UNTIL_TIME,
        batch: 1,
        clients: 1,
        seconds: Some(60),
        rounds: ROUNDS,
        target: Target::OneByOne { bar_share: 0.5, aim_share: 0.7 },
        ..BULK
    },
];

/// The cases in this size.
pub(super) fn all(size: Size) -> Vec<Case> {
    match size {
        Size::Standard => CASES.to_vec(),
        Size::Quick => CASES.into_iter().map(quick).collect(),
        Size::Smoke => {
            let [bulk, ..] = CASES;
            vec![Case { accounts: 100, transfers: 20_000, batch: 1_000, clients: 2, yardstick_ms: 100, ..bulk }]
        }
    }
}

/// A twentieth of the transfers. Where the clock ends it, two seconds and a thousand accounts: accounts are made in batches of
/// the same size as transfers, and ten thousand one by one would take longer than what is measured.
fn quick(case: Case) -> Case {
    let short = Case { rounds: ROUNDS, yardstick_ms: 400, ..case };
    match short.seconds {
        Some(_) => Case { accounts: 1_000, seconds: Some(2), ..short },
        None => Case { transfers: short.transfers / 20, ..short },
    }
}

/// The long run: the bulk case without an end that matters.
pub(super) fn long(transfers: u64) -> Case {
    Case { name: "curve", transfers, ..BULK }
}

#[cfg(test)]
mod tests {
    use super::{Size, all};

    #[test]
    fn a_quick_run_has_the_same_cases_and_a_smoke_run_one() {
        let names = |size| all(size).iter().map(|case| case.name).collect::<Vec<_>>();
        assert_eq!(names(Size::Standard), ["bulk", "bulk_1m_accounts", "bulk_random_ids", "batch100", "single32", "single1"]);
        assert_eq!(names(Size::Quick), names(Size::Standard));
        assert_eq!(names(Size::Smoke), ["bulk"]);
        let rounds: Vec<usize> = all(Size::Standard).iter().map(|case| case.rounds).collect();
        assert_eq!(rounds, [1, 1, 1, 3, 3, 3]);
        assert!(all(Size::Quick).iter().all(|case| case.rounds == 3 && case.seconds.is_none_or(|seconds| seconds == 2)));
    }
}
