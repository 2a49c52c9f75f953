//! Prints the public items that a file of rustdoc's JSON has, one a line.

use public_api::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which file?")?;
    print!("{}", Builder::from_rustdoc_json(file).omit_blanket_impls(true).omit_auto_trait_impls(true).build()?);
    Ok(())
}
