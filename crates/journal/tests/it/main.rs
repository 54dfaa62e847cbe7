//! The journal on a real disk.

mod common;
mod damage;
mod follow;
mod lifecycle;
mod records;
mod refusals;
