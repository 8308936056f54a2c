//! By which provider one signs in, and what is believed of what it says.

use std::path::PathBuf;

use super::{Auth, InvalidSetting};
use crate::{auth::openid::Address, cli::OpenIdSettings};

const ISSUER: &str = "ROWCAST_OPENID_ISSUER";

const ISSUER_ALLOWED: &str = "an https:// address without user, query and fragment, exactly as the \
                              provider names itself (http:// on loopback)";

const ROLES_ALLOWED: &str = "groups with a role each and commas between, such as \
                             staff=editor,ops=administrator; no role is member or public";

/// The most bytes of a setting.
const LONGEST: usize = 500;

/// An OpenID Connect provider, and what of it holds here.
#[derive(Clone, Debug)]
pub struct OpenIdConfig {
    /// Who it is, as it names itself.
    pub issuer: Address,
    /// What it calls this server.
    pub client_id: String,
    /// Where the secret is that this server proves itself by, if it has one.
    pub secret: Option<String>,
    /// Where the authorities are that its certificate may be of, if those are not the public ones.
    pub authorities: Option<PathBuf>,
    /// What is asked for.
    pub scopes: String,
    /// The claim that says what somebody is called.
    pub name_claim: String,
    /// The claim that lists somebody's groups.
    pub groups_claim: String,
    /// Which group has which role; of roles that are not named here it says nothing.
    pub roles: Vec<(String, String)>,
    /// Who gets an account by signing in.
    pub join: Join,
    /// What is on the button.
    pub label: String,
}

/// Who gets an account by signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// Nobody: accounts are linked by their owners, or made by invitations.
    Nobody,
    /// Whom the provider knows.
    Anybody,
    /// Those with a verified e-mail address of these domains, which are in lower case.
    Domains(Vec<String>),
}

impl OpenIdConfig {
    /// Checks the settings; `None` if there is to be no provider.
    ///
    /// # Errors
    /// The first that is wrong or does not go with the others.
    pub fn new(settings: &OpenIdSettings, auth: Auth) -> Result<Option<Self>, InvalidSetting> {
        let Some(issuer) = set(&settings.openid_issuer) else {
            return match alone(settings) {
                None => Ok(None),
                Some((name, value)) => Err(InvalidSetting::new(
                    name,
                    value,
                    "ROWCAST_OPENID_ISSUER does not say of which provider",
                    "to set both, or neither",
                )),
            };
        };
        let address = Address::issuer(issuer)
            .map_err(|why| InvalidSetting::new(ISSUER, issuer, why, ISSUER_ALLOWED))?;
        if auth == Auth::Off {
            return Err(InvalidSetting::new(
                ISSUER,
                issuer,
                "with ROWCAST_AUTH=off nobody signs in",
                "to leave it unset, or ROWCAST_AUTH=on",
            ));
        }
        let client_id = text(
            "ROWCAST_OPENID_CLIENT_ID",
            &settings.openid_client_id,
            "",
            "what the provider calls this server",
        )?;
        Ok(Some(Self {
            issuer: address,
            client_id,
            secret: set(&settings.openid_client_secret_file).map(str::to_owned),
            authorities: set(&settings.openid_ca).map(PathBuf::from),
            scopes: scopes(&settings.openid_scopes)?,
            name_claim: text(
                "ROWCAST_OPENID_NAME_CLAIM",
                &settings.openid_name_claim,
                "preferred_username",
                "the name of a claim, such as preferred_username or email",
            )?,
            groups_claim: text(
                "ROWCAST_OPENID_GROUPS_CLAIM",
                &settings.openid_groups_claim,
                "groups",
                "the name of a claim, such as groups or roles",
            )?,
            roles: roles(set(&settings.openid_roles).unwrap_or_default())?,
            join: join(set(&settings.openid_join).unwrap_or("nobody"))?,
            label: label(set(&settings.openid_label).unwrap_or("Single sign-on"))?,
        }))
    }
}

