use super::*;

fn record(order: OrderId, fingerprint: Hash) -> Record {
	Record {
		order,
		fingerprint,
		program: [2; 32],
		input: Some([3; 32]),
		posted_at: 1,
		deadline: 100,
		provider: [4; 32],
		state: State::Seen,
		claim: None,
		submission: None,
		refusals: 0,
		shape: String::new(),
		stages: vec![],
		history: vec![],
		tip: 0,
		replaced: vec![],
		replaced_claims: vec![],
	}
}

fn signed(nonce: u32) -> Signed {
	Signed {
		hash: [nonce as u8; 32],
		nonce,
		born_at: 5,
		dies_at: 69,
		account: Some([6; 32]),
	}
}

struct Fixture {
	folder: tempfile::TempDir,
}

impl Fixture {
	fn new() -> Self {
		Self {
			folder: tempfile::tempdir().unwrap(),
		}
	}

	fn path(&self) -> std::path::PathBuf {
		self.folder.path().join("journal.redb")
	}

	fn open(&self) -> Journal {
		Journal::open(&self.path(), Fuse::default()).unwrap()
	}
}

/// The states of an order that goes well, in order, with what each brings.
fn good_way() -> Vec<(State, Attachment<'static>)> {
	const STAGES: &[(String, u64)] = &[];
	vec![
		(State::Fetched, Attachment::Shape("2x2x2")),
		(State::Claiming, Attachment::Nothing),
		(State::ClaimSigned, Attachment::Claim(signed(7), b"claim")),
		(
			State::Claimed {
				price: 9,
				expires_at: 50,
			},
			Attachment::Nothing,
		),
		(State::Proving, Attachment::Nothing),
		(
			State::Proved,
			Attachment::Result {
				output: b"out",
				proof: b"proof",
				stages: STAGES,
			},
		),
		(
			State::SubmitSigned,
			Attachment::Submission(signed(8), b"submission"),
		),
		(State::Submitted, Attachment::Nothing),
		(
			State::Settled {
				block: 40,
				paid: Some(9),
			},
			Attachment::Nothing,
		),
	]
}

#[test]
fn a_record_should_survive_reopening_after_each_step() {
	let fixture = Fixture::new();
	let first = fixture.open().begin(record(1, [1; 32])).unwrap();
	assert_eq!(fixture.open().get(1).unwrap(), Some(first));
	for (state, attachment) in good_way() {
		let written = fixture
			.open()
			.advance(1, state.clone(), attachment)
			.unwrap();
		let journal = fixture.open();
		assert_eq!(journal.get(1).unwrap().as_ref(), Some(&written));
		assert_eq!(written.state, state);
		assert_eq!(
			journal.live().unwrap().len(),
			usize::from(!state.is_final())
		);
		let bytes = |blob| journal.blob(1, blob).unwrap();
		match state {
			State::ClaimSigned => {
				assert_eq!(bytes(Blob::Claim).as_deref(), Some(&b"claim"[..]));
				assert_eq!(written.claim, Some(signed(7)));
			}
			State::Proved => {
				assert_eq!(bytes(Blob::Output).as_deref(), Some(&b"out"[..]));
				assert_eq!(bytes(Blob::Proof).as_deref(), Some(&b"proof"[..]));
			}
			State::SubmitSigned => {
				assert_eq!(bytes(Blob::Submission).as_deref(), Some(&b"submission"[..]));
			}
			State::Settled { .. } => {
				for blob in BLOBS_OF_AN_ORDER {
					assert_eq!(bytes(blob), None, "nothing is kept of a finished order");
				}
			}
			_ => {}
		}
	}
}

#[test]
fn a_step_should_do_nothing_when_it_was_made_already() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	for (state, attachment) in good_way() {
		let once = journal.advance(1, state.clone(), attachment).unwrap();
		let twice = journal.advance(1, state, attachment).unwrap();
		assert_eq!(once, twice);
	}
}

