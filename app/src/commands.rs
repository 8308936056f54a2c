//! What a reader can have done on a page, by name or by key: the palette offers it, and the
//! list of keys shows it.

use leptos::prelude::*;

/// Something that a reader can have done.
#[derive(Clone)]
pub struct Command {
    /// Which list it stands in: "Rows", "Columns", "View".
    pub group: &'static str,
    /// What it does, as a button would say it.
    pub name: String,
    /// The keys that do it, as they are shown: `Ctrl+.`; none if empty. Whoever adds the command
    /// hears them.
    pub keys: &'static str,
    /// Does it.
    pub run: Callback<()>,
}

/// The commands of the page that is open: a context of it. A command leaves with the component
/// that added it.
#[derive(Clone, Copy)]
pub struct Commands(RwSignal<Vec<(u32, Command)>>);

impl Commands {
    /// No commands yet, provided as a context.
    pub fn provide() -> Self {
        let commands = Self(RwSignal::default());
        provide_context(commands);
        commands
    }

    /// The page's.
    ///
    /// # Panics
    ///
    /// Outside a page that provides them.
    pub fn expect() -> Self {
        expect_context()
    }

    /// Adds a command, until the component that adds it leaves.
    pub fn add(
        self,
        group: &'static str,
        name: impl Into<String>,
        keys: &'static str,
        run: impl Fn() + Send + Sync + 'static,
    ) {
        self.put(Command {
            group,
            name: name.into(),
            keys,
            run: Callback::new(move |()| run()),
        });
    }

    fn put(self, command: Command) {
        let mut commands = self.0.write();
        let number = commands.last().map_or(0, |(number, _)| number + 1);
        commands.push((number, command));
        drop(commands);
        on_cleanup(move || {
            // The page itself may be gone by now.
            self.0
                .try_update(|commands| commands.retain(|(of, _)| *of != number));
        });
    }

    /// The page's, if there is a page that has some.
    pub fn here() -> Option<Self> {
        use_context()
    }

    /// All of them, in the order they were added.
    pub fn all(self) -> Vec<Command> {
        self.0.read().iter().map(|(_, of)| of.clone()).collect()
    }
}
