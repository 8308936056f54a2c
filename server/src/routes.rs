//! What the addresses answer: one file for each resource.

pub mod accounts;
pub mod batch;
pub mod bulk;
pub mod chart;
pub mod export;
pub mod form;
pub mod health;
pub mod history;
pub mod import;
pub mod join;
pub mod json_body;
pub mod live;
pub mod login;
pub mod me;
pub mod metrics;
pub mod own_account;
pub mod pages;
pub mod permissions;
pub mod permissions_page;
pub mod presence;
pub mod row;
pub mod rows;
pub mod tables;
pub mod users;
pub mod views;
pub mod ws;
