use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use ruma::{owned_server_name, server_name};

use super::*;
use crate::{clock::ManualClock, federation::dns::Service};

#[derive(Default)]
struct FakeDns {
    addresses: HashMap<&'static str, Vec<IpAddr>>,
    services: HashMap<&'static str, Vec<Service>>,
}

impl Dns for FakeDns {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        let found = self.addresses.get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| DnsError("no such name".to_owned())) })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Vec<Service>> {
        let found = self.services.get(name).cloned().unwrap_or_default();
        Box::pin(async move { found })
    }
}

#[derive(Default)]
struct FakeWellKnown {
    servers: HashMap<&'static str, OwnedServerName>,
    max_age: Option<Duration>,
    asked: AtomicU32,
}

impl WellKnown for FakeWellKnown {
    fn ask<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Delegation> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let server = self.servers.get(host).cloned();
        let max_age = self.max_age;
        Box::pin(async move { Delegation { server, max_age } })
    }
}

struct World {
    discovery: Discovery,
    well_known: Arc<FakeWellKnown>,
    clock: Arc<ManualClock>,
}

fn world(dns: FakeDns, well_known: FakeWellKnown, config: &config::Federation) -> World {
    let (well_known, clock) = (Arc::new(well_known), ManualClock::at(0));
    let discovery = Discovery::new(config, Arc::new(dns), well_known.clone(), clock.clone());
    World {
        discovery,
        well_known,
        clock,
    }
}

const A: [u8; 4] = [1, 1, 1, 1];
const B: [u8; 4] = [9, 9, 9, 9];
const PRIVATE: [u8; 4] = [10, 0, 2, 5];

fn dns(addresses: &[(&'static str, [u8; 4])], services: &[(&'static str, &str, u16)]) -> FakeDns {
    let mut dns = FakeDns::default();
    for (host, address) in addresses {
        dns.addresses
            .entry(host)
            .or_default()
            .push((*address).into());
    }
    for (name, host, port) in services {
        let service = Service {
            host: (*host).to_owned(),
            port: *port,
        };
        dns.services.entry(name).or_default().push(service);
    }
    dns
}

fn delegating(from: &'static str, to: OwnedServerName) -> FakeWellKnown {
    FakeWellKnown {
        servers: HashMap::from([(from, to)]),
        ..FakeWellKnown::default()
    }
}

/// Authority, name on the certificate, first address.
fn shown(target: &Target) -> (String, String, String) {
    let certificate = target.certificate.to_str().into_owned();
    (
        target.authority.clone(),
        certificate,
        target.addresses[0].to_string(),
    )
}

fn texts(authority: &str, certificate: &str, address: &str) -> (String, String, String) {
    (
        authority.to_owned(),
        certificate.to_owned(),
        address.to_owned(),
    )
}

