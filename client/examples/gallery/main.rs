//! Shows one screen with sample rows, or writes pictures of all of them.
//!
//! `cargo run -p client --example gallery -- SCREEN [--theme light|dark] [--lang ru|en] [--size WxH] [--zoom PERCENT]
//! [--save FILE.png]` shows (or saves) one screen; `-- --all FOLDER` saves every screen in both themes and both
//! languages, `-- --articles client/help/pictures` the pictures of the help. The rows go through the same updates as
//! in the program, so the pictures show what people see.

mod articles;
mod faces;
#[path = "../../tests/pictures/indexed.rs"]
#[expect(clippy::unwrap_used, reason = "a tool of developers may panic")]
mod indexed;
mod samples;
mod screens;

use std::{path::Path, process::Command as Program, rc::Rc, time::Duration};

use anyhow::{Context, bail};
use client::{
    bridge::command::Commands,
    render::Language,
    settings::{Settings, Theme},
    view::Ui,
};
use slint::{ComponentHandle, Timer};

/// What is asked for.
struct Request {
    screen: String,
    theme: Theme,
    language: Language,
    size: (f32, f32),
    zoom: u32,
    save: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [all, folder] = arguments.as_slice()
        && all == "--all"
    {
        return save_all(Path::new(folder));
    }
    if let [all, folder] = arguments.as_slice()
        && all == "--articles"
    {
        return articles::save(Path::new(folder));
    }
    show(&parse(&arguments)?)
}

fn parse(arguments: &[String]) -> anyhow::Result<Request> {
    let mut arguments = arguments.iter();
    let screen = arguments.next().context("Name a screen.")?.clone();
    let size = screens::size(&screen)
        .with_context(|| format!("The screens are: {}", screens::NAMES.join(", ")))?;
    let mut request = Request {
        screen,
        theme: Theme::Light,
        language: Language::Russian,
        size,
        zoom: 100,
        save: None,
    };
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{option} needs a value."))?;
        match option.as_str() {
            "--theme" if value == "dark" => request.theme = Theme::Dark,
            "--theme" => request.theme = Theme::Light,
            "--lang" if value == "en" => request.language = Language::English,
            "--lang" => request.language = Language::Russian,
            "--size" => {
                let (width, height) = value.split_once('x').context("Say WxH.")?;
                request.size = (width.parse()?, height.parse()?);
            }
            "--zoom" => request.zoom = value.parse()?,
            "--save" => request.save = Some(value.clone()),
            _ => bail!("There is no option {option}."),
        }
    }
    Ok(request)
}

/// Each screen in a process of its own: a window keeps scroll positions and focus.
fn save_all(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for screen in screens::NAMES {
        for theme in ["light", "dark"] {
            for language in ["ru", "en"] {
                let file = folder.join(format!("{screen}-{theme}-{language}.png"));
                let status = Program::new(std::env::current_exe()?)
                    .args([screen, "--theme", theme, "--lang", language, "--save"])
                    .arg(&file)
                    .status()?;
                if !status.success() {
                    bail!("{screen} was not drawn.");
                }
            }
        }
    }
    Ok(())
}

fn show(request: &Request) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = Settings::load(folder.path());
    settings.change(|choices| {
        choices.theme = request.theme;
        choices.language = request.language;
        choices.zoom = request.zoom;
        choices.window.width = request.size.0;
        choices.window.height = request.size.1;
    });
    if std::env::var_os("SLINT_BACKEND").is_none() {
        slint::BackendSelector::new()
            .backend_name("winit".to_owned())
            .renderer_name("software".to_owned())
            .select()?;
    }
    client::view::stop_clock(samples::NOW);
    let (commands, receiver) = Commands::channel();
    let ui = Ui::new(commands, settings)?;
    let ui = Rc::new(ui);
    let _session = screens::fill(&ui, receiver, &request.screen);
    if let Some(file) = request.save.clone() {
        let window = ui.window().as_weak();
        // Long enough for scrolling to the end and for the caret to be drawn.
        Timer::single_shot(Duration::from_millis(700), move || {
            if let Some(window) = window.upgrade()
                && let Err(error) = save(&window, &file)
            {
                eprintln!("{file}: {error}");
                std::process::exit(1);
            }
            if slint::quit_event_loop().is_err() {
                std::process::exit(1);
            }
        });
    }
    Ok(ui.run()?)
}

fn save(window: &client::view::AppWindow, file: &str) -> anyhow::Result<()> {
    let picture = window.window().take_snapshot()?;
    image::save_buffer(
        file,
        picture.as_bytes(),
        picture.width(),
        picture.height(),
        image::ColorType::Rgba8,
    )?;
    println!("{file}");
    Ok(())
}
