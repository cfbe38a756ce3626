use super::*;
use crate::cancel::Deadline;
use crate::{Moment, RealClock};
use std::time::Instant;

fn clock() -> Arc<dyn Clock> {
    Arc::new(RealClock::new())
}

#[test]
fn a_result_comes_back() {
    let bridge = Bridge::new().unwrap();
    assert_eq!(bridge.wait(&Cancel::root(), &clock(), async { Ok(7) }).unwrap(), 7);
}

#[test]
fn a_panic_is_an_error() {
    let bridge = Bridge::new().unwrap();
    let error = bridge.wait::<()>(&Cancel::root(), &clock(), async { panic!("boom") }).unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.to_string().contains("boom"));
}

#[test]
fn a_computation_gives_its_result_its_panic_or_the_reason_of_a_stop() {
    let bridge = Bridge::new().unwrap();
    assert_eq!(bridge.compute(&Cancel::root(), &clock(), || Ok(7)).unwrap(), 7);
    let error = bridge.compute::<()>(&Cancel::root(), &clock(), || panic!("boom")).unwrap_err();
    assert!(error.to_string().contains("boom"));
    let (begun, cancel) = (Instant::now(), Cancel::root());
    let inner = cancel.clone();
    let work = move || {
        inner.stop(Error::new(Kind::Cancelled, "stopped by a person"));
        std::thread::park_timeout(Duration::from_secs(5));
        Ok(())
    };
    assert_eq!(bridge.compute(&cancel, &clock(), work).unwrap_err().kind(), Kind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_stop_ends_the_wait_and_drops_the_future() {
    let bridge = Bridge::new().unwrap();
    let cancel = Cancel::root();
    let other = cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(50));
        other.stop(Error::new(Kind::Cancelled, "stopped by a person"));
    });
    let begun = Instant::now();
    let error = bridge.wait::<()>(&cancel, &clock(), std::future::pending()).unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(2));
    stopper.join().unwrap();
}

#[test]
fn a_deadline_ends_the_wait() {
    let bridge = Bridge::new().unwrap();
    let clock = clock();
    let limit = Duration::from_millis(30);
    let cancel = Cancel::root_until(Deadline { at: clock.now() + limit, limit, what: "step x".into() });
    let error = bridge.wait::<()>(&cancel, &clock, std::future::pending()).unwrap_err();
    assert_eq!(error.kind(), Kind::Deadline);
    let again = bridge.wait(&cancel, &clock, async { Ok(()) }).unwrap_err();
    assert_eq!(again.kind(), Kind::Deadline, "nothing starts after the deadline");
}

#[test]
fn a_change_in_flight_gets_its_grace() {
    let bridge = Bridge::new().unwrap();
    let clock = clock();
    let limit = Duration::from_millis(10);
    let cancel = Cancel::root_until(Deadline { at: Moment(limit), limit, what: "x".into() });
    let inner = clock.clone();
    let answer = bridge.wait_with_grace(&cancel, &clock, Duration::from_secs(5), async move {
        inner.sleep(Duration::from_millis(60)).await;
        Ok("known")
    });
    // Started before its deadline, it may end after it; had it been late already, nothing would have started.
    assert!(matches!(answer, Ok("known")) || answer.is_err_and(|e| e.kind() == Kind::Deadline));
}

mod simulated {
    use super::*;
    use crate::clock::Simulated;

    fn stage() -> (Bridge, Arc<dyn Clock>) {
        let simulation = Simulation::start(jiff::Timestamp::UNIX_EPOCH).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(Simulated(simulation.clock().clone()));
        (Bridge::new().unwrap().for_target(Some(simulation)), clock)
    }

