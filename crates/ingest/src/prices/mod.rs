//! What the use of a model costs by a list of prices, for whoever does not say it himself.
//!
//! A list is a JSON file (see `data/prices.json`): a date, and for each model its prices per million tokens
//! in nano-dollars, with the page that they were read from. The one that is built in can be overridden by
//! one of the user's own, of the same form. What no list knows has no price: an unknown model is unpriced,
//! never free.
//!
//! Limits: list prices of single requests. Batch, priority and regional rates, prices by the hour of the
//! day, and whatever is not counted in tokens are not expressed.

mod format;
mod lookup;
mod names;
mod rates;

pub use format::{PriceError, Problem};
pub use lookup::{PriceTable, Priced};
