//! A primitive of one's own, with options: `cargo run --example custom_primitive`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Package, Runtime, Value};

// begin: primitive
mod price {
    use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

    /// The options of `shop::price`.
    #[derive(Debug, Options)]
    pub struct PriceOptions {
        /// How many are bought.
        #[option(default = "1")]
        pieces: u32,
        /// What is taken off, in percent.
        discount: Option<u32>,
    }

    /// Gives the price of an article, in cents.
    ///
    /// # Errors
    /// `not_found` for an article that the shop does not have.
    ///
    /// # Example
    /// ```rhai
    /// let cents = shop::price("apple", #{ pieces: 3 });
    /// ```
    #[primitive(module = "shop", effect = Pure)]
    pub fn price(_: &Call<'_>, article: String, options: PriceOptions) -> Result<i64> {
        let each = match article.as_str() {
            "apple" => 50,
            "pear" => 60,
            other => {
                let error = Error::new(Kind::NotFound, format!("the shop has no {other}"));
                return Err(error.hint("it has apple and pear"));
            }
        };
        let off = i64::from(options.discount.unwrap_or(0).min(100));
        Ok(each * i64::from(options.pieces) * (100 - off) / 100)
    }
}
// end: primitive

fn main() -> windlass_runtime::Result<()> {
    // begin: package
    let mine = Package::new(vec![price::primitive()]);
    let runtime = Runtime::builder().with(windlass_stdlib::all()).with(mine).build()?;
    // end: package

    let session = runtime.session(NoTarget::new()).open();
    let ask = |script: &str| session.evaluate(&Playbook::text("shop.rhai", script));
    if let Value::Int(cents) = ask("shop::price(\"apple\", #{ pieces: 4, discount: 10 })")? {
        println!("four apples: {cents} cents");
    }
    // A wrong option is found with its nearest name, and an error has a hint: nothing to do for that.
    for wrong in ["shop::price(\"apple\", #{ peices: 4 })", "shop::price(\"plum\")"] {
        if let Err(error) = ask(wrong) {
            println!("{error} ({})", error.hint_text().unwrap_or_default());
        }
    }
    // It is in the reference.
    let reference = runtime.reference();
    for entry in reference.of_module("shop") {
        println!("{}: {}", entry.signature, entry.text.summary);
    }
    Ok(())
}