    fn sleep(clock: &Arc<dyn Clock>, seconds: u64) -> impl Future<Output = Result<()>> + Send + 'static {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(seconds)).await;
            Ok(())
        }
    }

    #[test]
    fn an_hour_costs_nothing_and_a_deadline_comes_when_it_is_due() {
        let (bridge, clock) = stage();
        let begun = Instant::now();
        let _working = bridge.work().unwrap();
        bridge.wait(&Cancel::root(), &clock, sleep(&clock, 3600)).unwrap();
        assert_eq!(clock.now(), Moment(Duration::from_secs(3600)));
        let limit = Duration::from_secs(60);
        let cancel = Cancel::root_until(Deadline { at: clock.now() + limit, limit, what: "step x".into() });
        let error = bridge.wait(&cancel, &clock, sleep(&clock, 7200)).unwrap_err();
        assert_eq!((error.kind(), clock.now()), (Kind::Deadline, Moment(Duration::from_secs(3660))));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn where_nothing_can_happen_any_more_no_deadline_is_waited_for() {
        let (bridge, clock) = stage();
        let limit = Duration::from_secs(60);
        let cancel = Cancel::root_until(Deadline { at: clock.now() + limit, limit, what: "step x".into() });
        let error = bridge.wait::<()>(&cancel, &clock, std::future::pending()).unwrap_err();
        assert_eq!((error.kind(), clock.now()), (Kind::Hopeless, Moment::default()));
        assert!(error.message().starts_with("nothing can happen any more: "), "{error}");
    }

    #[test]
    fn who_has_something_to_say_about_it_is_asked_first() {
        let (bridge, clock) = stage();
        let inner = clock.clone();
        let answer = bridge.wait(&Cancel::root(), &clock, async move {
            inner.nothing_left().await;
            Ok("said")
        });
        assert_eq!(answer.unwrap(), "said");
    }

    #[test]
    fn a_computation_takes_no_time() {
        let (bridge, clock) = stage();
        let _working = bridge.work().unwrap();
        let inner = clock.clone();
        let ticking = bridge.handle().spawn(async move { inner.sleep(Duration::from_secs(1)).await });
        let work = || {
            std::thread::park_timeout(Duration::from_millis(50));
            Ok(7)
        };
        assert_eq!(bridge.compute(&Cancel::root(), &clock, work).unwrap(), 7);
        assert_eq!(clock.now(), Moment::default());
        ticking.abort();
    }

    #[test]
    fn what_is_outside_has_the_machines_time_for_its_deadline() {
        let (bridge, clock) = stage();
        let _working = bridge.work().unwrap();
        let limit = Duration::from_millis(50);
        let cancel = Cancel::root_until(Deadline { at: clock.now() + limit, limit, what: "the child".into() });
        let inner = cancel.clone();
        let error = bridge
            .wait_outside(&cancel, &clock, |clock| async move { Err::<(), _>(inner.ended(&*clock).await) })
            .unwrap_err();
        assert_eq!((error.kind(), clock.now()), (Kind::Deadline, Moment::default()));
        bridge.wait(&Cancel::root(), &clock, sleep(&clock, 1)).unwrap();
    }

    #[test]
    fn branches_take_turns_in_order_and_who_waits_for_them_goes_on_after_the_last() {
        let run = || {
            let (bridge, clock) = stage();
            let _working = bridge.work().unwrap();
            let seen = std::sync::Mutex::new(Vec::new());
            let (mut branches, tickets) = bridge.branches(4);
            std::thread::scope(|threads| {
                for (number, ticket) in (0_u64..).zip(tickets) {
                    let (bridge, clock, seen) = (&bridge, &clock, &seen);
                    threads.spawn(move || {
                        let _working = ticket.start().unwrap();
                        for round in 0..4 {
                            bridge.wait(&Cancel::root(), clock, sleep(clock, 1 + (number + round) % 2)).unwrap();
                            seen.lock().unwrap().push((number, clock.now()));
                        }
                    });
                }
                branches.begin().unwrap();
            });
            branches.rejoin().unwrap();
            bridge.wait(&Cancel::root(), &clock, sleep(&clock, 1)).unwrap();
            assert_eq!(clock.now(), Moment(Duration::from_secs(7)));
            seen.into_inner().unwrap()
        };
        let first = run();
        assert_eq!(first.len(), 16);
        for _ in 0..50 {
            assert_eq!(run(), first);
        }
    }
}
