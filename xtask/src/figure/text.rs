//! Text in figures: how wide it comes out, where it breaks, how numbers are written.
//!
//! No font is read, so widths are estimates for a sans-serif face, on the safe side.

/// The estimated width of `text` at a font size, in the unit of the size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | '(' | ')'
            | '[' | ']' => 0.38,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
            'A'..='Z' | '=' | '+' | '<' | '>' | '~' | '×' | '−' => 0.72,
            '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.42,
            c if (c as u32) >= 0x2e80 => 1.05,
            _ => 0.6,
        })
        .sum();
    em * size
}

/// Text without characters that XML cannot hold, on one line.
pub(super) fn clean(text: &str) -> String {
    let fits = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if fits(c) { c } else { ' ' }).collect()
}

/// Breaks `text` at spaces into lines of at most `limit`, if its words allow.
pub(super) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Shortens `text` to `limit` with an ellipsis.
pub(super) fn shorten(text: &str, size: f64, limit: f64) -> String {
    let mut text = clean(text);
    if width(&text, size) <= limit {
        return text;
    }
    while !text.is_empty() && width(&text, size) + width("…", size) > limit {
        text.pop();
    }
    text + "…"
}

/// A power of ten: `10⁻³`.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let plain = exponent.to_string();
    let digits = plain.chars().map(|c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        // U+2070 and U+2074 to U+2079.
        digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or('⁰'),
    });
    "10".chars().chain(digits).collect()
}

/// A number in fixed notation with so many decimals, or with a power of ten where that would be long.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs();
    let text = if (1e-4..1e5).contains(&magnitude) && decimals <= 6 {
        format!("{value:.decimals$}")
    } else {
        let exponent = format!("{magnitude:e}")
            .split_once('e')
            .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
            .unwrap_or(0);
        // As many digits of the mantissa as the decimals ask for, and at most nine.
        let digits = usize::try_from(exponent.saturating_add_unsigned(decimals as u32)).unwrap_or(0).min(9);
        let mantissa = format!("{value:.digits$e}");
        let mantissa = mantissa.split_once('e').map_or(mantissa.as_str(), |(mantissa, _)| mantissa);
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        format!("{mantissa}×{}", power_of_ten(exponent))
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(power_of_ten(0), "10⁰");
        assert_eq!(power_of_ten(-13), "10⁻¹³");
        assert_eq!(power_of_ten(245), "10²⁴⁵");
        assert_eq!(number(0.0, 2), "0");
        assert_eq!(number(-0.5, 1), "−0.5");
        assert_eq!(number(250.0, 0), "250");
        assert_eq!(number(200_000.0, 0), "2×10⁵");
        assert_eq!(number(0.000_03, 5), "3×10⁻⁵");
        assert_eq!(number(0.000_025, 6), "2.5×10⁻⁵");
        assert_eq!(number(-3e300, 0), "−3×10³⁰⁰");
    }

    #[test]
    fn lines_break_at_spaces() {
        let lines = wrap("global cost with  many layers", 10.0, 80.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "global cost with many layers");
        assert!(lines.iter().all(|line| width(line, 10.0) <= 80.0));
        assert!(wrap(" ", 10.0, 80.0).is_empty());
        assert_eq!(wrap("indivisible", 10.0, 1.0), ["indivisible"]);
    }

    #[test]
    fn text_is_shortened_and_cleaned() {
        assert_eq!(shorten("short", 10.0, 100.0), "short");
        let text = shorten("a label that is much too long", 10.0, 100.0);
        assert!(text.ends_with('…') && width(&text, 10.0) <= 100.0, "{text}");
        assert_eq!(clean("a\0b\nc\u{ffff}"), "a b c ");
    }
}
