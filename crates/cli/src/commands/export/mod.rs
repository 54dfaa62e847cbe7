//! `export`: what a store holds, for keeping, for recording elsewhere, and for other programs to show.
//!
//! - `command`: from the arguments to a file or a stream; events, OTLP and Parquet
//! - `chosen`: the sessions that a picture is made of
//! - `rows`: which spans stand beside each other
//! - `perfetto`: sessions as tracks of a trace
//! - `html`: one session as a page that needs nothing else

mod chosen;
mod command;
mod html;
mod perfetto;
mod rows;

pub(super) use command::run;
