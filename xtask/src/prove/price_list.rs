//! A price list as large as those of AWS goes through the fetch job in little memory.

use super::Setting;
use super::fake_aws::FakeAws;

/// Bytes of the list: what AWS publishes for a large region.
const BYTES: u64 = 300_000_000;

/// The most memory that fetching it may take.
const MIB: f64 = 200e6 / 1_048_576.0;

pub(super) fn run(setting: &Setting, now: &str) -> Result<String, String> {
    let bytes = BYTES.to_string();
    let fake = FakeAws::start(setting, &["--now", now, "--offer-bytes", &bytes])?;
    let data = setting.scratch.join("price list").display().to_string();
    let list = format!("{}/", fake.url);
    let environment = [
        ("PRICE_LIST_URL", list.as_str()),
        ("CLOUDOPTIM_NO_FETCH", "true"),
        ("CLOUDOPTIM_DATA_DIR", &data),
    ];
    let output = setting.scratch.join("fetched");
    let fetch = ["pricing", "fetch", "on-demand", "--region", "us-east-1"];
    let ran = setting.ran_with(&environment, &fetch, &output)?;
    setting.ran_with(&environment, &["pricing", "stats", "-o", "json"], &output)?;
    let said = std::fs::read_to_string(&output).unwrap_or_default();
    let stats: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
    let prices = stats["on_demand_prices_count"].as_u64().unwrap_or(0);
    if ran.code != 0 || ran.peak_mib > MIB || prices == 0 {
        return Err(format!(
            "a price list of {BYTES} bytes: exit code {}, {:.0} MiB at the peak (at most {MIB:.0}), {prices} \
             prices\n{said}",
            ran.code, ran.peak_mib
        ));
    }
    Ok(format!(
        "\n## A price list of {} MB\n\n\
         `cloudoptim pricing fetch on-demand`, from the fake AWS into the embedded database: {:.1} s \
         of CPU, {:.1} s of wall time, {:.0} MiB at the peak (at most {MIB:.0}), {prices} prices kept.\n",
        BYTES / 1_000_000,
        ran.cpu_seconds,
        ran.wall_seconds,
        ran.peak_mib
    ))
}
