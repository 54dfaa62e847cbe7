//! Elements and text. Markup is what stands in this program; whatever comes from elsewhere is text, or the value of an
//! attribute, and escaped.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::escape::escape_lines;

/// Writes a page.
pub(super) struct Html<'o> {
    out: &'o mut dyn Write,
}

/// The value of an attribute.
pub(super) enum Value<'v> {
    Text(Cow<'v, str>),
    Number(f64),
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

impl<'o> Html<'o> {
    pub(super) fn new(out: &'o mut dyn Write) -> Self {
        Self { out }
    }

    /// Markup of this program's own.
    pub(super) fn markup(&mut self, markup: &'static str) -> io::Result<()> {
        self.out.write_all(markup.as_bytes())
    }

    /// Text of whatever origin.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(escaped(&escape_lines(text)).as_bytes())
    }

    /// Begins an element.
    pub(super) fn begin(&mut self, element: &'static str, attributes: &[(&'static str, Value<'_>)]) -> io::Result<()> {
        write!(self.out, "<{element}")?;
        for (name, value) in attributes {
            match value {
                Value::Text(text) => write!(self.out, " {name}=\"{}\"", escaped(&escape_lines(text)))?,
                Value::Number(number) => write!(self.out, " {name}=\"{number:.3}\"")?,
            }
        }
        self.out.write_all(b">")
    }

    /// Ends an element.
    pub(super) fn end(&mut self, element: &'static str) -> io::Result<()> {
        writeln!(self.out, "</{element}>")
    }

    /// An element with a text.
    pub(super) fn element(&mut self, element: &'static str, class: &'static str, text: &str) -> io::Result<()> {
        if class.is_empty() {
            self.begin(element, &[])?;
        } else {
            self.begin(element, &[("class", class.into())])?;
        }
        self.text(text)?;
        self.end(element)
    }

    /// A table: titles, of numbers those that begin with `#`, and rows.
    pub(super) fn table(
        &mut self,
        titles: &[&'static str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> io::Result<()> {
        let class = |title: &&'static str| if title.starts_with('#') { "number" } else { "" };
        self.markup("<div class=\"table\"><table><thead><tr>")?;
        for title in titles {
            self.element("th", class(title), title.trim_start_matches('#'))?;
        }
        self.markup("</tr></thead><tbody>")?;
        for row in rows {
            self.markup("<tr>")?;
            for (title, cell) in titles.iter().zip(&row) {
                self.element("td", class(title), cell)?;
            }
            self.markup("</tr>\n")?;
        }
        self.markup("</tbody></table></div>\n")
    }
}

/// Text in which nothing is markup, in elements and in quoted attributes.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'', '`', '=']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            '=' => safe.push_str("&#61;"),
            c => safe.push(c),
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_hold_no_markup() {
        let trick = "</td><script>alert(1)</script>\u{202e}\u{1b}\" onload='x' a=`b` &amp;\nnext";
        let mut out = Vec::new();
        let mut html = Html::new(&mut out);
        html.begin("p", &[("title", trick.into()), ("x", 1.5.into())]).unwrap();
        html.text(trick).unwrap();
        html.end("p").unwrap();
        html.table(&["A", "#B"], [vec![trick.to_owned(), "2".to_owned()]]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("<script") && !text.contains("onload='") && !text.contains('\u{202e}'), "{text}");
        assert!(
            text.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}\\x1b&quot; onload&#61;&#39;x&#39;"),
            "{text}"
        );
        assert!(text.contains("&amp;amp;\nnext") && text.contains("x=\"1.500\""), "{text}");
        assert!(text.contains("<th class=\"number\">B</th>"), "{text}");
    }
}
