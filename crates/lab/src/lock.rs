//! One lab test at a time, and none without root.

use crate::LabError;
use crate::record::DIR;
use std::fs::File;
use std::path::Path;
use trama_live::capability::Capabilities;

/// Held while labs are used by tests; other processes and threads wait for it.
#[derive(Debug)]
pub struct LabLock {
    _file: File,
}

impl LabLock {
    /// Waits for the lock. The kernel releases it when this process ends in whatever way.
    pub fn acquire() -> Result<Self, LabError> {
        let path = Path::new(DIR).join(".lock");
        let on_error = |source| LabError::File { path: path.clone(), source };
        std::fs::create_dir_all(DIR).map_err(on_error)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(on_error)?;
        file.lock().map_err(on_error)?;
        Ok(Self { _file: file })
    }
}

/// Whether labs can be made here; if not, says why. With `TRAMA_REQUIRE_LIVE=1` in the
/// environment a test that cannot run is a failure, so this panics.
pub fn require_root() -> Result<(), String> {
    let capabilities = Capabilities::effective();
    let missing: Vec<&str> = ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN"]
        .into_iter()
        .filter(|name| capabilities.missing().contains(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reason = format!("network namespaces need {}", missing.join(", "));
    let required = std::env::var("TRAMA_REQUIRE_LIVE").is_ok_and(|value| value == "1");
    assert!(!required, "TRAMA_REQUIRE_LIVE=1, but {reason}");
    Err(reason)
}
