use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::{Either, select};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn start() -> Simulation {
    Simulation::start("2026-01-02T03:04:05Z".parse().unwrap()).unwrap()
}

/// Waits on a thread that works in the simulation and does nothing else.
fn wait<T: Send + 'static>(simulation: &Simulation, future: impl Future<Output = T> + Send + 'static) -> T {
    let turn = simulation.enter().unwrap();
    simulation.wait(turn, future).unwrap().1
}

#[test]
fn forty_minutes_cost_nothing_and_the_wall_goes_with_them() {
    let (simulation, begun) = (start(), Instant::now());
    let clock = simulation.clock().clone();
    let inner = clock.clone();
    wait(&simulation, async move { inner.sleep_until(SECOND * 2400, Reason::Work).await });
    assert_eq!(clock.now(), SECOND * 2400);
    assert_eq!(clock.wall().to_string(), "2026-01-02T03:44:05Z");
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
}

#[test]
fn time_stands_still_while_nobody_waits() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let fired = Arc::new(AtomicUsize::new(0));
    let (inner, count) = (clock.clone(), fired.clone());
    simulation.handle().spawn(async move {
        inner.sleep_until(SECOND, Reason::Event).await;
        count.fetch_add(1, Ordering::SeqCst);
    });
    let turn = simulation.enter().unwrap();
    std::thread::park_timeout(Duration::from_millis(20));
    assert_eq!((clock.now(), fired.load(Ordering::SeqCst)), (Duration::ZERO, 0));
    drop(turn);
    std::thread::park_timeout(Duration::from_millis(20));
    assert_eq!(clock.now(), Duration::ZERO, "nobody has a turn, but nobody waits either");
    let inner = clock.clone();
    wait(&simulation, async move { inner.sleep_until(SECOND * 2, Reason::Work).await });
    assert_eq!((clock.now(), fired.load(Ordering::SeqCst)), (SECOND * 2, 1));
}

#[test]
fn weak_timers_fire_in_order_on_the_way_and_are_no_reason_to_jump() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let told = Arc::new(Mutex::new(Vec::new()));
    for (at, reason) in [(3, Reason::Weak), (1, Reason::Weak), (2, Reason::Limit), (9, Reason::Weak)] {
        let (clock, told) = (clock.clone(), told.clone());
        simulation.handle().spawn(async move {
            clock.sleep_until(SECOND * at, reason).await;
            told.lock().unwrap().push((at, clock.now()));
        });
    }
    let inner = clock.clone();
    wait(&simulation, async move { inner.sleep_until(SECOND * 4, Reason::Work).await });
    let expected: Vec<(u32, Duration)> = [1, 2, 3].map(|at| (at, SECOND * at)).to_vec();
    assert_eq!(*told.lock().unwrap(), expected);
    assert_eq!(clock.now(), SECOND * 4);
}

#[test]
fn timers_of_one_time_go_by_their_sequence() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let order = wait(&simulation, async move {
        let order = Arc::new(Mutex::new(Vec::new()));
        let sleeps = (0..50).map(|number| {
            let (clock, order) = (clock.clone(), order.clone());
            let reason = if number % 2 == 0 { Reason::Work } else { Reason::Weak };
            tokio::spawn(async move {
                clock.sleep_until(SECOND, reason).await;
                order.lock().unwrap().push(number);
            })
        });
        futures::future::join_all(sleeps).await;
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    });
    assert_eq!(order, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_state_in_which_nothing_can_happen_is_told_at_once_and_first_to_who_has_something_to_say() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let told = wait(&simulation, async move {
        let mut told = Vec::new();
        let limit = clock.sleep_until(SECOND * 600, Reason::Limit);
        let mut second = Box::pin(clock.nothing_left(false));
        let first = Box::pin(clock.nothing_left(true));
        match select(first, select(limit, second.as_mut())).await {
            Either::Left(_) => told.push("first"),
            Either::Right(_) => told.push("not the first"),
        }
        second.await;
        told.push("second");
        (told, clock.now())
    });
    assert_eq!(told, (vec!["first", "second"], Duration::ZERO));
}

#[test]
fn what_is_to_come_is_waited_for_before_nothing_is_left() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let inner = clock.clone();
    simulation.handle().spawn(async move { inner.sleep_until(SECOND * 5, Reason::Event).await });
    let inner = clock.clone();
    wait(&simulation, async move { inner.nothing_left(false).await });
    assert_eq!(clock.now(), SECOND * 5);
}

#[test]
fn a_hold_keeps_the_clock_from_jumping() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let hold = clock.hold();
    let inner = clock.clone();
    let seen = std::thread::scope(|threads| {
        threads.spawn(|| wait(&simulation, async move { inner.sleep_until(SECOND, Reason::Work).await }));
        std::thread::park_timeout(Duration::from_millis(50));
        let seen = clock.now();
        drop(hold);
        seen
    });
    assert_eq!((seen, clock.now()), (Duration::ZERO, SECOND));
}

#[test]
fn a_panic_stops_neither_the_clock_nor_the_others() {
    let simulation = start();
    let clock = simulation.clock().clone();
    for _ in 0..3 {
        let turn = simulation.enter().unwrap();
        let future = async { panic!("on purpose") };
        assert_eq!(simulation.wait::<()>(turn, future).map(|_| ()), Err(Ended));
        let inside = simulation.clone();
        let thread = std::thread::spawn(move || {
            let _turn = inside.enter().unwrap();
            panic!("with the turn in hand");
        });
        assert!(thread.join().is_err());
    }
    let inner = clock.clone();
    wait(&simulation, async move { inner.sleep_until(SECOND, Reason::Work).await });
    assert_eq!(clock.now(), SECOND);
}

