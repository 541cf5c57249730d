//! `lemma infer`: samples in, what a network makes of them out, proven batch by batch.

use std::{path::Path, time::Instant};

use lemma_client::{
	result::{self, Evidence, Report},
	At, Balance, Client, OrderSpec,
};
use lemma_model::{samples::read_indices, Integers};
use lemma_zk_circuits::program::Program as _;
use lemma_zk_statement::OutputElement;
use serde_json::{json, Value};

use super::{
	aside,
	model::{check_classes, check_labels, check_registered_rules, clipped_note, counted, share},
	results::{self, demand, write_matrix},
};
use crate::{
	args::{Infer, Terms},
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	follow::{Follower, Found, Phases, POLL},
	input::{self, Described},
	ledger::{Ledger, Request},
	network::{model_failure, split, Batch, Network, Notes},
	output::{self, Progress},
	posting::{self, Posted, Poster, Replaces},
	views,
};

/// Orders of one command at most.
const MAX_ORDERS: usize = 256;

/// One order: of a batch, or of several that hold the same samples.
struct Job {
	batches: Vec<Batch>,
	blob: Vec<u8>,
	described: Described,
}

/// What became of a job's order.
struct Settled {
	evidence: Evidence,
	report: Report,
	phases: Phases,
}

/// Runs the command.
pub async fn run(context: &Context, args: Infer) -> Outcome<()> {
	let start = Instant::now();
	let seconds = |since: Instant| since.elapsed().as_secs_f64();
	// Whatever can be wrong with the files is found before the node is asked.
	let notes = Notes::path(&args.model);
	let mut read: Vec<&Path> = vec![args.model.as_path(), notes.as_path(), args.inputs.as_path()];
	read.extend(args.labels.as_deref());
	output::check_file(&args.out, &read)?;
	let network = Network::read(&args.model)?.only(&args.batches)?;
	let inputs = network.inputs(&args.inputs)?;
	let (samples, clipped) = (inputs.rows, inputs.clipped);
	let labels = args
		.labels
		.as_deref()
		.map(|path| read_labels(path, samples, network.classes()))
		.transpose()?;
	let batches = batches(&network, samples)?;
	if let Some(note) = network.own_integers(&args.inputs, &inputs) {
		context.output.note(&note);
	}
	if let Some(note) = clipped_note(&args.inputs, clipped, inputs.values.len()) {
		context.output.note(&note);
	}
	let keys = context.keys()?;
	let client = context.client().await?;
	let mut progress = context.output.progress();

	progress.wait("building the network's circuits");
	let (network, jobs) = aside(move || {
		let jobs = make_jobs(&network, &inputs, batches)?;
		Ok((network, jobs))
	})
	.await?;
	let prepared = seconds(start);

	let posting = Instant::now();
	let terms = shared(&args.terms, jobs.len());
	let ledger = Ledger::open(client.genesis_hash());
	let posters: Vec<_> = jobs
		.iter()
		.map(|job| {
			let request = posting::request(&keys.account(), &job.described);
			Poster {
				context,
				client: &client,
				ledger: ledger.clone(),
				replaces: Replaces::earlier(&ledger, &request, args.new),
				request,
				blob: &job.blob,
				terms: &terms,
				shape: job.described.matrix,
				what: format!("infer {}", job.described.shape),
			}
		})
		.collect();
	posting::check_synced(&client).await?;
	let scores = Scores::new(&network, samples);
	let posted = post(
		&posters,
		&jobs,
		scores.element,
		&keys,
		args.new,
		&mut progress,
	)
	.await?;
	let posted_after = seconds(posting);
	let requests = posters.into_iter().map(|poster| poster.request);
	let requests: Vec<Request> = requests.collect();

	let orders: Vec<_> = posted.iter().map(|posted| posted.order).collect();
	context.wait_for(match orders.as_slice() {
		[order] => Waiting::Order(*order),
		_ => Waiting::Orders(orders.len()),
	});
	let mut followers: Vec<_> = orders
		.iter()
		.zip(requests)
		.map(|(order, request)| Follower::among_others(&client, *order).of(request))
		.collect();
	let outputs = settle(&client, &mut followers, &jobs, &mut progress).await?;
	// The proofs say that the outputs are right: nobody needs to wait for that until their blocks are final.
	let mut written = None;
	if let Some(outputs) = outputs {
		let all = scores.assemble(&jobs, &outputs);
		scores.write(&args.out, &all)?;
		let after = seconds(start);
		progress.done(&format!(
			"{}: the proven output, after {after:.1} s",
			args.out.display()
		));
		written = Some((all, after));
	}

	let mut settled = Vec::new();
	for (follower, job) in followers.into_iter().zip(&jobs) {
		let order = follower.id();
		progress.wait(&format!("waiting for order {order} to be final"));
		let (order, phases) = follower.finalized(&mut progress).await?;
		let element = job.described.element;
		let evidence = result::fetch_as(&client, order, At::Finalized, element).await?;
		let mut report = evidence.check_as(client.genesis_hash(), element, None);
		results::check_ordered(&job.described, &evidence, &mut report);
		demand(&report)?;
		settled.push(Settled {
			evidence,
			report,
			phases,
		});
	}
	let outputs: Vec<_> = settled
		.iter()
		.map(|settled| settled.evidence.submission.output.as_slice())
		.collect();
	let all = scores.assemble(&jobs, &outputs);
	let result_after = match written {
		Some((written, after)) if written == all => after,
		_ => {
			scores.write(&args.out, &all)?;
			seconds(start)
		}
	};
	progress.finish();

	let right = labels.map(|labels| {
		let classes = scores.classes(&all);
		classes.iter().zip(&labels).filter(|(a, b)| a == b).count()
	});
	let paid = settled.iter().map(|settled| settled.evidence.receipt.paid);
	let paid: Balance = paid.fold(0, Balance::saturating_add);
	let object = json!({
		"network": network.path.display().to_string(),
		"samples": samples,
		"clipped": clipped,
		"outputs": scores.columns,
		"element": views::element(scores.element),
		"output_scale": network.notes.as_ref().and_then(Notes::output_scale),
		"orders": settled
			.iter()
			.zip(&posted)
			.zip(&jobs)
			.map(|((settled, posted), job)| order_view(settled, posted, job))
			.collect::<Vec<_>>(),
		"finalized": settled.iter().all(|settled| settled.evidence.finalized),
		"verified": settled.iter().all(|settled| settled.report.passed()),
		"trustless": settled.iter().all(|settled| settled.report.is_trustless()),
		"paid": views::lem(paid),
		"accuracy": right.map(|right| json!({
			"right": right,
			"samples": samples,
			"accuracy": share(right, samples),
		})),
		"out": args.out.display().to_string(),
		"seconds": {
			"prepare": prepared,
			"post": posted_after,
			"result": result_after,
			"total": seconds(start),
		},
	});
	context.output.result(&object, || {
		let mut text = format!(
			"{out}: {samples} x {columns} {element}, proven and verified here\n\
			 {orders} orders, paid {paid} LEM, {total:.1} s\n",
			out = args.out.display(),
			columns = scores.columns,
			element = views::element(scores.element),
			orders = orders.len(),
			paid = views::lem(paid),
			total = seconds(start),
		);
		if let Some(right) = right {
			text += &format!("of {samples} samples, right {}\n", counted(right, samples));
		}
		text
	})
}

