//! `crossgate`: the command line.

#![forbid(unsafe_code)]

mod aws;
mod cli;
mod client;
mod demo;
mod doctor;
mod env;
mod explain;
mod serve;
mod simulate;
mod tail;
mod terminal;
mod test;

fn main() -> std::process::ExitCode {
    cli::run()
}
