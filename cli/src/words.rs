//! What is said on a terminal: names come from files, reports from drivers, and both may hold anything.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;

/// Characters of an error line, at most.
const MOST: usize = 400;

/// Characters that are kept of the end of a longer one: the advice stands there.
const END: usize = 120;

/// The text with what a terminal would act on instead of showing it, ends of lines excepted, as JSON escapes it.
pub fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && acts(c))
}

/// The text on one line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, acts)
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hidden) {
        return text.into();
    }
    let shown = |c: char| if hidden(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(shown).collect::<String>().into()
}

/// Whether a character moves, hides or turns round what stands beside it: controls, ends of lines, marks of direction and
/// characters of no width.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text as HTML shows it.
pub fn html(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An error as one line of bounded length.
pub fn error_line(error: &str) -> String {
    let line = one_line(error);
    let length = line.chars().count();
    if length <= MOST {
        return line.into_owned();
    }
    let start: String = line.chars().take(MOST - END).collect();
    let end: String = line.chars().skip(length - END).collect();
    format!("{start} […] {end}")
}

/// Says on stderr what belongs beside what stdout has.
pub fn remark(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{}", visible(&line.to_string()));
}

/// Says on stderr what went wrong, if somebody is there to read it.
pub fn complain(error: impl Display) {
    let _ = writeln!(std::io::stderr(), "wgvq: {}", error_line(&error.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        let hostile = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}cba\u{7f}\tb\r";
        for text in [visible(hostile), one_line(hostile)] {
            assert!(!text.chars().any(acts), "{text}");
            assert!(text.starts_with("a\\u001b]0;owned\\u0007\\u009b2J\\u202ecba"), "{text}");
        }
        assert_eq!(visible("two\nlines"), "two\nlines");
        assert_eq!(one_line("two\nlines"), "two\\u000alines");
        // What is a letter stays.
        for text in ["größe", "日本語", "📦"] {
            assert_eq!(one_line(text), text);
        }
        // As it stands in a string of JSON it means the same.
        let json = visible("\"\u{202e}\"").into_owned();
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), "\u{202e}");
        assert_eq!(html("<b title=\"x\">&\u{1b}"), "&lt;b title=&quot;x&quot;&gt;&amp;\\u001b");
    }

    #[test]
    fn an_error_keeps_its_beginning_and_its_end() {
        assert_eq!(error_line("short"), "short");
        let long = format!("x.npy: a header of {} is none; write it again", "z".repeat(60_000));
        let line = error_line(&long);
        assert!(
            line.chars().count() < MOST + 10
                && line.starts_with("x.npy: a header")
                && line.ends_with("write it again")
        );
    }
}
