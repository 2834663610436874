//! Servers that announce themselves on the local network: one question to everybody, and the answers of a moment.
//!
//! A one-shot query of multicast DNS (RFC 6762, section 5.1) for the service `_fialka._tcp` (RFC 6763): responders
//! answer straight to the port that asked, so nothing has to listen all the time.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);
const SERVICE: [&str; 3] = ["_fialka", "_tcp", "local"];
/// Responders may wait up to half a second before they answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Packets looked at: nobody has more servers, and nobody can keep us busy.
const PACKETS: usize = 64;

const TYPE_A: u16 = 1;
const TYPE_PTR: u16 = 12;
const TYPE_TXT: u16 = 16;
const TYPE_SRV: u16 = 33;
const CLASS_IN: u16 = 1;

/// A server that has announced itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Announced {
    pub(super) name: String,
    /// Where it may answer, the most meant first.
    pub(super) addresses: Vec<String>,
}

/// Asks the network. Blocks for a moment.
pub(super) fn ask() -> io::Result<Vec<Announced>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // The own server, if it runs on this computer, must hear it too.
    socket.set_multicast_loop_v4(true)?;
    socket.send_to(&query(), GROUP)?;
    listen(&socket)
}

fn listen(socket: &UdpSocket) -> io::Result<Vec<Announced>> {
    let mut records = Records::default();
    let mut packet = [0; 9000];
    let started = Instant::now();
    for _ in 0..PACKETS {
        let left = PATIENCE.saturating_sub(started.elapsed());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut packet) {
            // A packet that makes no sense is somebody else's.
            Ok(length) => drop(records.read(&packet[..length])),
            Err(error) if is_silence(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(records.announced())
}

fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn query() -> Vec<u8> {
    let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in SERVICE {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&TYPE_PTR.to_be_bytes());
    packet.extend_from_slice(&CLASS_IN.to_be_bytes());
    packet
}

/// What the answers said.
#[derive(Debug, Default)]
struct Records {
    instances: Vec<String>,
    texts: HashMap<String, HashMap<String, String>>,
    services: HashMap<String, (String, u16)>,
    hosts: HashMap<String, Ipv4Addr>,
}

impl Records {
    /// Takes in the records of a packet, until one makes no sense.
    fn read(&mut self, packet: &[u8]) -> Option<()> {
        let count = |at: usize| Some(usize::from(number(packet, at)?));
        let questions = count(4)?;
        let answers = count(6)? + count(8)? + count(10)?;
        let mut at = 12;
        for _ in 0..questions {
            at = name(packet, at)?.1.checked_add(4)?;
        }
        for _ in 0..answers {
            at = self.read_record(packet, at)?;
        }
        Some(())
    }

    fn read_record(&mut self, packet: &[u8], at: usize) -> Option<usize> {
        let (owner, at) = name(packet, at)?;
        let kind = number(packet, at)?;
        let length = usize::from(number(packet, at + 8)?);
        let begin = at + 10;
        let body = packet.get(begin..begin + length)?;
        match kind {
            TYPE_PTR if owner == SERVICE.join(".") => {
                let instance = name(packet, begin)?.0;
                if !self.instances.contains(&instance) {
                    self.instances.push(instance);
                }
            }
            TYPE_TXT => drop(self.texts.insert(owner, pairs(body))),
            TYPE_SRV => {
                let port = number(packet, begin + 4)?;
                let host = name(packet, begin + 6)?.0;
                self.services.insert(owner, (host, port));
            }
            TYPE_A => {
                let ip: [u8; 4] = body.try_into().ok()?;
                self.hosts.insert(owner, ip.into());
            }
            _ => {}
        }
        Some(begin + length)
    }

    fn announced(&self) -> Vec<Announced> {
        let one = |instance: &String| {
            let nothing = HashMap::new();
            let text = self.texts.get(instance).unwrap_or(&nothing);
            let mut addresses: Vec<String> = text.get("address").cloned().into_iter().collect();
            if let Some((host, port)) = self.services.get(instance) {
                let scheme = match text.get("address") {
                    Some(address) if address.starts_with("http://") => "http",
                    _ => "https",
                };
                if let Some(ip) = self.hosts.get(host) {
                    addresses.push(format!("{scheme}://{ip}:{port}"));
                }
            }
            let name = text.get("server_name").cloned();
            let label = instance.split("._fialka").next().unwrap_or(instance);
            Announced {
                name: name.unwrap_or_else(|| label.to_owned()),
                addresses,
            }
        };
        let found = self.instances.iter().map(one);
        found.filter(|one| !one.addresses.is_empty()).collect()
    }
}

/// The two bytes at a place.
fn number(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// A name, and what comes after it. Pointers lead backwards only, so that no packet can turn us in circles.
fn name(packet: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let (mut at, mut end, mut lowest) = (start, None, start);
    loop {
        let length = usize::from(*packet.get(at)?);
        match length {
            0 => {
                let after = end.unwrap_or(at + 1);
                return Some((labels.join("."), after));
            }
            1..=63 => {
                let label = packet.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                at += 1 + length;
            }
            192.. => {
                let target = usize::from(number(packet, at)? & 0x3fff);
                end = end.or(Some(at + 2));
                if target >= lowest {
                    return None;
                }
                (at, lowest) = (target, target);
            }
            _ => return None,
        }
    }
}

/// `key=value` strings, each with its length before it.
fn pairs(mut body: &[u8]) -> HashMap<String, String> {
    let mut pairs = HashMap::new();
    while let Some((length, rest)) = body.split_first() {
        let length = usize::from(*length).min(rest.len());
        let (text, after) = rest.split_at(length);
        let text = String::from_utf8_lossy(text);
        if let Some((key, value)) = text.split_once('=') {
            pairs.insert(key.to_lowercase(), value.to_owned());
        }
        body = after;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_bytes(name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes
    }

    fn record(owner: &[u8], kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 120]);
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// An answer as responders write it, with the service's name given once and pointed to afterwards.
    fn answer() -> Vec<u8> {
        let mut packet = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 3];
        let mut service = label_bytes("_fialka._tcp.local");
        service.push(0);
        // "Campus", then a pointer to byte 12, where the service's name stands.
        let mut instance = label_bytes("Campus");
        instance.extend_from_slice(&[0xc0, 12]);
        packet.extend(record(&service, TYPE_PTR, &instance));
        let mut text = Vec::new();
        for pair in [
            "server_name=campus.example",
            "address=https://campus.example:8448",
        ] {
            text.push(pair.len() as u8);
            text.extend_from_slice(pair.as_bytes());
        }
        packet.extend(record(&instance, TYPE_TXT, &text));
        let mut host = label_bytes("srv.local");
        host.push(0);
        let mut place = vec![0, 0, 0, 0];
        place.extend_from_slice(&8448u16.to_be_bytes());
        place.extend_from_slice(&host);
        packet.extend(record(&instance, TYPE_SRV, &place));
        packet.extend(record(&host, TYPE_A, &[10, 0, 0, 5]));
        packet
    }

    #[test]
    fn an_answer_names_the_server_and_its_addresses() {
        let mut records = Records::default();
        assert_eq!(records.read(&answer()), Some(()));
        let expected = Announced {
            name: "campus.example".to_owned(),
            addresses: vec![
                "https://campus.example:8448".to_owned(),
                "https://10.0.0.5:8448".to_owned(),
            ],
        };
        assert_eq!(records.announced(), [expected]);
    }

    #[test]
    fn broken_packets_harm_nothing() {
        let whole = answer();
        for length in 0..whole.len() {
            Records::default().read(&whole[..length]);
        }
        // A name that points to itself.
        let looped = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 12, 0, 1];
        assert_eq!(Records::default().read(&looped), None);
    }

    #[test]
    fn somebody_on_the_network_is_heard() {
        let responder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let asker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        responder
            .send_to(&answer(), asker.local_addr().unwrap())
            .unwrap();
        assert_eq!(listen(&asker).unwrap().len(), 1);
    }
}
