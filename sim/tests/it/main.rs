//! The everyday gate: every suite reaches its number of cases, and every broken build is caught.

mod sabotage;
mod storage;
mod suites;
