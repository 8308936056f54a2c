//! The site's files: style, script and pictures, of one build.

use std::{
    borrow::Cow,
    fmt,
    future::{Ready, ready},
    io::{self, Cursor, ErrorKind, SeekFrom},
    path::{Component, Path, PathBuf},
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
    time::SystemTime,
};

use axum::{body::Body, extract::Request, response::Response};
use http::StatusCode;
use rust_embed::{EmbeddedFile, RustEmbed};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower::ServiceExt;
use tower_http::services::{
    ServeDir,
    fs::{Backend, DefaultServeDirFallback, File, Metadata},
};

/// The file that names the build.
const BUILD: &str = "build-id";

/// Where the files are.
#[derive(Clone, Debug)]
pub enum Site {
    /// In a directory. Where that is missing, pages come without style and script.
    Directory(PathBuf),
    /// In this program.
    Embedded(Embedded),
}

/// Files within a program.
#[derive(Clone, Copy)]
pub struct Embedded(fn(&str) -> Option<EmbeddedFile>);

impl Site {
    /// The files that this program was built with (the feature `embedded-site`), else those in
    /// `target/site` of a build in `target/debug` or `target/release`, else in `target/site` here.
    pub fn of_this_program() -> Self {
        #[cfg(feature = "embedded-site")]
        return Self::Embedded(Embedded::of::<built::Files>());
        #[cfg(not(feature = "embedded-site"))]
        Self::Directory(
            std::env::current_exe()
                .ok()
                .and_then(|program| Some(program.parent()?.parent()?.join("site")))
                .filter(|site| site.is_dir())
                .unwrap_or_else(|| "target/site".into()),
        )
    }

    /// The build that the files are of; empty if there are none.
    pub fn build(&self) -> String {
        let id = match self {
            Self::Directory(directory) => std::fs::read(directory.join(BUILD)).ok(),
            Self::Embedded(files) => files.0(BUILD).map(|file| file.data.into_owned()),
        };
        let id = id.and_then(|id| String::from_utf8(id).ok());
        id.map(|id| id.trim().to_owned()).unwrap_or_default()
    }

    /// The file that a request asks for; `None` if there is no such file or it asks for none.
    pub async fn file(&self, request: Request) -> Option<Response> {
        if is_hidden(request.uri().path()) {
            return None;
        }
        match self {
            Self::Directory(directory) => serve(ServeDir::new(directory), request).await,
            Self::Embedded(files) => serve(ServeDir::with_backend("", *files), request).await,
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            Self::Embedded(_) => f.write_str("this program"),
        }
    }
}

/// Whether a path names a file that is there for the server, not for clients.
fn is_hidden(path: &str) -> bool {
    path == "/build-id" || path.contains("/.") || path.ends_with(".br") || path.ends_with(".gz")
}

async fn serve<B: Backend>(
    files: ServeDir<DefaultServeDirFallback, B>,
    request: Request,
) -> Option<Response> {
    let files = files
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    let response = files.oneshot(request).await.ok()?;
    let missing = matches!(
        response.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    );
    (!missing).then(|| response.map(Body::new))
}

impl Embedded {
    /// Those that `E` embeds.
    pub fn of<E: RustEmbed>() -> Self {
        Self(E::get)
    }

    fn find(&self, path: &Path) -> io::Result<Cow<'static, [u8]>> {
        let names = path.components().filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        let name = names.collect::<Vec<_>>().join("/");
        let file = self.0(&name).ok_or(ErrorKind::NotFound)?;
        Ok(file.data)
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Embedded")
    }
}

impl Backend for Embedded {
    type File = Opened;
    type Metadata = Size;
    type OpenFuture = Ready<io::Result<Opened>>;
    type MetadataFuture = Ready<io::Result<Size>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(self.find(&path).map(|data| Opened(Cursor::new(data))))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        ready(self.find(&path).map(|data| Size(data.len())))
    }
}

/// A file within the program that is read.
pub struct Opened(Cursor<Cow<'static, [u8]>>);

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncSeek for Opened {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(context)
    }
}

impl File for Opened {
    type Metadata = Size;
    type MetadataFuture<'a> = Ready<io::Result<Size>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(Size(self.0.get_ref().len())))
    }
}

/// How long a file within the program is, in bytes.
pub struct Size(usize);

