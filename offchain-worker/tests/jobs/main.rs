//! Jobs in processes of their own: what breaks them breaks nothing else. Most of them are done by a program that does what
//! it should not, whose process is this test run once more: the part marked as ignored.

#[path = "../hands/mod.rs"]
mod hands;
mod rogue;

use std::{
	io::{BufRead, BufReader},
	process::{Command, Stdio},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};

use hands::{children, order, runs, settings, signal, until, worker, Hands, PATIENCE};
use lemma_job_host::{
	message::{Chosen, Event, First, Request, CUDA},
	Machine,
};
use lemma_worker::{
	backend::Preference,
	catalogue::Catalogue,
	executables::{self, Executable},
	jobs::{Failure, Host, Launcher, Limits, Lost, Place, Pool, Why},
	metrics::Metrics,
	workshop::{PrepareError, Workshop as _},
};
use lemma_zk_circuits::{program::Work, programs::bundles::Programs};
use rogue::PROGRAM;

/// The rogue program's process.
fn rogue() -> Launcher {
	Launcher::Program {
		path: std::env::current_exe().expect("a test knows its program"),
		arguments: ["--exact", "part_serve", "--ignored", "--nocapture"]
			.map(Into::into)
			.into(),
		environment: vec![("LEMMA_KEY".into(), "a secret".into())],
		strange: false,
	}
}

fn limits(time: Duration) -> Limits {
	Limits {
		time,
		gpu: PATIENCE,
		memory: u64::MAX,
	}
}

fn start() -> Host {
	Host::start(1, 0, &rogue(), Some(2), 7, &limits(PATIENCE)).expect("it starts")
}

/// Has the rogue program read an input, and compute and prove it.
fn order_from(host: &mut Host, input: &str, limits: &Limits) -> Result<Event, Failure> {
	let open = Request::Open {
		job: 5,
		program: PROGRAM,
	};
	host.ask(&open, input.as_bytes(), limits, &mut |_| {})?;
	let make = Request::Make {
		job: 5,
		binding: [0; 32],
		first: First::Cpu,
	};
	host.ask(&make, &[], limits, &mut |_| {})
		.map(|(event, _)| event)
}

/// How a process is lost by an input.
fn lost_by(input: &str, limits: &Limits) -> Lost {
	let mut host = start();
	let process = host.process().expect("it is one");
	assert!(runs(process));
	match order_from(&mut host, input, limits) {
		Err(Failure::Lost(lost)) => {
			assert!(!runs(process), "it is still there: {lost}");
			assert_eq!(lost.process, Some(process));
			lost
		}
		other => panic!("{input} was survived: {other:?}"),
	}
}

#[test]
fn a_job_that_loops_forever_should_be_ended_at_its_limit() {
	for input in ["read: loop", "compute: loop", "prove: loop"] {
		let began = Instant::now();
		let lost = lost_by(input, &limits(Duration::from_secs(2)));
		assert_eq!(lost.why, Why::Time, "{lost}");
		assert!(began.elapsed() < PATIENCE, "{input}");
	}
}

#[test]
fn a_job_should_be_ended_when_nobody_wants_it_any_more() {
	let mut host = start();
	let process = host.process().unwrap();
	let unwanted = Arc::new(AtomicBool::new(false));
	host.unwanted = Some(unwanted.clone());
	let leaving = std::thread::spawn(move || {
		std::thread::sleep(Duration::from_secs(1));
		unwanted.store(true, Ordering::SeqCst);
	});
	match order_from(&mut host, "compute: loop", &limits(PATIENCE)) {
		Err(Failure::Lost(lost)) => assert_eq!(lost.why, Why::Unwanted, "{lost}"),
		other => panic!("it went on: {other:?}"),
	}
	leaving.join().unwrap();
	assert!(!runs(process));
}

#[test]
fn a_job_that_writes_out_of_bounds_should_take_its_process_and_nothing_else() {
	let lost = lost_by("compute: write", &limits(PATIENCE));
	assert_eq!(lost.why, Why::Crashed);
	assert!(lost.text.contains("SIGSEGV"), "{lost}");
}

