//! The table that is printed.

/// Figures as they are measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
    notes: Vec<String>,
}

impl Table {
    /// A figure that must stay below `target`, both in `unit`.
    pub fn below(&mut self, figure: &str, measured: f64, target: f64, unit: &str) {
        self.verdict(
            figure,
            format!("{measured:.2} {unit}"),
            format!("< {target} {unit}"),
            measured < target,
        );
    }

    /// A figure that was compared by its caller.
    pub fn verdict(&mut self, figure: &str, measured: String, target: String, met: bool) {
        self.push(figure, measured, target, if met { "met" } else { "missed" });
    }

    /// A figure that could not be measured here.
    pub fn not_measured(&mut self, figure: &str, target: &str, why: &str) {
        self.push(figure, "not measured".to_owned(), target.to_owned(), "-");
        self.note(format!("{figure}: {why}"));
    }

    /// What explains a figure, below the table.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn push(&mut self, figure: &str, measured: String, target: String, verdict: &str) {
        eprintln!("  {figure}: {measured} ({verdict})");
        self.rows.push([figure.to_owned(), measured, target, verdict.to_owned()]);
    }

    /// To standard output.
    pub fn print(&self) {
        let head = ["figure", "measured", "target", ""].map(str::to_owned);
        let mut widths = [0; 4];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in std::iter::once(&head).chain(&self.rows) {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
        for note in &self.notes {
            println!("note: {note}");
        }
    }
}
