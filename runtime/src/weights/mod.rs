//! What every call, hook and transaction extension weighs, measured in this runtime's own Wasm: a file for each
//! pallet, written by `scripts/benchmark`. See `docs/develop/weights.md`.
//!
//! They have no proof sizes: blocks of this chain carry no storage proofs.

pub mod frame_system;
pub mod frame_system_extensions;
pub mod pallet_balances;
pub mod pallet_grandpa;
pub mod pallet_job_orders;
pub mod pallet_proof_verification;
pub mod pallet_provider_staking;
pub mod pallet_sudo;
pub mod pallet_timestamp;
pub mod pallet_transaction_payment;
