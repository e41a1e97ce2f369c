//! What learning is worth: forecasts on public traces, ranking and bursts in seeded simulations.

use super::{Setting, printed};

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let folder = [("CLOUDOPTIM_REFERENCE", setting.reference.as_os_str())];
    let tables = printed(&["bench", "-p", "learning", "--bench", "proof"], &folder)?;
    if !tables.contains("### By pool") {
        return Err("the measurement found no traces".to_owned());
    }
    Ok(format!(
        "# What learning is worth\n\n\
         Written by `cargo xtask prove learning` in a few minutes: public traces of spot capacity (`preemption` of the public data; \"Can't Be Late\", Wu et al., NSDI 2024) and simulations with fixed seeds. The same run gives the same figures but for the time of a decision.\n\
         What is learned and how: [learning.md](../learning.md).\n\n\
         {}\n",
        tables.trim_end()
    ))
}
