//! The everyday gate: every suite reaches its number of cases, and every broken build is caught.

mod recorder_cuts;
mod recorder_forget;
mod recorder_list;
mod recorder_model;
mod recorder_tamper;
mod recorder_world;
mod sabotage;
mod sessions_again;
mod sessions_crash;
mod sessions_disk;
mod sessions_drawn;
mod sessions_record;
mod sessions_repeat;
mod sessions_steps;
mod sessions_work;
mod sessions_world;
mod storage;
mod suites;
