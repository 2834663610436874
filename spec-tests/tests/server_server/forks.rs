//! State resolution between two of our servers.
//! [spec](https://spec.matrix.org/v1.19/rooms/v12/#state-resolution)

use spec_tests::{Peer, homeserver, homeserver2, peer::forks::Quarrel};

/// However the events of a fork arrive, all at once or one by one, children before parents: the state is the same.
#[test]
fn any_order_of_arrival_gives_the_same_state() {
    let Some(second) = homeserver2() else {
        return;
    };
    if second.is_synapse() {
        // Two servers of the same kind agree anyway; the comparison with ours is `synapse_federation`.
        return;
    }
    for (seed, version) in [(10, "10"), (11, "11"), (12, "12")] {
        let (alice, bob) = (homeserver().register("alice"), second.register("bob"));
        let room = alice
            .create_room(&serde_json::json!({ "preset": "public_chat", "room_version": version }));
        bob.join_via(&room, &alice.server);
        let mut quarrel = Quarrel::begin(&Peer::start(), &alice, &room, seed);
        for _ in 0..15 {
            let fork = quarrel.fork();
            for server in [&alice.server, &bob.server] {
                let mut events = fork.events.clone();
                quarrel.dice.shuffle(&mut events);
                let at_once = 1 + quarrel.dice.below(events.len());
                for events in events.chunks(at_once) {
                    quarrel.dag.send(server, events);
                }
            }
            quarrel.must_agree(&fork, &[&alice.server, &bob.server]);
        }
    }
}
