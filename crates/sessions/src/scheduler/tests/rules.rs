//! Each rule by example.

use super::*;
use crate::scheduler::Scheduler;

fn queued(limits: &Limits, jobs: impl IntoIterator<Item = QueuedJob>) -> Scheduler {
    let mut scheduler = Scheduler::new(limits);
    for job in jobs {
        scheduler.enqueue(job);
    }
    scheduler
}

#[test]
fn each_limit_holds_what_is_beyond_it_and_says_so() {
    let other_model = |key| QueuedJob { model_id: id("large"), ..job(key) };
    let other_provider = |key| QueuedJob { provider: id("spare"), ..job(key) };
    let grouped = |key, group| QueuedJob { group: Some(id(group)), ..other_provider(key) };
    let table = [
        (
            limits([2, 9, 9, 9]),
            vec![job(1), other_model(2), other_provider(3)],
            Limit::ActiveSessions,
            "2 of 2 sessions are active",
        ),
        (
            limits([9, 2, 9, 9]),
            vec![job(1), other_model(2), job(3), other_provider(4)],
            Limit::Provider,
            "2 of 2 sessions of provider demo are active",
        ),
        (
            limits([9, 9, 2, 9]),
            vec![job(1), job(2), job(3), other_model(4), other_provider(5)],
            Limit::Model,
            "2 of 2 sessions of model small of provider demo are active",
        ),
        (
            limits([9, 9, 9, 2]),
            vec![
                grouped(1, "g"),
                grouped(2, "g"),
                QueuedJob { group: Some(id("g")), ..job(3) },
                grouped(4, "h"),
                job(5),
            ],
            Limit::Group,
            "2 of 2 places of group g are taken",
        ),
    ];
    for (limits, jobs, limit, reason) in table {
        let count = jobs.len();
        let mut scheduler = queued(&limits, jobs);
        let pass = scheduler.poll(at(0));
        assert_eq!(held(&pass), [(3, limit, 0)]);
        assert_eq!(pass.held[0].reason, reason);
        assert_eq!((pass.dispatched.len(), scheduler.places_taken(), pass.wake), (count - 1, count - 1, None));
        assert!(scheduler.finished(JobKey(1), 0, at(1)));
        let pass = scheduler.poll(at(1));
        assert_eq!((keys(&pass), held(&pass)), (vec![3], vec![]), "{limit:?} frees its place");
    }
}

#[test]
fn the_words_of_the_limits_are_apart() {
    let all = [
        Limit::ActiveSessions,
        Limit::Provider,
        Limit::Model,
        Limit::Group,
        Limit::RequestRate,
        Limit::TokenRate,
        Limit::ProviderPause,
        Limit::Backoff,
    ];
    let words: std::collections::BTreeSet<&str> = all.iter().map(|limit| limit.as_str()).collect();
    assert_eq!(words.len(), all.len());
    assert_eq!(Limit::RequestRate.as_str(), "request_rate");
}

#[test]
fn the_narrowest_of_several_limits_is_told_and_told_again_only_when_it_changes() {
    let grouped = |key| QueuedJob { group: Some(id("g")), ..job(key) };
    let mut scheduler = queued(&limits([2, 2, 2, 1]), [grouped(1), job(2), grouped(3), job(4)]);
    assert_eq!(held(&scheduler.poll(at(0))), [(3, Limit::Group, 0), (4, Limit::Model, 0)]);
    scheduler.enqueue(job(5));
    assert_eq!(held(&scheduler.poll(at(1))), [(5, Limit::Model, 0)]);
    scheduler.finished(JobKey(2), 0, at(2));
    let pass = scheduler.poll(at(2));
    assert_eq!((keys(&pass), held(&pass)), (vec![4], vec![]));
    scheduler.finished(JobKey(1), 0, at(3));
    let pass = scheduler.poll(at(3));
    assert_eq!((keys(&pass), held(&pass)), (vec![3], vec![]));
}

#[test]
fn a_job_whose_model_is_full_blocks_nobody_and_goes_before_its_juniors() {
    let large = |key| QueuedJob { model_id: id("large"), ..job(key) };
    let mut scheduler = queued(&limits([3, 3, 1, 1]), [job(1), job(2), large(3), job(4)]);
    assert_eq!(keys(&scheduler.poll(at(0))), [1, 3]);
    scheduler.finished(JobKey(1), 0, at(1));
    assert_eq!(keys(&scheduler.poll(at(1))), [2]);
}

