//! Tables, to read in a terminal.

use std::fmt;

/// Rows under a head; the first column is words, the others are figures.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|&name| name.to_owned()).collect();
        Self {
            title: title.into(),
            rows: vec![head],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, row: [String; N]) {
        assert_eq!(N, self.rows[0].len(), "a row is as wide as the head");
        self.rows.push(row.into());
    }

    pub(crate) fn print(&self) {
        println!("{}\n\n{}", self.title, self.lines());
    }

    fn lines(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| pad(column, cell, width));
            cells.collect::<Vec<_>>().join("  ") + "\n"
        };
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        lines.insert(1, rule.join("  ") + "\n");
        lines.concat()
    }
}

fn pad(column: usize, cell: &str, width: usize) -> String {
    if column == 0 {
        format!("{cell:<width$}")
    } else {
        format!("{cell:>width$}")
    }
}

/// A figure beside what it may be.
pub(crate) struct Budget {
    what: &'static str,
    measured: f64,
    budget: f64,
    goal: f64,
    digits: usize,
    /// Whether more is better.
    least: bool,
}

impl Budget {
    /// No more than this.
    pub(crate) const fn most(
        what: &'static str,
        measured: f64,
        [budget, goal]: [f64; 2],
        digits: usize,
    ) -> Self {
        Self {
            what,
            measured,
            budget,
            goal,
            digits,
            least: false,
        }
    }

    /// No less than this.
    pub(crate) const fn least(
        what: &'static str,
        measured: f64,
        [budget, goal]: [f64; 2],
        digits: usize,
    ) -> Self {
        Self {
            what,
            measured,
            budget,
            goal,
            digits,
            least: true,
        }
    }

    fn verdict(&self) -> &'static str {
        let meets = |bar| {
            if self.least {
                self.measured >= bar
            } else {
                self.measured <= bar
            }
        };
        match (meets(self.goal), meets(self.budget)) {
            (true, _) => "goal",
            (false, true) => "kept",
            (false, false) => "OVER",
        }
    }

    /// All of them in one table.
    pub(crate) fn table(budgets: &[Self]) -> Table {
        let head = ["", "measured", "budget", "goal", ""];
        let mut table = Table::new("Budgets", &head);
        for budget in budgets {
            let number = |value| number(value, budget.digits);
            table.row([
                budget.what.to_owned(),
                number(budget.measured),
                number(budget.budget),
                number(budget.goal),
                budget.verdict().to_owned(),
            ]);
        }
        table
    }
}

/// A number with so many digits after the point, thousands apart.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut apart = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            apart.push(' ');
        }
        apart.push(digit);
    }
    let sign = if value < 0.0 && text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        "-"
    } else {
        ""
    };
    format!("{sign}{apart}{rest}")
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}
