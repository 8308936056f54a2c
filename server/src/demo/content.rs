//! What people in a small company write on their list.

use super::chance::Chance;

/// Name, team and city.
pub const PEOPLE: &[(&str, &str, &str)] = &[
    ("Amara Okafor", "Operations", "Lagos"),
    ("Ben Whitaker", "Engineering", "Leeds"),
    ("Camille Laurent", "Design", "Lyon"),
    ("Daniel Weiss", "Engineering", "Vienna"),
    ("Elif Yıldız", "Support", "İzmir"),
    ("Farah Haddad", "Finance", "Amman"),
    ("Grace Lindqvist", "Engineering", "Malmö"),
    ("Hiroshi Tanabe", "Product", "Sapporo"),
    ("Ines Carvalho", "Marketing", "Porto"),
    ("Jakub Nowicki", "Engineering", "Kraków"),
    ("Keira Doyle", "Support", "Galway"),
    ("Lukas Brandt", "Sales", "Hamburg"),
    ("Mei-Ling Zhou", "Product", "Singapore"),
    ("Noah Bergström", "Engineering", "Uppsala"),
    ("Olivia Marsh", "Design", "Bristol"),
    ("Priya Raman", "Finance", "Chennai"),
    ("Rafael Quintana", "Sales", "Valencia"),
    ("Sofia Petridou", "Marketing", "Thessaloniki"),
    ("Tomás Herrera", "Operations", "Montevideo"),
    ("Yara Mansour", "Support", "Tunis"),
];

/// The labels of the type `todo_priority`, least first.
pub const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];

/// What is done, to what, and the tags that go with it.
const SUBJECTS: &[(&[&str], &[&str], &str)] = &[
    (
        &["Fix", "Reproduce", "Write a test for", "Review the fix for"],
        &[
            "the login redirect on Safari",
            "the rounding of invoice totals",
            "the slow export of large reports",
            "the broken link in the welcome mail",
            "the wrong time zone in the calendar view",
            "the memory growth of the import job",
        ],
        "bug",
    ),
    (
        &["Draft", "Review", "Publish", "Translate"],
        &[
            "the release notes for March",
            "the onboarding guide",
            "the privacy notice",
            "the case study with Nordlys Bakery",
            "the job posting for a support engineer",
            "the quarterly newsletter",
        ],
        "writing",
    ),
    (
        &[
            "Call",
            "Send the offer to",
            "Prepare the demo for",
            "Follow up with",
        ],
        &[
            "Harbour & Finch",
            "the school board in Kassel",
            "Atelier Moreau",
            "the Lindgren clinic",
            "Blue Kettle Coffee",
            "Mountain Rescue Tyrol",
        ],
        "customer",
    ),
    (
        &["Renew", "Compare prices for", "Cancel", "Pay"],
        &[
            "the office insurance",
            "the domain names",
            "the coffee machine lease",
            "the stock photo subscription",
            "the accounting licence",
        ],
        "office",
    ),
    (
        &["Sketch", "Try out", "Simplify", "Document"],
        &[
            "the new settings page",
            "the empty state of the inbox",
            "keyboard shortcuts in the table",
            "the dark theme",
            "the checkout on small screens",
        ],
        "design",
    ),
    (
        &["Check", "Document", "Automate", "Simplify"],
        &[
            "the staging database",
            "nightly backups",
            "the set-up of build machines",
            "the monitoring alerts",
            "the renewal of certificates",
        ],
        "infrastructure",
    ),
    (
        &["Book", "Plan", "Invite everyone to", "Collect ideas for"],
        &[
            "the spring offsite",
            "Friday's lunch",
            "the security training",
            "the product roundtable",
            "the team photo",
        ],
        "team",
    ),
];

const NOTES: &[&str] = &[
    "Waiting for an answer since Monday.",
    "See the thread in #product; the second proposal won.",
    "Half done. The rest depends on the new contract.",
    "Ask Farah about the budget first.",
    "Agreed in the weekly: keep it simple, ship it early.",
    "The customer would like to see it before the end of the month.",
    "Blocked by the review of the schema change.",
    "Only the screenshots are missing.",
    "Numbers are in the shared folder, tab \"2026\".",
    "Easy to do by phone, hard by mail.",
];

const EXTRA_TAGS: &[&str] = &["quick", "waiting", "this-week", "later", "needs-review"];

/// An entry of the list, before it is one.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is to be done.
    pub title: String,
    /// Something that helps, perhaps.
    pub notes: Option<&'static str>,
    /// Whether it is done.
    pub done: bool,
    /// One of [`PRIORITIES`].
    pub priority: &'static str,
    /// Days from today, perhaps.
    pub due_in: Option<i32>,
    /// An index of [`PEOPLE`], perhaps.
    pub assignee: Option<usize>,
    /// Hours, in quarters, as decimal text, perhaps.
    pub estimate: Option<String>,
    /// In the order to be shown in.
    pub tags: Vec<&'static str>,
}

impl Item {
    /// The next entry that somebody thinks of.
    pub fn imagine(chance: &mut Chance) -> Self {
        let (actions, objects, tag) = SUBJECTS[chance.below(SUBJECTS.len())];
        let mut tags = vec![tag];
        if chance.percent(40) {
            tags.push(chance.one_of(EXTRA_TAGS));
        }
        Self {
            title: format!("{} {}", chance.one_of(actions), chance.one_of(objects)),
            notes: chance.percent(45).then(|| note(chance)),
            done: chance.percent(30),
            priority: priority(chance),
            due_in: chance.percent(70).then(|| due_in(chance)),
            assignee: chance.percent(85).then(|| chance.below(PEOPLE.len())),
            estimate: chance.percent(75).then(|| estimate(chance)),
            tags,
        }
    }
}

/// A remark.
pub fn note(chance: &mut Chance) -> &'static str {
    chance.one_of(NOTES)
}

/// A priority; the middle ones are the usual ones.
pub fn priority(chance: &mut Chance) -> &'static str {
    PRIORITIES[[0, 0, 1, 1, 1, 1, 1, 2, 2, 3][chance.below(10)]]
}

/// Days from today, some of them gone by.
pub fn due_in(chance: &mut Chance) -> i32 {
    // Below 50, so it fits.
    chance.below(50) as i32 - 12
}

/// Hours, in quarters, as decimal text.
pub fn estimate(chance: &mut Chance) -> String {
    let quarters = 1 + chance.below(64);
    format!("{}.{:02}", quarters / 4, quarters % 4 * 25)
}
