mod cases;
mod live;
pub(crate) mod openapi;
mod sets;
mod typed;
