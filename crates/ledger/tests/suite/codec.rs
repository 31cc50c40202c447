//! The 128-byte records: golden bytes, round trips, and total decoding.

use ledger::{ACCOUNT_SIZE_BYTES, Account, AccountFlags, DecodeError, TRANSFER_SIZE_BYTES, Transfer, TransferFlags};
use proptest::prelude::*;

const GOLDEN: [u8; TRANSFER_SIZE_BYTES] = [
    0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00, // id
    0x1f, 0x1e, 0x1d, 0x1c, 0x1b, 0x1a, 0x19, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x10, // debit_account_id
    0x2f, 0x2e, 0x2d, 0x2c, 0x2b, 0x2a, 0x29, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, 0x20, // credit_account_id
    0x3f, 0x3e, 0x3d, 0x3c, 0x3b, 0x3a, 0x39, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x30, // amount
    0x4f, 0x4e, 0x4d, 0x4c, 0x4b, 0x4a, 0x49, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x40, // pending_id
    0x5f, 0x5e, 0x5d, 0x5c, 0x5b, 0x5a, 0x59, 0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, 0x50, // user_data_128
    0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61, 0x60, // user_data_64
    0x73, 0x72, 0x71, 0x70, // user_data_32
    0x83, 0x82, 0x81, 0x80, // timeout_s
    0x93, 0x92, 0x91, 0x90, // ledger
    0xa1, 0xa0, // code
    0x04, 0x01, // flags: post_pending_transfer, imported
    0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1, 0xb0, // timestamp
];

fn golden_transfer() -> Transfer {
    Transfer {
        id: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f,
        debit_account_id: 0x1011_1213_1415_1617_1819_1a1b_1c1d_1e1f,
        credit_account_id: 0x2021_2223_2425_2627_2829_2a2b_2c2d_2e2f,
        amount: 0x3031_3233_3435_3637_3839_3a3b_3c3d_3e3f,
        pending_id: 0x4041_4243_4445_4647_4849_4a4b_4c4d_4e4f,
        user_data_128: 0x5051_5253_5455_5657_5859_5a5b_5c5d_5e5f,
        user_data_64: 0x6061_6263_6465_6667,
        user_data_32: 0x7071_7273,
        timeout_s: 0x8081_8283,
        ledger: 0x9091_9293,
        code: 0xa0a1,
        flags: TransferFlags::POST_PENDING_TRANSFER.union(TransferFlags::IMPORTED),
        timestamp: 0xb0b1_b2b3_b4b5_b6b7,
    }
}

#[test]
fn the_record_is_the_golden_bytes() {
    assert_eq!(golden_transfer().encode(), GOLDEN);
    assert_eq!(Transfer::decode(&GOLDEN), Ok(golden_transfer()));
}

const GOLDEN_ACCOUNT: [u8; ACCOUNT_SIZE_BYTES] = [
    0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00, // id
    0x1f, 0x1e, 0x1d, 0x1c, 0x1b, 0x1a, 0x19, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x10, // debits_pending
    0x2f, 0x2e, 0x2d, 0x2c, 0x2b, 0x2a, 0x29, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, 0x20, // debits_posted
    0x3f, 0x3e, 0x3d, 0x3c, 0x3b, 0x3a, 0x39, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x30, // credits_pending
    0x4f, 0x4e, 0x4d, 0x4c, 0x4b, 0x4a, 0x49, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x40, // credits_posted
    0x5f, 0x5e, 0x5d, 0x5c, 0x5b, 0x5a, 0x59, 0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, 0x50, // user_data_128
    0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61, 0x60, // user_data_64
    0x73, 0x72, 0x71, 0x70, // user_data_32
    0x83, 0x82, 0x81, 0x80, // reserved
    0x93, 0x92, 0x91, 0x90, // ledger
    0xa1, 0xa0, // code
    0x28, 0x00, // flags: history, closed
    0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1, 0xb0, // timestamp
];

