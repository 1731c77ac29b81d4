//! `femtospike completions` and `femtospike man`: what a shell and `man` know of the command line, made from its definition.

use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, CompletionsArgs};
use crate::report::progress::result;

pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "femtospike", &mut script);
    result(String::from_utf8(script)?.trim_end());
    Ok(())
}

/// One page: the program, each command with its options, and what the help ends with.
pub fn manual() -> Result<()> {
    let mut program = Cli::command();
    program.build();
    let man = Man::new(program.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut page = String::from_utf8(page)?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        page += &section(command)?;
    }
    if let Some(notes) = program.get_after_help() {
        page += &format!(".SH NOTES\n.nf\n{notes}\n.fi");
    }
    result(page.trim_end());
    Ok(())
}

/// A command, whose own headings stand below its name.
fn section(command: &Command) -> Result<String> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render_description_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let text = String::from_utf8(text)?.replace("\n.SH ", "\n.SS ");
    let text = text.strip_prefix(".SH ").map_or(text.clone(), |rest| format!(".SS {rest}"));
    Ok(format!(".SH \"{}\"\n{text}", command.get_name().to_uppercase()))
}
