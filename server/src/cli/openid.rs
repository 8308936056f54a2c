//! The settings about signing in by an identity provider.

use clap::Args;

/// Settings for signing in by an OpenID Connect provider. Checked in [`config`](crate::config).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings for signing in by OpenID Connect")]
pub struct OpenIdSettings {
    /// The provider's issuer, exactly as it names itself, such as https://id.example.com/realms/x.
    /// Unset: one signs in by name and password alone
    #[arg(long, global = true, env = "ROWCAST_OPENID_ISSUER", value_name = "URL")]
    pub openid_issuer: Option<String>,
    /// What the provider calls this server
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_CLIENT_ID",
        value_name = "ID"
    )]
    pub openid_client_id: Option<String>,
    /// A file with the secret that this server proves itself by to the provider. Unset: it has
    /// none (a public client)
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_CLIENT_SECRET_FILE",
        value_name = "FILE"
    )]
    pub openid_client_secret_file: Option<String>,
    /// A PEM file with the authorities that the provider's certificate may be of, instead of the
    /// public ones
    #[arg(long, global = true, env = "ROWCAST_OPENID_CA", value_name = "FILE")]
    pub openid_ca: Option<String>,
    /// What is asked for, with spaces between [default: openid profile email]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_SCOPES",
        value_name = "SCOPES"
    )]
    pub openid_scopes: Option<String>,
    /// Which claim says what somebody is called [default: preferred_username]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_NAME_CLAIM",
        value_name = "CLAIM"
    )]
    pub openid_name_claim: Option<String>,
    /// Which claim lists somebody's groups [default: groups]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_GROUPS_CLAIM",
        value_name = "CLAIM"
    )]
    pub openid_groups_claim: Option<String>,
    /// Which groups have which roles, with commas between: staff=editor,ops=administrator. Unset:
    /// the provider says nothing of roles
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_ROLES",
        value_name = "GROUP=ROLE,…"
    )]
    pub openid_roles: Option<String>,
    /// Who gets an account by signing in: nobody; anybody whom the provider knows; or those with a
    /// verified e-mail address of these domains, with commas between [default: nobody]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_OPENID_JOIN",
        value_name = "nobody|anybody|DOMAIN,…"
    )]
    pub openid_join: Option<String>,
    /// What is on the button [default: Single sign-on]
    #[arg(long, global = true, env = "ROWCAST_OPENID_LABEL", value_name = "TEXT")]
    pub openid_label: Option<String>,
}
