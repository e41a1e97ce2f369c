use facts::names::Region;
use market::{
    Limits, Place, Product, parse_instance_page, parse_products_page, parse_region_index,
    parse_spot_page, parse_spot_rows, parse_zones, read_price_list,
};

use crate::{limits, origin};

fn region() -> Region {
    "us-east-1".parse().unwrap()
}

fn spot_page(items: &str, token: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<DescribeSpotPriceHistoryResponse xmlns=\"x\">\
         <requestId>r</requestId><spotPriceHistorySet>{items}</spotPriceHistorySet>{token}\
         </DescribeSpotPriceHistoryResponse>"
    )
}

fn item(zone: &str, product: &str, price: &str, more: &str) -> String {
    format!(
        "<item><instanceType>m5.large</instanceType><productDescription>{product}\
         </productDescription><spotPrice>{price}</spotPrice>\
         <timestamp>2026-07-01T10:00:00.000Z</timestamp>\
         <availabilityZone>{zone}</availabilityZone>{more}</item>"
    )
}

#[test]
fn a_page_of_spot_prices_keeps_products_zones_and_token() {
    let items = [
        item("us-east-1a", "Linux/UNIX", "0.035000", ""),
        item("us-east-1a", "Red Hat Enterprise Linux", "0.095000", ""),
        item(
            "us-east-1-wl1-bos-wlz-1",
            "Windows (Amazon VPC)",
            "0.127",
            "<availabilityZoneId>use1-wl1-bos-az1</availabilityZoneId>",
        ),
        item("eu-west-1a", "Linux/UNIX", "0.035000", ""),
        item("us-east-1a", "Linux/UNIX", "1001", ""),
        item("us-east-1a", "Linux/UNIX", "0.000000", ""),
    ];
    let text = spot_page(&items.concat(), "<nextToken>a&amp;b==</nextToken>");
    let page = parse_spot_page(text.as_bytes(), &region(), &origin(), &limits()).unwrap();
    let products: Vec<Product> = page.rows.iter().map(|row| row.product).collect();
    let expected = [Product::LinuxUnix, Product::RedHatEnterpriseLinux, Product::Windows];
    assert_eq!(products, expected);
    let local = &page.rows[2];
    assert_eq!(local.place, Place::Zone("us-east-1-wl1-bos-wlz-1".parse().unwrap()));
    assert_eq!(local.zone_id, Some("use1-wl1-bos-az1".parse().unwrap()));
    assert_eq!((local.price.nanos(), local.at_ms), (127_000_000, 1_782_900_000_000));
    assert_eq!(page.next_token.as_deref(), Some("a&b=="));
    assert_eq!((page.report.rows_read, page.report.quarantined), (6, 2));
    assert_eq!(page.report.skipped.get("price not published"), Some(&1));
    let last = spot_page("", "<nextToken/>");
    let page = parse_spot_page(last.as_bytes(), &region(), &origin(), &limits()).unwrap();
    assert_eq!((page.rows, page.next_token), (Vec::new(), None));
}

#[test]
fn other_answers_are_refused_and_cut_ones_are_known() {
    let read = |text: &str| parse_spot_page(text.as_bytes(), &region(), &origin(), &limits());
    let whole = spot_page(&item("us-east-1a", "Linux/UNIX", "0.035", ""), "");
    assert!(read(&whole).is_ok());
    for end in (30..whole.len()).step_by(7) {
        let error = read(&whole[..end]).unwrap_err();
        assert!(error.is_cut(), "{end}: {error}");
    }
    let check = |text: &str, part: &str| {
        let error = read(text).unwrap_err();
        assert!(!error.is_cut() && error.to_string().contains(part), "{text}: {error}");
    };
    check("<html><body>", "element `html`");
    check(
        "<DescribeSpotPriceHistoryResponse></DescribeSpotPriceHistoryResponse>",
        "no element `spotPriceHistorySet`",
    );
    check("{}", "no element");
    let few = Limits { rows: 0, ..limits() };
    let error = parse_spot_page(whole.as_bytes(), &region(), &origin(), &few).unwrap_err();
    assert!(error.to_string().contains("rows exceeds"), "{error}");
}

