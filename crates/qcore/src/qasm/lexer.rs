//! Text to tokens, one at a time.

use super::error::shortened;
use super::{Error, Fault, Limit, Location, MAX_TOKENS};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A name or a keyword.
    Word(&'a str),
    Integer(i64),
    Real(f64),
    /// A string without its quotation marks.
    Text(&'a str),
    /// `$k`.
    Physical(&'a str),
    Sign(&'static str),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) location: Location,
}

impl Token<'_> {
    /// What stands here, for messages.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Word(word) => format!("{:?}", shortened(word)),
            Kind::Integer(value) => format!("{value}"),
            Kind::Real(value) => format!("{value:?}"),
            Kind::Text(text) => format!("the string {:?}", shortened(text)),
            Kind::Physical(name) => format!("${}", shortened(name)),
            Kind::Sign(sign) => format!("{sign:?}"),
            Kind::End => "the end of the file".to_owned(),
        }
    }
}

/// All signs of OpenQASM, so that those without a use here are named in messages; longer ones first.
const SIGNS: &[&str] = &[
    "<<=", ">>=", "**=", "->", "++", "**", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=",
    "&=", "|=", "^=", "~=", "%=", ";", ",", ":", "(", ")", "[", "]", "{", "}", "=", "@", "+", "-", "*", "/", "^", "%",
    "<", ">", "!", "~", "&", "|", "#", ".",
];

