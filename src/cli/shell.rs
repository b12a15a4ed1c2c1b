//! `completions` and `man`: what a shell and a manual want to know of this program, from its one definition.

use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, STDOUT};

#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Args, Debug)]
pub(super) struct Manual {
    /// The command to print the page of, such as `upload` or `token create`; the program's own if not given
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

pub(super) fn completions(Completions { shell }: &Completions) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut Cli::command(), "teable-attachments", &mut text);
    // clap_complete 4.6 names a program with a hyphen in one way where it finds a subcommand, and in another where it looks for it.
    let text = String::from_utf8(text)?.replace("teable__subcmd__attachments", "teable__attachments");
    io::stdout().write_all(text.as_bytes()).context(STDOUT)
}

pub(super) fn manual(Manual { path }: &Manual) -> anyhow::Result<()> {
    let mut program = Cli::command();
    program.build();
    let mut command = &program;
    for name in path {
        command = match command.find_subcommand(name) {
            Some(command) => command,
            None => bail!("there is no command `{name}`; --help lists them"),
        };
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    io::stdout().write_all(&text).context(STDOUT)
}
