//! The README's table of settings is what the command line says.

use std::fmt::Write as _;

use clap::{CommandFactory, Parser};
use teable_attachments::config::Settings;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

/// The table, as it should stand in the README.
fn table() -> String {
    let mut table = String::from("| variable | flag | default | meaning |\n| --- | --- | --- | --- |\n");
    for argument in Arguments::command().get_arguments() {
        let (Some(variable), Some(flag)) = (argument.get_env(), argument.get_long()) else { continue };
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if defaults.is_empty() { String::new() } else { format!("`{}`", defaults.join(",")) };
        let meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(table, "| `{}` | `--{flag}` | {default} | {meaning} |", variable.to_string_lossy())
            .expect("a string takes it");
    }
    table
}

#[test]
fn the_readme_lists_every_setting() {
    let readme = include_str!("../../README.md");
    let table = table();
    assert!(readme.contains(&table), "put this table into README.md:\n\n{table}");
}

#[test]
fn the_defaults_agree_with_each_other() {
    let settings = Arguments::parse_from(["test"]).settings;
    let origin = "http://localhost:3000".parse().expect("an origin");
    assert!(settings.policy(origin).is_ok());
}
