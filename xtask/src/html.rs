//! HTML text.

use std::fmt::Write;

/// Escapes text for use between tags and in quoted attributes; control characters other than tab and line feed become spaces.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An element around escaped text: `<p>text</p>`.
#[must_use]
pub fn element(tag: &str, text: &str) -> String {
    format!("<{tag}>{}</{tag}>\n", escape(text))
}

/// A table that scrolls sideways where the page is narrower.
///
/// Rows shorter than `columns` are filled up with empty cells, longer ones cut.
#[must_use]
pub fn table(columns: &[String], rows: &[Vec<String>]) -> String {
    let mut html = String::from("<div class=\"wide\"><table>\n<thead><tr>");
    for column in columns {
        // Writing to a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(column));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for index in 0..columns.len() {
            let cell = row.get(index).map_or("", String::as_str);
            let class = if is_number(cell) { " class=\"number\"" } else { "" };
            let _ = write!(html, "<td{class}>{}</td>", escape(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// Whether a cell is set as a number: it starts like one.
fn is_number(cell: &str) -> bool {
    cell.trim_start_matches(['-', '−', '+', '.']).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_text() {
        assert_eq!(
            escape("<script>alert('x & \"y\"')</script>\0\x1b"),
            "&lt;script&gt;alert(&#39;x &amp; &quot;y&quot;&#39;)&lt;/script&gt;  "
        );
        assert_eq!(element("p", "a < b"), "<p>a &lt; b</p>\n");
    }

    #[test]
    fn tables_are_rectangular() {
        let html = table(
            &["<a>".to_owned(), "b".to_owned()],
            &[vec!["-1.5".to_owned()], vec!["x&y".to_owned(), "2".to_owned(), "lost".to_owned()]],
        );
        assert!(html.contains("&lt;a&gt;"));
        assert!(html.contains("<tr><td class=\"number\">-1.5</td><td></td></tr>"));
        assert!(html.contains("<tr><td>x&amp;y</td><td class=\"number\">2</td></tr>"));
        assert!(!html.contains("lost"));
    }
}
