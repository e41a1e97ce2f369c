//! Between our types and the databases'.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

use crate::StoreError;

/// An instant: `timestamptz` in PostgreSQL, microseconds since 1970 in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) Timestamp);

/// A day: `date` in PostgreSQL, its ISO 8601 text in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) Date);

/// PostgreSQL counts from the start of 2000.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
const POSTGRES_EPOCH_DAYS: i32 = 10_957;
/// The earliest instant that PostgreSQL knows, in its own count: 4713 BC. Earlier ones only ever stand
/// for "from the beginning".
const POSTGRES_EARLIEST: i64 = -211_813_488_000_000_000;

const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);
const DATE: Oid = Oid(1082);

impl At {
    fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Microseconds as PostgreSQL counts them.
    pub(crate) fn to_postgres(self) -> i64 {
        (self.micros() - POSTGRES_EPOCH_MICROS).max(POSTGRES_EARLIEST)
    }

    fn from_micros(micros: i64) -> Result<At, BoxDynError> {
        Ok(At(Timestamp::from_microsecond(micros)?))
    }
}

impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for At {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Postgres>>::encode_by_ref(&self.to_postgres(), buffer)
    }
}

impl Decode<'_, Postgres> for At {
    fn decode(value: PgValueRef<'_>) -> Result<At, BoxDynError> {
        if value.format() == PgValueFormat::Text {
            return Err("instants are read in the binary form only".into());
        }
        let micros = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        At::from_micros(micros.saturating_add(POSTGRES_EPOCH_MICROS))
    }
}

impl Type<Sqlite> for At {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(known: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(known)
    }
}

impl Encode<'_, Sqlite> for At {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Sqlite>>::encode_by_ref(&self.micros(), buffer)
    }
}

impl Decode<'_, Sqlite> for At {
    fn decode(value: SqliteValueRef<'_>) -> Result<At, BoxDynError> {
        At::from_micros(<i64 as Decode<'_, Sqlite>>::decode(value)?)
    }
}

impl Type<Postgres> for Day {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(DATE)
    }
}

impl Encode<'_, Postgres> for Day {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let since = Date::constant(1970, 1, 1).until(self.0)?.get_days() - POSTGRES_EPOCH_DAYS;
        <i32 as Encode<'_, Postgres>>::encode_by_ref(&since, buffer)
    }
}

impl Decode<'_, Postgres> for Day {
    fn decode(value: PgValueRef<'_>) -> Result<Day, BoxDynError> {
        let days = i32::from_be_bytes(value.as_bytes()?.try_into()?);
        let span = jiff::Span::new().try_days(days.saturating_add(POSTGRES_EPOCH_DAYS))?;
        Ok(Day(Date::constant(1970, 1, 1).checked_add(span)?))
    }
}

impl Type<Sqlite> for Day {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }

    fn compatible(known: &SqliteTypeInfo) -> bool {
        <String as Type<Sqlite>>::compatible(known)
    }
}

impl Encode<'_, Sqlite> for Day {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Sqlite>>::encode(self.0.to_string(), buffer)
    }
}

impl Decode<'_, Sqlite> for Day {
    fn decode(value: SqliteValueRef<'_>) -> Result<Day, BoxDynError> {
        Ok(Day(<&str as Decode<'_, Sqlite>>::decode(value)?.parse()?))
    }
}

/// Compresses content; the length beside it is needed to read it back.
pub(crate) fn pack(content: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(content)
}

/// Content as it was.
pub(crate) fn unpack(what: &str, packed: &[u8], length: i64) -> Result<Vec<u8>, StoreError> {
    let damaged = |why: String| StoreError::Damaged { what: what.to_owned(), why };
    let length = usize::try_from(length).map_err(|error| damaged(error.to_string()))?;
    lz4_flex::block::decompress(packed, length).map_err(|error| damaged(error.to_string()))
}

/// Whole numbers as the databases count them.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_content_is_an_error() {
        let packed = pack(b"hello hello hello hello");
        assert_eq!(unpack("x", &packed, 23).unwrap(), b"hello hello hello hello");
        assert!(unpack("x", &packed[..packed.len() - 3], 23).is_err());
        assert!(unpack("x", &packed, -1).is_err());
    }
}
