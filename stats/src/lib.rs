//! Numbers about results.
