//! The targets of zk/ under libFuzzer: see `scripts/fuzz`.

#![no_main]

use lemma_zk_fuzz::{begin, run_chosen, targets::ALL};

libfuzzer_sys::fuzz_target!(init: begin(ALL), |bytes: &[u8]| run_chosen(ALL, bytes));
