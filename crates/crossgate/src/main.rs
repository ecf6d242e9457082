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

/// A request takes and gives back some hundreds of small pieces of memory, often on another thread than it was taken on: a
/// fifth of the server's processor time with the C library's allocator.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