#[test]
fn a_step_should_be_refused_when_the_state_machine_has_no_such_arrow() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	for state in [
		State::ClaimSigned,
		State::Proved,
		State::Submitted,
		State::SubmitSigned,
	] {
		let error = journal.advance(1, state, Attachment::Nothing).unwrap_err();
		assert!(
			matches!(error, JournalError::NoSuchStep { from: "seen", .. }),
			"{error}"
		);
	}
	let lost = State::Lost {
		reason: "another".to_owned(),
	};
	journal.advance(1, lost, Attachment::Nothing).unwrap();
	let error = journal
		.advance(1, State::Fetched, Attachment::Nothing)
		.unwrap_err();
	assert!(matches!(error, JournalError::NoSuchStep { .. }), "{error}");
	let error = journal
		.advance(2, State::Fetched, Attachment::Nothing)
		.unwrap_err();
	assert!(matches!(error, JournalError::Unknown(2)), "{error}");
}

#[test]
fn a_step_should_not_be_made_when_the_worker_dies_before_it() {
	let fixture = Fixture::new();
	fixture.open().begin(record(1, [1; 32])).unwrap();
	let journal = Journal::open(&fixture.path(), Fuse::gentle("before-fetched")).unwrap();
	assert!(journal
		.advance(1, State::Fetched, Attachment::Nothing)
		.is_err());
	drop(journal);
	assert_eq!(fixture.open().get(1).unwrap().unwrap().state, State::Seen);
	let journal = Journal::open(&fixture.path(), Fuse::gentle("after-fetched")).unwrap();
	assert!(journal
		.advance(1, State::Fetched, Attachment::Nothing)
		.is_err());
	drop(journal);
	assert_eq!(
		fixture.open().get(1).unwrap().unwrap().state,
		State::Fetched
	);
}

#[test]
fn an_order_should_begin_once_unless_a_fork_gave_its_number_to_another() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	journal
		.advance(1, State::Fetched, Attachment::Nothing)
		.unwrap();
	let again = journal.begin(record(1, [1; 32])).unwrap();
	assert_eq!(again.state, State::Fetched, "what stands, stands");
	let other = journal.begin(record(1, [9; 32])).unwrap();
	assert_eq!((other.state, other.fingerprint), (State::Seen, [9; 32]));
	journal
		.advance(1, State::Fetched, Attachment::Nothing)
		.unwrap();
	journal
		.advance(1, State::Claiming, Attachment::Nothing)
		.unwrap();
	journal
		.advance(
			1,
			State::ClaimSigned,
			Attachment::Claim(signed(1), b"claim"),
		)
		.unwrap();
	let error = journal.begin(record(1, [1; 32])).unwrap_err();
	assert!(matches!(error, JournalError::Conflict(1)), "{error}");
}

#[test]
fn an_order_should_begin_anew_for_another_provider_as_long_as_nothing_binds_it() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	let other = || Record {
		provider: [5; 32],
		..record(1, [1; 32])
	};
	journal.begin(record(1, [1; 32])).unwrap();
	for (state, attachment) in good_way() {
		let unbound = !state.is_bound() && !state.is_final();
		journal.advance(1, state.clone(), attachment).unwrap();
		if unbound {
			let begun = journal.begin(other()).unwrap();
			assert_eq!((begun.state, begun.provider), (State::Seen, [5; 32]));
			let begun = journal.begin(record(1, [1; 32])).unwrap();
			assert_eq!((begun.state, begun.provider), (State::Seen, [4; 32]));
			for (again, attachment) in good_way() {
				let reached = again == state;
				journal.advance(1, again, attachment).unwrap();
				if reached {
					break;
				}
			}
		} else {
			let found = journal.begin(other()).unwrap();
			assert_eq!((found.state, found.provider), (state, [4; 32]));
		}
	}
}

#[test]
fn a_lost_order_should_begin_again_when_it_is_to_be_had_again() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	let lost = State::Lost {
		reason: "another".to_owned(),
	};
	journal.advance(1, lost, Attachment::Nothing).unwrap();
	assert_eq!(
		journal.begin(record(1, [1; 32])).unwrap().state,
		State::Seen
	);
	let refused = State::Refused {
		reason: "too large".to_owned(),
	};
	journal
		.advance(1, refused.clone(), Attachment::Nothing)
		.unwrap();
	assert_eq!(journal.begin(record(1, [1; 32])).unwrap().state, refused);
}

#[test]
fn the_journal_should_be_readable_while_a_worker_writes_it() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	let readable = || read(&fixture.path()).unwrap().0.len();
	journal.begin(record(1, [1; 32])).unwrap();
	assert_eq!(readable(), 1);
	journal.begin(record(2, [1; 32])).unwrap();
	assert_eq!(readable(), 2);
	let second = Journal::open_within(Duration::ZERO, &fixture.path(), Fuse::default());
	assert!(second.is_err(), "a second worker must not share a journal");
	drop(journal);
	assert_eq!(readable(), 2);
}

