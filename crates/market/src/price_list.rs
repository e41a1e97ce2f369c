//! On-Demand prices from the AWS Price List: the bulk offer file of Amazon EC2, and the answers of
//! `GetProducts`, which hold the same products one by one.
//!
//! Format: <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html>.
//! One type has dozens of products; the ordinary one is shared tenancy, capacity in use, without
//! pre-installed software and without a licence of one's own. A whole region is hundreds of
//! megabytes, so products of no interest are dropped while they are read.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::de::{IoRead, Read as Source, SliceRead};
use units::UsdPerHour;

use crate::error::shown;
use crate::fields::{ceil_ms, instance_type, instant, name, operating_system, price};
use crate::json_scalar::Scalar;
use crate::lenient::Lenient;
use crate::price_list_terms::{Dimension, Term, TermOrTerms, entries};
use crate::regions::by_location;
use crate::report::{Rejected, Tally, check_size};
use crate::{ImportError, Limits, OnDemandFile, OnDemandRow, Origin, Page};

const EXPECTED: &str = "an AmazonEC2 offer file {products, terms} or GetProducts entries";

/// Reads a bulk offer file, a `GetProducts` answer, or a bare list of its entries.
///
/// A price counts from its term's effective date on.
///
/// # Errors
/// Broken JSON, another shape, or more than the limits allow.
pub fn parse_price_list(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<OnDemandFile, ImportError> {
    check_size(bytes, limits)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Ok(read_offer(SliceRead::new(bytes), origin, limits)?.0)
}

/// Reads one `GetProducts` answer and the token of its next page.
///
/// # Errors
/// Broken JSON, another shape, or more than the limits allow.
pub fn parse_products_page(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<Page<OnDemandRow>, ImportError> {
    check_size(bytes, limits)?;
    let (OnDemandFile { rows, report, .. }, next_token) =
        read_offer(SliceRead::new(bytes), origin, limits)?;
    Ok(Page { rows, report, next_token })
}

/// As [`parse_price_list`], from a stream, in memory that does not grow with the file: what is kept
/// is one line for each ordinary product, and where terms come before products (which no published
/// file does) one for each product.
///
/// # Errors
/// As [`parse_price_list`], or what the stream reports.
pub fn read_price_list(
    stream: impl Read,
    origin: &Origin,
    limits: &Limits,
) -> Result<OnDemandFile, ImportError> {
    let mut counted = Counted { stream, left: limits.bytes, exceeded: false };
    let buffered = BufReader::with_capacity(1 << 16, &mut counted);
    let read = read_offer(IoRead::new(buffered), origin, limits);
    if counted.exceeded {
        return Err(ImportError::TooLarge { what: "file bytes", limit: limits.bytes as u64 });
    }
    Ok(read?.0)
}

/// Refuses to hand on more bytes than allowed.
struct Counted<R> {
    stream: R,
    left: usize,
    exceeded: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(std::io::Error::other("more bytes than allowed"));
            }
        }
        Ok(count)
    }
}

fn read_offer<'de, S: Source<'de>>(
    source: S,
    origin: &Origin,
    limits: &Limits,
) -> Result<(OnDemandFile, Option<String>), ImportError> {
    let mut offer = Offer {
        tally: Tally::new(limits),
        origin,
        products: BTreeMap::new(),
        prices: BTreeMap::new(),
        refused: None,
        recognised: false,
        products_are_known: false,
        next_token: None,
    };
    let mut reader = serde_json::Deserializer::new(source);
    let read = reader.deserialize_any(&mut offer).and_then(|()| reader.end());
    if let Some(refused) = offer.refused {
        return Err(refused);
    }
    read.map_err(|error| ImportError::json(&error, EXPECTED))?;
    if !offer.recognised {
        return Err(ImportError::Json {
            line: 1,
            column: 1,
            detail: "no products".to_owned(),
            expected: EXPECTED,
        });
    }
    let Offer { mut tally, products, mut prices, next_token, .. } = offer;
    let mut rows = Vec::new();
    for (sku, product) in products {
        let row = product.and_then(|wanted| match prices.remove(&sku) {
            Some(Ok((since_ms, price))) => Ok(OnDemandRow { since_ms, price, ..wanted }),
            Some(Err(rejected)) => Err(rejected),
            None => Err(Rejected::Bad("no On-Demand price per hour".to_owned())),
        });
        rows.extend(tally.row(row, || format!("product {sku}"))?);
    }
    let file = OnDemandFile { rows, origin: origin.clone(), report: tally.finish() };
    Ok((file, next_token))
}

