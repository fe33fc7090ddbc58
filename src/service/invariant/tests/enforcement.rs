//! What comes of the checks. Time is paused: it goes on when nobody else does.

use super::*;

async fn outcomes(invariants: &InvariantService, subject: &Subject) -> Vec<(String, Outcome)> {
    let report = invariants.enforce(setting(), subject).await.unwrap();
    assert_eq!(report.results.len(), report.reconciled.effective.len());
    report.results.into_iter().map(|result| (result.invariant.id.to_string(), result.outcome)).collect()
}

fn violated(reason: &str) -> Outcome {
    Outcome::Violated(reason.into())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_does_not_say_that_its_invariant_holds_counts_as_violated() {
    let (invariants, bus) = service();
    let all = [Check::Holds, Check::SaysNo, Check::Errors, Check::Panics, Check::Hangs];
    for (id, check) in ["holds", "says-no", "errors", "panics", "hangs"].into_iter().zip(all) {
        invariants.add(checked(id, check)).unwrap();
    }
    invariants.add(new("statement", Reach::Plan("p".into()))).unwrap();
    let found = outcomes(&invariants, &Subject::new()).await;
    let expected = [
        ("statement", Outcome::Stated),
        ("holds", Outcome::Held),
        ("says-no", violated("it is Friday")),
        ("errors", violated("its check could not say: the calendar is lost")),
        ("panics", violated("its check panicked: a day too many")),
        ("hangs", violated("its check took longer than 30 s")),
    ];
    assert_eq!(found, expected.map(|(id, outcome)| (id.to_owned(), outcome)));
    bus.assert_types([
        EventType::InvariantReconciled,
        EventType::InvariantEnforced,
        EventType::InvariantViolated,
        EventType::InvariantViolated,
        EventType::InvariantViolated,
        EventType::InvariantViolated,
    ]);
    let told = bus.all::<InvariantViolated>();
    let reasons: Vec<_> = told.iter().map(|told| told.reason.to_string()).collect();
    assert!(found[2..].iter().zip(&reasons).all(|((_, outcome), reason)| *outcome == violated(reason)));
    assert_eq!((&told[0].invariant_id, &*told[0].text), (&"says-no".into(), "says-no must hold"));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_is_caused_by_the_reconciliation() {
    let (invariants, bus) = service();
    invariants.add(checked("holds", Check::Holds)).unwrap();
    invariants.add(checked("says-no", Check::SaysNo)).unwrap();
    let report = invariants.enforce(setting(), &Subject::new()).await.unwrap();
    assert!(!report.is_kept());
    let cause = bus.only::<InvariantReconciled>().event().id();
    let (enforced, violated) = (bus.only::<InvariantEnforced>(), bus.only::<InvariantViolated>());
    for event in [enforced.event(), violated.event()] {
        assert_eq!(event.causation_id(), Some(cause));
        assert_eq!(event.plan_id().unwrap(), &"p");
    }
}

/// A check that says what it was asked.
#[derive(Debug, Default)]
struct Listens(Mutex<Option<InvariantContext>>);

#[async_trait]
impl InvariantCheck for Listens {
    async fn check(&self, context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        assert_eq!(Scope::current().plan_id(), Some(context.setting().plan_id()));
        *lock(&self.0) = Some(context.clone());
        Ok(Verdict::Held)
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_is_told_what_it_is_about() {
    let (invariants, _bus) = service();
    let check = Arc::new(Listens::default());
    let added = invariants.add(new("a", Reach::Global).with_check(check.clone())).unwrap();
    let subject = Subject::new().with_value(serde_json::json!({"files": 3}));
    assert!(invariants.enforce(setting(), &subject).await.unwrap().is_kept());
    let asked = lock(&check.0).take().unwrap();
    assert_eq!((asked.invariant(), asked.setting()), (&added, &setting()));
    assert_eq!(asked.subject().value().unwrap(), &serde_json::json!({"files": 3}));
    assert_eq!(invariants.ask(&question()).await, GateAnswer::Allowed);
    let asked = lock(&check.0).take().unwrap();
    assert_eq!(asked.subject().operation(), Some(question().operation));
    assert_eq!(asked.setting().action(), Some(&"apply".into()));
}

/// A check that counts how many of its kind run at once.
#[derive(Debug, Default)]
struct Counts {
    running: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl InvariantCheck for Counts {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Verdict::Held)
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_checks_run_at_once_as_may() {
    let (invariants, _bus) = service();
    let two = InvariantOptions::default().with_concurrency(NonZeroUsize::new(2).unwrap());
    let invariants = invariants.with_options(two);
    let check = Arc::new(Counts::default());
    for number in 0..7 {
        invariants.add(new(&number.to_string(), Reach::Global).with_check(check.clone())).unwrap();
    }
    assert!(invariants.enforce(setting(), &Subject::new()).await.unwrap().is_kept());
    assert_eq!(check.most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_check_starts_when_it_does() {
    let (invariants, _bus) = service();
    let one =
        InvariantOptions::default().with_concurrency(NonZeroUsize::MIN).with_timeout(Duration::from_secs(2));
    let invariants = invariants.with_options(one);
    invariants.add(checked("hangs", Check::Hangs)).unwrap();
    invariants.add(checked("holds", Check::Holds)).unwrap();
    let report = invariants.enforce(setting(), &Subject::new()).await.unwrap();
    assert_eq!(report.results[0].outcome, violated("its check took longer than 2 s"));
    assert_eq!(report.results[0].duration.as_secs(), 2);
    assert_eq!(report.results[1].outcome, Outcome::Held);
}

/// A check that says when it runs, and when it is gone.
#[derive(Debug)]
struct Waits {
    runs: Notify,
    is_gone: Mutex<Option<oneshot::Sender<()>>>,
}

impl Waits {
    fn new() -> (Arc<Self>, oneshot::Receiver<()>) {
        let (is_gone, gone) = oneshot::channel();
        (Arc::new(Self { runs: Notify::new(), is_gone: Mutex::new(Some(is_gone)) }), gone)
    }
}

#[async_trait]
impl InvariantCheck for Waits {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        let _dropped_when_gone = lock(&self.is_gone).take();
        self.runs.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_enforcement_counts_what_has_not_ended_as_violated() {
    let (invariants, bus) = service();
    let one = InvariantOptions::default().with_concurrency(NonZeroUsize::MIN);
    let invariants = invariants.with_options(one);
    let (check, gone) = Waits::new();
    invariants.add(checked("holds", Check::Holds)).unwrap();
    invariants.add(new("waits", Reach::Global).with_check(check.clone())).unwrap();
    invariants.add(checked("never-started", Check::Holds)).unwrap();
    let cancellation = CancellationToken::new();
    let subject = Subject::new().with_cancellation(cancellation.clone());
    let enforcing = tokio::spawn({
        let invariants = invariants.clone();
        async move { outcomes(&invariants, &subject).await }
    });
    check.runs.notified().await;
    cancellation.cancel();
    let found: Vec<_> = enforcing.await.unwrap().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(found, [Outcome::Held, violated("it was cancelled"), violated("it was cancelled")]);
    gone.await.unwrap_err();
    bus.assert_types([
        EventType::InvariantReconciled,
        EventType::InvariantEnforced,
        EventType::InvariantViolated,
        EventType::InvariantViolated,
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_enforcement_stops_its_checks_and_tells_nothing_of_them() {
    let (invariants, bus) = service();
    let (check, gone) = Waits::new();
    invariants.add(checked("holds", Check::Holds)).unwrap();
    invariants.add(new("waits", Reach::Global).with_check(check.clone())).unwrap();
    let question = question();
    let mut asking = Box::pin(invariants.ask(&question));
    tokio::select! {
        answer = &mut asking => panic!("{answer:?}"),
        () = check.runs.notified() => {}
    }
    drop(asking);
    gone.await.unwrap_err();
    bus.assert_types([EventType::InvariantReconciled]);
}

#[tokio::test(start_paused = true)]
async fn what_is_added_and_removed_while_checks_run_counts_from_the_next_time_on() {
    let (invariants, _bus) = service();
    let (check, _gone) = Waits::new();
    invariants.add(new("waits", Reach::Global).with_check(check.clone())).unwrap();
    let cancellation = CancellationToken::new();
    let subject = Subject::new().with_cancellation(cancellation.clone());
    let enforcing = tokio::spawn({
        let invariants = invariants.clone();
        async move { invariants.enforce(setting(), &subject).await.unwrap() }
    });
    check.runs.notified().await;
    invariants.remove(&"waits".into()).unwrap();
    invariants.add(checked("holds", Check::Holds)).unwrap();
    cancellation.cancel();
    let report = enforcing.await.unwrap();
    assert_eq!(ids(&report.reconciled.effective), ["waits"]);
    assert_eq!(report.violated().count(), 1);
    let next = invariants.enforce(setting(), &Subject::new()).await.unwrap();
    assert_eq!(ids(&next.reconciled.effective), ["holds"]);
    assert!(next.is_kept());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_anything_to_check_nothing_is_violated() {
    let (invariants, bus) = service();
    invariants.add(new("statement", Reach::Global)).unwrap();
    assert!(invariants.enforce(setting(), &Subject::new()).await.unwrap().is_kept());
    bus.assert_types([EventType::InvariantReconciled]);
}