#[test]
fn a_record_that_cannot_be_read_should_concern_no_other() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	for order in 1..4 {
		journal.begin(record(order, [1; 32])).unwrap();
	}
	journal.damage(2);
	let orders = |records: Vec<Record>| -> Vec<OrderId> {
		records.into_iter().map(|record| record.order).collect()
	};
	for _ in 0..2 {
		assert_eq!(orders(journal.all().unwrap()), [1, 3]);
		assert_eq!(orders(journal.live().unwrap()), [1, 3]);
		assert_eq!(journal.unreadable(), BTreeSet::from([2]));
	}
	journal.prune().unwrap();
	let again = |order| journal.begin(record(order, [1; 32]));
	for error in [journal.get(2).unwrap_err(), again(2).unwrap_err()] {
		assert!(matches!(error, JournalError::Unreadable(2)), "{error}");
		assert!(error.is_of_one_order());
		assert!(error.to_string().contains("collateral"), "{error}");
	}
	assert!(again(3).is_ok());
	let (records, unreadable) = read(&fixture.path()).unwrap();
	assert_eq!((orders(records), unreadable), (vec![1, 3], vec![2]));
}

#[test]
fn what_is_known_of_chain_and_pause_should_survive_reopening() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	assert_eq!(journal.finalized().unwrap(), None);
	journal.bind([1; 32]).unwrap();
	journal.set_finalized(7, [7; 32]).unwrap();
	journal.set_paused_until(123).unwrap();
	drop(journal);
	let journal = fixture.open();
	journal.bind([1; 32]).unwrap();
	assert_eq!(journal.finalized().unwrap(), Some((7, [7; 32])));
	assert_eq!(journal.paused_until().unwrap(), Some(123));
	let error = journal.bind([2; 32]).unwrap_err();
	assert!(error.to_string().contains("another data_dir"), "{error}");
}

#[test]
fn a_record_should_read_well_as_json() {
	let mut record = record(3, [1; 32]);
	record.state = State::Settled {
		block: 40,
		paid: Some(u128::from(u64::MAX) + 1),
	};
	let json = serde_json::to_value(&record).unwrap();
	assert_eq!(json["order"], 3);
	assert_eq!(json["state"], "settled");
	assert_eq!(json["paid"], "18446744073709551616");
	assert_eq!(json["program"], format!("0x{}", "02".repeat(32)));
}

#[test]
fn opening_should_wait_for_a_process_that_is_letting_go_of_the_journal() {
	let fixture = Fixture::new();
	let held = fixture.open();
	let letting_go = std::thread::spawn(move || {
		std::thread::sleep(Duration::from_millis(300));
		drop(held);
	});
	fixture.open();
	letting_go.join().unwrap();
}

#[test]
fn a_step_should_be_repeatable_when_the_disk_was_full() {
	let disk = disk::Disk::default();
	let journal = Journal::on(&disk, Fuse::default()).unwrap();
	journal.begin(record(1, [1; 32])).unwrap();
	for (state, attachment) in good_way() {
		let before = journal.get(1).unwrap();
		disk.fill(true);
		for _ in 0..3 {
			let error = journal.advance(1, state.clone(), attachment).unwrap_err();
			assert!(error.is_passing(), "{error}");
		}
		disk.fill(false);
		assert_eq!(
			journal.get(1).unwrap(),
			before,
			"what was not written is not there"
		);
		let written = journal.advance(1, state, attachment).unwrap();
		assert_eq!(journal.get(1).unwrap(), Some(written));
	}
	assert!(disk.refused() > 0);
}

#[test]
fn a_step_should_survive_a_power_cut_once_it_was_made() {
	use rand::{rngs::StdRng, Rng, SeedableRng};
	for seed in 0..50 {
		let mut random = StdRng::seed_from_u64(seed);
		let disk = disk::Disk::default();
		let mut journal = Journal::on(&disk, Fuse::default()).unwrap();
		journal.begin(record(1, [1; 32])).unwrap();
		for (state, attachment) in good_way() {
			let written = journal.advance(1, state, attachment).unwrap();
			disk.cut(|| random.gen());
			drop(journal);
			journal = Journal::on(&disk, Fuse::default()).unwrap();
			assert_eq!(journal.get(1).unwrap(), Some(written), "seed {seed}");
		}
	}
}

