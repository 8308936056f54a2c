//! What is taken of what a provider says of somebody.

use serde_json::Value;

use super::id_token::Claims;
use crate::config::{Join, OpenIdConfig};

/// The most characters of a name that are kept.
const NAME_MAX: usize = 200;

/// Somebody, as a provider knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The provider's name for them, which nobody else has there.
    pub subject: String,
    /// What they are called, if it says.
    pub name: Option<String>,
    /// Whether they get an account by signing in.
    pub may_join: bool,
    /// Of the roles that it says something of, those that they have.
    pub roles: Vec<String>,
}

impl Person {
    /// Of whom that is said.
    pub fn of(claims: &Claims, config: &OpenIdConfig) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let name = text(&config.name_claim).map(str::trim);
        let printable = |name: &str| {
            name.chars()
                .filter(|c| !c.is_control())
                .take(NAME_MAX)
                .collect()
        };
        let groups = match claims.get(&config.groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        let has = |(group, _): &&(String, String)| groups.contains(&group.as_str());
        let mut roles: Vec<String> = config
            .roles
            .iter()
            .filter(has)
            .map(|(_, role)| role.clone())
            .collect();
        roles.sort();
        roles.dedup();
        Self {
            subject: text("sub").unwrap_or_default().to_owned(),
            name: name.filter(|name| !name.is_empty()).map(printable),
            may_join: match &config.join {
                Join::Nobody => false,
                Join::Anybody => true,
                Join::Domains(domains) => {
                    verified_domain(claims).is_some_and(|domain| domains.contains(&domain))
                }
            },
            roles,
        }
    }
}

/// Where somebody's e-mail is, if the provider has made sure that it is theirs.
fn verified_domain(claims: &Claims) -> Option<String> {
    if claims.get("email_verified") != Some(&Value::Bool(true)) {
        return None;
    }
    let (local, domain) = claims.get("email")?.as_str()?.rsplit_once('@')?;
    (!local.is_empty()).then(|| domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{cli::OpenIdSettings, config::Auth};

    fn person(join: &str, claims: &Value) -> Person {
        let settings = OpenIdSettings {
            openid_issuer: Some("https://id.example.com".to_owned()),
            openid_client_id: Some("rowcast".to_owned()),
            openid_roles: Some("staff=editor,crew=editor,ops=administrator".to_owned()),
            openid_join: Some(join.to_owned()),
            ..OpenIdSettings::default()
        };
        let config = OpenIdConfig::new(&settings, Auth::On).expect("right");
        Person::of(
            claims.as_object().expect("an object"),
            &config.expect("a provider"),
        )
    }

    #[test]
    fn groups_become_roles_and_others_nothing() {
        let roles = |groups: Value| person("nobody", &json!({"groups": groups})).roles;
        assert_eq!(
            roles(json!(["ops", "crew", "staff", "x"])),
            ["administrator", "editor"]
        );
        assert_eq!(roles(json!("staff")), ["editor"]);
        let none: [&str; 0] = [];
        for other in [
            json!(null),
            json!(7),
            json!([["staff"]]),
            json!({"staff": true}),
            json!("Staff"),
        ] {
            assert_eq!(roles(other), none);
        }
    }

    #[test]
    fn whoever_joins_by_their_address_has_one_that_was_verified() {
        let may = |claims: &Value| person("example.com", claims).may_join;
        let with =
            |email: &str, verified: Value| json!({"email": email, "email_verified": verified});
        assert!(may(&with("ann@Example.com", json!(true))));
        for (email, verified) in [
            ("ann@example.com", json!(false)),
            ("ann@example.com", json!("true")),
            ("ann@example.com", json!(null)),
            ("ann@example.org", json!(true)),
            ("ann@sub.example.com", json!(true)),
            ("ann@example.com.evil.example", json!(true)),
            ("example.com", json!(true)),
            ("@example.com", json!(true)),
        ] {
            assert!(!may(&with(email, verified)), "{email}");
        }
        assert!(person("anybody", &json!({})).may_join);
        let verified = with("ann@example.com", json!(true));
        assert!(!person("nobody", &verified).may_join);
    }

    #[test]
    fn a_name_is_text() {
        let name = |value: Value| person("nobody", &json!({"preferred_username": value})).name;
        assert_eq!(name(json!(" Ann\n Lee ")).as_deref(), Some("Ann Lee"));
        assert_eq!(name(json!("")), None);
        assert_eq!(name(json!(["Ann"])), None);
    }
}
