//! On-Demand prices one page at a time: `GetProducts` of the Price List API.
//!
//! It needs credentials where the bulk file needs none, and asks for one region's ordinary products
//! alone, so that a hundred kilobytes come instead of hundreds of megabytes.

use facts::names::{InstanceType, OperatingSystem, Region};
use market::{OnDemandRow, parse_products_page};
use reqwest::Method;
use serde_json::json;

use crate::request::Call;
use crate::{Aws, Cursor, Error, Page};

const OPERATION: &str = "GetProducts";

/// The most products of one page.
const PRODUCTS_OF_A_PAGE: u32 = 100;

impl Aws {
    /// One page of On-Demand prices of a region: shared tenancy, capacity in use, no other licence.
    /// All types, or one.
    ///
    /// # Errors
    /// Every [`Error`] of a signed request.
    pub async fn products(
        &self,
        region: &Region,
        operating_system: OperatingSystem,
        instance_type: Option<&InstanceType>,
        cursor: &Cursor,
    ) -> Result<Page<OnDemandRow>, Error> {
        let system = match operating_system {
            OperatingSystem::Linux => "Linux",
            OperatingSystem::Windows => "Windows",
        };
        let mut wanted = vec![
            ("regionCode", region.as_str()),
            ("operatingSystem", system),
            ("tenancy", "Shared"),
            ("capacitystatus", "Used"),
            ("preInstalledSw", "NA"),
            ("licenseModel", "No License required"),
        ];
        wanted.extend(instance_type.map(|named| ("instanceType", named.as_str())));
        let filters: Vec<_> = wanted
            .into_iter()
            .map(|(field, value)| json!({"Type": "TERM_MATCH", "Field": field, "Value": value}))
            .collect();
        let mut body = json!({
            "ServiceCode": "AmazonEC2",
            "FormatVersion": "aws_v1",
            "MaxResults": PRODUCTS_OF_A_PAGE,
            "Filters": filters,
        });
        if let Some(token) = &cursor.token {
            body["NextToken"] = json!(token);
        }
        let config = &self.requester.config;
        let call = Call {
            operation: OPERATION,
            url: config.pricing(),
            method: Method::POST,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "AWSPriceListService.GetProducts".to_owned()),
            ],
            body: body.to_string().into_bytes(),
            signed_for: Some(("pricing", config.pricing_region.clone())),
            with_token: cursor.token.is_some(),
            largest: None,
        };
        let limits = self.page_limits();
        let page = self
            .requester
            .ask(&call, |answer| parse_products_page(&answer.body, &answer.origin, &limits))
            .await?;
        let next = cursor.next(OPERATION, page.next_token, config.pages)?;
        Ok(Page { rows: page.rows, report: page.report, next })
    }
}
