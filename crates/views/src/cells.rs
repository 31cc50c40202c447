//! Values as cells and back. Unsigned 64-bit numbers keep their bits (those from 2^63 on look negative in SQL), 128-bit
//! numbers are big-endian blobs; nothing is rounded and nothing is refused for its size.

use crate::codes::Coded;
use crate::error::{Doing, Error};
use base::{Currency, SubjectId, Timestamp};
use engine::Sealed;
use rusqlite::Row;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use sha2::{Digest, Sha256};

/// An unsigned number as a cell.
pub(crate) const fn unsigned(value: u64) -> i64 {
    value.cast_signed()
}

/// A point in time as a cell, in nanoseconds since the epoch.
pub(crate) const fn time(at: Timestamp) -> i64 {
    at.ns().cast_signed()
}

/// As [`time`].
pub(crate) fn time_optional(at: Option<Timestamp>) -> Option<i64> {
    at.map(time)
}

/// The first eight bytes of an id: the key of its index.
pub(crate) fn prefix(id: u128) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = id.to_be_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The key of a provider's id in an index: the ids of one provider begin alike, their hashes do not.
pub(crate) fn provider_prefix(provider_id: &str) -> i64 {
    let digest = Sha256::digest(provider_id.as_bytes());
    prefix(u128::from_be_bytes(core::array::from_fn(|index| digest[index])))
}

/// A 128-bit number as a blob without its leading zeros.
pub(crate) struct Wide {
    bytes: [u8; 16],
    zeros: usize,
}

impl Wide {
    pub(crate) fn new(value: u128) -> Self {
        let bytes = value.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self { bytes, zeros }
    }
}

impl ToSql for Wide {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.bytes[self.zeros..])))
    }
}

/// An amount as a cell: a number while SQL has one that large, else a blob.
pub(crate) fn amount(value: u128) -> Value {
    match i64::try_from(value) {
        Ok(value) => Value::Integer(value),
        Err(_) => Value::Blob(value.to_be_bytes().to_vec()),
    }
}

/// The cells of one row, read from left to right.
pub(crate) struct Cells<'a> {
    row: &'a Row<'a>,
    table: &'static str,
    next: usize,
}

impl<'a> Cells<'a> {
    pub(crate) const fn new(table: &'static str, row: &'a Row<'a>) -> Self {
        Self { row, table, next: 0 }
    }

    /// As [`Cells::new`], from the column with this index on.
    pub(crate) const fn starting_at(table: &'static str, row: &'a Row<'a>, column: usize) -> Self {
        Self { row, table, next: column }
    }

