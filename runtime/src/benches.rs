//! Which pallets have benchmarks, for `runtime-benchmarks` builds. `scripts/benchmark` runs them.

use crate::Runtime;

frame_benchmarking::define_benchmarks!(
	[frame_system, frame_system_benchmarking::Pallet::<crate::Runtime>]
	[frame_system_extensions, frame_system_benchmarking::extensions::Pallet::<crate::Runtime>]
	[pallet_balances, crate::Balances]
	[pallet_timestamp, crate::Timestamp]
	[pallet_transaction_payment, crate::TransactionPayment]
	[pallet_sudo, crate::Sudo]
	[pallet_proof_verification, crate::ProofVerification]
	[pallet_provider_staking, crate::ProviderStaking]
	[pallet_job_orders, crate::JobOrders]
);

impl frame_system_benchmarking::Config for Runtime {}
impl pallet_transaction_payment::BenchmarkConfig for Runtime {}
