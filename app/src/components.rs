//! The parts that pages are made of.

pub mod announcer;
pub mod appearance;
pub mod cell;
pub mod column_drag;
pub mod column_header;
pub mod column_menu;
pub mod column_widths;
pub mod columns_menu;
pub mod connection_status;
pub mod filter_chips;
pub mod filter_panel;
pub mod formatted;
pub mod hold;
pub mod icon;
pub mod message;
pub mod notices;
pub mod pager;
pub mod recovery;
pub mod row_table;
pub mod search_box;
pub mod sparkline;
pub mod table_footer;
pub mod table_header;
pub mod title;
pub mod top_bar;
pub mod watch_hint;
