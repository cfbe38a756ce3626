//! `#[derive(Options)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Type};

struct Attributes {
    default: Option<LitStr>,
    flatten: bool,
}

fn attributes(field: &syn::Field) -> Result<Attributes> {
    let mut found = Attributes { default: None, flatten: false };
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("option")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("default") {
                found.default = Some(meta.value()?.parse()?);
                Ok(())
            } else if meta.path.is_ident("flatten") {
                found.flatten = true;
                Ok(())
            } else {
                Err(meta.error("`default = \"…\"` or `flatten`"))
            }
        })?;
    }
    Ok(found)
}

pub(crate) fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == "Option"))
}

/// A default, as the script would write it, as a value.
fn literal(text: &LitStr) -> Result<TokenStream> {
    let written = text.value();
    let value = match written.as_str() {
        "true" => quote!(::windlass_runtime::Value::Bool(true)),
        "false" => quote!(::windlass_runtime::Value::Bool(false)),
        "[]" => quote!(::windlass_runtime::Value::List(::std::vec::Vec::new())),
        "#{}" => quote!(::windlass_runtime::Value::Map(::std::default::Default::default())),
        _ => {
            if let Some(inner) = written.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
                quote!(::windlass_runtime::Value::Text(#inner.to_owned()))
            } else if let Ok(number) = written.parse::<i64>() {
                quote!(::windlass_runtime::Value::Int(#number))
            } else {
                return Err(Error::new(text.span(), "a default is true, false, [], #{}, a number or a \"text\""));
            }
        }
    };
    Ok(value)
}

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(item)?;
    let name = &input.ident;
    let Data::Struct(data) = &input.data else { return Err(Error::new_spanned(&input, "options are a struct")) };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&input, "options have named fields"));
    };
    let mut describe = Vec::new();
    let mut take = Vec::new();
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let ty = &field.ty;
        let key = ident.to_string().trim_start_matches("r#").to_owned();
        let found = attributes(field)?;
        if found.flatten {
            describe.push(quote!(fields.extend(<#ty as ::windlass_runtime::options::Options>::fields());));
            take.push(quote!(#ident: <#ty as ::windlass_runtime::options::Options>::take(reader)?));
            continue;
        }
        let doc = crate::doc_of(&field.attrs);
        if doc.is_empty() {
            return Err(Error::new_spanned(field, "an option needs a doc comment: it is its description"));
        }
        let required = !is_option(ty) && found.default.is_none();
        let default = match &found.default {
            Some(text) => quote!(::std::option::Option::Some(#text)),
            None => quote!(::std::option::Option::None),
        };
        describe.push(quote! {
            fields.push(::windlass_runtime::options::OptionField {
                name: #key,
                doc: #doc,
                expects: <#ty as ::windlass_runtime::options::FromValue>::expects(),
                default: #default,
                required: #required,
                check: |value| <#ty as ::windlass_runtime::options::FromValue>::from_value(value).map(|_| ()),
            });
        });
        take.push(match &found.default {
            Some(text) => {
                let value = literal(text)?;
                quote! {
                    #ident: match reader.optional::<#ty>(#key)? {
                        ::std::option::Option::Some(given) => given,
                        ::std::option::Option::None => <#ty as ::windlass_runtime::options::FromValue>::from_value(#value)
                            .map_err(|m| m.into_error(::std::concat!("the default of `", #key, "`"), #doc))?,
                    }
                }
            }
            None if required => quote!(#ident: reader.required::<#ty>(#key)?),
            None => quote!(#ident: reader.optional(#key)?),
        });
    }
    Ok(quote! {
        impl ::windlass_runtime::options::Options for #name {
            fn fields() -> ::std::vec::Vec<::windlass_runtime::options::OptionField> {
                let mut fields = ::std::vec::Vec::new();
                #(#describe)*
                fields
            }
            fn take(reader: &mut ::windlass_runtime::options::OptionReader) -> ::windlass_runtime::Result<Self> {
                ::std::result::Result::Ok(Self { #(#take),* })
            }
        }
    })
}
