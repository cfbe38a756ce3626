//! One registration of a primitive from a documented function and its options struct.
//!
//! `#[primitive]` turns a function into a `pub fn primitive() -> Primitive` beside it; `#[derive(Options)]` reads a struct
//! from a script's map. Both take their texts from the doc comments, so that nothing is described twice.

mod options;
mod primitive;

use proc_macro::TokenStream;

/// Registers a function as a primitive: `#[primitive(module = "cluster", effect = Change)]`.
///
/// The function takes `&Call<'_>`, then its positional arguments (each a `FromValue`), and may take `options: T` (an
/// `Options`) among them. It returns a `Result` of an `IntoValue`. With `method`, it can also be called as a method of
/// its first argument.
#[proc_macro_attribute]
pub fn primitive(attribute: TokenStream, item: TokenStream) -> TokenStream {
    primitive::expand(attribute.into(), item.into()).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// Reads a struct from a script's map of options.
///
/// Each field's type is a `FromValue`; `Option<T>` may be left out. `#[option(default = "…")]` gives a default as the
/// script would write it (a literal); `#[option(flatten)]` takes the fields of another `Options` struct in.
#[proc_macro_derive(Options, attributes(option))]
pub fn derive_options(item: TokenStream) -> TokenStream {
    options::expand(item.into()).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// The text of a doc comment.
fn doc_of(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
        attribute.path().is_ident("doc").then(|| text.value().strip_prefix(' ').unwrap_or(&text.value()).to_owned())
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}
