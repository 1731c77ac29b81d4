//! `femtospike devices`.

use anyhow::Result;
use serde_json::json;

use crate::device;
use crate::report::progress::result;
use crate::report::{devices, document};

/// Lists what can compute.
pub fn run() -> Result<()> {
    result(&format!("CPU: {} threads", rayon::current_num_threads()));
    device::find_compiler();
    let found = formal::cuda();
    result(&devices::text(&found));
    let cuda = found.as_ref().ok().map(devices::document);
    let lacking = found.as_ref().err().map(ToString::to_string);
    document::give(&json!({
        "cpu_threads": rayon::current_num_threads(),
        "cuda": cuda,
        "cuda_lacking": lacking,
        "version": env!("CARGO_PKG_VERSION"),
    }))
}