fn set(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

/// What is set and means nothing without a provider.
fn alone(settings: &OpenIdSettings) -> Option<(&'static str, &str)> {
    [
        ("ROWCAST_OPENID_CLIENT_ID", &settings.openid_client_id),
        (
            "ROWCAST_OPENID_CLIENT_SECRET_FILE",
            &settings.openid_client_secret_file,
        ),
        ("ROWCAST_OPENID_CA", &settings.openid_ca),
        ("ROWCAST_OPENID_SCOPES", &settings.openid_scopes),
        ("ROWCAST_OPENID_NAME_CLAIM", &settings.openid_name_claim),
        ("ROWCAST_OPENID_GROUPS_CLAIM", &settings.openid_groups_claim),
        ("ROWCAST_OPENID_ROLES", &settings.openid_roles),
        ("ROWCAST_OPENID_JOIN", &settings.openid_join),
        ("ROWCAST_OPENID_LABEL", &settings.openid_label),
    ]
    .into_iter()
    .find_map(|(name, value)| Some((name, set(value)?)))
}

/// A text of one line; `otherwise` where it is unset, if that is one.
fn text(
    name: &str,
    value: &Option<String>,
    otherwise: &str,
    allowed: &str,
) -> Result<String, InvalidSetting> {
    let value = set(value).unwrap_or(otherwise).trim();
    let why = if value.is_empty() {
        "it is empty"
    } else if value.len() > LONGEST {
        "it is longer than 500 bytes"
    } else if value.contains(char::is_control) {
        "it holds what can't be seen"
    } else {
        return Ok(value.to_owned());
    };
    Err(InvalidSetting::new(name, value, why, allowed))
}

fn scopes(value: &Option<String>) -> Result<String, InvalidSetting> {
    let name = "ROWCAST_OPENID_SCOPES";
    let allowed = "words with spaces between, openid among them";
    let text = text(name, value, "openid profile email", allowed)?;
    let wrong = |why| Err(InvalidSetting::new(name, &text, why, allowed));
    let is_word = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if !text.bytes().all(|byte| byte == b' ' || is_word(byte)) {
        return wrong("a scope has no such letters");
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if !words.contains(&"openid") {
        return wrong("openid is not among them");
    }
    Ok(words.join(" "))
}

fn roles(value: &str) -> Result<Vec<(String, String)>, InvalidSetting> {
    let wrong = |why| InvalidSetting::new("ROWCAST_OPENID_ROLES", value, why, ROLES_ALLOWED);
    let parts = value.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        // A group may have a sign of equality in its name, a role has none.
        let (group, role) = part
            .rsplit_once('=')
            .ok_or_else(|| wrong("one has no role"))?;
        let (group, role) = (group.trim(), role.trim());
        let is_role = role.starts_with(|c: char| c.is_ascii_lowercase())
            && role
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        match (group.is_empty(), is_role && role.len() <= 63, role) {
            (true, ..) => Err(wrong("one has no group")),
            (_, false, _) => Err(wrong("one names what can be no role")),
            (.., "member" | "public") => Err(wrong("nobody is given that role")),
            _ => Ok((group.to_owned(), role.to_owned())),
        }
    });
    pairs.collect()
}

fn join(value: &str) -> Result<Join, InvalidSetting> {
    match value.trim() {
        "nobody" => return Ok(Join::Nobody),
        "anybody" => return Ok(Join::Anybody),
        _ => {}
    }
    let domains = value.split(',').map(|domain| {
        let domain = domain.trim().to_ascii_lowercase();
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let is_domain = domain.contains('.') && domain.split('.').all(is_part);
        is_domain.then_some(domain)
    });
    let domains: Option<Vec<String>> = domains.collect();
    domains.map(Join::Domains).ok_or_else(|| {
        InvalidSetting::new(
            "ROWCAST_OPENID_JOIN",
            value,
            "one of these is no domain",
            "nobody; anybody; or domains of e-mail addresses with commas between, such as \
             example.com,example.org",
        )
    })
}

