//! The words of a predicate, and the tree that they stand for.

use super::{Comparison, Literal, Test, Tree};
use crate::error::{Error, Result};

/// Brackets and negations inside one another, at most: each is a call inside a call.
const MOST_NESTED: usize = 64;

/// A word of the text, and the character that it begins with, counted from 1.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    word: Word,
    at: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// A name, or a word of the language.
    Name(String),
    /// A name between double quotes, which is no word of the language.
    Quoted(String),
    Literal(Literal),
    /// `=` and what else is not made of letters.
    Sign(&'static str),
}

/// Signs, the longer ones first.
const SIGNS: [&str; 11] = ["<=", ">=", "!=", "<>", "==", "=", "<", ">", "(", ")", ","];

/// The tree of a text.
pub fn parse(text: &str) -> Result<Tree> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, end: text.chars().count() + 1 };
    let tree = parser.either()?;
    match parser.tokens.get(parser.next) {
        None => Ok(tree),
        Some(_) => Err(parser.expected("and, or, or the end")),
    }
}

fn wrong(at: usize, why: impl std::fmt::Display) -> Error {
    Error::input(format!("at character {at}: {why}; an example is: year >= 2020 and lang in ('de', 'en')"))
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let start = at;
        let rest = || chars[start..].iter();
        let word = match chars[at] {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            quote @ ('\'' | '"') => {
                let mut inside = String::new();
                at += 1;
                loop {
                    match (chars.get(at), chars.get(at + 1)) {
                        (Some(&c), Some(&next)) if c == quote && next == quote => at += 1,
                        (Some(&c), _) if c == quote => break,
                        (Some(_), _) => {}
                        (None, _) => {
                            return Err(wrong(start + 1, format_args!("a {quote} that no other one ends")));
                        }
                    }
                    inside.push(chars[at]);
                    at += 1;
                }
                at += 1;
                if quote == '"' { Word::Quoted(inside) } else { Word::Literal(Literal::String(inside)) }
            }
            c if c.is_ascii_digit() || "+-.".contains(c) => {
                let is_part = |(place, c): (usize, &&char)| {
                    let after_e = place > 0 && "eE".contains(chars[start + place - 1]);
                    c.is_alphanumeric() || **c == '.' || "+-".contains(**c) && (place == 0 || after_e)
                };
                at += rest().enumerate().take_while(|(place, c)| is_part((*place, c))).count();
                Word::Literal(number(&chars[start..at].iter().collect::<String>(), start + 1)?)
            }
            c if c.is_alphabetic() || c == '_' => {
                at += rest().take_while(|c| c.is_alphanumeric() || "_.".contains(**c)).count();
                Word::Name(chars[start..at].iter().collect())
            }
            c => {
                let is_next = |sign: &&&str| sign.chars().eq(rest().copied().take(sign.len()));
                let sign = SIGNS.iter().find(is_next);
                let sign = sign.ok_or_else(|| wrong(start + 1, format_args!("{c:?} means nothing here")))?;
                at += sign.len();
                Word::Sign(sign)
            }
        };
        tokens.push(Token { word, at: start + 1 });
    }
    Ok(tokens)
}

fn number(text: &str, at: usize) -> Result<Literal> {
    if let Ok(whole) = text.parse() {
        return Ok(Literal::Int(whole));
    }
    // What f64 takes besides, such as inf, does not begin like a number, or is no finite one.
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Literal::Float(number)),
        _ => Err(wrong(at, format_args!("{text} is no number that there can be"))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// Brackets and negations that are open.
    depth: usize,
    /// The character behind the last one.
    end: usize,
}

impl Parser {
    /// `a or b`
    fn either(&mut self) -> Result<Tree> {
        let mut parts = vec![self.both()?];
        while self.takes("or") {
            parts.push(self.both()?);
        }
        Ok(if parts.len() > 1 { Tree::Or(parts) } else { parts.remove(0) })
    }