fn read_labels(path: &Path, samples: usize, classes: usize) -> Outcome<Vec<usize>> {
	let labels = read_indices(path).map_err(|e| model_failure(&e))?;
	check_labels(path, labels.len(), samples)?;
	check_classes(path, &labels, classes)?;
	Ok(labels)
}

fn batches(network: &Network, samples: usize) -> Outcome<Vec<Batch>> {
	let largest = network.bundle.batches.last().copied().unwrap_or(1);
	if samples.div_ceil(largest) > MAX_ORDERS {
		return Err(Failure::new(
			exit::USAGE,
			"too_many_orders",
			format!(
				"{samples} samples in batches of {largest} are more than {MAX_ORDERS} orders: split the samples, or make a network \
				 with larger batches (`lemma model build --batches`)"
			),
		));
	}
	Ok(split(samples, &network.bundle.batches))
}

/// A job for each batch; one for all that hold the same.
fn make_jobs(network: &Network, inputs: &Integers, batches: Vec<Batch>) -> Outcome<Vec<Job>> {
	let programs = network.programs()?;
	let mut jobs: Vec<Job> = Vec::new();
	for batch in batches {
		let blob = batch.blob(inputs);
		if let Some(job) = jobs.iter_mut().find(|job| job.blob == blob) {
			job.batches.push(batch);
			continue;
		}
		let job = programs
			.open(&blob)
			.map_err(|e| Failure::new(exit::USAGE, "bad_input", e.to_string()))?;
		let described = input::describe(job.as_ref())?;
		jobs.push(Job {
			batches: vec![batch],
			blob,
			described,
		});
	}
	Ok(jobs)
}

