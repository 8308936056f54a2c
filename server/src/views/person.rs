//! Whose views somebody sees and changes.

use rowcast_protocol::ApiError;

use super::unknown_view;
use crate::auth::Identity;

/// Who asks for views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// Nobody has to sign in: whoever goes by that name, if they say one.
    Called(Option<String>),
    /// Who has signed in.
    Account {
        /// Its number.
        id: i64,
        /// What it is called.
        name: String,
        /// Whether they may change what is others'.
        is_administrator: bool,
    },
    /// Who has not, and changes nothing.
    Nobody,
}

/// Whose a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As it says; `None`: everybody's.
    pub owner: Option<String>,
    /// The account that saved it, if one did.
    pub account: Option<i64>,
    /// Whether the table opens with it.
    pub is_default: bool,
}

impl Person {
    /// Who makes a request, by their account, or where nobody needs one by what they say.
    pub fn of(identity: &Identity, said: Option<&str>) -> Self {
        match identity.signed_in() {
            Some((id, name)) => Self::Account {
                id: id.0,
                name: name.to_owned(),
                is_administrator: identity.is_administrator(),
            },
            None if identity.is_everyone() => {
                Self::Called(said.filter(|name| !name.contains('\0')).map(str::to_owned))
            }
            None => Self::Nobody,
        }
    }

    /// Their account's number.
    pub fn account(&self) -> Option<i64> {
        match self {
            Self::Account { id, .. } => Some(*id),
            Self::Called(_) | Self::Nobody => None,
        }
    }

    /// What they are called.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Account { name, .. } => Some(name),
            Self::Called(name) => name.as_deref(),
            Self::Nobody => None,
        }
    }

    /// The owner's name of a view of theirs that is not for everybody: what they say is not
    /// believed of whoever has an account.
    pub fn called(&self, said: &str) -> String {
        match self {
            Self::Account { name, .. } => name.clone(),
            Self::Called(_) | Self::Nobody => said.to_owned(),
        }
    }

    /// The account that a view belongs to once they have changed it: one that was nobody's account's,
    /// and says that it is theirs, is theirs from then on.
    pub fn keeps(&self, kept: &Kept) -> Option<i64> {
        match self.owns(kept) {
            true => kept.account.or(self.account()),
            false => kept.account,
        }
    }

    /// Lets them change a view that is theirs, and administrators any.
    ///
    /// # Errors
    /// `unknown_view` of one that they do not know of; `not_allowed`.
    pub fn require_theirs(&self, kept: &Kept, id: i64) -> Result<(), ApiError> {
        let may = match self {
            Self::Called(_) => true,
            Self::Account {
                is_administrator, ..
            } => *is_administrator || self.owns(kept),
            Self::Nobody => false,
        };
        match (may, &kept.owner) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(unknown_view(id)),
            (false, None) => Err(ApiError::new(
                "not_allowed",
                "somebody else has saved that view for everybody",
                "save one of your own, or ask them or an administrator",
            )),
        }
    }

    fn owns(&self, kept: &Kept) -> bool {
        match self {
            Self::Account { id, name, .. } => match kept.account {
                Some(account) => account == *id,
                None => kept.owner.as_ref() == Some(name),
            },
            Self::Called(_) | Self::Nobody => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: i64, name: &str, is_administrator: bool) -> Person {
        Person::Account {
            id,
            name: name.to_owned(),
            is_administrator,
        }
    }

    fn kept(account: Option<i64>, owner: Option<&str>) -> Kept {
        Kept {
            owner: owner.map(str::to_owned),
            account,
            is_default: false,
        }
    }

    #[test]
    fn a_view_is_changed_by_its_account_and_by_administrators() {
        let (ann, bob) = (person(1, "ann", false), person(2, "bob", false));
        let admin = person(3, "admin", true);
        let code = |person: &Person, kept: &Kept| {
            let refused = person.require_theirs(kept, 7).err();
            refused.map(|error| error.code)
        };
        let own = kept(Some(1), Some("ann"));
        let shared = kept(Some(1), None);
        for view in [&own, &shared] {
            assert_eq!((code(&ann, view), code(&admin, view)), (None, None));
        }
        assert_eq!(code(&bob, &own), Some("unknown_view".into()));
        assert_eq!(code(&bob, &shared), Some("not_allowed".into()));
        // A name proves nothing where an account is known.
        assert_eq!(
            code(&bob, &kept(Some(1), Some("bob"))),
            Some("unknown_view".into())
        );
        assert!(code(&Person::Nobody, &shared).is_some());
    }

    #[test]
    fn what_was_saved_before_is_whose_it_says() {
        let ann = person(1, "ann", false);
        let admin = person(3, "admin", true);
        let old = kept(None, Some("ann"));
        assert_eq!(ann.require_theirs(&old, 7), Ok(()));
        assert_eq!(ann.keeps(&old), Some(1));
        assert_eq!(admin.keeps(&old), None);
        assert_eq!(admin.keeps(&kept(Some(1), None)), Some(1));
        assert!(ann.require_theirs(&kept(None, Some("bob")), 7).is_err());
        assert!(ann.require_theirs(&kept(None, None), 7).is_err());
        assert!(admin.require_theirs(&kept(None, None), 7).is_ok());
        let anybody = Person::Called(None);
        assert!(
            anybody
                .require_theirs(&kept(Some(1), Some("ann")), 7)
                .is_ok()
        );
    }
}
