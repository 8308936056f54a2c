//! The document around the application.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::App;

/// Which build of the site the server serves. Provided as a context by the server.
///
/// It versions the addresses of the page's files, so that they can be cached for ever, and
/// tells a page that outlived an upgrade to load itself again.
#[derive(Clone, Debug, Default)]
pub struct Build(pub std::sync::Arc<str>);

/// The addresses of the site's files, of this build.
pub(crate) struct Files {
    build: std::sync::Arc<str>,
    version: String,
    package: String,
}

impl Files {
    /// Those of the server that renders.
    pub(crate) fn new(options: &LeptosOptions) -> Self {
        let build = use_context::<Build>().unwrap_or_default().0;
        let version = if build.is_empty() {
            String::new()
        } else {
            format!("?v={build}")
        };
        Self {
            build,
            version,
            package: format!("/{}/{}", options.site_pkg_dir, options.output_name),
        }
    }

    /// What every document's head begins with: its looks.
    pub(crate) fn looks(&self) -> impl IntoView + use<> {
        let theme = format!("/theme.js{}", self.version);
        view! {
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <meta name="color-scheme" content="light dark" />
            <script src=theme nonce=use_nonce()></script>
            <link rel="stylesheet" href=self.of("css") />
            <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
        }
    }

    /// What a document's head has that the application runs in: who reads it, and what begins it.
    pub(crate) fn application(&self) -> impl IntoView + use<> {
        let (script, wasm) = (self.of("js"), self.of("wasm"));
        let nonce = use_nonce();
        let start = format!(
            "import({script:?}).then(m=>m.default({{module_or_path:{wasm:?}}}).then(()=>m.hydrate()))"
        );
        view! {
            <meta name="rowcast-build" content=self.build.to_string() />
            {signed_in()}
            <link rel="modulepreload" href=script nonce=nonce.clone() />
            <link
                rel="preload"
                href=wasm
                r#as="fetch"
                r#type="application/wasm"
                crossorigin="anonymous"
            />
            <script type="module" nonce=nonce>
                {start}
            </script>
        }
    }

    fn of(&self, extension: &str) -> String {
        format!("{}.{extension}{}", self.package, self.version)
    }
}

/// Who the page is for, for the browser to find.
#[cfg(feature = "ssr")]
fn signed_in() -> impl IntoView {
    crate::signed_in::SignedIn::meta()
}

/// The document is the server's: a browser makes none.
#[cfg(not(feature = "ssr"))]
fn signed_in() -> impl IntoView {}

/// The page's HTML document.
///
/// Scripts carry the request's nonce; nothing in the page needs inline styles or handlers.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let files = Files::new(&options);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                {files.looks()} {files.application()} <AutoReload options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
