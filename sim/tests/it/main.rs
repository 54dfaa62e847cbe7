//! The everyday gate: every suite reaches its number of cases, and every broken build is caught.

mod recorder_cuts;
mod recorder_list;
mod recorder_model;
mod recorder_world;
mod sabotage;
mod storage;
mod suites;