#[test]
fn tokios_own_timers_are_not_there() {
    let simulation = start();
    let turn = simulation.enter().unwrap();
    let waited = simulation.wait(turn, async { tokio::time::sleep_until(tokio::time::Instant::now()).await });
    assert!(waited.is_err(), "a timer of tokio's would be real time in a simulation");
}

/// Waits until it is so, for a long time on a busy machine.
fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn while_somebody_is_outside_only_events_happen_and_none_past_a_limit() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let happened = Arc::new(Mutex::new(Vec::new()));
    for (at, reason) in [(2, Reason::Event), (5, Reason::Event), (7, Reason::Limit), (9, Reason::Event)] {
        let (clock, happened) = (clock.clone(), happened.clone());
        simulation.handle().spawn(async move {
            clock.sleep_until(SECOND * at, reason).await;
            happened.lock().unwrap().push(at);
        });
    }
    let turn = simulation.enter().unwrap();
    let both = || until(|| happened.lock().unwrap().len() == 2);
    let (turn, ()) = simulation
        .outside(turn, || {
            both();
            // As long again as anything more would take.
            std::thread::park_timeout(Duration::from_millis(100));
        })
        .unwrap();
    assert_eq!(*happened.lock().unwrap(), [2, 5]);
    assert_eq!(clock.now(), SECOND * 5);
    drop(turn);
    let inner = clock.clone();
    wait(&simulation, async move { inner.sleep_until(SECOND * 10, Reason::Work).await });
    assert_eq!(*happened.lock().unwrap(), [2, 5, 7, 9], "the rest, when the child is gone");
}

#[test]
fn what_repeats_for_ever_does_not_use_up_years_while_somebody_is_outside() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let inner = clock.clone();
    simulation.handle().spawn(async move {
        loop {
            inner.sleep_until(inner.now() + SECOND * 60, Reason::Event).await;
        }
    });
    let outside = clock.outside();
    let begun = Instant::now();
    until(|| clock.now() >= SECOND * 60);
    std::thread::park_timeout(Duration::from_millis(500));
    let (real, virtual_) = (begun.elapsed(), clock.now());
    drop(outside);
    assert!(virtual_ >= SECOND * 60, "it goes on: {virtual_:?}");
    assert!(virtual_ <= (real + SECOND) * 600, "but not without bound: {virtual_:?} in {real:?}");
}

/// What eight branches did, and when; each sleeps and sees what the others have done.
fn eight_branches(seen: &Mutex<Vec<(usize, u32, Duration)>>) -> Duration {
    let simulation = start();
    let turn = simulation.enter().unwrap();
    let (mut branches, tickets) = simulation.branches(8);
    let turn = std::thread::scope(|threads| {
        for (number, ticket) in tickets.into_iter().enumerate() {
            let simulation = &simulation;
            threads.spawn(move || {
                let (branch, mut turn) = ticket.start().unwrap();
                for round in 0..6_u32 {
                    let clock = simulation.clock().clone();
                    // All meet at some times, and a hop through another task is nothing that the clock may miss.
                    let pause = SECOND * (1 + (u32::try_from(number).unwrap() + round) % 3);
                    let future = async move {
                        let at = clock.now() + pause;
                        let hop = tokio::spawn(async move { tokio::spawn(clock.sleep_until(at, Reason::Work)).await });
                        hop.await.unwrap().unwrap();
                    };
                    turn = simulation.wait(turn, future).unwrap().0;
                    seen.lock().unwrap().push((number, round, simulation.clock().now()));
                }
                branch.end(turn);
            });
        }
        branches.begin(turn);
        branches.rejoin().unwrap()
    });
    let now = simulation.clock().now();
    drop(turn);
    now
}

#[test]
fn eight_branches_do_the_same_in_each_of_hundreds_of_runs() {
    let first = Mutex::new(Vec::new());
    assert_eq!(eight_branches(&first), SECOND * 12);
    let first = first.into_inner().unwrap();
    assert_eq!(first.len(), 48);
    for run in 0..300 {
        let seen = Mutex::new(Vec::new());
        assert_eq!(eight_branches(&seen), SECOND * 12);
        assert_eq!(seen.into_inner().unwrap(), first, "run {run}");
    }
}

#[test]
fn branches_that_never_start_are_not_waited_for() {
    let simulation = start();
    let turn = simulation.enter().unwrap();
    let (mut branches, mut tickets) = simulation.branches(3);
    tickets.truncate(1);
    let turn = std::thread::scope(|threads| {
        let ticket = tickets.pop().unwrap();
        threads.spawn(move || {
            let (_branch, _turn) = ticket.start().unwrap();
        });
        branches.begin(turn);
        branches.rejoin().unwrap()
    });
    drop(turn);
    let (mut none, tickets) = simulation.branches(0);
    assert!(tickets.is_empty());
    none.begin(simulation.enter().unwrap());
    assert!(none.rejoin().is_ok());
}

#[test]
fn many_timers() {
    let simulation = start();
    let clock = simulation.clock().clone();
    let (tasks, rounds) = (1000_u32, 200_u32);
    let inner = clock.clone();
    wait(&simulation, async move {
        let sleeps = (0..tasks).map(|number| {
            let clock = inner.clone();
            tokio::spawn(async move {
                for round in 1..=rounds {
                    let at = Duration::from_micros(u64::from(round * tasks + number));
                    clock.sleep_until(at, Reason::Event).await;
                }
            })
        });
        futures::future::join_all(sleeps).await;
    });
    assert_eq!(clock.now(), Duration::from_micros(u64::from(rounds * tasks + tasks - 1)));
}
