//! The compact tables in which this project bundles its facts: one type a row, and for each
//! region, operating system and date a column.
//!
//! Prices: columns `linux us-east-1@2026-07-20T13:44:30Z`, cells in dollars per hour.
//! Advisor: columns `advisor linux us-east-1@…`, cells `class:savings`, either side may be empty.
//! A blank cell is nothing known.

use facts::names::{InstanceType, OperatingSystem, Region};
use jiff::Timestamp;

use crate::csv_table::{Row, Table};
use crate::error::shown;
use crate::fields::{ceil_ms, from_ms, instance_type, instant, name, operating_system, price};
use crate::report::{Rejected, Tally};
use crate::{
    AdvisorBucket, AdvisorFile, AdvisorRow, ImportError, ImportReport, Limits, OnDemandFile,
    OnDemandRow, Origin,
};

/// Reads a matrix of list prices.
///
/// # Errors
/// No column of prices, or more than the limits allow.
pub fn parse_on_demand_matrix(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<OnDemandFile, ImportError> {
    let (rows, report) = read(bytes, origin, limits, |instance_type, column, cell| {
        Ok(OnDemandRow {
            region: column.region.clone(),
            operating_system: column.operating_system,
            instance_type,
            since_ms: ceil_ms(column.at),
            price: price(cell)?,
        })
    })?;
    Ok(OnDemandFile { rows, origin: origin.clone(), report })
}

/// Reads a matrix of advisor entries.
///
/// # Errors
/// No column of entries, or more than the limits allow.
pub fn parse_advisor_matrix(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<AdvisorFile, ImportError> {
    let (rows, report) = read(bytes, origin, limits, |instance_type, column, cell| {
        let wrong = || Rejected::Bad(format!("`{}` is not class:savings", shown(cell)));
        let (class, savings) = cell.split_once(':').ok_or_else(wrong)?;
        let known = |text: &str| (!text.is_empty()).then(|| text.parse::<i16>());
        let class = known(class).transpose().map_err(|_| wrong())?;
        let bucket = match class {
            None => None,
            Some(class) => {
                let class = u8::try_from(class).map_err(|_| wrong())?;
                Some(AdvisorBucket::try_from(class).map_err(|_| wrong())?)
            }
        };
        let savings_percent = known(savings).transpose().map_err(|_| wrong())?;
        if savings_percent.is_some_and(|percent| !(-1000..=100).contains(&percent)) {
            return Err(wrong());
        }
        Ok(AdvisorRow {
            region: column.region.clone(),
            operating_system: column.operating_system,
            instance_type,
            bucket,
            savings_percent,
            observed_at: column.at,
        })
    })?;
    Ok(AdvisorFile { rows, origin: origin.clone(), report })
}

struct Column {
    position: usize,
    title: String,
    region: Region,
    operating_system: OperatingSystem,
    at: Timestamp,
}

fn read<T>(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
    cell: impl Fn(InstanceType, &Column, &str) -> Result<T, Rejected>,
) -> Result<(Vec<T>, ImportReport), ImportError> {
    let mut table = Table::open(bytes, limits)?;
    let types = table.need(&["instance_type"], "instance_type")?;
    let mut tally = Tally::new(limits);
    let mut columns = Vec::new();
    for (position, title) in table.header().iter().enumerate() {
        if title.contains('@') {
            match column(position, title, origin) {
                Ok(column) => columns.push(column),
                Err(rejected) => {
                    tally.row::<()>(Err(rejected), || format!("column {position}"))?;
                }
            }
        }
    }
    if columns.is_empty() {
        table.need(&[], "a column such as `linux us-east-1@2026-07-20T13:44:30Z`")?;
    }
    let mut kept = Vec::new();
    while let Some((line, row)) = table.next_row()? {
        for column in &columns {
            let read = match entry(row, types, column) {
                Ok(None) => continue,
                Ok(Some((named, text))) => cell(named, column, text),
                Err(rejected) => Err(rejected),
            };
            kept.extend(tally.row(read, || format!("line {line}, {}", column.title))?);
        }
    }
    Ok((kept, tally.finish()))
}

fn entry<'a>(
    row: Row<'a>,
    types: usize,
    column: &Column,
) -> Result<Option<(InstanceType, &'a str)>, Rejected> {
    let text = row.text(Some(column.position))?;
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some((instance_type(row.need(types, "instance_type")?)?, text)))
}

fn column(position: usize, title: &str, origin: &Origin) -> Result<Column, Rejected> {
    let wrong =
        || Rejected::Bad(format!("`{}` does not name system, region and instant", shown(title)));
    let body = title.strip_prefix("advisor ").unwrap_or(title);
    let (pool, at) = body.split_once('@').ok_or_else(wrong)?;
    let (system, region) = pool.split_once(' ').ok_or_else(wrong)?;
    Ok(Column {
        position,
        title: title.to_owned(),
        region: name(region)?,
        operating_system: operating_system(system)?,
        at: from_ms(instant(at, origin.observed_at)?),
    })
}
