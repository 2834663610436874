//! A screen, the program on it, and hands.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long the window may take to appear.
const WINDOW: Duration = Duration::from_secs(90);

/// The colours behind the letters of people without a picture.
const ROUND_PICTURES: [[u8; 3]; 8] = [
    [0xB3, 0x26, 0x1E],
    [0x9A, 0x4A, 0x00],
    [0x6E, 0x5A, 0x00],
    [0x2E, 0x6B, 0x1F],
    [0x00, 0x69, 0x5F],
    [0x0B, 0x5F, 0xB3],
    [0x6A, 0x3F, 0xC4],
    [0xA4, 0x24, 0x6F],
];

/// A part of the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

pub(crate) struct Screen {
    display: String,
    xvfb: Child,
    program: Child,
}

impl Screen {
    /// A tool of the system that is not there.
    pub(crate) fn missing_tool() -> Option<&'static str> {
        ["Xvfb", "xdotool", "xclip", "import"]
            .into_iter()
            .find(|tool| {
                let started = Command::new(tool)
                    .arg("-version")
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                started.is_err()
            })
    }

    /// Starts the program with its data in this folder, and gives it the keyboard. The program is in the folder too,
    /// beside a join file, if there is one.
    pub(crate) fn open(folder: &Path) -> Self {
        let (display, xvfb) = start_display();
        let copy = folder.join("fialka");
        fs::copy(env!("CARGO_BIN_EXE_fialka"), &copy).unwrap();
        let program = Command::new(copy)
            .arg("--data-dir")
            .arg(folder)
            .env("DISPLAY", &display)
            .env_remove("WAYLAND_DISPLAY")
            .spawn()
            .unwrap();
        let screen = Self {
            display,
            xvfb,
            program,
        };
        let deadline = Instant::now() + WINDOW;
        // Without a window manager nobody else gives it the keyboard.
        while !screen.hand(&[
            "search",
            "--sync",
            "--onlyvisible",
            "--name",
            "Fialka",
            "windowfocus",
        ]) {
            assert!(Instant::now() < deadline, "no window appeared");
            sleep(Duration::from_millis(100));
        }
        screen
    }

    pub(crate) fn click(&self, x: i32, y: i32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.must(&["mousemove", &x, &y, "click", "1"]);
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.must(&["type", "--delay", "30", text]);
    }

    pub(crate) fn key(&self, key: &str) {
        self.must(&["key", "--clearmodifiers", key]);
    }

    /// Copies everything in the field that has the keyboard; it is replaced by what is typed next.
    pub(crate) fn selected_text(&self) -> Option<String> {
        self.key("ctrl+a");
        self.key("ctrl+c");
        sleep(Duration::from_millis(200));
        let copied = Command::new("xclip")
            .args(["-selection", "clipboard", "-o"])
            .env("DISPLAY", &self.display)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8(copied.stdout).ok()
    }

    /// Copies a picture as another program would; it is there as long as the result.
    pub(crate) fn put_into_clipboard(&self, picture: &Path) -> Clipboard {
        let child = Command::new("xclip")
            .args(["-quiet", "-selection", "clipboard", "-t", "image/png", "-i"])
            .arg(picture)
            .env("DISPLAY", &self.display)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(500));
        Clipboard(child)
    }

    /// How many dots of an area belong to the round pictures of people.
    pub(crate) fn round_pictures(&self, area: Area) -> usize {
        let Area {
            x,
            y,
            width,
            height,
        } = area;
        let taken = Command::new("import")
            .args(["-window", "root", "-depth", "8"])
            .args(["-crop", &format!("{width}x{height}+{x}+{y}")])
            .arg("rgb:-")
            .env("DISPLAY", &self.display)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let dots = taken.stdout.chunks_exact(3);
        dots.filter(|dot| ROUND_PICTURES.iter().any(|colour| colour == dot))
            .count()
    }

    /// Keeps what can be seen and tells where.
    pub(crate) fn keep(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real_input");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("screen.png");
        let kept = Command::new("import")
            .args(["-window", "root"])
            .arg(&file)
            .env("DISPLAY", &self.display)
            .status();
        if !kept.is_ok_and(|status| status.success()) {
            eprintln!("the screen could not be kept");
        }
        file
    }

    fn must(&self, arguments: &[&str]) {
        assert!(self.hand(arguments), "xdotool {arguments:?}");
    }

    fn hand(&self, arguments: &[&str]) -> bool {
        let status = Command::new("xdotool")
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        end(&mut self.program);
        end(&mut self.xvfb);
    }
}

pub(crate) struct Clipboard(Child);

impl Drop for Clipboard {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn end(child: &mut Child) {
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        eprintln!("a program was not ended: {error}");
    }
}

fn start_display() -> (String, Child) {
    let socket = |number: i32| PathBuf::from(format!("/tmp/.X11-unix/X{number}"));
    let number = (120..200).find(|number| !socket(*number).exists()).unwrap();
    let display = format!(":{number}");
    let xvfb = Command::new("Xvfb")
        .args([&display, "-screen", "0", "1180x740x24"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + WINDOW;
    while !socket(number).exists() {
        assert!(Instant::now() < deadline, "Xvfb does not start");
        sleep(Duration::from_millis(50));
    }
    (display, xvfb)
}
