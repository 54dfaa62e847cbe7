//! `top`: the sessions of a store, live, for those who stay in the terminal.
//!
//! - `command`: from the arguments to the exit code; `live`: keys, signals and the time in between
//! - `watch`: what a store says now, read again only where something came; `picture`: what was read
//! - `doing`: what a session does, or what it waits for
//! - `keys`: their table; `control`: what they make of what is shown; `order`: which rows, in which order
//! - `paint`: a picture on a canvas; `header`, `table`, `detail`, `help` are its parts, `columns` those of the table
//! - `canvas`: cells, colours and escaped text
//!
//! Nothing here writes to a store, and nothing that a store holds reaches the terminal unescaped.

mod canvas;
mod columns;
mod command;
mod control;
mod detail;
mod doing;
mod header;
mod help;
mod keys;
mod live;
mod order;
mod paint;
mod picture;
#[cfg(test)]
mod sample;
mod table;
mod watch;

pub(super) use command::run;