#[test]
fn a_lane_goes_by_priority_then_by_arrival() {
    let urgent = |key, priority| QueuedJob { priority, ..job(key) };
    let jobs = [urgent(1, 50), urgent(9, 0), urgent(3, 255), urgent(7, 0), urgent(2, 50)];
    assert_eq!(keys(&queued(&limits([9; 4]), jobs).poll(at(0))), [9, 7, 1, 2, 3]);
}

#[test]
fn lanes_share_by_weight() {
    let lanes = [Lane::Primary, Lane::Subagent, Lane::Validation, Lane::Background];
    let jobs = (0..60).map(|key| QueuedJob { lane: lanes[key as usize % 4], ..job(key) });
    let mut scheduler = queued(&limits([15, 15, 15, 1]), jobs);
    let pass = scheduler.poll(at(0));
    let counts = lanes.map(|lane| pass.dispatched.iter().filter(|job| job.lane == lane).count());
    assert_eq!(counts, [8, 4, 2, 1]);
    let first = pass.dispatched.iter().take(4).map(|job| job.lane);
    assert_eq!(first.collect::<Vec<_>>(), lanes);
}

#[test]
fn a_backoff_is_told_once_and_ends_on_time() {
    let later = QueuedJob { not_before: Some(waits_until(at(1_000))), ..job(1) };
    let mut scheduler = queued(&limits([9; 4]), [later, job(2)]);
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), held(&pass), pass.wake), (vec![2], vec![(1, Limit::Backoff, 1_000)], Some(at(1_000))));
    assert_eq!(pass.held[0].reason, "attempt 1 failed");
    scheduler.finished(JobKey(2), 0, at(999));
    assert_eq!(scheduler.poll(at(999)), Pass { wake: Some(at(1_000)), ..Pass::default() }, "it only counts down");
    let pass = scheduler.poll(at(1_000));
    assert_eq!((keys(&pass), held(&pass), pass.wake), (vec![1], vec![], None));
}

#[test]
fn what_lacks_a_place_after_its_backoff_is_told_so() {
    let later = QueuedJob { not_before: Some(waits_until(at(10))), ..job(2) };
    let mut scheduler = queued(&limits([1, 1, 1, 1]), [job(1), later]);
    assert_eq!(held(&scheduler.poll(at(0))), [(2, Limit::Backoff, 10)]);
    let pass = scheduler.poll(at(10));
    assert_eq!((held(&pass), pass.wake), (vec![(2, Limit::Model, 0)], None));
}

#[test]
fn a_provider_pause_holds_its_jobs_and_is_never_made_shorter() {
    let spare = QueuedJob { provider: id("spare"), ..job(2) };
    let later = QueuedJob { not_before: Some(waits_until(at(300))), ..job(3) };
    let mut scheduler = queued(&limits([9; 4]), [job(1), spare, later]);
    scheduler.pause_provider(&id("demo"), at(200));
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), pass.wake), (vec![2], Some(at(200))));
    assert_eq!(held(&pass), [(1, Limit::ProviderPause, 200), (3, Limit::Backoff, 300)], "the longer wait is told");
    assert_eq!(pass.held[0].reason, "provider demo asked to wait");
    scheduler.pause_provider(&id("demo"), at(100));
    assert_eq!(scheduler.poll(at(50)), Pass { wake: Some(at(200)), ..Pass::default() });
    scheduler.pause_provider(&id("demo"), at(400));
    let pass = scheduler.poll(at(60));
    assert_eq!((held(&pass), pass.wake), (vec![(1, Limit::ProviderPause, 340)], Some(at(300))), "its end has moved");
    let pass = scheduler.poll(at(300));
    assert_eq!((held(&pass), pass.wake), (vec![(3, Limit::ProviderPause, 100)], Some(at(400))));
    assert_eq!(keys(&scheduler.poll(at(400))), [1, 3]);
}

#[test]
fn a_wait_that_the_provider_named_is_told_as_such() {
    let why = NotBefore { at: at(70), limit: Limit::ProviderPause, reason: "retry after 70 ms".to_owned() };
    let mut scheduler = queued(&limits([9; 4]), [QueuedJob { not_before: Some(why), ..job(1) }]);
    let pass = scheduler.poll(at(0));
    assert_eq!(held(&pass), [(1, Limit::ProviderPause, 70)]);
    assert_eq!(pass.held[0].reason, "retry after 70 ms");
}

