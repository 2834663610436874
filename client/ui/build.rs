//! Compiles the views and puts the translations into the program.

use slint_build::{CompilerConfiguration, DefaultTranslationContext};

fn main() {
    let configuration = CompilerConfiguration::new()
        .with_style("fluent".to_owned())
        .with_bundled_translations("lang")
        .with_default_translation_context(DefaultTranslationContext::None);
    if let Err(error) = slint_build::compile_with_config("app.slint", configuration) {
        println!("cargo::error={error}");
    }
}
