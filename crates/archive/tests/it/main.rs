//! The archive, on a real disk.

mod damage;
mod manifest;
mod round_trip;
mod sample;