#[test]
fn the_record_of_an_account_is_the_golden_bytes() {
    let account = Account {
        id: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f,
        debits_pending: 0x1011_1213_1415_1617_1819_1a1b_1c1d_1e1f,
        debits_posted: 0x2021_2223_2425_2627_2829_2a2b_2c2d_2e2f,
        credits_pending: 0x3031_3233_3435_3637_3839_3a3b_3c3d_3e3f,
        credits_posted: 0x4041_4243_4445_4647_4849_4a4b_4c4d_4e4f,
        user_data_128: 0x5051_5253_5455_5657_5859_5a5b_5c5d_5e5f,
        user_data_64: 0x6061_6263_6465_6667,
        user_data_32: 0x7071_7273,
        reserved: 0x8081_8283,
        ledger: 0x9091_9293,
        code: 0xa0a1,
        flags: AccountFlags::HISTORY.union(AccountFlags::CLOSED),
        timestamp: 0xb0b1_b2b3_b4b5_b6b7,
    };
    assert_eq!(account.encode(), GOLDEN_ACCOUNT);
    assert_eq!(Account::decode(&GOLDEN_ACCOUNT), Ok(account));
}

#[test]
fn a_reserved_flag_of_an_account_is_an_error_that_names_the_record() {
    let mut bytes = GOLDEN_ACCOUNT;
    bytes[119] |= 0x80;
    let error = Account::decode(&bytes).unwrap_err();
    assert_eq!(error, DecodeError::AccountReservedFlags { id: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f, bits: 0x8000 });
    assert!(error.to_string().ends_with("has reserved flag bits 0x8000"));
}

#[test]
fn every_flag_has_the_bit_of_the_reference() {
    let flags = [
        TransferFlags::LINKED,
        TransferFlags::PENDING,
        TransferFlags::POST_PENDING_TRANSFER,
        TransferFlags::VOID_PENDING_TRANSFER,
        TransferFlags::BALANCING_DEBIT,
        TransferFlags::BALANCING_CREDIT,
        TransferFlags::CLOSING_DEBIT,
        TransferFlags::CLOSING_CREDIT,
        TransferFlags::IMPORTED,
    ];
    for (bit, flag) in flags.iter().enumerate() {
        assert_eq!(flag.bits(), 1 << bit);
        assert_eq!(flag.reserved_bits(), 0);
    }
    assert_eq!(TransferFlags::from_bits(u16::MAX).reserved_bits(), 0b1111_1110_0000_0000);
}

#[test]
fn a_reserved_flag_is_an_error_that_names_the_record() {
    let mut bytes = GOLDEN;
    bytes[119] |= 0x80;
    let error = Transfer::decode(&bytes).unwrap_err();
    assert_eq!(error, DecodeError::ReservedFlags { id: golden_transfer().id, bits: 0x8000 });
    assert!(error.to_string().ends_with("has reserved flag bits 0x8000"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_transfer_that_encodes_to_them_or_an_error(bytes in proptest::array::uniform32(any::<[u8; 4]>())) {
        let bytes: [u8; TRANSFER_SIZE_BYTES] = bytes.concat().try_into().unwrap();
        match Transfer::decode(&bytes) {
            Ok(transfer) => prop_assert_eq!(transfer.encode(), bytes),
            Err(DecodeError::ReservedFlags { bits, .. }) => prop_assert_ne!(bits, 0),
            Err(other) => prop_assert!(false, "{other} is about another record"),
        }
    }

    #[test]
    fn any_bytes_are_an_account_that_encodes_to_them_or_an_error(bytes in proptest::array::uniform32(any::<[u8; 4]>())) {
        let bytes: [u8; ACCOUNT_SIZE_BYTES] = bytes.concat().try_into().unwrap();
        match Account::decode(&bytes) {
            Ok(account) => prop_assert_eq!(account.encode(), bytes),
            Err(DecodeError::AccountReservedFlags { bits, .. }) => prop_assert_ne!(bits, 0),
            Err(other) => prop_assert!(false, "{other} is about another record"),
        }
    }

    #[test]
    fn every_field_survives_the_round_trip(ids in any::<[u128; 6]>(), small in any::<(u64, u32, u32, u32, u16, u64)>(), bits in 0_u16..512) {
        let transfer = Transfer {
            id: ids[0],
            debit_account_id: ids[1],
            credit_account_id: ids[2],
            amount: ids[3],
            pending_id: ids[4],
            user_data_128: ids[5],
            user_data_64: small.0,
            user_data_32: small.1,
            timeout_s: small.2,
            ledger: small.3,
            code: small.4,
            flags: TransferFlags::from_bits(bits),
            timestamp: small.5,
        };
        prop_assert_eq!(Transfer::decode(&transfer.encode()), Ok(transfer));
    }
}