#[tokio::test]
async fn literal_addresses_are_used_as_they_stand() {
    let world = world(
        FakeDns::default(),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world.discovery.find(server_name!("1.1.1.1")).await.unwrap();
    assert_eq!(shown(&target), texts("1.1.1.1", "1.1.1.1", "1.1.1.1:8448"));
    let target = world
        .discovery
        .find(server_name!("[2606:4700::1111]:9000"))
        .await
        .unwrap();
    assert_eq!(
        shown(&target),
        texts(
            "[2606:4700::1111]:9000",
            "2606:4700::1111",
            "[2606:4700::1111]:9000"
        )
    );
    assert_eq!(world.well_known.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_port_in_the_name_ends_the_search() {
    let world = world(
        dns(&[("a.example", A)], &[]),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world
        .discovery
        .find(server_name!("a.example:9000"))
        .await
        .unwrap();
    assert_eq!(
        shown(&target),
        texts("a.example:9000", "a.example", "1.1.1.1:9000")
    );
    assert_eq!(world.well_known.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn delegation_to_a_name_with_a_port() {
    let known = delegating("a.example", owned_server_name!("m.example:443"));
    let world = world(
        dns(&[("m.example", B)], &[]),
        known,
        &config::Federation::default(),
    );
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(
        shown(&target),
        texts("m.example:443", "m.example", "9.9.9.9:443")
    );
}

#[tokio::test]
async fn delegation_to_an_address() {
    let known = delegating("a.example", owned_server_name!("9.9.9.9"));
    let world = world(FakeDns::default(), known, &config::Federation::default());
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(shown(&target), texts("9.9.9.9", "9.9.9.9", "9.9.9.9:8448"));
}

#[tokio::test]
async fn delegation_to_a_name_with_services() {
    let known = delegating("a.example", owned_server_name!("m.example"));
    let dns = dns(
        &[("x.example", B), ("m.example", A)],
        &[("_matrix-fed._tcp.m.example", "x.example", 7)],
    );
    let world = world(dns, known, &config::Federation::default());
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(shown(&target), texts("m.example", "m.example", "9.9.9.9:7"));
}

#[tokio::test]
async fn delegation_to_a_plain_name() {
    let known = delegating("a.example", owned_server_name!("m.example"));
    let world = world(
        dns(&[("m.example", B)], &[]),
        known,
        &config::Federation::default(),
    );
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(
        shown(&target),
        texts("m.example", "m.example", "9.9.9.9:8448")
    );
}

#[tokio::test]
async fn services_new_and_old_lead_to_hosts_under_the_name_itself() {
    let records = [
        ("_matrix-fed._tcp.a.example", "x.example", 7),
        ("_matrix._tcp.a.example", "y.example", 8),
    ];
    let hosts = [("x.example", A), ("y.example", B)];
    let world1 = world(
        dns(&hosts, &records),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world1
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(shown(&target), texts("a.example", "a.example", "1.1.1.1:7"));
    let world2 = world(
        dns(&hosts, &records[1..]),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world2
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(shown(&target), texts("a.example", "a.example", "9.9.9.9:8"));
}

#[tokio::test]
async fn without_all_that_the_default_port_is_used() {
    let world = world(
        dns(&[("a.example", A)], &[]),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(
        shown(&target),
        texts("a.example", "a.example", "1.1.1.1:8448")
    );
    assert!(
        world
            .discovery
            .find(server_name!("b.example"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let hosts = [("a.example", PRIVATE), ("m.example", PRIVATE)];
    let records = [("_matrix-fed._tcp.s.example", "m.example", 7)];
    let names = [
        server_name!("a.example"),
        server_name!("a.example:9000"),
        server_name!("s.example"),
        server_name!("10.0.2.5"),
        server_name!("[::1]:8448"),
        server_name!("[::ffff:10.0.2.5]"),
    ];
    let strict = world(
        dns(&hosts, &records),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let campus = config::Federation {
        allow_private_addresses: true,
        ..config::Federation::default()
    };
    let campus = world(dns(&hosts, &records), FakeWellKnown::default(), &campus);
    for name in names {
        let refused = strict.discovery.find(name).await.unwrap_err();
        assert!(
            matches!(refused, DiscoveryError::PrivateAddress(_)),
            "{name}: {refused}"
        );
        campus.discovery.find(name).await.unwrap();
    }
    let redirect = HostPort::parse("a.example").unwrap();
    assert!(strict.discovery.web_host(&redirect).await.is_err());
}

#[tokio::test]
async fn a_host_with_public_and_private_addresses_is_reached_at_the_public_ones() {
    let both = dns(&[("a.example", PRIVATE), ("a.example", A)], &[]);
    let world = world(
        both,
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    let target = world
        .discovery
        .find(server_name!("a.example"))
        .await
        .unwrap();
    assert_eq!(target.addresses, ["1.1.1.1:8448".parse().unwrap()]);
}

#[tokio::test]
async fn peers_of_the_configuration_need_no_dns_and_may_be_anywhere() {
    let peers = [
        (
            owned_server_name!("b2.campus.example"),
            "10.0.2.5:9000".to_owned(),
        ),
        (
            owned_server_name!("b3.campus.example:1"),
            "hub.lan".to_owned(),
        ),
        (
            owned_server_name!("b4.campus.example"),
            "what is this".to_owned(),
        ),
    ];
    let config = config::Federation {
        peers: peers.into(),
        ..config::Federation::default()
    };
    let known = delegating("c.example", owned_server_name!("b2.campus.example"));
    let world = world(dns(&[("hub.lan", PRIVATE)], &[]), known, &config);
    let find = |name| world.discovery.find(name);
    let b2 = texts("b2.campus.example", "b2.campus.example", "10.0.2.5:9000");
    assert_eq!(
        shown(&find(server_name!("b2.campus.example")).await.unwrap()),
        b2
    );
    assert_eq!(shown(&find(server_name!("c.example")).await.unwrap()), b2);
    let b3 = texts("b3.campus.example:1", "b3.campus.example", "10.0.2.5:8448");
    assert_eq!(
        shown(&find(server_name!("b3.campus.example:1")).await.unwrap()),
        b3
    );
    assert!(find(server_name!("b4.campus.example")).await.is_err());
}

#[tokio::test]
async fn a_delegation_is_remembered_as_long_as_it_says() {
    let known = FakeWellKnown {
        max_age: Some(Duration::from_secs(600)),
        ..delegating("a.example", owned_server_name!("m.example:1"))
    };
    let world = world(
        dns(&[("m.example", B)], &[]),
        known,
        &config::Federation::default(),
    );
    for (passed, asked) in [(0, 1), (599, 1), (2, 2)] {
        world.clock.advance(Duration::from_secs(passed));
        world
            .discovery
            .find(server_name!("a.example"))
            .await
            .unwrap();
        assert_eq!(world.well_known.asked.load(Ordering::Relaxed), asked);
    }
}

#[tokio::test]
async fn a_failure_is_remembered_longer_each_time() {
    let world = world(
        dns(&[("a.example", A)], &[]),
        FakeWellKnown::default(),
        &config::Federation::default(),
    );
    for (passed, asked) in [(0, 1), (59, 1), (2, 2), (61, 2), (60, 3), (7200, 4)] {
        world.clock.advance(Duration::from_secs(passed));
        world
            .discovery
            .find(server_name!("a.example"))
            .await
            .unwrap();
        assert_eq!(
            world.well_known.asked.load(Ordering::Relaxed),
            asked,
            "{passed}"
        );
    }
}

#[test]
fn no_delegation_is_remembered_for_ever() {
    assert_eq!(lifetime(None), Duration::from_secs(24 * 3600));
    assert_eq!(lifetime(Some(Duration::MAX)), LONGEST_DELEGATION);
    assert_eq!(lifetime(Some(Duration::ZERO)), SHORTEST_DELEGATION);
    assert_eq!(failure_lifetime(u32::MAX), LONGEST_FAILURE);
}
