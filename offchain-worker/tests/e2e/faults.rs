//! What is around the worker fails, or is not there yet.

use std::process::Command;

use lemma_client::{calls::Call, Keys, UNIT};

use crate::net::{free_port, get, metric, profile, until, worker_command, Net, Process, Wire};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_should_say_what_is_missing_and_go_on_when_it_is_there() {
	let net = Net::start().await;
	let port = free_port();
	let charlie = Keys::from_uri("//Charlie").unwrap();
	let log = net.folder.path().join("charlie.log");
	let data_dir = net.folder.path().join("charlie");
	let mut command = worker_command("//Charlie", &net.url, net.folder.path(), &data_dir);
	command.args(["--metrics", &format!("127.0.0.1:{port}")]);
	let _worker = Process::start(&mut command, &log);
	let health = || get(port, "/health");
	until(|| health().contains("lemma provider register")).await;
	assert!(health().contains("\"status\": \"idle\""), "{}", health());
	let register = Call::register_provider(1_000 * UNIT, &profile());
	net.client.submit(&register, &charlie).await.unwrap();
	until(|| health().contains("\"status\": \"ok\"")).await;
	let metrics = get(port, "/metrics");
	assert!(
		metrics.contains("lemma_worker_taking_orders 1"),
		"{metrics}"
	);
}

/// Sets how long the files may get that a process writes: 0 is a full disk.
fn limit_files(process: &Process, limit: &str) {
	let pid = process.0.id().to_string();
	let status = Command::new("prlimit")
		.args(["--pid", &pid, &format!("--fsize={limit}:unlimited")])
		.status();
	assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_wire_node_and_disk_fail() {
	let mut net = Net::start().await;
	let wire = Wire::to(&net.url);
	let port = free_port();
	let metrics = format!("127.0.0.1:{port}");
	let worker = net.worker_at(&wire.url(), &["--metrics", &metrics], None);
	let (order, output) = net.post(1).await;
	net.reaches(order, "proving").await;

	// The wire is cut, and meanwhile the node restarted.
	wire.cut();
	until(|| metric(port, "disconnections_total") == Some(1.0)).await;
	assert_eq!(metric(port, "taking_orders"), Some(0.0));
	net.restart_node().await;

	// Nothing can be written when the node is back; then something can again.
	limit_files(&worker, "0");
	wire.mend(&net.url);
	let failed = || metric(port, "journal_failures_total").is_some_and(|count| count > 0.0);
	until(failed).await;
	until(|| get(port, "/health").contains("look for space")).await;
	assert_eq!(metric(port, "taking_orders"), Some(0.0));
	limit_files(&worker, "unlimited");
	net.assert_settled_once(order, &output).await;
	// Registration, claim, submission.
	assert_eq!(net.nonce(&net.bob.account()).await, 3);
	assert_eq!(metric(port, "connected"), Some(1.0));
	assert_eq!(metric(port, "missed_total"), Some(0.0));
	until(|| metric(port, "taking_orders") == Some(1.0)).await;
}
