//! State resolution: after random forks both servers have the same state.
//! [spec](https://spec.matrix.org/v1.19/rooms/v12/#state-resolution)

use std::env;

use spec_tests::{Peer, peer::forks::Quarrel};

use crate::pair::{pair, shared_room};

/// `SPEC_TEST_FORKS` says how many forks of each version, by default a few.
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
    for version in crate::pair::VERSIONS {
        let room = shared_room(&alice, &bob, version);
        let mut quarrel = Quarrel::begin(&Peer::start(), &alice, &room, seed);
        let servers = [&alice.server, &bob.server];
        for round in 0..many {
            let fork = quarrel.fork();
            for server in servers {
                quarrel.dag.send(server, &fork.events);
            }
            quarrel.must_agree(&fork, &servers);
            if round % 100 == 99 {
                eprintln!("version {version}: {} forks agree", round + 1);
            }
        }
    }
}
