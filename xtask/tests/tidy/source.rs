//! Source files of the workspace, and Rust code without its comments and literals.

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("this package is a folder of the workspace").to_owned()
}

/// All files below the root in a fixed order, as paths relative to it; without hidden folders and target folders.
pub(crate) fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("a listed entry can be read");
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().expect("a listed entry has a type").is_dir() {
                // A target folder, by its name or by the mark that cargo leaves in every one.
                if !name.starts_with('.') && name != "target" && !path.join("CACHEDIR.TAG").exists() {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    found.into_iter().map(|path| path.strip_prefix(&root).expect("found below the root").to_owned()).collect()
}

/// The text of a file below the root; `None` if it is not text.
pub(crate) fn text(file: &Path) -> Option<String> {
    let bytes = std::fs::read(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    String::from_utf8(bytes).ok()
}

/// The Rust files among [`files`] with their text.
pub(crate) fn rust_files() -> Vec<(PathBuf, String)> {
    files()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| {
            let text = text(&file).unwrap_or_else(|| panic!("{}: save it as UTF-8", file.display()));
            (file, text)
        })
        .collect()
}

/// Rust source with comments, strings and character literals replaced by spaces; line ends stay where they are.
pub(crate) fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let length = literal_or_comment(&chars[at..], at.checked_sub(1).map(|before| chars[before]));
        if length == 0 {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..at + length].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    code
}

/// How many characters belong to the comment or literal that starts here; 0 if none does.
fn literal_or_comment(chars: &[char], before: Option<char>) -> usize {
    let starts = |text: &str| text.chars().enumerate().all(|(index, c)| chars.get(index) == Some(&c));
    if starts("//") {
        return chars.iter().position(|&c| c == '\n').unwrap_or(chars.len());
    }
    if starts("/*") {
        return block_comment(chars);
    }
    if chars[0] == '"' {
        return quoted(chars, '"');
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if chars[0] == 'r' || chars[0] == 'b' || chars[0] == 'c' {
        // A prefix is one only at the start of a word; b'x' and c"x" are met again at their quote.
        let skip = usize::from(starts("br") || starts("cr"));
        let hashes = chars[skip + 1..].iter().take_while(|&&c| c == '#').count();
        if !in_word && chars[skip] == 'r' && chars.get(skip + 1 + hashes) == Some(&'"') {
            return raw_string(chars, skip + 1 + hashes, hashes);
        }
    }
    if chars[0] == '\'' && !(in_word && before != Some('b')) {
        return match (chars.get(1), chars.get(2)) {
            (Some('\\'), _) => quoted(chars, '\''),
            (Some(_), Some('\'')) => 3,
            // A lifetime or a label.
            _ => 0,
        };
    }
    0
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string(chars: &[char], open: usize, hashes: usize) -> usize {
    let mut at = open + 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

/// The identifiers and keywords of [`code`], with their line numbers from 1.
pub(crate) fn words(code: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|part| !part.is_empty());
        words.extend(parts.map(|part| (line + 1, part.to_owned())));
    }
    words
}

#[test]
fn comments_and_literals_are_not_code() {
    for (source, expected) in [
        ("a // unsafe\nb", "a          \nb"),
        ("a /* x /* unsafe */ y */ b", "a                        b"),
        (r#"a "unsafe \" unsafe" b"#, "a                    b"),
        ("a r#\"unsafe \" \"# b", "a                b"),
        ("br\"\\\" b", "      b"),
        ("b\"x\" c", "b    c"),
        ("'\"' a '\\'' b 'c'", "    a      b    "),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("'outer: loop {}", "'outer: loop {}"),
        ("for_r\"x\"", "for_r   "),
        ("r#type", "r#type"),
        ("\"open", "     "),
        ("/* open", "       "),
    ] {
        assert_eq!(code(source), expected, "{source}");
    }
}

#[test]
fn words_are_whole() {
    let found = words("unsafe_code; forbid(unsafe_op_in_unsafe_fn)\nunsafe {}");
    assert_eq!(found.last(), Some(&(2, "unsafe".to_owned())));
    assert_eq!(found.iter().filter(|(_, word)| word == "unsafe").count(), 1);
}
