//! On-Demand prices from the AWS Price List: the bulk offer file of Amazon EC2, and the answers of
//! `GetProducts`, which hold the same products one by one.
//!
//! Format: <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html>.
//! One type has dozens of products; the ordinary one is shared tenancy, capacity in use, without
//! pre-installed software and without a licence of one's own. A whole region is hundreds of
//! megabytes, so products of no interest are dropped while they are read.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use units::UsdPerHour;

use crate::fields::{ceil_ms, instance_type, instant, name, operating_system, price};
use crate::json_scalar::Scalar;
use crate::regions::by_location;
use crate::report::{Rejected, Tally, check_size};
use crate::{ImportError, Limits, OnDemandFile, OnDemandRow, Origin};

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
    let mut offer = Offer {
        tally: Tally::new(limits),
        origin,
        products: BTreeMap::new(),
        prices: BTreeMap::new(),
        refused: None,
        recognised: false,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
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
    let Offer { mut tally, products, prices, .. } = offer;
    let mut rows = Vec::new();
    for (sku, product) in products {
        let row = product.and_then(|wanted| match prices.get(&sku) {
            Some(Ok((since_ms, price))) => {
                Ok(OnDemandRow { since_ms: *since_ms, price: *price, ..wanted })
            }
            Some(Err(Rejected::Skip(reason))) => Err(Rejected::Skip(reason)),
            Some(Err(Rejected::Bad(reason))) => Err(Rejected::Bad(reason.clone())),
            None => Err(Rejected::Bad("no On-Demand price per hour".to_owned())),
        });
        rows.extend(tally.row(row, || format!("product {sku}"))?);
    }
    Ok(OnDemandFile { rows, origin: origin.clone(), report: tally.finish() })
}

/// The wanted products and every hourly On-Demand price, by stock keeping unit.
struct Offer<'a> {
    tally: Tally,
    origin: &'a Origin,
    products: BTreeMap<String, Result<OnDemandRow, Rejected>>,
    prices: BTreeMap<String, Result<(i64, UsdPerHour), Rejected>>,
    refused: Option<ImportError>,
    recognised: bool,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    sku: Scalar,
    #[serde(default, rename = "productFamily")]
    family: Scalar,
    #[serde(default)]
    attributes: Attributes,
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

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Term {
    effective_date: Scalar,
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Dimension {
    unit: Scalar,
    price_per_unit: BTreeMap<String, Scalar>,
}

impl Offer<'_> {
    fn product<E: Error>(&mut self, sku: String, product: &Product) -> Result<(), E> {
        self.recognised = true;
        match self.wanted(product) {
            Err(Rejected::Skip(reason)) => {
                self.tally.row::<()>(Err(Rejected::Skip(reason)), String::new).map(|_| ()).map_err(
                    |refused| {
                        self.refused = Some(refused);
                        E::custom("too many products")
                    },
                )
            }
            wanted => {
                self.products.insert(sku, wanted);
                Ok(())
            }
        }
    }

    fn wanted(&self, product: &Product) -> Result<OnDemandRow, Rejected> {
        let Attributes {
            instance_type: named,
            region_code,
            location,
            operating_system: system,
            tenancy,
            pre_installed_sw,
            license_model,
            capacitystatus,
            marketoption,
        } = &product.attributes;
        if !product.family.text().starts_with("Compute Instance") {
            return Err(Rejected::Skip("not a compute instance"));
        }
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
        let dimension = term
            .price_dimensions
            .values()
            .find(|dimension| matches!(dimension.unit.text(), "Hrs" | "hrs" | "Hours"))
            .ok_or_else(|| Rejected::Bad("no price per hour".to_owned()))?;
        let amount =
            dimension.price_per_unit.get("USD").ok_or(Rejected::Skip("price not in USD"))?;
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
                "products" => fields.next_value_seed(entries(|sku, product: Product| {
                    self.product(sku, &product)
                }))?,
                "product" => {
                    let product = fields.next_value::<Product>()?;
                    self.product(product.sku.text().to_owned(), &product)?;
                }
                "terms" => fields.next_value_seed(Terms(&mut *self))?,
                "PriceList" => fields.next_value_seed(ListEntry(&mut *self))?,
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    /// `GetProducts` packs each entry into a text.
    fn visit_str<E: Error>(self, packed: &str) -> Result<(), E> {
        serde_json::Deserializer::from_str(packed)
            .deserialize_map(self)
            .map_err(|error| E::custom(error.to_string()))
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
                kinds.next_value_seed(entries(|key: String, found: TermOrTerms| {
                    let sku = key.split('.').next().unwrap_or(&key);
                    for term in found.0 {
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

/// What stands under a key of `OnDemand`: one term, or several by their code.
struct TermOrTerms(Vec<Term>);

impl<'de> Deserialize<'de> for TermOrTerms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TermOrTerms, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TermOrTerms;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a term, or terms by code")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<TermOrTerms, A::Error> {
                let mut single = Term::default();
                let mut several = Vec::new();
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "effectiveDate" => single.effective_date = fields.next_value()?,
                        "priceDimensions" => single.price_dimensions = fields.next_value()?,
                        // Codes of terms carry the product's code and a dot.
                        code if code.contains('.') => several.push(fields.next_value()?),
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                if several.is_empty() {
                    several.push(single);
                }
                Ok(TermOrTerms(several))
            }
        }
        deserializer.deserialize_map(Either)
    }
}

/// A seed that hands every entry of an object to a closure, so that none is kept.
fn entries<V, F>(each: F) -> Entries<V, F> {
    Entries { each, value: PhantomData }
}

struct Entries<V, F> {
    each: F,
    value: PhantomData<V>,
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), serde_json::Error>>
    DeserializeSeed<'de> for Entries<V, F>
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), serde_json::Error>> Visitor<'de>
    for Entries<V, F>
{
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object keyed by code")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some((key, value)) = fields.next_entry::<String, V>()? {
            (self.each)(key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
