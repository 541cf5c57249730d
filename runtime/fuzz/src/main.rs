//! The runtime's target under libFuzzer: see `scripts/fuzz`.

#![no_main]

use lemma_runtime_fuzz::ALL;
use lemma_zk_fuzz::{begin, run_chosen};

libfuzzer_sys::fuzz_target!(init: begin(ALL), |bytes: &[u8]| run_chosen(ALL, bytes));
