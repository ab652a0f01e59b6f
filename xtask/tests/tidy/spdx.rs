//! Licence expressions as they stand in manifests: SPDX, and the old form with a slash.

/// Whether a licence expression can be met with licences of `allowed` alone: every part of an `AND`, one part of an `OR`.
///
/// `WITH` binds tightest, then `AND`, then `OR`; the slash of old manifests is an `OR`. An exception (`WITH`) has to be allowed
/// together with its licence.
pub(crate) fn allows(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let answer = parser.any()?;
    match parser.words.first() {
        None => Ok(answer),
        Some(word) => Err(format!("{word:?} where the licence {expression:?} should end")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn take(&mut self, keyword: &str) -> bool {
        let found = self.words.first().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut answer = self.all()?;
        while self.take("OR") {
            // Both sides are read, whatever the first one says.
            answer |= self.all()?;
        }
        Ok(answer)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut answer = self.one()?;
        while self.take("AND") {
            answer &= self.one()?;
        }
        Ok(answer)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let answer = self.any()?;
            return if self.take(")") { Ok(answer) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Ok(self.allowed.contains(&format!("{name} WITH {exception}").as_str()));
        }
        Ok(self.allowed.contains(&name))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let Some((&word, rest)) = self.words.split_first() else {
            return Err("a licence is missing at the end".to_owned());
        };
        let keyword = ["(", ")", "AND", "OR", "WITH"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        if keyword {
            return Err(format!("{word:?} where a licence should stand"));
        }
        self.words = rest;
        Ok(word)
    }
}

#[test]
fn expressions() {
    let allowed = ["MIT", "Apache-2.0", "BSD-3-Clause", "Apache-2.0 WITH LLVM-exception"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("MIT AND BSD-3-Clause", true),
        ("MIT/Apache-2.0", true),
        ("GPL-2.0 / MIT", true),
        ("MIT OR GPL-3.0-only AND LGPL-3.0-only", true),
        ("GPL-3.0-only AND MIT OR LGPL-3.0-only", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", true),
        ("((MIT))", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("GPL-2.0-only WITH Classpath-exception-2.0 OR Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
        ("mit", false),
    ] {
        assert_eq!(allows(expression, &allowed), Ok(expected), "{expression}");
    }
    for expression in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH", "MIT AND AND MIT", "()"] {
        assert!(allows(expression, &allowed).is_err(), "{expression}");
    }
}
