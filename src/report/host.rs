//! The machine the generator ran on.

use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts of the machine. What the system does not tell is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// CPUs this process may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// Name and release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Load average over one minute, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average_1m: Option<f64>,
}

impl Host {
    /// Asks the system. The load average is the one of now, so ask before the load.
    #[must_use]
    pub fn read() -> Self {
        let cpus = std::thread::available_parallelism().ok();
        let load = fs::read_to_string("/proc/loadavg").ok();
        Self {
            cpus: cpus.and_then(|cpus| u64::try_from(cpus.get()).ok()),
            kernel: kernel(),
            load_average_1m: load.as_deref().and_then(load_average_1m),
        }
    }
}

fn kernel() -> Option<String> {
    let names = nix::sys::utsname::uname().ok()?;
    Some(format!(
        "{} {}",
        names.sysname().to_str()?,
        names.release().to_str()?
    ))
}

/// First number of `/proc/loadavg`.
fn load_average_1m(line: &str) -> Option<f64> {
    let load: f64 = line.split_whitespace().next()?.parse().ok()?;
    load.is_finite().then_some(load)
}

/// Resident memory of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Now, in bytes.
    pub resident_bytes: Option<u64>,
    /// At most so far, in bytes.
    pub peak_bytes: Option<u64>,
}

impl Memory {
    /// Reads `/proc/self/status`; what the system does not tell is `None`.
    #[must_use]
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            resident_bytes: bytes_of(&status, "VmRSS:"),
            peak_bytes: bytes_of(&status, "VmHWM:"),
        }
    }
}

fn bytes_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_about_itself() {
        let host = Host::read();
        assert!(host.cpus.unwrap() >= 1);
        assert!(host.kernel.unwrap().contains(' '));
        let memory = Memory::read();
        assert!(memory.resident_bytes.unwrap() > 4096);
        assert!(memory.peak_bytes >= memory.resident_bytes);
    }

    #[test]
    fn lines_of_the_proc_filesystem_are_read() {
        assert_eq!(load_average_1m("5.82 3.72 2.93 3/512 4711\n"), Some(5.82));
        assert_eq!(load_average_1m(""), None);
        assert_eq!(
            bytes_of("VmPeak:\t 9 kB\nVmRSS:\t   12345 kB\n", "VmRSS:"),
            Some(12_345 * 1024)
        );
        assert_eq!(bytes_of("VmPeak:\t 9 kB\n", "VmRSS:"), None);
    }
}