/// The wanted products and their hourly On-Demand prices, by stock keeping unit.
struct Offer<'a> {
    tally: Tally,
    origin: &'a Origin,
    products: BTreeMap<String, Result<OnDemandRow, Rejected>>,
    prices: BTreeMap<String, Result<(i64, UsdPerHour), Rejected>>,
    refused: Option<ImportError>,
    recognised: bool,
    /// Whether all products were read, so that prices of the others need not be kept.
    products_are_known: bool,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    sku: Scalar,
    #[serde(default, rename = "productFamily")]
    family: Scalar,
    #[serde(default)]
    attributes: Lenient<Attributes>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    instance_type: Scalar,
    region_code: Scalar,
    location: Scalar,
    operating_system: Scalar,
    tenancy: Scalar,
    pre_installed_sw: Scalar,
    license_model: Scalar,
    capacitystatus: Scalar,
    marketoption: Scalar,
}

impl Offer<'_> {
    /// Counts an entry that is not kept; an error only when there are too many.
    fn dropped<E: Error>(&mut self, why: Rejected, place: &str) -> Result<(), E> {
        self.tally.row::<()>(Err(why), || place.to_owned()).map(|_| ()).map_err(|refused| {
            self.refused = Some(refused);
            E::custom("too many products")
        })
    }

    fn product<E: Error>(&mut self, sku: String, product: &Lenient<Product>) -> Result<(), E> {
        self.recognised = true;
        let wanted = match &product.0 {
            Some(product) => self.wanted(product),
            None => Err(Rejected::Bad("expected an object with attributes".to_owned())),
        };
        match wanted {
            Err(Rejected::Skip(reason)) => self.dropped(Rejected::Skip(reason), &sku),
            wanted => {
                self.products.insert(sku, wanted);
                Ok(())
            }
        }
    }

    fn wanted(&self, product: &Product) -> Result<OnDemandRow, Rejected> {
        if !product.family.text().starts_with("Compute Instance") {
            return Err(Rejected::Skip("not a compute instance"));
        }
        let Some(Attributes {
            instance_type: named,
            region_code,
            location,
            operating_system: system,
            tenancy,
            pre_installed_sw,
            license_model,
            capacitystatus,
            marketoption,
        }) = &product.attributes.0
        else {
            return Err(Rejected::Bad("attributes are no object".to_owned()));
        };
        let ordinary = [
            (tenancy, "Shared", "not shared tenancy"),
            (capacitystatus, "Used", "reserved capacity"),
            (pre_installed_sw, "NA", "pre-installed software"),
            (license_model, "No License required", "licence of one's own"),
        ];
        for (attribute, expected, reason) in ordinary {
            if attribute.text() != expected {
                return Err(Rejected::Skip(reason));
            }
        }
        if !matches!(marketoption.text(), "" | "OnDemand") {
            return Err(Rejected::Skip("capacity block"));
        }
        let operating_system = operating_system(system.text())?;
        let region = match region_code.text() {
            "" => by_location(location.text()).ok_or_else(|| {
                Rejected::Bad(format!("location {location} is not in the table of regions"))
            })?,
            code => name(code)?,
        };
        Ok(OnDemandRow {
            region,
            operating_system,
            instance_type: instance_type(named.text())?,
            since_ms: ceil_ms(self.origin.observed_at),
            price: UsdPerHour::ZERO,
        })
    }

    fn term(&mut self, sku: &str, term: &Term) {
        if self.products_are_known && !self.products.contains_key(sku) {
            return;
        }
        let read = self.hourly(term);
        // Of several terms of one product the latest effective one holds.
        let later = match (&read, self.prices.get(sku)) {
            (Ok(new), Some(Ok(old))) => new > old,
            (Err(_), Some(_)) => false,
            _ => true,
        };
        if later {
            self.prices.insert(sku.to_owned(), read);
        }
    }

    fn hourly(&self, term: &Term) -> Result<(i64, UsdPerHour), Rejected> {
        let hours =
            |dimension: &&Dimension| matches!(dimension.unit.text(), "Hrs" | "hrs" | "Hours");
        let dimensions = term.price_dimensions.0.iter().flat_map(BTreeMap::values);
        let dimension = dimensions
            .filter_map(|dimension| dimension.0.as_ref())
            .find(hours)
            .ok_or_else(|| Rejected::Bad("no price per hour".to_owned()))?;
        let per_unit = dimension.price_per_unit.0.as_ref();
        let amount = per_unit
            .and_then(|prices| prices.get("USD"))
            .ok_or(Rejected::Skip("price not in USD"))?;
        let since_ms = match term.effective_date.text() {
            "" => ceil_ms(self.origin.observed_at),
            text => instant(text, self.origin.observed_at)?,
        };
        Ok((since_ms, price(amount.text())?))
    }
}