    /// `a and b`
    fn both(&mut self) -> Result<Tree> {
        let mut parts = vec![self.part()?];
        while self.takes("and") {
            parts.push(self.part()?);
        }
        Ok(if parts.len() > 1 { Tree::And(parts) } else { parts.remove(0) })
    }

    /// `not a`, `(a)`, or a test of a column.
    fn part(&mut self) -> Result<Tree> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return Err(wrong(
                self.at(),
                format_args!("more than {MOST_NESTED} brackets and negations in one another"),
            ));
        }
        let part = if self.takes("not") {
            Tree::Not(Box::new(self.part()?))
        } else if self.takes_sign("(") {
            let inner = self.either()?;
            self.require_sign(")")?;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(part)
    }

    /// A column, and what is to hold of it.
    fn test(&mut self) -> Result<Tree> {
        let column = match self.tokens.get(self.next).map(|token| token.word.clone()) {
            Some(Word::Name(name)) if !is_reserved(&name) => name,
            Some(Word::Quoted(name)) => name,
            _ => return Err(self.expected("the name of a column")),
        };
        self.next += 1;
        let of = |test| Tree::Test { column, test };
        if self.takes("is") {
            let negated = self.takes("not");
            if !self.takes("null") {
                return Err(self.expected("null"));
            }
            return Ok(negate(of(Test::Null), negated));
        }
        let negated = self.takes("not");
        if self.takes("in") {
            return Ok(negate(of(Test::In(self.list()?)), negated));
        }
        if negated {
            return Err(self.expected("in"));
        }
        let sign = match self.tokens.get(self.next).map(|token| &token.word) {
            Some(Word::Sign(sign)) => *sign,
            _ => "",
        };
        let (comparison, negated) = match sign {
            "=" | "==" => (Comparison::Equal, false),
            "!=" | "<>" => (Comparison::Equal, true),
            "<" => (Comparison::Less, false),
            "<=" => (Comparison::AtMost, false),
            ">" => (Comparison::Greater, false),
            ">=" => (Comparison::AtLeast, false),
            _ => return Err(self.expected("a comparison such as =, in or is")),
        };
        self.next += 1;
        let literal = self.literal()?;
        Ok(negate(of(Test::Is(comparison, literal)), negated))
    }

    /// `(1, 2)`
    fn list(&mut self) -> Result<Vec<Literal>> {
        self.require_sign("(")?;
        let mut all = vec![self.literal()?];
        while self.takes_sign(",") {
            all.push(self.literal()?);
        }
        self.require_sign(")")?;
        Ok(all)
    }

    fn literal(&mut self) -> Result<Literal> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.takes(word) {
                return Ok(Literal::Bool(value));
            }
        }
        match self.tokens.get(self.next).map(|token| token.word.clone()) {
            Some(Word::Literal(literal)) => {
                self.next += 1;
                Ok(literal)
            }
            Some(Word::Name(name)) if name.eq_ignore_ascii_case("null") => {
                Err(wrong(self.at(), "nothing equals null; write `is null`"))
            }
            _ => Err(self.expected("a number, a 'text' between single quotes, true or false")),
        }
    }

    /// Goes past a word of the language, if it is the next one.
    fn takes(&mut self, word: &str) -> bool {
        let next = self.tokens.get(self.next).map(|token| &token.word);
        let is_next = matches!(next, Some(Word::Name(name)) if name.eq_ignore_ascii_case(word));
        self.next += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let next = self.tokens.get(self.next).map(|token| &token.word);
        let is_next = matches!(next, Some(Word::Sign(other)) if *other == sign);
        self.next += usize::from(is_next);
        is_next
    }

    fn require_sign(&mut self, sign: &str) -> Result<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn expected(&self, what: &str) -> Error {
        wrong(self.at(), format_args!("{what} is expected"))
    }
}

