//! Decimal commas in CSV: `1,5` becomes `1.5` in columns of numbers, so that what a bundle learned
//! of one file holds for another.
//!
//! A column is one of numbers where nearly every cell is a whole number or has a comma before its
//! fraction. Where nothing was asked for, commas are found only in files whose cells they do not
//! separate, and only where they cannot be those of thousands.

use sensorium_core::text::shown;

use super::Content;
use crate::storage::{BuildError, Storage, Texts};
use crate::{DecimalMark, MissingValues};

/// The share of cells that must be numbers; the others are named when they are read.
const MOST: f64 = 0.95;
/// Words that stand where there is no number, in any case, beside those of [`MissingValues`].
const NO_NUMBER: &[&str] = &["na", "n/a", "nan", "null", "none"];

/// Reads the decimal commas of a file whose cells stand between `delimiter`s.
pub(super) fn read_commas(
    content: &mut Content,
    asked: Option<DecimalMark>,
    delimiter: u8,
) -> Result<(), BuildError> {
    let may_be_found = asked.is_none() && delimiter != b',';
    if asked != Some(DecimalMark::Comma) && !may_be_found {
        return Ok(());
    }
    let (mut read, mut doubtful) = (Vec::new(), Vec::new());
    for (name, column) in content.names.iter().zip(&mut content.columns) {
        let Storage::Text(texts) = column else { continue };
        match Forms::count(texts).verdict(asked.is_some()) {
            Verdict::Other => {}
            Verdict::Commas => {
                *texts = with_points(texts)?;
                read.push(format!("`{}`", name.shown()));
            }
            Verdict::Doubtful(example) => {
                doubtful.push(format!("`{}` (`{}`)", name.shown(), shown(example)));
            }
        }
    }
    if asked.is_none() && !read.is_empty() {
        let columns = read.join(", ");
        content.remarks.push(format!(
            "commas are read as decimal marks in {columns}; `--decimal .` leaves them"
        ));
    }
    if !doubtful.is_empty() {
        let columns = doubtful.join(", ");
        content.remarks.push(format!(
            "left as written, commas or points that may be decimal marks or stand between \
             thousands: {columns}; `--decimal ,` or `--decimal .` says which"
        ));
    }
    Ok(())
}

/// What a cell looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Missing,
    /// `12`
    Whole,
    /// `1,5`, `1.234,5` and `1.234.567`
    Comma,
    /// `1,234`: a decimal comma, or one between thousands.
    CommaThousands,
    /// `1.234`: a decimal point, or one between thousands.
    PointThousands,
    /// `1.5`, `1,234.5` and `1,234,567`
    Point,
    Other,
}

fn form(text: &str) -> Form {
    let text = text.trim();
    if text.is_empty() || NO_NUMBER.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Form::Missing;
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !is_digits(exponent) {
        return Form::Other;
    }
    match (mantissa.contains(','), mantissa.contains('.')) {
        (false, false) if is_digits(mantissa) => Form::Whole,
        // Twice in one number, a mark stands between thousands.
        (true, false) if is_grouped(mantissa, ',') => match mantissa.matches(',').count() {
            1 => Form::CommaThousands,
            _ => Form::Point,
        },
        (false, true) if is_grouped(mantissa, '.') => match mantissa.matches('.').count() {
            1 => Form::PointThousands,
            _ => Form::Comma,
        },
        (true, _) if is_fraction(mantissa, ',', '.') => Form::Comma,
        (_, true) if is_fraction(mantissa, '.', ',') => Form::Point,
        _ => Form::Other,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits in threes with `mark` between: `1,234,567`; no number has a group that starts with 0.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut groups = text.split(mark);
    let first = groups.next().unwrap_or_default();
    is_digits(first)
        && first.len() <= 3
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && is_digits(group))
}

/// Digits, `mark` and digits, the first of which may be grouped by `thousands`.
fn is_fraction(text: &str, mark: char, thousands: char) -> bool {
    let Some((whole, fraction)) = text.split_once(mark) else { return false };
    let is_whole = whole.is_empty() || is_digits(whole) || is_grouped(whole, thousands);
    let is_part = fraction.is_empty() || is_digits(fraction);
    is_whole && is_part && !(whole.is_empty() && fraction.is_empty())
}

/// How many cells of a column have each form.
#[derive(Default)]
struct Forms<'a> {
    present: usize,
    whole: usize,
    commas: usize,
    comma_thousands: usize,
    point_thousands: usize,
    points: usize,
    doubtful: Option<&'a str>,
}

enum Verdict<'a> {
    /// Nothing to do.
    Other,
    /// Commas stand before fractions.
    Commas,
    /// Nobody can tell.
    Doubtful(&'a str),
}

impl<'a> Forms<'a> {
    fn count(texts: &'a Texts) -> Self {
        let (mut forms, missing) = (Self::default(), MissingValues::default());
        for text in texts.rows().map(|row| texts.get(row)) {
            match form(text) {
                Form::Other if missing.contain(text) => {}
                form => forms.add(form, text),
            }
        }
        forms
    }

    fn add(&mut self, form: Form, text: &'a str) {
        self.present += usize::from(form != Form::Missing);
        match form {
            Form::Missing | Form::Other => return,
            Form::Whole => self.whole += 1,
            Form::Comma => self.commas += 1,
            Form::CommaThousands => self.comma_thousands += 1,
            Form::PointThousands => self.point_thousands += 1,
            Form::Point => self.points += 1,
        }
        if !matches!(form, Form::Whole | Form::Comma) {
            self.doubtful.get_or_insert(text);
        }
    }

    fn verdict(&self, is_asked: bool) -> Verdict<'a> {
        let with_marks = self.commas + self.comma_thousands + self.point_thousands;
        let numbers = self.whole + with_marks + self.points;
        let has_commas = self.commas + self.comma_thousands > 0;
        if (numbers as f64) < MOST * self.present as f64 || numbers == 0 {
            return Verdict::Other;
        }
        // Where commas are asked for, points stand between thousands unless one cannot.
        let is_clear = if is_asked {
            self.points == 0 && with_marks > 0
        } else {
            self.points + self.point_thousands == 0 && self.commas > 0
        };
        match (is_clear, self.doubtful) {
            (true, _) => Verdict::Commas,
            (false, Some(example)) if has_commas || is_asked => Verdict::Doubtful(example),
            _ => Verdict::Other,
        }
    }
}

/// The numbers of a column with a point before the fraction and nothing between thousands.
fn with_points(texts: &Texts) -> Result<Texts, BuildError> {
    let mut converted = Texts::default();
    for row in texts.rows() {
        let text = texts.get(row);
        match form(text) {
            Form::Comma | Form::CommaThousands | Form::PointThousands => {
                converted.put(row, &text.replace('.', "").replace(',', "."))?;
            }
            Form::Missing | Form::Whole | Form::Point | Form::Other => converted.put(row, text)?,
        }
    }
    converted.shrink();
    Ok(converted)
}