#[test]
fn attempts_should_be_counted_across_deaths_and_forgotten_at_the_end() {
	let fixture = Fixture::new();
	fixture.open().begin(record(1, [1; 32])).unwrap();
	for expected in 1..4 {
		assert_eq!(fixture.open().begin_attempt(1).unwrap(), expected);
	}
	assert_eq!(fixture.open().attempts(1).unwrap(), 3);
	let lost = State::Lost {
		reason: "another".to_owned(),
	};
	fixture
		.open()
		.advance(1, lost, Attachment::Nothing)
		.unwrap();
	assert_eq!(fixture.open().attempts(1).unwrap(), 0);
}

#[test]
fn a_miss_should_be_noted_once_across_restarts() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	for (state, attachment) in good_way().into_iter().take(5) {
		let written = journal.advance(1, state, attachment).unwrap();
		assert_eq!(written.was_claimed(), written.state.is_bound());
		assert!(!written.is_miss_noted());
	}
	assert!(journal.note_miss(1).unwrap());
	drop(journal);
	let journal = fixture.open();
	assert!(!journal.note_miss(1).unwrap());
	let record = journal.get(1).unwrap().unwrap();
	assert_eq!(record.state, State::Proving, "it is no step");
	assert!(record.is_miss_noted());
	let notes = record.history.iter().filter(|(_, name)| name == MISSED);
	assert_eq!(notes.count(), 1);
	let error = journal.note_miss(2).unwrap_err();
	assert!(matches!(error, JournalError::Unknown(2)), "{error}");
}

/// A journal in which order 1 is begun, and another transaction than [`signed`] makes of this nonce, signed later.
fn begun_and_signed_again(nonce: u32) -> (Fixture, Journal, Signed) {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.begin(record(1, [1; 32])).unwrap();
	let again = Signed {
		hash: [99; 32],
		born_at: 9,
		dies_at: 73,
		..signed(nonce)
	};
	(fixture, journal, again)
}

#[test]
fn a_claim_should_be_replaced_by_one_with_its_nonce_alone() {
	let (_fixture, journal, again) = begun_and_signed_again(7);
	for (state, attachment) in good_way() {
		journal.advance(1, state.clone(), attachment).unwrap();
		let written = journal.get(1).unwrap().unwrap();
		let theirs = Signed {
			account: Some([8; 32]),
			..again
		};
		let refused = [
			journal.replace_claim(1, signed(9), b"another nonce"),
			journal.replace_claim(1, theirs, b"another account"),
		];
		for error in refused.map(Result::unwrap_err) {
			assert!(matches!(error, JournalError::NoSuchStep { .. }), "{error}");
		}
		assert_eq!(journal.get(1).unwrap(), Some(written));
		let replaced = journal.replace_claim(1, again, b"again");
		if !state.is_bound() {
			assert!(matches!(replaced, Err(JournalError::NoSuchStep { .. })));
			continue;
		}
		let replaced = replaced.unwrap();
		assert_eq!(journal.get(1).unwrap().as_ref(), Some(&replaced));
		assert_eq!(replaced.state, state, "it stays bound");
		assert_eq!(replaced.claim, Some(again));
		let hashes: Vec<_> = replaced.claim_hashes().collect();
		assert_eq!(hashes.first(), Some(&again.hash));
		assert_eq!(hashes.last(), Some(&signed(7).hash));
		let whole = replaced.open_transactions().next().unwrap();
		assert_eq!((whole.nonce, whole.born_at, whole.dies_at), (7, 5, 73));
		let bytes = journal.blob(1, Blob::Claim).unwrap();
		assert_eq!(bytes.as_deref(), Some(&b"again"[..]));
	}
}

