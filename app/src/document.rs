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

/// The page's HTML document.
///
/// Scripts carry the request's nonce; nothing in the page needs inline styles or handlers.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let build = use_context::<Build>().unwrap_or_default().0;
    let version = if build.is_empty() {
        String::new()
    } else {
        format!("?v={build}")
    };
    let package = format!("/{}/{}", options.site_pkg_dir, options.output_name);
    let script = format!("{package}.js{version}");
    let wasm = format!("{package}.wasm{version}");
    let nonce = use_nonce();
    let start = format!(
        "import({script:?}).then(m=>m.default({{module_or_path:{wasm:?}}}).then(()=>m.hydrate()))"
    );
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="rowcast-build" content=build.to_string() />
                <script src=format!("/theme.js{version}") nonce=nonce.clone()></script>
                <link rel="stylesheet" href=format!("{package}.css{version}") />
                <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
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
                <AutoReload options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
