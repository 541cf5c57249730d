//! Which pallets have benchmarks, for `runtime-benchmarks` builds.

frame_benchmarking::define_benchmarks!(
	[frame_system, frame_system_benchmarking::Pallet::<crate::Runtime>]
	[pallet_balances, crate::Balances]
	[pallet_timestamp, crate::Timestamp]
	[pallet_sudo, crate::Sudo]
	[pallet_proof_verification, crate::ProofVerification]
	[pallet_provider_staking, crate::ProviderStaking]
	[pallet_job_orders, crate::JobOrders]
);
