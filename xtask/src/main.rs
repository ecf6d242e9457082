//! Chores of this repository: `cargo xtask models PATH_TO_BOTOCORE_DATA`.

#![forbid(unsafe_code)]

mod models;
mod source;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask models PATH_TO_BOTOCORE_DATA
  reduces botocore's service models to the tables in crates/wire/models;
  the path is the `data` folder of an installed botocore, for example
  cargo xtask models \"$(python3 -c 'import botocore, os; print(os.path.dirname(botocore.__file__))')/data\"";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["models", data] => models::reduce_all(data.as_ref()),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
