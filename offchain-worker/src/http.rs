//! /metrics for Prometheus and /health for people and orchestrators.

use std::net::SocketAddr;

use axum::{
	extract::State,
	http::{header::CONTENT_TYPE, StatusCode},
	response::{IntoResponse, Response},
	routing::get,
	Router,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::status::Status;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Opens the listener, so that a taken port is an error at the start.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
	TcpListener::bind(address)
		.await
		.map_err(|error| format!("`metrics`: {address} cannot be listened on ({error})"))
}

/// Serves until `stop` is cancelled.
pub async fn serve(listener: TcpListener, status: Status, stop: CancellationToken) {
	let routes = Router::new()
		.route("/metrics", get(metrics))
		.route("/health", get(health))
		.with_state(status);
	let serving =
		axum::serve(listener, routes).with_graceful_shutdown(async move { stop.cancelled().await });
	if let Err(error) = serving.await {
		tracing::error!("serving metrics ended: {error}");
	}
}

async fn metrics(State(status): State<Status>) -> Response {
	// Asked for its effect on the gauge: whether orders are taken changes with time alone.
	status.health();
	match status.metrics.encode() {
		Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
		Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
	}
}

async fn health(State(status): State<Status>) -> Response {
	let health = status.health();
	let code = match health.status {
		"degraded" => StatusCode::SERVICE_UNAVAILABLE,
		_ => StatusCode::OK,
	};
	match serde_json::to_string_pretty(&health) {
		Ok(text) => (code, [(CONTENT_TYPE, "application/json")], text + "\n").into_response(),
		Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
	}
}