#[test]
fn a_submission_should_be_replaced_by_one_with_its_nonce_alone() {
	let (_fixture, journal, again) = begun_and_signed_again(8);
	for (state, attachment) in good_way() {
		let replaced = journal.replace_submission(1, again, 5, b"dearer");
		if !matches!(
			journal.get(1).unwrap().unwrap().state,
			State::SubmitSigned | State::Submitted
		) {
			let error = replaced.unwrap_err();
			assert!(matches!(error, JournalError::NoSuchStep { .. }), "{error}");
		}
		journal.advance(1, state.clone(), attachment).unwrap();
		if state != State::Submitted {
			continue;
		}
		let other = journal.replace_submission(1, signed(9), 6, b"another nonce");
		assert!(matches!(other, Err(JournalError::NoSuchStep { .. })));
		let dearest = journal.replace_submission(1, signed(8), 7, b"dearest");
		let record = journal.get(1).unwrap().unwrap();
		assert_eq!(dearest.unwrap(), record);
		assert_eq!(record.state, State::Submitted);
		assert_eq!((record.submission, record.tip), (Some(signed(8)), 7));
		let offers: Vec<_> = record.offers().collect();
		let hash = signed(8).hash;
		assert_eq!(offers, [(hash, 7), ([99; 32], 5), (hash, 0)]);
		let open: Vec<_> = record.open_transactions().collect();
		assert_eq!(
			open.last().map(|all| (all.born_at, all.dies_at)),
			Some((5, 73))
		);
		let bytes = journal.blob(1, Blob::Submission).unwrap();
		assert_eq!(bytes.as_deref(), Some(&b"dearest"[..]));
	}
}

/// A record as it was written before accounts.
fn before_accounts(record: &Record) -> Vec<u8> {
	let signed =
		|signed: &Signed| (signed.hash, signed.nonce, signed.born_at, signed.dies_at).encode();
	let optional = |found: &Option<Signed>| match found {
		Some(found) => [vec![1], signed(found)].concat(),
		None => vec![0],
	};
	// Their number is a byte of four times its value, as long as there are few.
	let mut replaced = vec![record.replaced.len() as u8 * 4];
	for one in &record.replaced {
		replaced.extend(signed(&one.signed));
		replaced.extend(one.tip.encode());
	}
	let chain = (
		record.order,
		record.fingerprint,
		record.program,
		record.input,
		record.posted_at,
		record.deadline,
		record.provider,
	);
	let work = (record.refusals, &record.shape, &record.stages);
	[
		chain.encode(),
		record.state.encode(),
		optional(&record.claim),
		optional(&record.submission),
		work.encode(),
		(&record.history, record.tip).encode(),
		replaced,
	]
	.concat()
}

#[test]
fn a_journal_of_an_earlier_layout_should_be_brought_to_todays() {
	let unknown = |nonce| Signed {
		account: None,
		..signed(nonce)
	};
	for layout in [layouts::WITHOUT_TIPS, layouts::WITHOUT_ACCOUNTS] {
		let fixture = Fixture::new();
		let journal = fixture.open();
		let mut written = journal.begin(record(1, [1; 32])).unwrap();
		written.state = State::Submitted;
		written.claim = Some(unknown(3));
		written.submission = Some(unknown(4));
		written.shape = "2x2x2".to_owned();
		written.stages = vec![("wrap".to_owned(), 1)];
		if layout == layouts::WITHOUT_ACCOUNTS {
			written.tip = 7;
			written.replaced = vec![Replaced {
				signed: unknown(4),
				tip: 3,
			}];
		}
		let mut old = before_accounts(&written);
		if layout == layouts::WITHOUT_TIPS {
			// No tip, and nothing replaced.
			old.truncate(old.len() - 17);
		}
		journal
			.storage
			.write(|transaction| {
				let mut table = transaction.open_table(ORDERS)?;
				table.insert(1, old.as_slice())?;
				// It was damaged before.
				table.insert(2, &old[..30])?;
				let mut about = transaction.open_table(ABOUT)?;
				about.insert("layout", layout.encode().as_slice())?;
				Ok(())
			})
			.unwrap();
		drop(journal);
		for _ in 0..2 {
			let journal = fixture.open();
			assert_eq!(journal.get(1).unwrap().as_ref(), Some(&written));
			let error = journal.get(2).unwrap_err();
			assert!(matches!(error, JournalError::Unreadable(2)), "{error}");
		}
	}
}

#[test]
fn a_journal_of_a_layout_that_is_not_known_should_be_refused() {
	let fixture = Fixture::new();
	let journal = fixture.open();
	journal.set_about("layout", &(LAYOUT + 1)).unwrap();
	drop(journal);
	let error = Journal::open(&fixture.path(), Fuse::default()).err();
	assert!(
		matches!(error, Some(JournalError::Layout { .. })),
		"{error:?}"
	);
}