#[test]
fn a_process_that_ends_by_itself_should_be_reported_with_its_last_words() {
	let lost = lost_by("compute: abort", &limits(PATIENCE));
	assert_eq!(lost.why, Why::Crashed);
	let text = lost.text;
	assert!(
		text.contains("SIGABRT") && text.contains("these are my last words"),
		"{text}"
	);
}

#[test]
fn a_job_that_takes_too_much_memory_should_be_ended() {
	let lost = lost_by(
		"compute: hoard",
		&Limits {
			memory: 600 << 20,
			..limits(PATIENCE)
		},
	);
	assert_eq!(lost.why, Why::Memory, "{lost}");
	assert!(lost.text.contains("max_memory_bytes"), "{lost}");
}

#[test]
fn the_memory_of_what_a_wrapper_has_started_should_count() {
	let program = std::env::current_exe().unwrap();
	let command = "\"$0\" --exact part_serve --ignored --nocapture; true";
	let wrapped = Launcher::Program {
		path: "/bin/sh".into(),
		arguments: vec!["-c".into(), command.into(), program.into_os_string()],
		environment: vec![],
		strange: false,
	};
	let mut host = Host::start(1, 0, &wrapped, Some(2), 7, &limits(PATIENCE)).expect("it starts");
	let little = Limits {
		memory: 600 << 20,
		..limits(PATIENCE)
	};
	match order_from(&mut host, "compute: hoard", &little) {
		Err(Failure::Lost(lost)) => assert_eq!(lost.why, Why::Memory, "{lost}"),
		other => panic!("it was survived: {other:?}"),
	}
}

#[test]
fn an_idle_process_that_holds_too_much_memory_should_be_ended() {
	let pool = Pool::new(rogue(), [], settings(), Metrics::new());
	let host = pool.take(0, None).unwrap();
	let first = host.process();
	pool.give_back(host);
	let mut host = pool.take(0, None).unwrap();
	assert_eq!(host.process(), first);
	assert!(host.overgrown(u64::MAX).is_none());
	let lost = host.overgrown(1 << 10).unwrap();
	assert_eq!((lost.why, lost.process), (Why::Memory, first));
	assert!(!runs(first.unwrap()));
}

#[test]
fn a_process_that_says_what_it_should_not_should_be_ended() {
	let lost = lost_by("compute: babble", &limits(PATIENCE));
	assert_eq!(lost.why, Why::Crashed);
	assert!(lost.text.contains("no message"), "{lost}");
}

