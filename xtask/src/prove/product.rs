//! Running the released program and seeing what it took.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Setting;

/// How a run ended and what it took.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_mib: f64,
}

impl Setting {
    /// Runs the program with its output in a file.
    pub(super) fn ran(&self, arguments: &[&str], output: &Path) -> Result<Ran, String> {
        self.ran_with(&[], arguments, output)
    }

    /// Runs the program in an environment with its output in a file.
    pub(super) fn ran_with(
        &self,
        environment: &[(&str, &str)],
        arguments: &[&str],
        output: &Path,
    ) -> Result<Ran, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.program.display());
        let report = self.scratch.join("took");
        let started = Instant::now();
        // GNU time asks the kernel for the processor time and the peak memory of its child.
        let status = Command::new("/usr/bin/time")
            .args(["-o", &report.display().to_string(), "-f", "%U %S %M"])
            .arg(&self.program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(output).map_err(failed)?)
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("/usr/bin/time is needed (Debian package `time`): {error}"))?;
        let wall_seconds = started.elapsed().as_secs_f64();
        let took = std::fs::read_to_string(&report).unwrap_or_default();
        let last = took.lines().last().unwrap_or_default();
        let figures: Vec<f64> =
            last.split_whitespace().filter_map(|text| text.parse().ok()).collect();
        let [user, system, kib] = figures[..] else {
            return Err(format!("`time` said `{took}`"));
        };
        Ok(Ran {
            code: status.code().unwrap_or(-1),
            wall_seconds,
            cpu_seconds: user + system,
            peak_mib: kib / 1024.0,
        })
    }
}