/// Whether a name has to be quoted where it is that of a column.
fn is_reserved(name: &str) -> bool {
    ["and", "or", "not", "in", "is", "null", "true", "false"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

fn negate(tree: Tree, negated: bool) -> Tree {
    if negated { Tree::Not(Box::new(tree)) } else { tree }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::refused;

    #[test]
    fn what_binds_tighter_comes_first() {
        let shown = |text: &str| format!("{:?}", parse(text).unwrap());
        let plain = shown("a = 1 or b = 2 and not c = 3");
        assert_eq!(plain, shown("(a = 1) OR ((b == 2) AND (NOT (c = +3)))"));
        assert_ne!(plain, shown("(a = 1 or b = 2) and not c = 3"));
        assert_eq!(shown("a != 1"), shown("not a = 1"));
        assert_eq!(shown("a <> 1"), shown("a!=1"));
        assert_eq!(shown("a not in (1, 2)"), shown("not a in(1,2)"));
        assert_eq!(shown("a is not null"), shown("not \"a\" Is Null"));
    }

    #[test]
    fn literals_are_numbers_texts_and_truths() {
        let literal = |text: &str| match parse(&format!("x = {text}")).unwrap() {
            Tree::Test { test: Test::Is(_, literal), .. } => literal,
            other => panic!("{other:?}"),
        };
        assert_eq!(literal("-9223372036854775808"), Literal::Int(i64::MIN));
        assert_eq!(literal("9223372036854775808"), Literal::Float(9_223_372_036_854_775_808.0));
        assert_eq!(literal("-1.5e-3"), Literal::Float(-0.0015));
        assert_eq!(literal(".5"), Literal::Float(0.5));
        assert_eq!(literal("'it''s \"ä\" and so on'"), Literal::String("it's \"ä\" and so on".into()));
        assert_eq!(literal("''"), Literal::String(String::new()));
        assert_eq!(literal("TRUE"), Literal::Bool(true));
        let name = |text: &str| match parse(text).unwrap() {
            Tree::Test { column, .. } => column,
            other => panic!("{other:?}"),
        };
        assert_eq!([name("größe_2.b > 1"), name("\"a \"\"b\"\" or\" = 1")], ["größe_2.b", "a \"b\" or"]);
    }

    #[test]
    fn what_is_no_predicate_is_named_by_its_place() {
        for (text, why) in [
            ("", "at character 1: the name of a column is expected"),
            ("year", "at character 5: a comparison such as =, in or is is expected"),
            (
                "year >=",
                "at character 8: a number, a 'text' between single quotes, true or false is expected",
            ),
            ("year = null", "at character 8: nothing equals null; write `is null`"),
            ("year = lang", "at character 8: a number"),
            ("year = 'x", "at character 8: a ' that no other one ends"),
            ("ä = 1 and", "at character 10: the name of a column"),
            ("year = 1 year = 2", "at character 10: and, or, or the end is expected"),
            ("(year = 1", "at character 10: ) is expected"),
            ("year in ()", "at character 10: a number"),
            ("year in (1 2)", "at character 12: ) is expected"),
            ("year not 1", "at character 10: in is expected"),
            ("year is 1", "at character 9: null is expected"),
            ("year % 2 = 1", "at character 6: '%' means nothing here"),
            ("year = 1e999", "at character 8: 1e999 is no number"),
            ("year = 12x", "at character 8: 12x is no number"),
            ("or = 1", "at character 1: the name of a column"),
        ] {
            let found = refused(parse(text));
            assert!(found.starts_with(why), "{text}: {found}");
            assert!(found.ends_with("an example is: year >= 2020 and lang in ('de', 'en')"), "{found}");
        }
        let deep = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&deep(63)).is_ok());
        assert!(refused(parse(&deep(64))).starts_with("at character 65: more than 64 brackets"));
        assert!(refused(parse(&deep(100_000))).contains("more than 64 brackets"));
        assert!(refused(parse(&"not ".repeat(100_000))).contains("more than 64 brackets"));
        // As long as one likes.
        assert!(parse(&vec!["a = 1"; 100_000].join(" or ")).is_ok());
    }
}