/// The terms of each of several orders: an equal share of the prices of all.
fn shared(terms: &Terms, orders: usize) -> Terms {
	let orders = orders.max(1) as Balance;
	Terms {
		max_price: terms.max_price / orders,
		min_price: terms.min_price.map(|price| price / orders),
		..terms.clone()
	}
}

/// Fails unless every program that is needed takes orders.
async fn check_programs(client: &Client, jobs: &[Job], element: OutputElement) -> Outcome<()> {
	for job in jobs {
		let Described {
			program,
			output_len,
			..
		} = job.described;
		let size = job.batches[0].size;
		let registered = client.program(program, At::Best).await?.ok_or_else(|| {
			Failure::new(
				exit::FAILURE,
				"no_such_program",
				format!(
					"the network's program for batches of {size}, {program:#x}, is not registered on this chain: `lemma model \
					 register` does that, and --batches leaves a size out"
				),
			)
		})?;
		check_registered_rules(element, output_len, &registered).map_err(|why| {
			Failure::new(
				exit::FAILURE,
				"program_unusable",
				format!("the network's program for batches of {size}, {program:#x}, {why}: leave that size out with --batches"),
			)
		})?;
	}
	Ok(())
}

/// Posts each job's order, unless it was posted before.
async fn post(
	posters: &[Poster<'_>],
	jobs: &[Job],
	element: OutputElement,
	keys: &lemma_client::Keys,
	new: bool,
	progress: &mut Progress,
) -> Outcome<Vec<Posted>> {
	let mut posted: Vec<Option<Posted>> = jobs.iter().map(|_| None).collect();
	if !new {
		let mut by_nonce: Vec<_> = (0..jobs.len()).collect();
		by_nonce.sort_by_key(|at| posters[*at].nonce());
		for at in by_nonce {
			posted[at] = posters[at].resume(progress).await?;
			if let Some(posted) = &posted[at] {
				let samples = jobs[at].samples();
				progress.done(&format!("order {} was posted before, of {samples}: going on with it (--new posts others)", posted.order));
			}
		}
	}
	let missing: Vec<_> = (0..jobs.len()).filter(|at| posted[*at].is_none()).collect();
	let (Some(Poster { client, .. }), false) = (posters.first(), missing.is_empty()) else {
		return Ok(posted.into_iter().flatten().collect());
	};
	check_programs(client, jobs, element).await?;
	let costs: f64 = missing.iter().map(|at| jobs[*at].described.cost).sum();
	let mut specs: Vec<OrderSpec> = Vec::new();
	for at in &missing {
		let Poster {
			context,
			blob,
			terms,
			..
		} = &posters[*at];
		let described = &jobs[*at].described;
		let others = costs - described.cost;
		progress.wait("storing the samples");
		specs.push(posting::prepare_beside(context, client, described, blob, terms, others).await?);
	}
	posting::check_funds_of_all(client, &keys.account(), &specs).await?;
	progress.wait("posting the orders");
	let mut sent = Vec::new();
	for (at, spec) in missing.iter().zip(&specs) {
		sent.push((*at, spec, posters[*at].send(keys, spec).await?));
	}
	for (at, spec, sent) in sent {
		let confirmed = posters[at].confirm(sent, keys, spec, progress).await?;
		let samples = jobs[at].samples();
		progress.done(&match confirmed.resumed {
			false => format!("order {} posted, of {samples}", confirmed.order),
			true => format!(
				"order {} was posted by another command, of {samples}: going on with it",
				confirmed.order
			),
		});
		posted[at] = Some(confirmed);
	}
	Ok(posted.into_iter().flatten().collect())
}

/// Follows all orders until they are settled in the best block, which a fork may still undo. The outputs, each proven here to
/// be of its samples, unless a fork was in the way.
async fn settle(
	client: &Client,
	followers: &mut [Follower<'_>],
	jobs: &[Job],
	progress: &mut Progress,
) -> Outcome<Option<Vec<Vec<u8>>>> {
	let mut outputs: Vec<Option<Option<Vec<u8>>>> = jobs.iter().map(|_| None).collect();
	loop {
		for (at, follower) in followers.iter_mut().enumerate() {
			if outputs[at].is_some() || follower.look(progress).await? == Found::Live {
				continue;
			}
			let (order, described) = (follower.id(), &jobs[at].described);
			let fetched = result::fetch_as(client, order, At::Best, described.element).await;
			outputs[at] = Some(match fetched {
				Ok(evidence) => {
					let report = results::check_result(client.genesis_hash(), described, &evidence);
					report.passed().then_some(evidence.submission.output)
				}
				Err(_) => None,
			});
		}
		let settled = outputs.iter().flatten().count();
		if settled == jobs.len() {
			return Ok(outputs.into_iter().flatten().collect());
		}
		let unsettled = followers
			.iter()
			.zip(&outputs)
			.filter(|(_, output)| output.is_none());
		let claimed = unsettled
			.filter(|(follower, _)| follower.is_claimed())
			.count();
		let open = jobs.len() - settled - claimed;
		progress.wait(&format!(
			"waiting for the proofs: {settled} settled, {claimed} claimed, {open} open"
		));
		tokio::time::sleep(POLL).await;
	}
}

fn order_view(settled: &Settled, posted: &Posted, job: &Job) -> Value {
	let Settled {
		evidence,
		report,
		phases,
	} = settled;
	let receipt = &evidence.receipt;
	let samples = job
		.batches
		.iter()
		.map(|batch| [batch.samples.start, batch.samples.end]);
	json!({
		"order": evidence.order,
		"resumed": posted.resumed,
		"batch": job.batches[0].size,
		"samples": samples.collect::<Vec<_>>(),
		"program": views::hash(&receipt.program),
		"provider": views::account(&receipt.provider),
		"block": receipt.settled_at,
		"proof_bytes": evidence.submission.proof.len(),
		"output_bytes": evidence.submission.output.len(),
		"output_root": views::hash(&receipt.output_root),
		"verified": report.passed(),
		"paid": views::lem(receipt.paid),
		"seconds": { "claim": phases.claim, "prove": phases.prove },
	})
}

impl Job {
	/// Which samples it is of, for people.
	fn samples(&self) -> String {
		let ranges = self.batches.iter().map(|batch| match batch.samples.len() {
			1 => batch.samples.start.to_string(),
			_ => format!("{} to {}", batch.samples.start, batch.samples.end - 1),
		});
		format!("samples {}", ranges.collect::<Vec<_>>().join(" and "))
	}
}

/// How the outputs of all batches become one matrix, a row for each sample.
struct Scores {
	samples: usize,
	columns: usize,
	element: OutputElement,
	is_place: bool,
}

impl Scores {
	fn new(network: &Network, samples: usize) -> Self {
		Self {
			samples,
			columns: network.outputs(),
			element: network.bundle.model.element(),
			is_place: network.is_place(),
		}
	}

	/// The outputs' bytes in the order of the samples, without what fills batches up.
	fn assemble(&self, jobs: &[Job], outputs: &[impl AsRef<[u8]>]) -> Vec<u8> {
		let each = self.columns * self.element.size_bytes();
		let mut all = vec![0; self.samples * each];
		for (job, output) in jobs.iter().zip(outputs) {
			for batch in &job.batches {
				let place = batch.samples.start * each..batch.samples.end * each;
				all[place].copy_from_slice(batch.kept(output.as_ref()));
			}
		}
		all
	}

	fn write(&self, out: &Path, all: &[u8]) -> Outcome<()> {
		write_matrix(out, self.element, all, self.samples, self.columns)
	}

	/// The class of each sample: the place of its largest score, the first of equals.
	fn classes(&self, all: &[u8]) -> Vec<usize> {
		let values: Vec<i32> = match self.element {
			OutputElement::I32 => {
				let values = all.as_chunks().0.iter();
				values.map(|bytes| i32::from_le_bytes(*bytes)).collect()
			}
			_ => all.iter().map(|byte| i32::from(*byte as i8)).collect(),
		};
		let rows = values.chunks_exact(self.columns);
		rows.map(|row| match (self.is_place, row) {
			(true, [place]) => usize::try_from(*place).unwrap_or(usize::MAX),
			_ => {
				let largest = row.iter().max();
				row.iter()
					.position(|score| Some(score) == largest)
					.unwrap_or(0)
			}
		})
		.collect()
	}
}

#[cfg(test)]
mod tests {
	use lemma_client::H256;

	use super::*;

	fn job(batches: &[(std::ops::Range<usize>, usize)]) -> Job {
		let batch = |(samples, size): &(std::ops::Range<usize>, usize)| Batch {
			samples: samples.clone(),
			size: *size,
		};
		Job {
			batches: batches.iter().map(batch).collect(),
			blob: Vec::new(),
			described: Described {
				program: H256::zero(),
				commitment: H256::zero(),
				element: None,
				output_len: 0,
				cost: 1.0,
				shape: String::new(),
				matrix: None,
			},
		}
	}

	fn scores(samples: usize, columns: usize, element: OutputElement) -> Scores {
		Scores {
			samples,
			columns,
			element,
			is_place: false,
		}
	}

	#[test]
	fn outputs_should_lie_in_the_order_of_the_samples_without_what_fills_batches_up() {
		let jobs = [
			job(&[(0..2, 2), (4..6, 2)]),
			job(&[(2..4, 2)]),
			job(&[(6..7, 4)]),
		];
		let outputs = [vec![1, 2], vec![3, 4], vec![5, 9, 9, 9]];
		let scores = scores(7, 1, OutputElement::I8);
		assert_eq!(scores.assemble(&jobs, &outputs), [1, 2, 3, 4, 1, 2, 5]);
	}

	#[test]
	fn classes_should_be_the_places_of_the_largest_scores_or_the_places_themselves() {
		let bytes = [-5i32, 7, 7, -1, -2, -3].map(i32::to_le_bytes).concat();
		assert_eq!(scores(2, 3, OutputElement::I32).classes(&bytes), [1, 0]);
		let small = [0xff, 0x80, 0x01, 0x00];
		assert_eq!(scores(2, 2, OutputElement::I8).classes(&small), [0, 0]);
		let places = Scores {
			is_place: true,
			..scores(2, 1, OutputElement::I32)
		};
		let bytes = [3i32, 0].map(i32::to_le_bytes).concat();
		assert_eq!(places.classes(&bytes), [3, 0]);
	}

	#[test]
	fn orders_should_share_the_price_of_all() {
		let terms = Terms {
			max_price: 100,
			min_price: Some(50),
			ramp: 20,
			claim_window: None,
			lifetime: None,
			locator: None,
		};
		let each = shared(&terms, 8);
		assert_eq!((each.max_price, each.min_price), (12, Some(6)));
	}

	#[test]
	fn samples_should_be_named_by_their_numbers() {
		assert_eq!(job(&[(0..64, 64)]).samples(), "samples 0 to 63");
		assert_eq!(job(&[(3..4, 1), (5..6, 1)]).samples(), "samples 3 and 5");
	}
}
