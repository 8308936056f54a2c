//! Structures that can only be made whole, kept up to date.

/// How many things are looked at one by one before they are put in order; few in tests, so
/// that those have tiers.
pub const LOOSE: usize = if cfg!(test) { 4 } else { 64 };

/// How many times more than the tier below a tier holds.
const FACTOR: usize = if cfg!(test) { 2 } else { 8 };

/// Things in tiers: the newest few loose, older ones ordered, each tier several times as large
/// as the one before. Adding makes a tier anew of those below it when they are full, so each
/// thing is put in order a few times per tier, and a look-up has few tiers to visit.
#[derive(Debug)]
pub struct Tiers<L, S> {
    /// What came last.
    pub loose: Vec<L>,
    /// From the smallest to the largest; some may be empty.
    pub tiers: Vec<S>,
}

/// An ordered tier.
pub trait Tier<L>: Default {
    /// How many things it holds.
    fn len(&self) -> usize;

    /// Takes it apart. What has been removed may still be there: who knows leaves it out.
    fn into_loose(self) -> Vec<L>;

    /// Puts things in order.
    fn of(loose: Vec<L>) -> Self;
}

impl<L, S> Default for Tiers<L, S> {
    fn default() -> Self {
        Self {
            loose: Vec::new(),
            tiers: Vec::new(),
        }
    }
}

impl<L, S: Tier<L>> Tiers<L, S> {
    /// How many things it holds.
    pub fn len(&self) -> usize {
        self.loose.len() + self.tiers.iter().map(S::len).sum::<usize>()
    }

    /// Adds a thing.
    pub fn push(&mut self, thing: L) {
        self.push_beside(thing, |_| true);
    }

    /// Adds a thing. Of those in the tiers that are made anew for it, the ones that are not
    /// to be kept are forgotten; what is loose is kept.
    pub fn push_beside(&mut self, thing: L, mut keep: impl FnMut(&L) -> bool) {
        self.loose.push(thing);
        if self.loose.len() < LOOSE {
            return;
        }
        let mut gathered = std::mem::take(&mut self.loose);
        let mut room = LOOSE * FACTOR;
        for tier in &mut self.tiers {
            gathered.extend(
                std::mem::take(tier)
                    .into_loose()
                    .into_iter()
                    .filter(&mut keep),
            );
            if gathered.len() < room {
                *tier = S::of(gathered);
                return;
            }
            room *= FACTOR;
        }
        self.tiers.push(S::of(gathered));
    }

    /// Forgets the things that are not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&L) -> bool) {
        self.loose.retain(&mut keep);
        let mut kept = Vec::new();
        for tier in std::mem::take(&mut self.tiers) {
            kept.extend(tier.into_loose().into_iter().filter(&mut keep));
        }
        // Where they belong by their number.
        let mut room = LOOSE * FACTOR;
        while kept.len() >= room {
            self.tiers.push(S::default());
            room *= FACTOR;
        }
        self.tiers.push(S::of(kept));
    }
}