#[test]
fn the_request_rate_lets_a_minutes_worth_go_and_then_one_at_a_time() {
    let mut scheduler = queued(&rates(Some(3), None), (1..=5).map(job));
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), pass.wake), (vec![1, 2, 3], Some(at(20_000))));
    assert_eq!(held(&pass), [(4, Limit::RequestRate, 20_000), (5, Limit::RequestRate, 20_000)]);
    assert_eq!(pass.held[0].reason, "the 3 requests per minute of provider demo are used up");
    assert_eq!(scheduler.poll(at(19_999)), Pass { wake: Some(at(20_000)), ..Pass::default() });
    let pass = scheduler.poll(at(20_000));
    assert_eq!((keys(&pass), pass.wake), (vec![4], Some(at(40_000))));
    assert_eq!(held(&pass), [(5, Limit::RequestRate, 20_000)], "its turn is next, and the end has moved");
    assert_eq!(keys(&scheduler.poll(at(40_000))), [5]);
}

#[test]
fn only_the_job_whose_turn_is_next_is_told_that_a_rates_end_moved() {
    let mut scheduler = queued(&rates(Some(1), None), (1..=9).map(job));
    assert_eq!(scheduler.poll(at(0)).held.len(), 8);
    for turn in 1..8 {
        let pass = scheduler.poll(at(i64::try_from(turn).unwrap() * 60_000));
        assert_eq!((keys(&pass), held(&pass)), (vec![turn + 1], vec![(turn + 2, Limit::RequestRate, 60_000)]));
    }
}

#[test]
fn the_token_rate_reserves_what_is_expected_and_settles_what_was_used() {
    let expects = |key, expected_tokens| QueuedJob { expected_tokens, ..job(key) };
    let mut scheduler = queued(&rates(None, Some(600)), [expects(1, 500), expects(2, 300), expects(3, 50)]);
    let pass = scheduler.poll(at(0));
    assert_eq!(keys(&pass), [1]);
    assert_eq!(held(&pass), [(2, Limit::TokenRate, 20_000), (3, Limit::TokenRate, 20_000)], "3 does not overtake 2");
    assert_eq!(
        pass.held.iter().map(|hold| hold.reason.as_str()).collect::<Vec<_>>(),
        [
            "100 of the 600 tokens per minute of provider demo are left, 300 are expected",
            "the 600 tokens per minute of provider demo are kept for a larger job that goes first",
        ]
    );
    scheduler.finished(JobKey(1), 400, at(5_000));
    let pass = scheduler.poll(at(5_000));
    assert_eq!((keys(&pass), held(&pass)), (vec![], vec![(2, Limit::TokenRate, 5_000)]), "100 came back, 50 came in");
    let pass = scheduler.poll(at(10_000));
    assert_eq!((keys(&pass), held(&pass)), (vec![2], vec![(3, Limit::TokenRate, 5_000)]));
    scheduler.finished(JobKey(2), 1_200, at(10_000));
    assert_eq!(held(&scheduler.poll(at(10_000))), [(3, Limit::TokenRate, 95_000)], "more was used than expected");
    assert_eq!(keys(&scheduler.poll(at(105_000))), [3]);
}

#[test]
fn a_job_larger_than_the_bucket_goes_when_it_is_full() {
    let large = QueuedJob { expected_tokens: 1_500, ..job(2) };
    let small = |key| QueuedJob { expected_tokens: 600, ..job(key) };
    let mut scheduler = queued(&rates(None, Some(600)), [small(1), large, small(3)]);
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), pass.wake), (vec![1], Some(at(60_000))));
    let pass = scheduler.poll(at(60_000));
    assert_eq!((keys(&pass), pass.wake), (vec![2], Some(at(60_000 + 150_000))), "900 below zero, then 600 again");
    assert_eq!(keys(&scheduler.poll(at(210_000))), [3]);
}

#[test]
fn a_suspended_job_gives_back_all_that_it_reserved() {
    let expects = |key| QueuedJob { expected_tokens: 600, ..job(key) };
    let mut scheduler = queued(&rates(None, Some(600)), [expects(1), expects(2)]);
    assert_eq!(keys(&scheduler.poll(at(0))), [1]);
    assert!(scheduler.finished(JobKey(1), 0, at(0)));
    assert_eq!(keys(&scheduler.poll(at(0))), [2]);
}

#[test]
fn a_rate_of_nothing_holds_for_ever_without_a_wake() {
    let mut scheduler = queued(&rates(Some(0), None), [job(1)]);
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), pass.wake, pass.held[0].limit), (vec![], None, Limit::RequestRate));
}

