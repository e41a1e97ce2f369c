//! What instance types are, and which zones an account sees: `DescribeInstanceTypes` and
//! `DescribeAvailabilityZones`.

use facts::names::Region;
use market::{Instance, ZoneRow, parse_instance_page, parse_zones};

use crate::ec2::Form;
use crate::spot_history::patterns;
use crate::{Aws, Cursor, Error, Page};

/// The most types of one page.
const TYPES_OF_A_PAGE: u32 = 100;

impl Aws {
    /// One page of the instance types that a region offers, by names or patterns (empty: all).
    ///
    /// # Errors
    /// Every [`Error`] of a signed request.
    pub async fn instance_types(
        &self,
        region: &Region,
        instance_types: &[String],
        cursor: &Cursor,
    ) -> Result<Page<Instance>, Error> {
        const OPERATION: &str = "DescribeInstanceTypes";
        let mut form = Form::new(OPERATION);
        form.filter("instance-type", patterns(instance_types)?)?;
        form.page(cursor, TYPES_OF_A_PAGE);
        let call = form.call(&self.requester, region);
        let limits = self.page_limits();
        let page =
            self.requester.ask(&call, |answer| parse_instance_page(&answer.body, &limits)).await?;
        let next = cursor.next(OPERATION, page.next_token, self.requester.config.pages)?;
        Ok(Page { rows: page.rows, report: page.report, next })
    }

    /// The zones of a region by name and identifier, as this account names them. One page.
    ///
    /// # Errors
    /// Every [`Error`] of a signed request.
    pub async fn zones(&self, region: &Region) -> Result<Page<ZoneRow>, Error> {
        let call = Form::new("DescribeAvailabilityZones").call(&self.requester, region);
        let limits = self.page_limits();
        let page =
            self.requester.ask(&call, |answer| parse_zones(&answer.body, region, &limits)).await?;
        Ok(Page { rows: page.rows, report: page.report, next: None })
    }
}
