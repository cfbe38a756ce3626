//! `#[on(shadow, live)]`: see `windlass-support`, which exports it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, ItemFn, LitStr, Token};

/// Where a test runs.
struct Places {
    shadow: bool,
    live: bool,
    node: bool,
}

impl Parse for Places {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut places = Places { shadow: false, live: false, node: false };
        let mut reason = None;
        loop {
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "shadow" => places.shadow = true,
                "live" => places.live = true,
                "node" => places.node = true,
                "because" => {
                    input.parse::<Token![=]>()?;
                    reason = Some(input.parse::<LitStr>()?);
                }
                _ => return Err(Error::new(word.span(), "one of `shadow`, `live`, `node`, `because = \"…\"`")),
            }
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        match (places.shadow && (places.live || places.node), reason) {
            (true, None) | (false, Some(_)) => Ok(places),
            (true, Some(reason)) => Err(Error::new(reason.span(), "it runs on both: nothing needs a reason")),
            (false, None) => Err(Error::new(Span::call_site(), "say why not on both: `because = \"…\"`")),
        }
    }
}

/// Makes the tests `name::shadow` and `name::live` of a function that takes a `Bed`; with `node`, `name::node` on the real
/// node, whose pods run. A test for only one of them has to say
/// why: `#[on(live, because = "…")]`. An asynchronous function runs where the cluster's clock is.
#[proc_macro_attribute]
pub fn on(places: proc_macro::TokenStream, function: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let places = syn::parse_macro_input!(places as Places);
    let function = syn::parse_macro_input!(function as ItemFn);
    let name = &function.sig.ident;
    let body = if function.sig.asyncness.is_some() {
        quote!(|bed| bed.wait(super::#name(bed.clone())))
    } else {
        quote!(super::#name)
    };
    let test = |wanted: bool, place: &str| -> Option<TokenStream> {
        let place = Ident::new(place, Span::call_site());
        wanted.then(|| {
            quote! {
                #[test]
                fn #place() {
                    ::windlass_support::#place(#body);
                }
            }
        })
    };
    let (shadow, live, node) = (test(places.shadow, "shadow"), test(places.live, "live"), test(places.node, "node"));
    quote! {
        #function

        mod #name {
            #shadow
            #live
            #node
        }
    }
    .into()
}
