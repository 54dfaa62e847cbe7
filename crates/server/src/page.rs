//! The page: files that are in the binary, and ask nobody but this server.

use crate::answer::Answer;

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    media_type: &'static str,
    content: &'static [u8],
}

impl Asset {
    /// The file, as an answer.
    pub(crate) fn answer(&self) -> Answer {
        Answer::content(self.media_type, self.content)
    }
}

/// The page itself. Its source is in `web/`, and `cargo xtask web` holds what is built to it.
pub(crate) static INDEX: Asset =
    Asset { media_type: "text/html; charset=utf-8", content: include_bytes!("../../../web/dist/index.html") };
/// What it does.
pub(crate) static SCRIPT: Asset =
    Asset { media_type: "text/javascript; charset=utf-8", content: include_bytes!("../../../web/dist/app.js") };
/// How it looks.
pub(crate) static STYLE: Asset =
    Asset { media_type: "text/css; charset=utf-8", content: include_bytes!("../../../web/dist/app.css") };
/// Its icon.
pub(crate) static ICON: Asset =
    Asset { media_type: "image/svg+xml", content: include_bytes!("../../../web/dist/icon.svg") };

#[cfg(test)]
mod tests {
    use super::*;

    fn text(asset: &Asset) -> &str {
        std::str::from_utf8(asset.content).unwrap()
    }

    #[test]
    fn the_page_needs_nothing_that_the_policy_forbids() {
        for (asset, forbidden) in [
            (&INDEX, &["<style", "style=", "onclick", "onload", "javascript:", "http:", "https:", "//"][..]),
            (&SCRIPT, &["eval(", "Function(", "document.write", "insertAdjacentHTML", "DOMParser", "sourceMappingURL"]),
            (&STYLE, &["@import", "url(", "http:", "https:"]),
        ] {
            for word in forbidden {
                assert!(!text(asset).contains(word), "{word}");
            }
        }
        let html = text(&INDEX);
        assert!(html.matches("<script").count() == 1 && html.contains("src=\"./app.js\""));
    }

    #[test]
    fn every_file_that_the_page_names_is_served() {
        let html = text(&INDEX);
        let names = html.split('"').map(|word| word.trim_start_matches("./"));
        let files: Vec<&str> = names.filter(|name| name.starts_with("app.") || name.starts_with("icon.")).collect();
        assert_eq!(files.len(), 3);
        for file in files {
            let path = format!("/{file}");
            assert!(crate::routes::ROUTES.iter().any(|route| route.path == path), "{path}");
        }
    }

    #[test]
    fn the_page_is_small() {
        let bytes: usize = [&INDEX, &SCRIPT, &STYLE, &ICON].iter().map(|asset| asset.content.len()).sum();
        assert!(bytes < 300_000, "{bytes} bytes");
    }
}
