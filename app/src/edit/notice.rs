//! What is said of what was done.

use std::time::Duration;

use leptos::prelude::*;

use super::{journal::Way, session::Session, undo};
use crate::{
    components::icon,
    erased::{Erase, changing},
};

/// How long a notice stays. One that offers to take something back stays until it is answered
/// or followed by another.
const STAYS: Duration = Duration::from_secs(6);

/// A line at the page's edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// Whether what it says can be taken back there.
    pub undo: bool,
    turn: u32,
}

impl Session {
    /// Says something.
    pub fn say(self, text: impl Into<String>) {
        self.show_notice(text.into(), false);
    }

    /// Says what was done, and offers to take it back.
    pub fn say_done(self, text: impl Into<String>) {
        self.show_notice(text.into(), true);
    }

    fn show_notice(self, text: String, undo: bool) {
        let turn = self
            .notice
            .read_untracked()
            .as_ref()
            .map_or(0, |last| last.turn)
            + 1;
        self.notice.set(Some(Notice { text, undo, turn }));
        if !undo {
            let notice = self.notice;
            set_timeout(
                move || {
                    let still = |notice: &Notice| notice.turn == turn;
                    if notice.try_with_untracked(|now| now.as_ref().is_some_and(still))
                        == Some(true)
                    {
                        notice.update(|notice| {
                            if let Some(notice) = notice {
                                notice.text.clear();
                            }
                        });
                    }
                },
                STAYS,
            );
        }
    }
}

/// The notice, announced as it comes.
#[component]
pub fn Notices(session: Session) -> impl IntoView {
    let text = move || {
        session
            .notice
            .get()
            .map(|notice| notice.text)
            .unwrap_or_default()
    };
    let undo = move || {
        session
            .notice
            .get()
            .is_some_and(|notice| notice.undo && !notice.text.is_empty())
    };
    let dismiss = move || {
        session.notice.update(|notice| {
            if let Some(notice) = notice {
                notice.text.clear();
            }
        });
        session.keep_focus();
    };
    view! {
        <div class="toast" class:empty=move || text().is_empty()>
            <p role="status" aria-live="polite">{changing(text)}</p>
            {changing(move || {
                undo()
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button"
                                on:click=move |_| {
                                    dismiss();
                                    undo::turn(session, Way::Undo);
                                }
                            >
                                "Undo"
                            </button>
                            <button
                                type="button"
                                class="icon-button"
                                aria-label="Dismiss"
                                on:click=move |_| dismiss()
                            >
                                {icon::cross()}
                            </button>
                        }
                    })
            })}
        </div>
    }
    .made_here()
}
