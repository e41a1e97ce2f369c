//! Bodies for a fuzzer, driven here by generated and by mutilated input: whatever the bytes,
//! parsers answer or refuse, and what they accept builds a market that can be sliced.

use market::{
    Limits, MarketBuilder, MarketFile, Product, SliceRequest, detect, gunzip, parse, parse_advisor,
    parse_advisor_matrix, parse_catalogue, parse_instance_page, parse_on_demand,
    parse_on_demand_matrix, parse_price_list, parse_products_page, parse_region_index,
    parse_spot_csv, parse_spot_history, parse_spot_page, parse_spot_rows, parse_zones,
    read_price_list,
};
use proptest::prelude::*;

use crate::{NOW, at, origin};

fn fuzz_every_parser(data: &[u8]) {
    let (origin, limits) = (origin(), Limits { rows: 1000, ..Limits::default() });
    let _ = detect(data);
    let _ = gunzip(data, &limits);
    let _ = parse(data, &origin, &limits);
    let mut builder = MarketBuilder::new();
    let parsed = [
        parse_advisor(data, &origin, &limits).map(MarketFile::Advisor),
        parse_advisor_matrix(data, &origin, &limits).map(MarketFile::Advisor),
        parse_on_demand(data, &origin, &limits).map(MarketFile::OnDemand),
        parse_on_demand_matrix(data, &origin, &limits).map(MarketFile::OnDemand),
        parse_price_list(data, &origin, &limits).map(MarketFile::OnDemand),
        parse_spot_csv(data, &origin, &limits).map(MarketFile::Spot),
        parse_spot_history(data, &origin, &limits).map(MarketFile::Spot),
        parse_catalogue(data, &origin, &limits).map(MarketFile::Catalogue),
    ];
    fuzz_every_answer(data, &origin, &limits);
    for file in parsed.into_iter().flatten() {
        let report = file.report();
        let accounted =
            report.rows_used + report.quarantined + report.skipped.values().sum::<u64>();
        assert_eq!(report.rows_read, accounted, "{report:?}");
        builder.add(file);
    }
    let market = builder.build();
    for region in market.regions() {
        let _ = market.slice(&SliceRequest::new(region, at(NOW))).digest();
    }
}

fn fuzz_every_answer(data: &[u8], origin: &market::Origin, limits: &Limits) {
    let region = "us-east-1".parse().unwrap();
    let reports = [
        parse_spot_page(data, &region, origin, limits).map(|page| page.report),
        parse_zones(data, &region, limits).map(|page| page.report),
        parse_instance_page(data, limits).map(|page| page.report),
        parse_products_page(data, origin, limits).map(|page| page.report),
        parse_region_index(data, limits).map(|index| index.report),
        parse_spot_rows(data, Product::LinuxUnix, origin, limits).map(|rows| rows.report),
    ];
    for report in reports.into_iter().flatten() {
        let skipped = report.skipped.values().sum::<u64>();
        assert_eq!(report.rows_read, report.rows_used + report.quarantined + skipped, "{report:?}");
    }
    // Read from a stream or from memory, a file says the same.
    let streamed = read_price_list(data, origin, limits);
    let whole = parse_price_list(data, origin, limits);
    assert_eq!(streamed.ok(), whole.ok());
}

const SEEDS: &[&str] = &[
    r#"{"ranges":[{"index":0,"max":5}],"spot_advisor":{"us-east-1":{"Linux":{"m5.large":{"s":61,"r":0}}}}}"#,
    r#"{"SpotPriceHistory":[{"AvailabilityZone":"us-east-1a","InstanceType":"m5.large","ProductDescription":"Linux/UNIX","SpotPrice":"0.035","Timestamp":"2026-07-01T10:00:00Z"}]}"#,
    r#"{"offerCode":"AmazonEC2","products":{"A":{"sku":"A","productFamily":"Compute Instance","attributes":{"instanceType":"m5.large","regionCode":"us-east-1","operatingSystem":"Linux","tenancy":"Shared","preInstalledSw":"NA","licenseModel":"No License required","capacitystatus":"Used"}}},"terms":{"OnDemand":{"A":{"A.J":{"effectiveDate":"2023-03-01T00:00:00Z","priceDimensions":{"A.J.6":{"unit":"Hrs","pricePerUnit":{"USD":"0.096"}}}}}}}}"#,
    "instance_type,region,as_of_utc,usd_per_hour\nm5.large,us-east-1,2026-01-01T00:00:00Z,0.096\n",
    "instance_type,linux us-east-1@2026-01-01T00:00:00Z\nm5.large,0.096\n",
    "instance_type,advisor linux us-east-1@2026-01-01T00:00:00Z\nm5.large,3:61\n",
    "timestamp,az,instance_type,usd_per_hour\n2026-07-01T10:00:00Z,us-east-1a,m5.large,0.035\n",
    "instance_type,vcpu,memory_mib,arch,gpu_name,gpu_count\nm5.large,2,8192,amd64,a10g,1\n",
];

/// Answers of EC2 and of the price list, which are read page by page.
const ANSWERS: &[&str] = &[
    "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item><instanceType>m5.large</instanceType><productDescription>Linux/UNIX</productDescription><spotPrice>0.035</spotPrice><timestamp>2026-07-01T10:00:00.000Z</timestamp><availabilityZone>us-east-1a</availabilityZone></item></spotPriceHistorySet><nextToken>a&amp;b</nextToken></DescribeSpotPriceHistoryResponse>",
    "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m5.large</instanceType><processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>8192</sizeInMiB></memoryInfo></item></instanceTypeSet></DescribeInstanceTypesResponse>",
    "<DescribeAvailabilityZonesResponse><availabilityZoneInfo><item><zoneName>us-east-1a</zoneName><zoneId>use1-az6</zoneId></item></availabilityZoneInfo></DescribeAvailabilityZonesResponse>",
    r#"{"regions":{"us-east-1":{"currentVersionUrl":"/offers/x/us-east-1/index.json"}}}"#,
    r#"{"PriceList":["{\"product\":{\"sku\":\"A\"}}"],"NextToken":"t"}"#,
];

#[test]
fn the_seeds_are_accepted_whole() {
    for seed in SEEDS {
        let file = parse(seed.as_bytes(), &origin(), &Limits::default()).unwrap();
        assert_eq!((file.report().rows_read, file.report().rows_used), (1, 1), "{seed}");
    }
}

#[test]
fn every_truncation_is_survived() {
    for seed in SEEDS.iter().chain(ANSWERS) {
        for end in 0..seed.len() {
            fuzz_every_parser(&seed.as_bytes()[..end]);
        }
    }
}

fn mutilated(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6);
    (prop::sample::select(seeds), edits).prop_map(|(seed, edits)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (place, byte, kind) in edits {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                // Repeats the rest from here, which nests and duplicates structures.
                _ => bytes.extend_from_within(place..),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_every_parser(&data);
    }

    #[test]
    fn mutilated_files_are_survived(data in mutilated(SEEDS)) {
        fuzz_every_parser(&data);
    }

    #[test]
    fn mutilated_answers_are_survived(data in mutilated(ANSWERS)) {
        fuzz_every_parser(&data);
    }
}
