//! The journal on a real disk.

mod chain;
mod common;
mod damage;
mod follow;
mod lifecycle;
mod origin;
mod records;
mod refusals;