#[test]
fn a_process_whose_answer_drips_in_should_be_ended_at_its_limit() {
	let began = Instant::now();
	let lost = lost_by("compute: drip", &limits(Duration::from_secs(2)));
	assert_eq!(lost.why, Why::Time, "{lost}");
	assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_process_that_never_stops_talking_should_be_ended() {
	let lost = lost_by("compute: chatter", &limits(PATIENCE));
	assert_eq!(lost.why, Why::Crashed, "{lost}");
	assert!(lost.text.contains("too much"), "{lost}");
}

#[test]
fn what_a_job_has_started_should_end_with_it() {
	let mut host = start();
	let process = host.process().unwrap();
	let asked = order_from(&mut host, "compute: fork", &limits(Duration::from_secs(3)));
	assert!(matches!(asked, Err(Failure::Lost(_))), "{asked:?}");
	// It told its number by a file.
	let file = std::env::temp_dir().join(format!("lemma-rogue-{process}"));
	let started: u32 = std::fs::read_to_string(&file).unwrap().parse().unwrap();
	std::fs::remove_file(file).unwrap();
	until("the process that the job started is gone", || {
		!runs(started)
	});
}

#[test]
fn a_process_that_does_not_read_should_be_ended_at_the_limit() {
	let mut host = start();
	let process = host.process().unwrap();
	signal("-STOP", process);
	let long = "x".repeat(8 << 20);
	match order_from(&mut host, &long, &limits(Duration::from_secs(1))) {
		Err(Failure::Lost(lost)) => assert_eq!(lost.why, Why::Time),
		other => panic!("it was read: {other:?}"),
	}
	assert!(!runs(process));
}

#[test]
fn a_panic_should_be_an_answer_after_which_the_process_works_on() {
	let mut host = start();
	for input in ["read: panic", "compute: panic", "prove: panic"] {
		let asked = order_from(&mut host, input, &limits(PATIENCE));
		assert!(matches!(asked, Err(Failure::Said(_))), "{input}: {asked:?}");
	}
	let fine = order_from(&mut host, "fine", &limits(PATIENCE));
	assert!(matches!(fine, Ok(Event::Made(_))), "{fine:?}");
}

#[test]
fn another_process_should_take_the_place_of_one_that_is_lost() {
	let metrics = Metrics::new();
	let pool = Pool::new(rogue(), [], settings(), metrics.clone());
	let mut host = pool.take(0, None).unwrap();
	let first = host.process();
	let Err(Failure::Lost(lost)) = order_from(&mut host, "compute: write", &limits(PATIENCE))
	else {
		panic!("it was survived");
	};
	pool.lost(host.id, &lost);
	drop(host);

	let mut host = pool.take(0, None).unwrap();
	let second = host.process();
	assert_ne!(first, second);
	let fine = order_from(&mut host, "fine", &limits(PATIENCE));
	assert!(matches!(fine, Ok(Event::Made(_))), "{fine:?}");
	pool.give_back(host);

	// It is kept, until it ends while it is idle.
	let host = pool.take(0, None).unwrap();
	assert_eq!(host.process(), second);
	pool.give_back(host);
	signal("-KILL", second.unwrap());
	// Its first thread is dead before all of it is.
	until("another takes its place", || {
		let host = pool.take(0, None).unwrap();
		let is_another = host.process() != second;
		pool.give_back(host);
		is_another
	});
	let text = metrics.encode().unwrap();
	let line = "lemma_worker_job_processes_lost_total{reason=\"crashed\"} 2";
	assert!(text.contains(line), "{text}");
}

#[test]
fn a_job_should_be_closed_when_nobody_needs_it_any_more() {
	let pool = Pool::new(rogue(), [], settings(), Metrics::new());
	for at_work in [false, true] {
		let mut host = pool.take(0, None).unwrap();
		let fine = order_from(&mut host, "fine", &limits(PATIENCE));
		assert!(fine.is_ok(), "{fine:?}");
		let place = Place::new(&pool, host.id, 5);
		if at_work {
			drop(place);
			pool.give_back(host);
		} else {
			pool.give_back(host);
			drop(place);
		}
		let mut host = pool.take(0, None).unwrap();
		let make = Request::Commit { job: 5 };
		let asked = host.ask(&make, &[], &limits(PATIENCE), &mut |_| {});
		match asked {
			Err(Failure::Said(reason)) => assert!(reason.contains("no job 5"), "{reason}"),
			other => panic!("it is still there: {other:?}"),
		}
		pool.give_back(host);
	}
}

#[test]
fn a_process_should_give_way_lead_its_session_and_not_know_the_key() {
	let mut host = start();
	let fine = order_from(&mut host, "fine", &limits(PATIENCE));
	assert!(fine.is_ok(), "{fine:?}");
	let process = host.process().unwrap();
	let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
	// proc(5): of what follows the name, session is the 4th and niceness the 17th field.
	let field = |stat: &str, place: usize| -> i64 {
		let fields = stat.rsplit(") ").next().unwrap();
		fields.split(' ').nth(place - 1).unwrap().parse().unwrap()
	};
	assert_eq!(field(&read("stat"), 4), i64::from(process));
	let own = std::fs::read_to_string("/proc/self/stat").unwrap();
	let wanted = field(&own, 17).max(7);
	let giving_way = std::fs::read_dir(format!("/proc/{process}/task"))
		.unwrap()
		.flatten()
		.filter(|task| {
			let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
			let name = stat.split(['(', ')']).nth(1).unwrap_or_default();
			let works = name == "job" || name.starts_with("prove-");
			assert!(!works || field(&stat, 17) == wanted, "{stat}");
			works
		})
		.count();
	assert_eq!(giving_way, 3, "the thread of jobs and two that prove");
	assert!(!read("environ").contains("LEMMA_KEY"));
	assert_eq!(read("oom_score_adj").trim(), "500");
}

#[test]
fn a_process_should_end_when_its_worker_dies_whatever_it_is_doing() {
	let mut dying = Command::new(std::env::current_exe().unwrap())
		.args(["--exact", "part_die", "--ignored", "--nocapture"])
		.stdout(Stdio::piped())
		.spawn()
		.unwrap();
	let mut lines = BufReader::new(dying.stdout.take().unwrap()).lines();
	let process: u32 = lines
		.find_map(|line| line.unwrap().strip_prefix("process ")?.parse().ok())
		.expect("it tells its process");
	assert!(runs(process));
	dying.kill().unwrap();
	dying.wait().unwrap();
	until("its process is gone", || !runs(process));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_should_be_done_by_another_process_when_its_own_is_gone() {
	let hands = Hands::new(worker(), settings());
	let (job, output) = hands.prepare().await;
	let finished = hands.produce(&job, 1).await.unwrap();
	assert_eq!(finished.output, output);

	let own = std::process::id();
	let [process] = children(own, "job-host")[..] else {
		panic!("{:?}", children(own, "job-host"));
	};
	// While it proves: what is left of the job is its input.
	let producing = hands.produce(&job, 1);
	let killing = async {
		tokio::time::sleep(Duration::from_millis(300)).await;
		signal("-KILL", process);
	};
	let (produced, ()) = tokio::join!(producing, killing);
	let reason = produced.unwrap_err();
	assert!(reason.contains("SIGKILL"), "{reason}");
	hands.assert_metric("lemma_worker_job_processes_lost_total{reason=\"crashed\"} 1");
	assert_eq!(hands.produce(&job, 2).await.unwrap().output, output);
}

/// The rogue program as an executable, of which this is allowed.
fn executable(allowed: [u8; 32]) -> Executable {
	let arguments = ["--exact", "part_serve", "--ignored", "--nocapture"];
	Executable {
		path: std::env::current_exe().expect("a test knows its program"),
		arguments: arguments.map(str::to_owned).into(),
		allowed: [allowed].into(),
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executable_should_serve_what_is_allowed_and_be_believed_nothing() {
	let fine = |commitment| order(PROGRAM, commitment, b"fine".to_vec(), 4);
	let refused = |hands: Hands, order| async move {
		match hands.executor.prepare(&order, false).await {
			Err(PrepareError::Refused(reason) | PrepareError::Unfit(reason)) => reason,
			Err(PrepareError::Later(reason)) => panic!("it may come: {reason}"),
			Ok(_) => panic!("it was taken"),
		}
	};
	let nothing = Hands::new(worker(), settings());
	let reason = refused(nothing, fine([0; 32])).await;
	assert!(reason.contains("nor allowed"), "{reason}");

	let allowed = || Hands::with(worker(), &[executable(PROGRAM)], settings());
	let reason = refused(allowed(), fine([1; 32])).await;
	assert!(reason.contains("has the commitment"), "{reason}");
	let hands = allowed();
	let job = hands.executor.prepare(&fine([0; 32]), false).await.unwrap();
	// It proves whatever it is given, and this worker looks.
	let reason = hands.produce(&job, 1).await.unwrap_err();
	assert!(reason.contains("does not verify"), "{reason}");
}

/// A GPU that fails, or computes this.
struct Gpu(Result<Vec<u8>, String>);

impl Machine for Gpu {
	fn choose(&self, _: &str) -> Result<Chosen, String> {
		Ok(Chosen {
			name: CUDA.into(),
			description: "a test's".into(),
			no_gpu: None,
		})
	}

	fn gpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
		self.0.clone()
	}

	fn cpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
		Err("not asked here".into())
	}
}

/// Hands with such a GPU, and the rogue program as an executable.
fn hands_with(gpu: Result<Vec<u8>, String>) -> Hands {
	let own = Launcher::Thread(Arc::new(move |socket| {
		let gpu = Box::new(Gpu(gpu.clone()));
		// That the connection is closed is no error.
		let _ = lemma_job_host::serve_on(socket, Programs::default(), gpu);
	}));
	let hands = Hands::with(own, &[executable(PROGRAM)], settings());
	let chosen = hands.pool.choose(Preference::Cuda).unwrap();
	assert_eq!(chosen.name, CUDA);
	hands
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executable_whose_kernels_fail_should_lose_the_gpu_for_itself_alone() {
	let hands = hands_with(Err("CUDA_ERROR_LAUNCH_FAILED".into()));
	let order = order(PROGRAM, [0; 32], b"kernel".to_vec(), 4);
	let job = hands.executor.prepare(&order, false).await.unwrap();
	for _ in 0..3 {
		assert!(hands.pool.asks_gpu(1));
		let reason = hands.produce(&job, 1).await.unwrap_err();
		assert!(reason.contains("does not verify"), "{reason}");
	}
	assert!(!hands.pool.asks_gpu(1));
	assert!(hands.pool.asks_gpu(0));
	hands.assert_metric("lemma_worker_backend_failures_total{backend=\"cuda\"} 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_gpu_should_be_forgiven_only_for_a_proof_that_verifies() {
	let hands = hands_with(Ok(vec![1, 0, 0, 0]));
	let order = order(PROGRAM, [0; 32], b"kernel".to_vec(), 4);
	let job = hands.executor.prepare(&order, false).await.unwrap();
	hands.pool.strike(1, "once");
	hands.pool.strike(1, "twice");
	let reason = hands.produce(&job, 1).await.unwrap_err();
	assert!(reason.contains("does not verify"), "{reason}");
	assert!(hands.pool.asks_gpu(1), "it did not fail");
	hands.pool.strike(1, "a third time");
	assert!(!hands.pool.asks_gpu(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_should_be_believed_that_the_gpu_failed_where_it_was_not_asked() {
	let hands = hands_with(Ok(vec![1, 0, 0, 0]));
	let order = order(PROGRAM, [0; 32], b"compute: slander".to_vec(), 4);
	let job = hands.executor.prepare(&order, false).await.unwrap();
	let reason = hands.produce(&job, 1).await.unwrap_err();
	assert!(reason.contains("does not verify"), "{reason}");
	let text = hands.metrics.encode().unwrap();
	assert!(!text.contains("backend_failures_total{"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_should_be_read_once_more_when_a_process_that_had_served_ends_at_it() {
	let input = |input: &str| order(PROGRAM, [0; 32], input.as_bytes().to_vec(), 4);
	let hands = Hands::with(worker(), &[executable(PROGRAM)], settings());
	let first = hands.executor.prepare(&input("fine"), false).await;
	assert!(first.is_ok());
	let worn_out = hands
		.executor
		.prepare(&input("read: wear out"), false)
		.await;
	assert!(worn_out.is_ok(), "a fresh process reads it");
	hands.assert_metric("lemma_worker_job_processes_lost_total{reason=\"crashed\"} 1");
	match hands.executor.prepare(&input("read: abort"), false).await {
		Err(PrepareError::Refused(reason)) => assert!(reason.contains("SIGABRT"), "{reason}"),
		Err(error) => panic!("its input is not what it says: {error}"),
		Ok(_) => panic!("it was taken"),
	}
	hands.assert_metric("lemma_worker_job_processes_lost_total{reason=\"crashed\"} 3");
}

#[test]
fn an_executable_should_be_an_error_when_it_has_not_got_what_is_allowed() {
	let other = executable([7; 32]);
	let pool = Pool::new(worker(), [other.launcher()], settings(), Metrics::new());
	let mut catalogue = Catalogue::default();
	let before = catalogue.entries().len();
	let error = executables::load(&mut catalogue, &[other], &pool).unwrap_err();
	let text = format!("{error:#}");
	for part in ["`executables`", &"07".repeat(32), &"09".repeat(32)] {
		assert!(text.contains(part), "{text}");
	}
	assert_eq!(catalogue.entries().len(), before);
	let nowhere = Executable {
		path: "/nowhere/program".into(),
		..executable(PROGRAM)
	};
	let pool = Pool::new(worker(), [nowhere.launcher()], settings(), Metrics::new());
	let error = executables::load(&mut catalogue, &[nowhere], &pool).unwrap_err();
	assert!(
		format!("{error:#}").contains("/nowhere/program"),
		"{error:#}"
	);
}

#[test]
#[ignore = "run by the others, with a socket"]
fn part_serve() {
	rogue::serve()
}

#[test]
#[ignore = "run by a_process_should_end_when_its_worker_dies_..."]
fn part_die() {
	let mut host = start();
	println!("\nprocess {}", host.process().unwrap());
	let looping = order_from(&mut host, "compute: loop", &limits(PATIENCE));
	panic!("nobody ended this process: {looping:?}");
}
