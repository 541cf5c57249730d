//! Kernels that hang or crash: they take the process that computes, the worker lives on, and the processor does the work.

use std::time::Duration;

use lemma_worker::{
	backend::Preference,
	jobs::{Launcher, Settings},
};

use crate::{
	hands::{settings, worker, Hands},
	library_path,
};

/// Hands whose processes have a GPU that is bad in this way once it was tried.
fn hands(bad: &str, gpu_patience: Duration, kept: &tempfile::TempDir) -> Option<Hands> {
	let path = library_path()?;
	let Launcher::Program {
		path: program,
		arguments,
		..
	} = worker()
	else {
		unreachable!("it is a program");
	};
	let launcher = Launcher::Program {
		path: program,
		arguments,
		environment: vec![
			("LD_LIBRARY_PATH".into(), path),
			("LEMMA_SHIM_BAD".into(), bad.into()),
			("XDG_CACHE_HOME".into(), kept.path().into()),
		],
		strange: false,
	};
	let settings = Settings {
		gpu_patience,
		..settings()
	};
	Some(Hands::new(launcher, settings))
}

/// Has a product made whose kernel is bad, and gives why its process was lost.
async fn make(bad: &str, gpu_patience: Duration, why: &str) {
	let kept = tempfile::tempdir().expect("a temporary folder");
	let Some(hands) = hands(bad, gpu_patience, &kept) else {
		return;
	};
	let pool = hands.pool.clone();
	let chosen = tokio::task::spawn_blocking(move || pool.choose(Preference::Cuda)).await;
	assert_eq!(chosen.unwrap().unwrap().name, "cuda");
	let (job, output) = hands.prepare().await;
	let finished = hands.produce(&job, 1).await.expect("the processor does it");
	assert_eq!(finished.output, output);
	hands.assert_metric(&format!(
		"lemma_worker_job_processes_lost_total{{reason=\"{why}\"}} 1"
	));
	hands.assert_metric("lemma_worker_backend_failures_total{backend=\"cuda\"} 1");
	assert!(hands.pool.asks_gpu(0), "one failure is forgiven");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_loops_forever_should_be_ended_and_the_processor_compute() {
	make("loop", Duration::from_secs(3), "time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_writes_out_of_bounds_should_take_its_process_alone() {
	make("write", Duration::from_secs(120), "crashed").await;
}