impl<'de> Visitor<'de> for &mut Offer<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_element_seed(ListEntry(&mut *self))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            match key.as_str() {
                "products" => {
                    fields.next_value_seed(entries(|sku, product: Lenient<Product>| {
                        self.product(sku, &product)
                    }))?;
                    self.products_are_known = true;
                }
                "product" => {
                    let product = fields.next_value::<Lenient<Product>>()?;
                    let sku = product.0.as_ref().map_or("", |product| product.sku.text());
                    self.product(sku.to_owned(), &product)?;
                }
                "NextToken" => {
                    let token = fields.next_value::<Scalar>()?;
                    self.next_token = Some(token.text().to_owned()).filter(|text| !text.is_empty());
                }
                "terms" => fields.next_value_seed(Terms(&mut *self))?,
                "PriceList" => {
                    self.recognised = true;
                    fields.next_value_seed(ListEntry(&mut *self))?;
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    /// `GetProducts` packs each entry into a text; a broken one spoils itself only.
    fn visit_str<E: Error>(self, packed: &str) -> Result<(), E> {
        let read = serde_json::Deserializer::from_str(packed).deserialize_map(&mut *self);
        match read {
            Err(error) if self.refused.is_none() => {
                let reason = format!("not JSON: {}", shown(&error.to_string()));
                self.dropped(Rejected::Bad(reason), packed)
            }
            Err(error) => Err(E::custom(error)),
            Ok(()) => Ok(()),
        }
    }
}

struct ListEntry<'a, 'b>(&'a mut Offer<'b>);

impl<'de> DeserializeSeed<'de> for ListEntry<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// `OnDemand` → product → term in a bulk file, `OnDemand` → `product.term` in `GetProducts`.
struct Terms<'a, 'b>(&'a mut Offer<'b>);

impl<'de> DeserializeSeed<'de> for Terms<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Terms<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("terms by kind")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut kinds: A) -> Result<(), A::Error> {
        while let Some(kind) = kinds.next_key::<String>()? {
            if kind == "OnDemand" {
                kinds.next_value_seed(entries(|key: String, found: Lenient<TermOrTerms>| {
                    let sku = key.split('.').next().unwrap_or(&key);
                    for term in found.0.into_iter().flat_map(|terms| terms.0) {
                        self.0.term(sku, &term);
                    }
                    Ok(())
                }))?;
            } else {
                kinds.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
