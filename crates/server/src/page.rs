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

/// The page itself.
pub(crate) static INDEX: Asset =
    Asset { media_type: "text/html; charset=utf-8", content: include_bytes!("../web/index.html") };
/// What it does.
pub(crate) static SCRIPT: Asset =
    Asset { media_type: "text/javascript; charset=utf-8", content: include_bytes!("../web/app.js") };
/// How it looks.
pub(crate) static STYLE: Asset =
    Asset { media_type: "text/css; charset=utf-8", content: include_bytes!("../web/app.css") };
/// Its icon.
pub(crate) static ICON: Asset = Asset { media_type: "image/svg+xml", content: include_bytes!("../web/icon.svg") };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_that_the_policy_forbids() {
        let html = std::str::from_utf8(INDEX.content).unwrap();
        let script = std::str::from_utf8(SCRIPT.content).unwrap();
        let style = std::str::from_utf8(STYLE.content).unwrap();
        for (text, forbidden) in [
            (html, &["<style", "style=", "onclick", "onload", "javascript:", "http:", "https:"][..]),
            // Text from the store only ever becomes text.
            (
                script,
                &["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser"],
            ),
            (style, &["@import", "url("]),
        ] {
            for word in forbidden {
                assert!(!text.contains(word), "{word}");
            }
        }
        assert!(html.matches("<script").count() == 1 && html.contains("<script src=\"app.js\""));
    }

    #[test]
    fn every_file_that_the_page_names_is_served() {
        let html = std::str::from_utf8(INDEX.content).unwrap();
        for reference in html.split(['"']).filter(|word| word.starts_with("app.") || word.starts_with("icon.")) {
            let path = format!("/{reference}");
            assert!(crate::routes::ROUTES.iter().any(|route| route.path == path), "{path}");
        }
    }
}
