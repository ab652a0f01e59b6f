//! The section of one experiment as Markdown, to be read beside the sources or put among the project's documents.

use std::fmt::Write;

use qbench::experiment::ClaimAnswer;

use crate::report::Part;

/// Title, command, paragraphs, what the rows say about the claims, tables with their captions, and the names of the figures. No times
/// and no paths: the same rows and the same command give the same bytes. `None` for an experiment that was not run.
#[must_use]
pub fn section(part: &Part<'_>, command: &str, claims: &[ClaimAnswer]) -> Option<String> {
    let (section, record) = part.content?;
    let mut text = format!("# {}\n\nMade by `{command}` from `{}`.\n", one_line(part.title), record.csv.file);
    for paragraph in &section.paragraphs {
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "\n{}\n", one_line(paragraph));
    }
    text.push_str(&answers(claims));
    for table in &section.tables {
        let _ = write!(text, "\n## {}\n\n", one_line(&table.title));
        row(&mut text, &table.columns, table.columns.len());
        let _ = writeln!(text, "|{}", "---|".repeat(table.columns.len()));
        table.rows.iter().for_each(|cells| row(&mut text, cells, table.columns.len()));
        let _ = write!(text, "\n{}\n", one_line(&table.caption));
    }
    for figure in &section.figures {
        let _ = write!(text, "\n![{}](figures/{}.svg)\n", one_line(&figure.title), figure.name);
    }
    Some(text)
}

/// What the rows say about the claims, and which ones they say nothing about; nothing at all where they answer none.
fn answers(claims: &[ClaimAnswer]) -> String {
    let mut text = String::new();
    if claims.iter().all(|claim| claim.answer.is_none()) {
        return text;
    }
    text.push_str("\n## The claims, by these rows alone\n");
    for ClaimAnswer { id, claim, rule, answer } in claims {
        let other = "not by these rows: by other experiments of `cargo xtask reproduce`";
        let [claim, rule, answer] = [claim, rule, answer.as_deref().unwrap_or(other)].map(one_line);
        let _ = write!(text, "\n**{id}** {claim}\n\n- Rule: {rule}\n- Measured: {answer}\n");
    }
    text
}

/// One row; short ones are filled up with empty cells, long ones cut.
fn row(text: &mut String, cells: &[String], columns: usize) {
    text.push('|');
    for cell in cells.iter().map(String::as_str).chain(std::iter::repeat("")).take(columns) {
        let _ = write!(text, " {} |", one_line(cell).replace('|', "\\|"));
    }
    text.push('\n');
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_without_an_answer_are_told() {
        let claim =
            |id, answer: Option<&str>| ClaimAnswer { id, claim: "a", rule: "b", answer: answer.map(str::to_owned) };
        let text = answers(&[claim("C1", Some("holds")), claim("C2", None)]);
        assert!(text.contains("**C1** a\n\n- Rule: b\n- Measured: holds\n"), "{text}");
        assert!(text.contains("**C2** a\n\n- Rule: b\n- Measured: not by these rows"), "{text}");
        assert_eq!(answers(&[claim("C1", None)]), "");
    }

    #[test]
    fn cells_stay_in_their_row() {
        let mut text = String::new();
        row(&mut text, &["a | b".to_owned(), "two\nlines".to_owned()], 3);
        row(&mut text, &["1".to_owned(), "2".to_owned(), "3".to_owned(), "4".to_owned()], 3);
        assert_eq!(text, "| a \\| b | two lines |  |\n| 1 | 2 | 3 |\n");
    }
}