#[test]
fn another_provider_goes_on_while_one_waits_for_its_rate() {
    let spare = |key| QueuedJob { provider: id("spare"), ..job(key) };
    let mut scheduler = queued(&rates(Some(1), None), [job(1), job(2), spare(3), job(4), spare(5)]);
    assert_eq!(keys(&scheduler.poll(at(0))), [1, 3, 5]);
}

#[test]
fn the_jobs_of_a_paused_session_wait_without_a_hold() {
    let of_seven = |key| QueuedJob { session: SessionKey(7), ..job(key) };
    let timed = QueuedJob { not_before: Some(waits_until(at(5))), ..of_seven(3) };
    let mut scheduler = queued(&limits([1, 1, 1, 1]), [of_seven(1), timed]);
    scheduler.set_paused(SessionKey(7), true);
    assert_eq!(scheduler.enqueue(of_seven(2)), 3, "they count as waiting");
    assert_eq!(scheduler.poll(at(0)), Pass::default());
    scheduler.set_paused(SessionKey(7), false);
    let pass = scheduler.poll(at(1));
    assert_eq!((keys(&pass), held(&pass)), (vec![1], vec![(2, Limit::Model, 0), (3, Limit::Backoff, 4)]));
    scheduler.set_paused(SessionKey(7), true);
    assert_eq!(scheduler.poll(at(2)), Pass::default());
    scheduler.set_paused(SessionKey(7), false);
    assert_eq!(held(&scheduler.poll(at(3))), [(2, Limit::Model, 0), (3, Limit::Backoff, 2)], "told anew");
}

#[test]
fn a_removed_job_is_gone_and_a_job_is_finished_once() {
    let mut scheduler = queued(&limits([1, 1, 1, 1]), [job(1), job(2), job(3)]);
    assert_eq!(keys(&scheduler.poll(at(0))), [1]);
    assert_eq!(scheduler.remove(JobKey(2)), Some(job(2)));
    assert_eq!((scheduler.remove(JobKey(2)), scheduler.remove(JobKey(1))), (None, None));
    assert!(!scheduler.finished(JobKey(3), 0, at(1)), "it was not dispatched");
    assert!(scheduler.finished(JobKey(1), 0, at(1)));
    assert!(!scheduler.finished(JobKey(1), 0, at(1)));
    assert_eq!(keys(&scheduler.poll(at(1))), [3]);
    assert_eq!(scheduler.places_taken(), 1);
}

#[test]
fn removing_the_job_that_waits_for_its_rate_lets_the_others_go() {
    let expects = |key, expected_tokens| QueuedJob { expected_tokens, ..job(key) };
    let mut scheduler = queued(&rates(None, Some(600)), [expects(1, 300), expects(2, 500), expects(3, 200)]);
    assert_eq!(keys(&scheduler.poll(at(0))), [1]);
    scheduler.remove(JobKey(2));
    assert_eq!(keys(&scheduler.poll(at(0))), [3]);
}

#[test]
fn a_job_queued_again_under_its_key_is_one_job() {
    let mut scheduler = queued(&limits([9; 4]), [job(1)]);
    assert_eq!(scheduler.enqueue(QueuedJob { model_id: id("large"), ..job(1) }), 1);
    let pass = scheduler.poll(at(0));
    assert_eq!((keys(&pass), pass.dispatched[0].model_id.as_str()), (vec![1], "large"));
}

#[test]
fn the_groups_of_a_job_span_models_and_providers() {
    let grouped = |key, provider: &str| QueuedJob { group: Some(id("g")), provider: id(provider), ..job(key) };
    let mut scheduler = queued(&limits([9, 9, 9, 1]), [grouped(1, "demo"), grouped(2, "spare"), grouped(3, "demo")]);
    for key in 1..=3 {
        assert_eq!(keys(&scheduler.poll(at(0))), [key]);
        scheduler.finished(JobKey(key), 0, at(0));
    }
}

#[test]
fn a_time_that_goes_back_counts_as_the_latest() {
    let mut scheduler = queued(&limits([1, 1, 1, 1]), [QueuedJob { not_before: Some(waits_until(at(100))), ..job(1) }]);
    assert_eq!(keys(&scheduler.poll(at(100))), [1]);
    scheduler.finished(JobKey(1), 0, at(50));
    scheduler.enqueue(QueuedJob { not_before: Some(waits_until(at(90))), ..job(2) });
    assert_eq!(keys(&scheduler.poll(at(60))), [2]);
}
