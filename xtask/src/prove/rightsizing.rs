//! Rules for requests on production pods, as curves: this server's beside those of others.

use super::{Setting, printed};

/// What stands between the page and the picture that the measurement prints.
const PICTURE: &str = "== picture ==\n";

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let folder = [("CLOUDOPTIM_REFERENCE", setting.reference.as_os_str())];
    let all = printed(&["bench", "-p", "engines", "--bench", "backtest"], &folder)?;
    let (page, picture) = all.split_once(PICTURE).ok_or("the measurement found no traces")?;
    let file = crate::root().join("docs/proofs/rightsizing.svg");
    std::fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(format!(
        "# Sizes as curves\n\n\
         Written by `cargo xtask prove rightsizing`: what the first half of each pod's life recommends, judged by the second.\n\
         The pods are those of Alibaba's 2026 GenAI trace (`k8s/usage` of the public data), 22.8 hours, a value every 57 seconds.\n\
         Slack is the mean share of the recommendation that later use leaves free. A lower curve is a better rule.\n\n\
         ![How often requests do not suffice, against what they leave free](rightsizing.svg)\n\n\
         {}\n",
        page.trim_end()
    ))
}
