//! The fake AWS as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Setting;

/// Builds the program in the release profile.
pub(super) fn build() -> Result<(), String> {
    let arguments = ["build", "--release", "-p", "testkit", "--bin", "fake-aws"];
    crate::check::command("build the fake", &arguments, &[])
}

/// A running fake; it ends with the value.
pub(super) struct FakeAws {
    process: Child,
    /// Where it answers.
    pub(super) url: String,
}

impl FakeAws {
    pub(super) fn start(setting: &Setting, arguments: &[&str]) -> Result<FakeAws, String> {
        let program = setting.program.with_file_name("fake-aws");
        let mut process = Command::new(&program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut url = String::new();
        let output = process.stdout.take().ok_or("the fake says nothing")?;
        BufReader::new(output).read_line(&mut url).map_err(|error| error.to_string())?;
        Ok(FakeAws { process, url: url.trim().to_owned() })
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
