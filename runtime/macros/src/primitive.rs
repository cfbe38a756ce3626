//! `#[primitive]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, FnArg, GenericArgument, Ident, ItemFn, LitStr, Pat, PathArguments, Result, ReturnType, Token, Type};

struct Attribute {
    module: LitStr,
    effect: Ident,
    name: Option<LitStr>,
    also: Vec<LitStr>,
    method: bool,
}

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut module, mut effect, mut name, mut also, mut method) = (None, None, None, Vec::new(), false);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if key == "method" {
                method = true;
            } else {
                input.parse::<Token![=]>()?;
                match key.to_string().as_str() {
                    "module" => module = Some(input.parse()?),
                    "effect" => effect = Some(input.parse()?),
                    "name" => name = Some(input.parse()?),
                    "also" => {
                        let words;
                        syn::bracketed!(words in input);
                        also = words.parse_terminated(<LitStr as Parse>::parse, Token![,])?.into_iter().collect();
                    }
                    _ => return Err(Error::new_spanned(key, "`module`, `effect`, `name`, `also` or `method`")),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what| Error::new(input.span(), format!("`{what}` is missing"));
        Ok(Self {
            module: module.ok_or_else(|| missing("module"))?,
            effect: effect.ok_or_else(|| missing("effect"))?,
            name,
            also,
            method,
        })
    }
}

/// The type inside a returned `Result<…>`.
fn returned(output: &ReturnType) -> Result<&Type> {
    if let ReturnType::Type(_, ty) = output
        && let Type::Path(path) = &**ty
        && let Some(PathArguments::AngleBracketed(inside)) = path.path.segments.last().map(|s| &s.arguments)
        && let Some(GenericArgument::Type(inner)) = inside.args.first()
    {
        return Ok(inner);
    }
    Err(Error::new_spanned(output, "a primitive returns a `Result`"))
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Attribute { module, effect, name, also, method } = syn::parse2(attribute)?;
    let function: ItemFn = syn::parse2(item)?;
    let ident = &function.sig.ident;
    let name = name.map_or_else(|| ident.to_string().trim_start_matches("r#").to_owned(), |n| n.value());
    let doc = crate::doc_of(&function.attrs);
    if doc.is_empty() {
        return Err(Error::new_spanned(&function.sig, "a primitive needs a doc comment: it is its description"));
    }
    let mut parameters = Vec::new();
    let mut reads = Vec::new();
    let mut passed = Vec::new();
    let mut options_at = None;
    let mut left_out = false;
    let mut options_type = None;
    for (position, input) in function.sig.inputs.iter().skip(1).enumerate() {
        let FnArg::Typed(argument) = input else { return Err(Error::new_spanned(input, "not a method")) };
        let Pat::Ident(pattern) = &*argument.pat else {
            return Err(Error::new_spanned(&argument.pat, "an argument is a plain name"));
        };
        let (argument_ident, ty) = (&pattern.ident, &argument.ty);
        passed.push(quote!(#argument_ident));
        if argument_ident == "options" {
            options_at = Some(position);
            options_type = Some(ty.clone());
            continue;
        }
        let argument_name = argument_ident.to_string();
        let optional = crate::options::is_option(ty);
        if left_out {
            return Err(Error::new_spanned(argument, "an argument that can be left out is the last one"));
        }
        left_out = optional;
        parameters.push(quote! {
            ::windlass_runtime::primitive::Parameter {
                name: #argument_name,
                expects: <#ty as ::windlass_runtime::options::FromValue>::expects(),
                check: |value| <#ty as ::windlass_runtime::options::FromValue>::from_value(value).map(|_| ()),
                optional: #optional,
            }
        });
        reads.push(quote!(let #argument_ident = arguments.next::<#ty>(#argument_name)?;));
    }
    let (options_at, option_fields) = match (options_at, &options_type) {
        (Some(at), Some(ty)) => {
            reads.push(quote!(let options = arguments.options::<#ty>()?;));
            (quote!(::std::option::Option::Some(#at)), quote!(<#ty as ::windlass_runtime::options::Options>::fields()))
        }
        _ => (quote!(::std::option::Option::None), quote!(::std::vec::Vec::new())),
    };
    if left_out && options_type.is_some() {
        return Err(Error::new_spanned(&function.sig, "either options or an argument that can be left out"));
    }
    let returns = returned(&function.sig.output)?;
    let unused = if reads.is_empty() { quote!(let _ = arguments;) } else { quote!(let mut arguments = arguments;) };
    Ok(quote! {
        #function

        /// The registration of this primitive.
        #[must_use]
        pub fn primitive() -> ::windlass_runtime::primitive::Primitive {
            ::windlass_runtime::primitive::Primitive {
                module: #module,
                name: #name,
                also: &[#(#also),*],
                effect: ::windlass_runtime::primitive::Effect::#effect,
                method: #method,
                doc: #doc,
                parameters: ::std::vec![#(#parameters),*],
                options_at: #options_at,
                options: #option_fields,
                returns: <#returns as ::windlass_runtime::IntoValue>::describes(),
                invoke: |call, arguments| {
                    #unused
                    #(#reads)*
                    ::std::result::Result::Ok(::windlass_runtime::IntoValue::into_value(self::#ident(call, #(#passed),*)?))
                },
            }
        }
    })
}
