//! Which pools are meant: patterns against the types that are known.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use facts::names::Region;
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fetch::matches_any;
use crate::models::ModelNeed;
use crate::{App, Error, FieldError};

/// The most patterns and names of one request.
const MOST_PATTERNS: usize = 1000;

/// Types, regions and products as somebody asked for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) instance_types: Vec<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) products: Vec<String>,
}

/// How many known types a pattern fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatternMatches {
    /// As it was asked for.
    pub pattern: String,
    /// How many types.
    pub matches: u64,
}

/// The pools that are meant.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Sorted, each once.
    pub(crate) regions: Vec<Region>,
    /// Names, sorted, each once.
    pub(crate) instance_types: Vec<String>,
    pub(crate) products: Vec<Product>,
    pub(crate) patterns: Vec<PatternMatches>,
}

impl App {
    /// The pools that are meant. What was not said follows from what the model needs, else from what
    /// is stored.
    pub(crate) async fn scope(&self, wanted: &Wanted, need: &ModelNeed) -> Result<Scope, Error> {
        let mut wrong = Vec::new();
        let mut regions: Vec<Region> = each("regions", &wanted.regions, &mut wrong);
        let mut products: Vec<Product> = each("products", &wanted.products, &mut wrong);
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        if regions.is_empty() {
            regions = need.regions.iter().filter_map(|name| name.parse().ok()).collect();
        }
        if regions.is_empty() {
            let stored = self.store.priced_regions().await?;
            regions = stored.iter().filter_map(|(name, _)| name.parse().ok()).collect();
        }
        if regions.is_empty() {
            return Err(field(
                "/regions",
                "required",
                "no region is named, the model names none and none has prices yet; \
                 name one, such as us-east-1",
            ));
        }
        regions.sort();
        regions.dedup();
        if products.is_empty() {
            products.push(Product::LinuxUnix);
        }
        products.sort();
        products.dedup();
        let names: Vec<&str> = regions.iter().map(Region::as_str).collect();
        let priced = self.store.priced_types(&names).await?;
        let (pointer, patterns) = if wanted.instance_types.is_empty() {
            ("the model's instance_types", need.instance_types.as_slice())
        } else {
            ("/instance_types", wanted.instance_types.as_slice())
        };
        if patterns.is_empty() {
            return self.everything(regions, products, priced).await;
        }
        let desk = self.desk();
        let instances = desk.market().instances();
        let mut known: BTreeSet<String> =
            instances.iter().map(|instance| instance.instance_type.to_string()).collect();
        known.extend(priced);
        let (instance_types, patterns) = expanded(pointer, patterns, &known)?;
        Ok(Scope { regions, instance_types, products, patterns })
    }

    /// All types that have prices in some regions.
    async fn everything(
        &self,
        regions: Vec<Region>,
        products: Vec<Product>,
        priced: Vec<String>,
    ) -> Result<Scope, Error> {
        if priced.is_empty() {
            return Err(field(
                "/instance_types",
                "required",
                "no type is named, the model names none and none has prices in these regions yet; \
                 name some, such as m5.*",
            ));
        }
        Ok(Scope { regions, instance_types: priced, products, patterns: Vec::new() })
    }
}

/// The types that patterns fit, sorted, and how many each of them does.
fn expanded(
    pointer: &str,
    patterns: &[String],
    known: &BTreeSet<String>,
) -> Result<(Vec<String>, Vec<PatternMatches>), Error> {
    if patterns.len() > MOST_PATTERNS {
        let detail = format!("has more than {MOST_PATTERNS} entries; use patterns");
        return Err(field(pointer, "too_many", &detail));
    }
    let (mut types, mut counts, mut wrong) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (position, pattern) in patterns.iter().enumerate() {
        let one = std::slice::from_ref(pattern);
        let fitting = known.iter().filter(|name| matches_any(one, name));
        let fitting: Vec<&String> = fitting.collect();
        if fitting.is_empty() {
            let shown: String = pattern.chars().take(60).collect();
            wrong.push(FieldError {
                pointer: format!("{pointer}/{position}"),
                code: "no_match",
                detail: format!(
                    "`{shown}` fits none of the {} known instance types; the catalogue and the \
                     stored prices say which are known",
                    known.len()
                ),
            });
        }
        counts.push(PatternMatches { pattern: pattern.clone(), matches: fitting.len() as u64 });
        types.extend(fitting.into_iter().cloned());
    }
    if wrong.is_empty() {
        Ok((types.into_iter().collect(), counts))
    } else {
        Err(Error::Invalid(wrong))
    }
}

fn each<T: FromStr>(name: &str, texts: &[String], wrong: &mut Vec<FieldError>) -> Vec<T>
where
    T::Err: Display,
{
    let mut found = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(value) => found.push(value),
            Err(error) => wrong.push(FieldError {
                pointer: format!("/{name}/{position}"),
                code: "invalid",
                detail: T::Err::to_string(&error),
            }),
        }
    }
    found
}

/// One field that is wrong.
pub(crate) fn field(pointer: &str, code: &'static str, detail: &str) -> Error {
    Error::Invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        code,
        detail: detail.to_owned(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_counted_and_unknown_ones_named() {
        let known: BTreeSet<String> =
            ["c5.large", "m5.large", "m5.xlarge", "m5a.large"].map(str::to_owned).into();
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let asked = texts(&["m5.*", "m5.large"]);
        let (types, counts) = expanded("/instance_types", &asked, &known).unwrap();
        assert_eq!(types, ["m5.large", "m5.xlarge"]);
        let counts: Vec<u64> = counts.iter().map(|one| one.matches).collect();
        assert_eq!(counts, [2, 1]);
        let wrong = expanded("/instance_types", &texts(&["m5.*", "z9.*", "m5.lrage"]), &known);
        let Err(Error::Invalid(fields)) = wrong else { panic!("it was taken") };
        let pointers: Vec<&str> = fields.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/instance_types/1", "/instance_types/2"]);
    }
}
