//! What the addresses answer: one file for each resource.

pub mod batch;
pub mod bulk;
pub mod export;
pub mod health;
pub mod history;
pub mod import;
pub mod json_body;
pub mod live;
pub mod metrics;
pub mod pages;
pub mod row;
pub mod rows;
pub mod tables;
pub mod ws;