fn label(value: &str) -> Result<String, InvalidSetting> {
    let allowed = "1 to 60 characters";
    let name = "ROWCAST_OPENID_LABEL";
    let label = text(name, &Some(value.to_owned()), "", allowed)?;
    match label.chars().count() {
        1..=60 => Ok(label),
        _ => Err(InvalidSetting::new(name, value, "it is too long", allowed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut OpenIdSettings);

    fn settings(change: Change) -> OpenIdSettings {
        let mut settings = OpenIdSettings {
            openid_issuer: Some("https://id.example.com".to_owned()),
            openid_client_id: Some("rowcast".to_owned()),
            ..OpenIdSettings::default()
        };
        change(&mut settings);
        settings
    }

    fn taken(change: Change) -> OpenIdConfig {
        let config = OpenIdConfig::new(&settings(change), Auth::On);
        config.expect("right").expect("a provider")
    }

    #[test]
    fn a_wrong_value_is_told_in_one_line_that_names_it_and_what_is_allowed() {
        let wrong: [(&str, Change); 18] = [
            (ISSUER, |s| s.openid_issuer = Some("id.example.com".into())),
            (ISSUER, |s| {
                s.openid_issuer = Some("http://id.example.com".into())
            }),
            (ISSUER, |s| {
                s.openid_issuer = Some("https://ann@id.example.com".into())
            }),
            (ISSUER, |s| {
                s.openid_issuer = Some("https://id.example.com/?x".into())
            }),
            (ISSUER, |s| {
                s.openid_issuer = Some("https://id.example.com#x".into())
            }),
            (ISSUER, |s| s.openid_issuer = Some("ftp://127.0.0.1".into())),
            ("ROWCAST_OPENID_CLIENT_ID", |s| s.openid_client_id = None),
            ("ROWCAST_OPENID_CLIENT_ID", |s| s.openid_issuer = None),
            ("ROWCAST_OPENID_SCOPES", |s| {
                s.openid_scopes = Some("profile".into())
            }),
            ("ROWCAST_OPENID_SCOPES", |s| {
                s.openid_scopes = Some("openid \"x\"".into())
            }),
            ("ROWCAST_OPENID_NAME_CLAIM", |s| {
                s.openid_name_claim = Some("a\nb".into())
            }),
            ("ROWCAST_OPENID_ROLES", |s| {
                s.openid_roles = Some("staff".into())
            }),
            ("ROWCAST_OPENID_ROLES", |s| {
                s.openid_roles = Some("=editor".into())
            }),
            ("ROWCAST_OPENID_ROLES", |s| {
                s.openid_roles = Some("staff=public".into())
            }),
            ("ROWCAST_OPENID_ROLES", |s| {
                s.openid_roles = Some("staff=Editor".into())
            }),
            ("ROWCAST_OPENID_JOIN", |s| {
                s.openid_join = Some("everybody".into())
            }),
            ("ROWCAST_OPENID_JOIN", |s| {
                s.openid_join = Some("@example.com".into())
            }),
            ("ROWCAST_OPENID_LABEL", |s| {
                s.openid_label = Some("x".repeat(61))
            }),
        ];
        for (name, change) in wrong {
            let error = OpenIdConfig::new(&settings(change), Auth::On).expect_err(name);
            let text = error.to_string();
            assert!(text.starts_with(name), "{text}");
            assert!(text.contains("allowed is"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        let off = OpenIdConfig::new(&settings(|_| {}), Auth::Off).expect_err("off");
        assert!(off.to_string().contains("ROWCAST_AUTH=off"));
    }

    #[test]
    fn without_an_issuer_there_is_no_provider() {
        for auth in [Auth::On, Auth::Off] {
            let none = OpenIdConfig::new(&OpenIdSettings::default(), auth);
            assert!(none.expect("right").is_none());
        }
    }

    #[test]
    fn right_values_are_taken() {
        let config = taken(|_| {});
        assert_eq!(config.scopes, "openid profile email");
        assert_eq!(config.join, Join::Nobody);
        let config = taken(|s| {
            s.openid_issuer = Some("http://127.0.0.1:8080/realms/x".into());
            s.openid_roles = Some("staff=editor, cn=ops=administrator".into());
            s.openid_join = Some("Example.com, example.org".into());
            s.openid_scopes = Some("openid  groups".into());
        });
        assert_eq!(config.issuer.as_str(), "http://127.0.0.1:8080/realms/x");
        assert_eq!(config.scopes, "openid groups");
        let domains = vec!["example.com".to_owned(), "example.org".to_owned()];
        assert_eq!(config.join, Join::Domains(domains));
        let pairs: Vec<(&str, &str)> = config
            .roles
            .iter()
            .map(|(group, role)| (group.as_str(), role.as_str()))
            .collect();
        assert_eq!(pairs, [("staff", "editor"), ("cn=ops", "administrator")]);
    }
}