#[test]
fn zones_and_odd_types() {
    let zones = "<DescribeAvailabilityZonesResponse><availabilityZoneInfo>\
         <item><zoneName>us-east-1a</zoneName><zoneId>use1-az6</zoneId>\
         <zoneType>availability-zone</zoneType></item>\
         <item><zoneName>us-east-1b</zoneName><zoneId>b</zoneId></item>\
         </availabilityZoneInfo></DescribeAvailabilityZonesResponse>";
    let page = parse_zones(zones.as_bytes(), &region(), &limits()).unwrap();
    assert_eq!((page.rows.len(), page.report.quarantined), (1, 1));
    assert_eq!(page.rows[0].zone_id.as_str(), "use1-az6");

    let one = |name: &str, architecture: &str, more: &str| {
        format!(
            "<item><instanceType>{name}</instanceType><processorInfo><supportedArchitectures>\
             <item>{architecture}</item></supportedArchitectures></processorInfo>\
             <memoryInfo><sizeInMiB>1024</sizeInMiB></memoryInfo>{more}</item>"
        )
    };
    let cpu = "<vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo>";
    let gpus = "<vCpuInfo><defaultVCpus>4</defaultVCpus></vCpuInfo><gpuInfo><gpus>\
         <item><name>RTX PRO 4500</name><count>2</count><memoryInfo><sizeInMiB>32768</sizeInMiB>\
         </memoryInfo></item></gpus></gpuInfo><networkInfo>\
         <maximumNetworkInterfaces>8</maximumNetworkInterfaces>\
         <ipv4AddressesPerInterface>10</ipv4AddressesPerInterface><networkCards>\
         <item><networkCardIndex>0</networkCardIndex>\
         <maximumNetworkInterfaces>4</maximumNetworkInterfaces></item>\
         <item><networkCardIndex>1</networkCardIndex>\
         <maximumNetworkInterfaces>4</maximumNetworkInterfaces></item></networkCards>\
         <networkPerformance>25 Gigabit</networkPerformance></networkInfo>";
    let text = [
        one("mac1.metal", "x86_64_mac", cpu),
        one("t1.nano", "i386", cpu),
        one("m5.large", "sparc", cpu),
        one("m5.xlarge", "arm64", ""),
        one("g7.2xlarge", "x86_64", gpus),
    ];
    let text = format!(
        "<DescribeInstanceTypesResponse><instanceTypeSet>{}</instanceTypeSet>\
         </DescribeInstanceTypesResponse>",
        text.concat()
    );
    let page = parse_instance_page(text.as_bytes(), &limits()).unwrap();
    assert_eq!((page.rows.len(), page.report.quarantined), (1, 2), "{:?}", page.report);
    let found = &page.rows[0];
    let gpu = found.gpu.as_ref().unwrap();
    assert_eq!((gpu.name.as_str(), gpu.count), ("rtx-pro-4500", 2));
    // Two cards of four interfaces each: pods are addressed through the first.
    assert_eq!((found.max_pods, found.max_network_interfaces), (Some(38), Some(8)));
    assert_eq!(found.network_mbps, Some(25_000));
}

#[test]
fn rows_of_every_product_are_kept_from_files() {
    let table = "timestamp,az,instance_type,product,usd_per_hour\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,SUSE Linux,0.1\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,,0.2\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,BeOS,0.2\n";
    let read = parse_spot_rows(table.as_bytes(), Product::Windows, &origin(), &limits()).unwrap();
    let products: Vec<Product> = read.rows.iter().map(|row| row.product).collect();
    assert_eq!(products, [Product::SuseLinux, Product::Windows]);
    assert_eq!(read.report.quarantined, 1);
    let json = r#"{"SpotPriceHistory":[{"AvailabilityZone":"us-east-1a","SpotPrice":"0.1",
        "InstanceType":"m5.large","ProductDescription":"Red Hat Enterprise Linux",
        "AvailabilityZoneId":"use1-az1","Timestamp":"2026-07-01T10:00:00+00:00"}]}"#;
    let read = parse_spot_rows(json.as_bytes(), Product::Windows, &origin(), &limits()).unwrap();
    assert_eq!(read.rows[0].product, Product::RedHatEnterpriseLinux);
    assert_eq!(read.rows[0].zone_id, Some("use1-az1".parse().unwrap()));
}

