//! Does the edits that come as JSON lines and prints the root after each, to be compared with
//! what Kubo says. The first line is the configuration.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for tests, which shares their code"
)]

#[path = "../tests/files/mod.rs"]
mod files;

use std::io::BufRead;

use files::Files;
use serde_json::Value;

fn main() {
    let mut lines = std::io::stdin()
        .lock()
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut files = Files::new(lines.next().unwrap(), files::stream(8 << 20));
    println!("{}", ipfs_kit_cid::to_string(&files.root));
    for op in lines {
        match files.run(&op) {
            Ok(()) => println!("{}", ipfs_kit_cid::to_string(&files.root)),
            Err(error) => println!("! {error}"),
        }
    }
}
