//! What each call costs, and what a verification does.
//!
//! The calls are measured in a runtime whose verifier accepts everything ([`crate::AcceptingVerifier`]): their
//! samples are bound to made-up accounts. `verify` measures the real verifier on the committed sample.
#![allow(clippy::expect_used)]