impl Metadata for Size {
    fn is_dir(&self) -> bool {
        false
    }

    /// When the program was. Another release has another time, so what a browser kept of one is not
    /// taken for what the other has.
    fn modified(&self) -> io::Result<SystemTime> {
        static MODIFIED: LazyLock<Option<SystemTime>> = LazyLock::new(|| {
            let program = std::env::current_exe().and_then(std::fs::metadata);
            program.and_then(|program| program.modified()).ok()
        });
        MODIFIED.ok_or_else(|| ErrorKind::Unsupported.into())
    }

    fn len(&self) -> u64 {
        self.0 as u64
    }
}

#[cfg(feature = "embedded-site")]
mod built {
    /// `cargo xtask site --release` has put them there.
    #[derive(rust_embed::RustEmbed)]
    #[folder = "../target/site"]
    pub struct Files;

    /// Another build is compiled anew, which the files alone would not be.
    const _: &[u8] = include_bytes!("../../target/site/build-id");
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use http::{HeaderMap, Method, header};

    use super::*;

    #[derive(RustEmbed)]
    #[folder = "tests/site"]
    struct Files;

    fn both() -> [Site; 2] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/site");
        [
            Site::Embedded(Embedded::of::<Files>()),
            Site::Directory(directory),
        ]
    }

    async fn asked(
        site: &Site,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> Option<(StatusCode, HeaderMap, String)> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        let (head, body) = site.file(request).await?.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("it is in memory");
        let text = String::from_utf8(body.to_vec()).expect("all are text");
        Some((head.status, head.headers, text))
    }

    async fn found(
        site: &Site,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> (StatusCode, HeaderMap, String) {
        let found = asked(site, method, path, headers).await;
        found.expect("there is such a file")
    }

    #[tokio::test]
    async fn files_within_the_program_are_served_as_those_of_a_directory_are() {
        for site in both() {
            assert_eq!(site.build(), "a-build", "{site}");
            let (status, headers, text) = found(&site, Method::GET, "/part/style.css", &[]).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(headers[header::CONTENT_TYPE], "text/css");
            // What is kept is asked for again, and not sent.
            let kept = [(
                header::IF_NONE_MATCH,
                headers[header::ETAG].to_str().expect("all are text"),
            )];
            let (again, ..) = found(&site, Method::GET, "/part/style.css", &kept).await;
            assert_eq!(again, StatusCode::NOT_MODIFIED);
            assert_eq!(text, "a { color: red }\n");
            let (_, headers, text) = found(&site, Method::HEAD, "/part/style.css?v=1", &[]).await;
            assert_eq!(headers[header::CONTENT_LENGTH], "17");
            assert_eq!(text, "");
        }
    }

    #[tokio::test]
    async fn the_smallest_that_a_client_takes_is_sent() {
        for site in both() {
            let br = [(header::ACCEPT_ENCODING, "br")];
            let (_, headers, text) = found(&site, Method::GET, "/part/style.css", &br).await;
            assert_eq!(headers[header::CONTENT_ENCODING], "br");
            // What is in the file is not looked at.
            assert_eq!(text, "smaller\n");
        }
    }

    #[tokio::test]
    async fn a_part_of_a_file_can_be_had() {
        for site in both() {
            let range = [(header::RANGE, "bytes=4-8")];
            let (status, _, text) = found(&site, Method::GET, "/part/style.css", &range).await;
            assert_eq!((status, &*text), (StatusCode::PARTIAL_CONTENT, "color"));
        }
    }

    #[tokio::test]
    async fn what_is_no_file_of_the_site_is_none() {
        for site in both() {
            for path in [
                "/",
                "/missing",
                "/part/missing.css",
                "/build-id",
                "/part/style.css.br",
                "/../site.rs",
                "/..%2f..%2fCargo.toml",
                "/part/..%2f..%2f..%2fCargo.toml",
            ] {
                let found = asked(&site, Method::GET, path, &[]).await;
                assert!(found.is_none(), "{site}: {path}: {found:?}");
            }
            let posted = asked(&site, Method::POST, "/part/style.css", &[]).await;
            assert!(posted.is_none(), "{posted:?}");
        }
    }

    #[test]
    fn a_directory_that_is_missing_is_of_no_build() {
        let site = Site::Directory("/nowhere/at/all".into());
        assert_eq!(site.build(), "");
    }
}
