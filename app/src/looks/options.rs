//! A format and its options, as they are being chosen.

use leptos::prelude::*;
use rowcast_protocol::ColumnKind;

use crate::{
    erased::{Erase, Erased, changing},
    format::{
        Format,
        chosen::{MOST_DIGITS, Unit},
    },
};

/// What stands in the inputs. Each stands for the options that the format has, and those that
/// it hasn't count for nothing.
#[derive(Clone, Copy)]
pub struct Options {
    /// The format's word; empty where the column's type decides.
    word: RwSignal<String>,
    digits: RwSignal<String>,
    code: RwSignal<String>,
    unit: RwSignal<&'static str>,
    most: RwSignal<String>,
    /// What the format's box says.
    ticked: RwSignal<bool>,
}

impl Options {
    /// The options of a format.
    pub fn new(format: Option<Format>) -> Self {
        let options = Self {
            word: RwSignal::default(),
            digits: RwSignal::default(),
            code: RwSignal::default(),
            unit: RwSignal::default(),
            most: RwSignal::default(),
            ticked: RwSignal::default(),
        };
        options.set(format);
        options
    }

    /// Has the inputs say this.
    pub fn set(self, format: Option<Format>) {
        let word = format.map_or("", |format| format.word());
        self.word.set(word.to_owned());
        let text = |digits: Option<u8>| digits.map(|of| of.to_string()).unwrap_or_default();
        self.digits.set(text(match format {
            Some(
                Format::Number { digits, .. }
                | Format::Currency { digits, .. }
                | Format::Percent { digits, .. },
            ) => digits,
            _ => None,
        }));
        self.code.set(match format {
            Some(Format::Currency { code, .. }) => code.iter().copied().map(char::from).collect(),
            _ => "EUR".to_owned(),
        });
        let unit = match format {
            Some(Format::Duration(unit)) => unit,
            _ => Unit::default(),
        };
        let named = Unit::ALL.into_iter().find(|(of, ..)| *of == unit);
        self.unit.set(named.map_or("", |(_, word, _)| word));
        self.most.set(match format {
            Some(Format::Progress { most }) => most.to_string(),
            _ => "100".to_owned(),
        });
        self.ticked.set(match format {
            Some(Format::Number { grouped, .. }) => grouped,
            Some(Format::Bytes { binary }) => binary,
            Some(Format::Percent { whole, .. }) => whole,
            _ => false,
        });
    }

    /// The format that the inputs say; `None` where the column's type decides.
    pub fn format(self) -> Option<Format> {
        let word = self.word.read();
        let (digits, ticked) = (self.digits.get(), self.ticked.get());
        let when = |on: bool, word: &str| if on { word.to_owned() } else { String::new() };
        let options = match &**word {
            "number" => [digits, when(!ticked, "plain")],
            "percent" => [digits, when(ticked, "whole")],
            "currency" => [self.code.get(), digits],
            "bytes" => [when(ticked, "1024"), String::new()],
            "duration" => [self.unit.get().to_owned(), String::new()],
            "progress" => [self.most.get(), String::new()],
            _ => [String::new(), String::new()],
        };
        Format::parse(&format!("{word}({})", options.join(";")))
    }

    /// The inputs, for a column of that kind.
    pub fn inputs(self, kind: ColumnKind) -> Erased {
        let option = |word: &'static str, name: &'static str| {
            view! {
                <option value=word prop:selected=move || *self.word.read() == word>
                    {name}
                </option>
            }
        };
        let fitting = Format::ALL
            .into_iter()
            .filter(|(format, _)| format.fits(kind));
        let formats = fitting.map(|(format, name)| option(format.word(), name));
        let choose = move |event| {
            let word = event_target_value(&event);
            let format = Format::ALL.into_iter().find(|(of, _)| of.word() == word);
            self.set(format.map(|(format, _)| format));
        };
        view! {
            <label class="field">
                <span>"Format"</span>
                <select on:change=choose>
                    {option("", "Automatic")} {formats.collect_view()}
                </select>
            </label>
            {changing(move || self.of_format())}
        }
        .made_here()
    }

    /// The inputs of what the chosen format has to choose.
    fn of_format(self) -> Erased {
        let word = self.word.get();
        match &*word {
            "number" => [self.places(), self.tick("Separate thousands")].made_here(),
            "currency" => [self.currency(), self.places()].made_here(),
            "percent" => [self.places(), self.tick("25 stands for 25 %, not 0.25")].made_here(),
            "bytes" => self.tick("1 KiB is 1,024 bytes"),
            "duration" => self.units(),
            "progress" => field(
                "Full at",
                view! {
                    <input
                        type="number"
                        min="1"
                        max="4294967295"
                        required
                        prop:value=self.most
                        on:input=move |event| self.most.set(event_target_value(&event))
                    />
                }
                .made_here(),
            ),
            "image" => note(
                "Pictures of this server are shown. Those of others are linked to, \
                 so that they don’t learn who looks at them.",
            ),
            "masked" => note(
                "Values are seen while their cell has the focus. \
                 Whoever may read the table can still read and copy them.",
            ),
            _ => ().made_here(),
        }
    }

    fn places(self) -> Erased {
        field(
            "Decimals",
            view! {
                <input
                    type="number"
                    min="0"
                    max=MOST_DIGITS.to_string()
                    placeholder="automatic"
                    prop:value=self.digits
                    on:input=move |event| self.digits.set(event_target_value(&event))
                />
            }
            .made_here(),
        )
    }

    fn currency(self) -> Erased {
        const KNOWN: [&str; 12] = [
            "EUR", "USD", "GBP", "JPY", "CHF", "CNY", "INR", "BRL", "CAD", "AUD", "SEK", "PLN",
        ];
        let known = KNOWN.map(|code| view! { <option value=code></option> });
        field(
            "Currency",
            view! {
                <input
                    list="currencies"
                    required
                    pattern="[A-Za-z]{3}"
                    title="Three letters, such as EUR"
                    autocomplete="off"
                    prop:value=self.code
                    on:input=move |event| self.code.set(event_target_value(&event))
                />
                <datalist id="currencies">{known}</datalist>
            }
            .made_here(),
        )
    }

    fn units(self) -> Erased {
        let option = |(_, word, name): (Unit, &'static str, &'static str)| {
            view! {
                <option value=word prop:selected=move || self.unit.get() == word>
                    {name}
                </option>
            }
        };
        let choose = move |event| {
            let word = event_target_value(&event);
            let named = Unit::ALL.into_iter().find(|(_, of, _)| *of == word);
            self.unit.set(named.map_or("", |(_, word, _)| word));
        };
        field(
            "Values are in",
            view! { <select on:change=choose>{Unit::ALL.map(option)}</select> }.made_here(),
        )
    }

    fn tick(self, label: &'static str) -> Erased {
        view! {
            <label class="tick">
                <input
                    type="checkbox"
                    prop:checked=self.ticked
                    on:change=move |event| self.ticked.set(event_target_checked(&event))
                />
                {label}
            </label>
        }
        .made_here()
    }
}

fn field(label: &'static str, input: Erased) -> Erased {
    view! {
        <label class="field">
            <span>{label}</span>
            {input}
        </label>
    }
    .made_here()
}

fn note(text: &'static str) -> Erased {
    view! { <p class="muted">{text}</p> }.made_here()
}