#[derive(Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    location: Location,
    tokens: usize,
    /// Whether this is OpenQASM 2.0, which has fewer signs, and whose comments end at a line feed alone.
    pub(super) version_2: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { rest, location: Location { line: 1, column: 1 }, tokens: 0, version_2: false }
    }

    fn fail<T>(&self, fault: Fault) -> Result<T, Error> {
        Err(Error { location: self.location, fault })
    }

    /// Consumes the next `bytes` bytes, which end at a character boundary.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for c in taken.chars() {
            if c == '\n' {
                self.location.line = self.location.line.saturating_add(1);
                self.location.column = 1;
            } else {
                self.location.column = self.location.column.saturating_add(1);
            }
        }
        taken
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("//") {
                let carriage_return = !self.version_2;
                self.take_while(|c| c != '\n' && !(carriage_return && c == '\r'));
            } else if self.rest.starts_with("/*") {
                match self.rest[2..].find("*/") {
                    Some(end) => self.take(end + 4),
                    None => return self.fail(Fault::UnclosedComment),
                };
            } else {
                return Ok(());
            }
        }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, Error> {
        self.skip_blanks()?;
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return self.fail(Fault::Limit(Limit::Tokens));
        }
        let location = self.location;
        let kind = self.kind()?;
        Ok(Token { kind, location })
    }

    fn kind(&mut self) -> Result<Kind<'a>, Error> {
        let Some(first) = self.rest.chars().next() else { return Ok(Kind::End) };
        let second = self.rest[first.len_utf8()..].chars().next();
        if first.is_alphabetic() || first == '_' {
            return Ok(Kind::Word(self.take_while(|c| c.is_alphanumeric() || c == '_')));
        }
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        if first == '$' && second.is_some_and(|c| c.is_ascii_digit()) {
            self.take(1);
            return Ok(Kind::Physical(self.take_while(|c| c.is_ascii_digit())));
        }
        if first == '"' || first == '\'' {
            let body = &self.rest[1..];
            return match body.find([first, '\n']) {
                Some(end) if body[end..].starts_with(first) => {
                    let text = &body[..end];
                    self.take(end + 2);
                    Ok(Kind::Text(text))
                }
                _ => self.fail(Fault::UnclosedString),
            };
        }
        let here = |sign: &&&str| self.rest.starts_with(**sign) && !(self.version_2 && **sign == "++");
        match SIGNS.iter().find(here) {
            Some(sign) => {
                self.take(sign.len());
                Ok(Kind::Sign(sign))
            }
            None => self.fail(Fault::Character(first)),
        }
    }

    fn number(&mut self) -> Result<Kind<'a>, Error> {
        // Everything that could belong to a number, so that 1.2.3 or 10ns is refused as a whole.
        let radix = match self.rest.as_bytes() {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'b' | b'B', ..] => 2,
            [b'0', b'o', ..] => 8,
            _ => 10,
        };
        let mut last = ' ';
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            let exponent_sign = radix == 10 && matches!(c, '+' | '-') && matches!(last, 'e' | 'E');
            if !(c.is_alphanumeric() || c == '_' || c == '.' || exponent_sign) {
                end = at;
                break;
            }
            last = c;
        }
        let start = self.clone();
        let text = self.take(end);
        let refuse = |fault: fn(String) -> Fault| start.fail(fault(shortened(text)));
        let not_a_number = |text| Fault::Number { text };
        let too_large = |text| Fault::TooLarge { text };
        let digits = if radix == 10 { text } else { &text[2..] };
        let between_digits = |at: usize| {
            let is_digit = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
            at > 0 && is_digit(digits.as_bytes().get(at - 1)) && is_digit(digits.as_bytes().get(at + 1))
        };
        if !digits.match_indices('_').all(|(at, _)| between_digits(at)) {
            return refuse(not_a_number);
        }
        let digits = digits.replace('_', "");
        if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
            return match i64::from_str_radix(&digits, radix) {
                Ok(value) => Ok(Kind::Integer(value)),
                Err(_) => refuse(too_large),
            };
        }
        // Rust reads inf and nan too, but those do not start with a digit or a point.
        match digits.parse::<f64>() {
            Ok(value) if radix == 10 && value.is_finite() => Ok(Kind::Real(value)),
            Ok(_) if radix == 10 => refuse(too_large),
            _ => refuse(not_a_number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        let mut lexer = Lexer::new(text);
        let mut kinds = Vec::new();
        loop {
            match lexer.next().expect("valid").kind {
                Kind::End => return kinds,
                kind => kinds.push(kind),
            }
        }
    }

    fn fault(text: &str) -> (u32, u32, Fault) {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.next() {
                Ok(Token { kind: Kind::End, .. }) => panic!("{text:?} is valid"),
                Ok(_) => {}
                Err(Error { location, fault }) => return (location.line, location.column, fault),
            }
        }
    }

    #[test]
    fn numbers() {
        use Kind::{Integer, Real, Sign};
        assert_eq!(
            kinds("1 1_000 0x1F 0b101 0o17 1. .5 1.5e-3 2E+4 1e5"),
            vec![
                Integer(1),
                Integer(1000),
                Integer(31),
                Integer(5),
                Integer(15),
                Real(1.0),
                Real(0.5),
                Real(1.5e-3),
                Real(2e4),
                Real(1e5)
            ]
        );
        assert_eq!(kinds("1-1"), vec![Integer(1), Sign("-"), Integer(1)]);
        assert_eq!(kinds("0x1e-1"), vec![Integer(30), Sign("-"), Integer(1)]);
        for bad in ["1.2.3", "10ns", "2im", "1e", "1__0", "1_", "0x", "0b2", "1e5.0", "3\u{3c0}"] {
            assert_eq!(fault(bad), (1, 1, Fault::Number { text: bad.into() }));
        }
        assert_eq!(fault(" 1e400"), (1, 2, Fault::TooLarge { text: "1e400".into() }));
        assert!(matches!(fault("18446744073709551616"), (1, 1, Fault::TooLarge { .. })));
    }

    #[test]
    fn words_signs_strings_and_comments() {
        use Kind::{Physical, Sign, Text, Word};
        assert_eq!(
            kinds("\u{feff}\u{3b8}_1 // x\n/* \n */ π->**++ \"a.inc\" $12"),
            vec![Word("\u{3b8}_1"), Word("π"), Sign("->"), Sign("**"), Sign("++"), Text("a.inc"), Physical("12")]
        );
        assert_eq!(fault("a\n \"b\n\""), (2, 2, Fault::UnclosedString));
        assert_eq!(fault("a /* b"), (1, 3, Fault::UnclosedComment));
        assert_eq!(fault("\u{3c0}\u{3c0} `"), (1, 4, Fault::Character('`')));
        assert_eq!(fault("\0"), (1, 1, Fault::Character('\0')));
        assert!(matches!(fault(&";".repeat(MAX_TOKENS + 1)), (1, _, Fault::Limit(Limit::Tokens))));
    }
}