#[test]
fn an_index_names_paths_and_no_other_machines() {
    let text = r#"{"regions":{
        "us-east-1":{"currentVersionUrl":"/offers/v1.0/aws/AmazonEC2/1/us-east-1/index.json"},
        "eu-west-1":{"currentVersionUrl":"//elsewhere/index.json"},
        "eu-west-2":{"currentVersionUrl":"https://elsewhere/index.json"},
        "eu-west-3":{"currentVersionUrl":"/offers/../../x"},
        "nowhere":{"currentVersionUrl":"/x"},
        "us-west-1":7}}"#;
    let index = parse_region_index(text.as_bytes(), &limits()).unwrap();
    assert_eq!(index.paths.keys().map(Region::as_str).collect::<Vec<_>>(), ["us-east-1"]);
    assert_eq!(index.report.quarantined, 5);
    assert!(parse_region_index(b"{\"regions\":{", &limits()).unwrap_err().is_cut());
    assert!(!parse_region_index(b"[]", &limits()).unwrap_err().is_cut());
}

#[test]
fn one_odd_product_spoils_itself_only() {
    let ordinary = r#"{"productFamily":"Compute Instance","attributes":{"instanceType":"m5.large",
        "regionCode":"us-east-1","operatingSystem":"Linux","tenancy":"Shared",
        "capacitystatus":"Used","preInstalledSw":"NA","licenseModel":"No License required"}}"#;
    let term = |price: &str| {
        format!(
            r#"{{"x.1":{{"priceDimensions":{{"d":{{"unit":"Hrs","pricePerUnit":{price}}}}}}}}}"#
        )
    };
    let text = format!(
        r#"{{"products":{{"A":{ordinary},"B":7,"C":{{"productFamily":"Compute Instance",
        "attributes":[]}},"D":{ordinary},"E":{ordinary}}},
        "terms":{{"OnDemand":{{"A":{},"D":{},"E":"x"}}}}}}"#,
        term(r#"{"USD":"0.096"}"#),
        term("null"),
    );
    let file = read_price_list(text.as_bytes(), &origin(), &limits()).unwrap();
    assert_eq!((file.rows.len(), file.report.quarantined), (1, 3), "{:?}", file.report);
    assert_eq!(file.report.skipped.get("price not in USD"), Some(&1));
    let small = Limits { bytes: 100, ..limits() };
    let error = read_price_list(text.as_bytes(), &origin(), &small).unwrap_err();
    assert!(error.to_string().contains("file bytes exceeds the limit of 100"), "{error}");
    for end in (1..text.len()).step_by(11) {
        let cut = text.as_bytes().get(..end).unwrap();
        let error = read_price_list(cut, &origin(), &limits()).unwrap_err();
        assert!(error.is_cut(), "{end}: {error}");
    }
}

#[test]
fn a_page_of_products_may_be_empty_and_names_the_next() {
    let page = |text: &str| parse_products_page(text.as_bytes(), &origin(), &limits());
    let empty = page(r#"{"FormatVersion":"aws_v1","PriceList":[],"NextToken":"t"}"#).unwrap();
    assert_eq!((empty.rows.len(), empty.next_token.as_deref()), (0, Some("t")));
    let broken = page(r#"{"PriceList":["{\"product\":"]}"#).unwrap();
    assert_eq!((broken.report.quarantined, broken.next_token), (1, None));
    assert!(page(r#"{"answer":42}"#).is_err());
}
