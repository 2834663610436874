//! State resolution: after random forks both servers have the same state.
//! [spec](https://spec.matrix.org/v1.19/rooms/v12/#state-resolution)

use std::{
    env,
    time::{Duration, Instant},
};

use spec_tests::{Peer, peer::forks::Quarrel};

use crate::pair::{pair, shared_room};

/// The versions whose forks are compared: all that Fialka takes part in and advertises.
const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

/// `SPEC_TEST_FORKS` says how many forks of each version, by default a few; `SPEC_TEST_FORK_VERSIONS` may name some of the
/// versions.
#[test]
#[ignore = "needs Synapse: cargo xtask test-synapse-federation"]
fn random_forks_leave_both_servers_with_the_same_state() {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .and_then(|number| number.parse::<u64>().ok())
    };
    let (many, seed) = (
        number("SPEC_TEST_FORKS").unwrap_or(50),
        number("SPEC_TEST_SEED").unwrap_or(1),
    );
    let (alice, bob) = pair().both_ways()[0].clone();
    let wanted = env::var("SPEC_TEST_FORK_VERSIONS").unwrap_or_default();
    let is_wanted =
        |version: &&str| wanted.is_empty() || wanted.split(',').any(|one| one == *version);
    for version in VERSIONS.into_iter().filter(is_wanted) {
        let room = shared_room(&alice, &bob, version);
        let mut quarrel = Quarrel::begin(&Peer::start(), &alice, &room, seed);
        let servers = [&alice.server, &bob.server];
        let mut took = [Duration::ZERO; 2];
        for round in 0..many {
            let fork = quarrel.fork();
            for (server, took) in servers.iter().zip(&mut took) {
                let begin = Instant::now();
                quarrel.dag.send(server, &fork.events);
                quarrel.must_know(&fork, server);
                *took += begin.elapsed();
            }
            quarrel.must_agree(&fork, &servers);
            if (round + 1) % 100 == 0 || round + 1 == many {
                let [ours, theirs] = took.map(|took| took.as_secs_f64());
                eprintln!(
                    "version {version}: {} forks agree; ours took {ours:.1} s, Synapse {theirs:.1} s",
                    round + 1
                );
            }
        }
    }
}
