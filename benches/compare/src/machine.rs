//! Where and of what was measured.

use std::fs;
use std::process::Command;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: u64,
    pub(crate) system: String,
    pub(crate) rust: String,
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let cpu = line("/proc/cpuinfo", "model name").unwrap_or_default();
        let memory = line("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: (kilobytes + (1 << 19)) >> 20,
            system: said("uname", &["-sr"]),
            rust: said("rustc", &["--version"]),
            commit: said("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        }
    }
}

/// What stands behind the first colon of the line that begins so.
fn line(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
