//! The buildings, and the lines between them.

use spec_tests::{
    Homeserver, Settings, User,
    link::{Link, Weather},
    target::Target,
};

/// A building.
pub(crate) struct Building {
    pub(crate) name: String,
    pub(crate) server: Homeserver,
    pub(crate) people: Vec<User>,
}

/// All of them.
pub(crate) struct Campus {
    pub(crate) buildings: Vec<Building>,
    /// The line from each building to each other.
    lines: Vec<Vec<Link>>,
}

impl Campus {
    /// Starts a server in each building. Each knows the others by fixed addresses, and all trust one authority.
    pub(crate) fn start(many: usize, seed: u64) -> Self {
        let name = |number: usize| format!("b{}.campus.test", number + 1);
        let line = |from: usize, to: usize| Link::new(seed ^ ((from * many + to) as u64));
        let lines: Vec<Vec<Link>> = (0..many)
            .map(|from| (0..many).map(|to| line(from, to)).collect())
            .collect();
        let mut buildings = Vec::new();
        for (number, lines) in lines.iter().enumerate() {
            let others = (0..many).filter(|other| *other != number);
            let peers: Vec<String> = others
                .map(|other| format!("{:?} = \"{}\"", name(other), lines[other].address()))
                .collect();
            let settings = Settings {
                name: Some(name(number)),
                federation: format!(
                    "allow = [\"*.campus.test\"]\npeers = {{ {} }}",
                    peers.join(", ")
                ),
                ..Settings::default()
            };
            let server = Homeserver::own_of(&Target::from_environment(), &settings);
            let people = ["teacher", "student"].map(|stem| server.register(stem));
            buildings.push(Building {
                name: name(number),
                people: people.into(),
                server,
            });
        }
        for lines in &lines {
            for (line, building) in lines.iter().zip(&buildings) {
                line.lead_to(building.server.tls_address());
            }
        }
        Self { buildings, lines }
    }

    /// Everybody, the first building's people first.
    pub(crate) fn people(&self) -> impl Iterator<Item = &User> {
        self.buildings.iter().flat_map(|building| &building.people)
    }

    /// All lines.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.lines.iter().flatten()
    }

    /// Cuts the lines from and to a building.
    pub(crate) fn cut_off(&self, number: usize) {
        let cut = Weather {
            is_cut: true,
            ..Weather::default()
        };
        for (from, lines) in self.lines.iter().enumerate() {
            for (to, line) in lines.iter().enumerate() {
                if from == number || to == number {
                    line.set(cut);
                }
            }
        }
    }

    /// Has all lines work like this.
    pub(crate) fn connect_all(&self, weather: Weather) {
        for line in self.links() {
            line.set(weather);
        }
    }
}
