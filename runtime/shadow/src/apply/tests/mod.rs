mod cases;
pub(crate) mod openapi;
mod sets;
mod typed;
