//! The key store over a simulated disk: what it promises about restarts, crashes, erasure and restored copies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base::{Redacted, SubjectId};
use bezant::keystore::{Error, KeyStore};
use journal::simio::{Effect, Operation, SimIo};
use std::collections::BTreeSet;

const MASTER: [u8; 32] = [9; 32];

fn subject(number: u128) -> SubjectId {
    SubjectId::from_u128(number)
}

/// A small deterministic source of bytes (xorshift64*), so that every failure repeats.
fn bytes_from(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut state = seed | 1;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

fn open(disk: &SimIo) -> KeyStore<SimIo> {
    KeyStore::open(disk.clone(), Redacted::new(MASTER)).unwrap()
}

#[test]
fn keys_of_every_group_are_there_after_a_restart() {
    let disk = SimIo::new();
    let mut entropy = bytes_from(1);
    let mut sealed = Vec::new();
    {
        let mut store = open(&disk);
        for group in 0..20_u128 {
            let subjects: Vec<SubjectId> = (0..=group).map(|one| subject(group * 100 + one)).collect();
            let keys = store.ensure(&subjects, &mut entropy).unwrap();
            sealed.extend(keys.iter().zip(&subjects).map(|(key, subject)| (*subject, key.as_ref().unwrap().seal("test", b"secret"))));
        }
    }
    let store = open(&disk);
    assert_eq!(store.damaged_count(), 0);
    assert_eq!(store.keys().count(), sealed.len());
    for (subject, sealed) in sealed {
        assert_eq!(store.key(subject).unwrap().open("test", &sealed).as_deref(), Some(b"secret".as_slice()));
    }
}

#[test]
fn every_key_that_was_handed_out_survives_any_crash() {
    for seed in 1..200_u64 {
        let disk = SimIo::new();
        let mut entropy = bytes_from(seed);
        let mut sealed = Vec::new();
        for life in 0..4_u128 {
            let mut store = open(&disk);
            for group in 0..5_u128 {
                let subjects: Vec<SubjectId> = (0..3).map(|one| subject(life * 1_000 + group * 10 + one)).collect();
                let keys = store.ensure(&subjects, &mut entropy).unwrap();
                sealed.extend(keys.into_iter().map(|key| key.unwrap().seal("test", &seed.to_le_bytes())));
            }
            disk.cut_power_after(seed % 3);
            let _ = store.ensure(&[subject(life * 1_000 + 999)], &mut entropy); // may or may not get through
            let mut draw = bytes_from(seed ^ 0xABCD);
            disk.crash(&mut || {
                let mut bytes = [0; 8];
                draw(&mut bytes);
                u64::from_le_bytes(bytes)
            });
        }
        let store = open(&disk);
        for sealed in &sealed {
            let key = store.key(sealed.subject).unwrap_or_else(|| panic!("seed {seed}: the key of {} is gone", sealed.subject));
            assert_eq!(key.open("test", sealed).as_deref(), Some(seed.to_le_bytes().as_slice()), "seed {seed}");
        }
    }
}

#[test]
fn an_erased_key_is_gone_for_good_and_from_the_disk() {
    let disk = SimIo::new();
    let mut store = open(&disk);
    let mut entropy = bytes_from(3);
    let keys = store.ensure(&[subject(1), subject(2)], &mut entropy).unwrap();
    let sealed = keys[0].as_ref().unwrap().seal("test", b"secret");
    store.erase(subject(1)).unwrap();
    assert!(store.key(subject(1)).is_none());
    assert!(store.ensure(&[subject(1)], &mut entropy).unwrap()[0].is_none(), "an erased subject gets no key again");
    drop(store);
    let store = open(&disk);
    assert!(store.key(subject(1)).is_none() && store.key(subject(2)).is_some());
    assert!(store.erased().contains(&sealed.subject));
}

#[test]
fn a_restored_copy_gets_the_erasures_again() {
    let disk = SimIo::new();
    let mut store = open(&disk);
    let mut entropy = bytes_from(4);
    store.ensure(&[subject(1), subject(2), subject(3)], &mut entropy).unwrap();
    drop(store);
    let backup = disk.files();
    let mut store = open(&disk);
    store.erase(subject(2)).unwrap();
    drop(store);
    for (path, bytes) in backup {
        disk.put_file(&path, &bytes);
    }
    let mut store = open(&disk);
    assert!(store.key(subject(2)).is_some(), "the copy brought the key back");
    assert_eq!(store.reapply(&BTreeSet::from([subject(2), subject(7)])).unwrap(), 2);
    assert!(store.key(subject(2)).is_none() && store.key(subject(3)).is_some());
    drop(store);
    assert!(open(&disk).key(subject(2)).is_none());
}

#[test]
fn sealed_bytes_open_only_for_their_purpose_and_subject_and_unaltered() {
    let disk = SimIo::new();
    let mut store = open(&disk);
    let mut entropy = bytes_from(5);
    let keys: Vec<_> = store.ensure(&[subject(1), subject(2)], &mut entropy).unwrap().into_iter().flatten().collect();
    let sealed = keys[0].seal("details", b"ada@example.com");
    assert_eq!(sealed, keys[0].seal("details", b"ada@example.com"), "sealing needs no randomness");
    assert_ne!(sealed.bytes, keys[0].seal("request", b"ada@example.com").bytes);
    assert!(keys[0].open("request", &sealed).is_none());
    assert!(keys[1].open("details", &sealed).is_none());
    for at in 0..sealed.bytes.len() {
        let mut altered = sealed.clone();
        altered.bytes[at] ^= 1;
        assert!(keys[0].open("details", &altered).is_none(), "byte {at}");
    }
    assert!(!sealed.bytes.windows(3).any(|window| window == b"ada"));
}

#[test]
fn another_master_key_or_another_file_is_refused() {
    let disk = SimIo::new();
    let mut store = open(&disk);
    store.ensure(&[subject(1)], &mut bytes_from(6)).unwrap();
    drop(store);
    assert!(matches!(KeyStore::open(disk.clone(), Redacted::new([1; 32])), Err(Error::WrongMaster { .. })));
    disk.put_file("keys/subjects.keys", &[b'x'; 300]);
    assert!(matches!(KeyStore::open(disk, Redacted::new(MASTER)), Err(Error::Foreign)));
}

#[test]
fn a_key_that_only_a_failed_sync_left_behind_is_not_used_before_it_is_durable() {
    for seed in 1..100_u64 {
        let disk = SimIo::new();
        let mut entropy = bytes_from(seed);
        let mut store = open(&disk);
        let subjects: Vec<SubjectId> = (0..40).map(subject).collect();
        disk.fail_next(Operation::Sync, Effect::InputOutputError);
        assert!(store.ensure(&subjects, &mut entropy).is_err());
        assert!(matches!(store.ensure(&subjects, &mut entropy), Err(Error::Stopped)));
        drop(store);
        disk.kill();
        let mut store = open(&disk);
        let keys = store.ensure(&subjects, &mut entropy).unwrap();
        let sealed: Vec<_> = keys.into_iter().map(|key| key.unwrap().seal("test", b"secret")).collect();
        drop(store);
        let mut draw = bytes_from(seed);
        disk.crash(&mut || {
            let mut bytes = [0; 8];
            draw(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        let store = open(&disk);
        for sealed in &sealed {
            assert!(store.key(sealed.subject).is_some_and(|key| key.open("test", sealed).is_some()), "seed {seed}: {}", sealed.subject);
        }
    }
}