    fn value(&mut self) -> Result<ValueRef<'a>, Error> {
        let value = self.row.get_ref(self.next).doing("reading a cell")?;
        self.next += 1;
        Ok(value)
    }

    /// What to answer when the cell that was read last is out of place.
    pub(crate) const fn damaged(&self) -> Error {
        Error::Damaged { table: self.table, column: self.next.saturating_sub(1) }
    }

    fn integer_optional(&mut self) -> Result<Option<i64>, Error> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(self.damaged()),
        }
    }

    fn bytes_optional(&mut self) -> Result<Option<&'a [u8]>, Error> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(value) => Ok(Some(value)),
            ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Integer(_) => Err(self.damaged()),
        }
    }

    fn must<T>(&self, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.damaged())
    }

    pub(crate) fn u64_optional(&mut self) -> Result<Option<u64>, Error> {
        Ok(self.integer_optional()?.map(i64::cast_unsigned))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        let value = self.u64_optional()?;
        self.must(value)
    }

    pub(crate) fn u16_optional(&mut self) -> Result<Option<u16>, Error> {
        match self.integer_optional()? {
            None => Ok(None),
            Some(value) => u16::try_from(value).map(Some).map_err(|_| self.damaged()),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        let value = self.u16_optional()?;
        self.must(value)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        let value = self.u64()?;
        u32::try_from(value).map_err(|_| self.damaged())
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Error> {
        match self.integer_optional()? {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) | None => Err(self.damaged()),
        }
    }

    pub(crate) fn time_optional(&mut self) -> Result<Option<Timestamp>, Error> {
        Ok(self.u64_optional()?.map(Timestamp::from_ns))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Error> {
        Ok(Timestamp::from_ns(self.u64()?))
    }

    pub(crate) fn coded_optional<T: Coded>(&mut self) -> Result<Option<T>, Error> {
        match self.u16_optional()? {
            None => Ok(None),
            Some(code) => T::of_code(code).map(Some).ok_or_else(|| self.damaged()),
        }
    }

    pub(crate) fn coded<T: Coded>(&mut self) -> Result<T, Error> {
        let value = self.coded_optional()?;
        self.must(value)
    }

    pub(crate) fn currency_optional(&mut self) -> Result<Option<Currency>, Error> {
        match self.u16_optional()? {
            None => Ok(None),
            Some(numeric) => Currency::from_numeric(numeric).map(Some).ok_or_else(|| self.damaged()),
        }
    }

    pub(crate) fn currency(&mut self) -> Result<Currency, Error> {
        let value = self.currency_optional()?;
        self.must(value)
    }

    pub(crate) fn hash_optional(&mut self) -> Result<Option<[u8; 16]>, Error> {
        match self.bytes_optional()? {
            None => Ok(None),
            Some(bytes) => bytes.try_into().map(Some).map_err(|_| self.damaged()),
        }
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; 16], Error> {
        let value = self.hash_optional()?;
        self.must(value)
    }

    pub(crate) fn id_optional(&mut self) -> Result<Option<u128>, Error> {
        Ok(self.hash_optional()?.map(u128::from_be_bytes))
    }

    pub(crate) fn id(&mut self) -> Result<u128, Error> {
        Ok(u128::from_be_bytes(self.hash()?))
    }

    pub(crate) fn wide(&mut self) -> Result<u128, Error> {
        let bytes = self.bytes_optional()?;
        let bytes = self.must(bytes)?;
        let zeros = 16_usize.checked_sub(bytes.len()).ok_or_else(|| self.damaged())?;
        let mut whole = [0; 16];
        whole[zeros..].copy_from_slice(bytes);
        Ok(u128::from_be_bytes(whole))
    }

    pub(crate) fn amount(&mut self) -> Result<u128, Error> {
        match self.value()? {
            ValueRef::Integer(value) => u128::try_from(value).map_err(|_| self.damaged()),
            ValueRef::Blob(bytes) => bytes.try_into().map(u128::from_be_bytes).map_err(|_| self.damaged()),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn blob(&mut self) -> Result<Vec<u8>, Error> {
        let value = self.bytes_optional()?;
        Ok(self.must(value)?.to_vec())
    }

    pub(crate) fn text_optional(&mut self) -> Result<Option<String>, Error> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => core::str::from_utf8(bytes).map(|text| Some(text.to_owned())).map_err(|_| self.damaged()),
            ValueRef::Real(_) | ValueRef::Blob(_) | ValueRef::Integer(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        let value = self.text_optional()?;
        self.must(value)
    }

    /// Sealed bytes from two columns: whose key opens them, and they.
    pub(crate) fn sealed_optional(&mut self) -> Result<Option<Sealed>, Error> {
        let subject = self.id_optional()?;
        let bytes = self.bytes_optional()?;
        match (subject, bytes) {
            (None, None) => Ok(None),
            (Some(subject), Some(bytes)) => Ok(Some(Sealed { subject: SubjectId::from_u128(subject), bytes: bytes.to_vec() })),
            (Some(_), None) | (None, Some(_)) => Err(self.damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cells, Wide, amount, prefix, unsigned};
    use rusqlite::{Connection, params};

    #[test]
    fn numbers_of_every_size_read_back() {
        let connection = Connection::open_in_memory().unwrap();
        for value in [0_u128, 1, 255, 256, u128::from(u64::MAX >> 1), u128::from(u64::MAX), u128::MAX >> 1, u128::MAX] {
            let narrow = u64::try_from(value & u128::from(u64::MAX)).unwrap();
            let mut statement = connection.prepare("SELECT ?1, ?2, ?3").unwrap();
            let mut rows = statement.query(params![Wide::new(value), amount(value), unsigned(narrow)]).unwrap();
            let row = rows.next().unwrap().unwrap();
            let mut cells = Cells::new("test", row);
            assert_eq!((cells.wide().unwrap(), cells.amount().unwrap(), cells.u64().unwrap()), (value, value, narrow));
        }
        assert_eq!(prefix(u128::from(u64::MAX)), 0);
        assert_eq!(prefix(u128::MAX), -1);
    }

    #[test]
    fn a_cell_of_another_type_is_damage_and_not_a_panic() {
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = connection.prepare("SELECT 'text', 1.5, NULL, x'0102', -1").unwrap();
        let mut rows = statement.query([]).unwrap();
        let row = rows.next().unwrap().unwrap();
        for column in 0..5 {
            let cells = || Cells::starting_at("test", row, column);
            assert!(cells().u16().is_err(), "{column}");
            assert!(cells().id().is_err(), "{column}");
            assert!(cells().flag().is_err(), "{column}");
            assert!(cells().currency().is_err(), "{column}");
            assert!(cells().amount().is_err(), "{column}");
        }
        assert!(Cells::starting_at("test", row, 2).text_optional().unwrap().is_none());
    }
}
