//! `Link`: the line between two servers, which can be cut, slow, or lose connections.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::dice::Dice;

/// How well a line works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Nothing comes through, and what is connected is torn down.
    pub is_cut: bool,
    /// Each piece of data is held back for a random time up to this many milliseconds. Since every connection is
    /// delayed by itself, what was sent first over one line may arrive after what was sent later over another.
    pub delay_ms: usize,
    /// One piece of data in so many breaks its connection; zero for none.
    pub breaks_once_in: usize,
}

/// A line from one server to another. Clones are the same line.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    to: Mutex<Option<SocketAddr>>,
    weather: Mutex<Weather>,
    open: Mutex<Vec<TcpStream>>,
    seed: u64,
    connections: AtomicU64,
}

impl Link {
    /// A line that leads nowhere yet.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn new(seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let link = Self(Arc::new(Inner {
            address: listener
                .local_addr()
                .expect("a bound listener has an address"),
            to: Mutex::default(),
            weather: Mutex::default(),
            open: Mutex::default(),
            seed,
            connections: AtomicU64::new(0),
        }));
        let accepting = link.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let link = accepting.clone();
                // That a line breaks is what it is for.
                thread::spawn(move || drop(link.carry(stream)));
            }
        });
        link
    }

    /// Where its beginning is.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Leads to this address from now on.
    ///
    /// # Panics
    /// When it is no address.
    pub fn lead_to(&self, address: &str) {
        let address = address.parse().expect("an address");
        *self.0.to.lock().expect("no thread died here") = Some(address);
    }

    /// Changes how well it works. Cutting it ends all connections.
    ///
    /// # Panics
    /// Never: no thread dies with the lock.
    pub fn set(&self, weather: Weather) {
        *self.0.weather.lock().expect("no thread died here") = weather;
        if weather.is_cut {
            for stream in self.0.open.lock().expect("no thread died here").drain(..) {
                // The other side may have closed it.
                drop(stream.shutdown(Shutdown::Both));
            }
        }
    }

    fn weather(&self) -> Weather {
        *self.0.weather.lock().expect("no thread died here")
    }

    fn carry(&self, near: TcpStream) -> io::Result<()> {
        let to = *self.0.to.lock().expect("no thread died here");
        let Some(to) = to.filter(|_| !self.weather().is_cut) else {
            return near.shutdown(Shutdown::Both);
        };
        let far = TcpStream::connect(to)?;
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
            let mut open = self.0.open.lock().expect("no thread died here");
            open.push(stream.try_clone()?);
        }
        let number = self.0.connections.fetch_add(2, Ordering::Relaxed);
        let dice =
            |number: u64| Dice::new(self.0.seed ^ number.wrapping_mul(0x1234_5678_9abc_def1));
        let back = (
            self.clone(),
            far.try_clone()?,
            near.try_clone()?,
            dice(number),
        );
        let backwards = thread::spawn(move || {
            let (link, from, to, dice) = back;
            link.copy(from, to, dice)
        });
        let forwards = self.copy(near, far, dice(number + 1));
        // Whichever direction ended first has ended the other.
        drop(backwards.join());
        forwards
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, mut dice: Dice) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let result = loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(read) => read,
                Err(error) => break Err(error),
            };
            let weather = self.weather();
            if weather.delay_ms > 0 {
                thread::sleep(Duration::from_millis(dice.below(weather.delay_ms) as u64));
            }
            let breaks = weather.breaks_once_in > 0 && dice.once_in(weather.breaks_once_in);
            if weather.is_cut || breaks {
                break Err(io::ErrorKind::ConnectionReset.into());
            }
            if let Err(error) = to.write_all(&buffer[..read]) {
                break Err(error);
            }
        };
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
        result
    }
}
