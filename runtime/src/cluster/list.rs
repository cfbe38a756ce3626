//! Many objects at once.

use super::exchange::Exchange;
use super::failure::Failure;
use super::options::{ListOptions, Listing};
use super::resource::Collection;
use super::retry::Repeat;
use super::{Cluster, Json};
use crate::error::Result;

/// Servers that cannot leave the rest out send it all.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

impl Cluster {
    /// The objects of a collection, page by page. If history expires between two pages, it starts over.
    ///
    /// # Errors
    /// What the cluster or the connection says.
    pub async fn list(&self, of: &Collection, options: &ListOptions) -> Result<Listing> {
        self.try_list(of, options, Repeat::Always).await.map_err(|failure| failure.into_error(&of.subject("list")))
    }

    pub(crate) async fn try_list(
        &self,
        of: &Collection,
        options: &ListOptions,
        repeat: Repeat,
    ) -> Result<Listing, Failure> {
        let mut restarts = 0;
        loop {
            match self.list_pages(of, options, repeat).await {
                Err(Failure::Expired(_)) if restarts < 3 => restarts += 1,
                other => return other,
            }
        }
    }

    async fn list_pages(&self, of: &Collection, options: &ListOptions, repeat: Repeat) -> Result<Listing, Failure> {
        let mut listing = Listing::default();
        let mut next = String::new();
        loop {
            let left = options.limit.map_or(options.page, |limit| limit.saturating_sub(listing.items.len()));
            let page = self.page(of, options, left.min(options.page).max(1), &next, repeat).await?;
            listing.items.extend(page.items);
            listing.resource_version = page.version;
            listing.more = !page.next.is_empty();
            let full = options.limit.is_some_and(|limit| listing.items.len() >= limit);
            if full && let Some(limit) = options.limit {
                listing.more |= listing.items.len() > limit;
                listing.items.truncate(limit);
            }
            if page.next.is_empty() || full {
                return Ok(listing);
            }
            next = page.next;
        }
    }

    async fn page(
        &self,
        of: &Collection,
        options: &ListOptions,
        size: usize,
        next: &str,
        repeat: Repeat,
    ) -> Result<Page, Failure> {
        let size = size.to_string();
        let mut query = options.selector.query();
        query.push(("limit", &size));
        if !next.is_empty() {
            query.push(("continue", next));
        }
        let mut exchange = Exchange::get(of.uri(&query), of.subject("list"));
        exchange.repeat = repeat;
        if options.metadata_only {
            exchange.accept = METADATA;
        }
        let mut answer = self.exchange_json(&exchange).await?;
        let items = match answer.get_mut("items").map(Json::take) {
            Some(Json::Array(items)) => items,
            Some(Json::Null) | None if answer.get("kind").is_some() => Vec::new(),
            _ => return Err(Failure::Unreadable("it is not a list of objects".into())),
        };
        let text = |pointer: &str| answer.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        Ok(Page {
            items: items.into_iter().map(|item| with_type(item, of)).collect(),
            version: text("/metadata/resourceVersion"),
            next: text("/metadata/continue"),
        })
    }
}

struct Page {
    items: Vec<Json>,
    version: String,
    next: String,
}

/// Items of a list lack what the list says once, or are called by the part of them that was asked for.
fn with_type(item: Json, of: &Collection) -> Json {
    let Json::Object(fields) = item else { return item };
    if fields.get("kind").is_some_and(|kind| kind != "PartialObjectMetadata") && fields.contains_key("apiVersion") {
        return Json::Object(fields);
    }
    let mut typed = serde_json::Map::with_capacity(fields.len() + 2);
    typed.insert("apiVersion".into(), Json::String(of.api_version.clone()));
    typed.insert("kind".into(), Json::String(of.kind.clone()));
    typed.extend(fields.into_iter().filter(|(key, _)| key != "kind" && key != "apiVersion"));
    Json::Object(typed)
}
