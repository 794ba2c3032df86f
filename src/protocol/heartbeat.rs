//! Heartbeat placeholder
