//! dlq-status - shows incidents, investigations and their cost, and records what people say about them

use std::process::ExitCode;

use dlq::args::{Color, Given};
use dlq::clock;
use dlq::edge::statement::{self, Statement};
use dlq::edge::status::look;
use dlq::error::Error;
use dlq::log::{self, Level};
use dlq::programs::STATUS;
use dlq::rules::view::page::PageStyle;
use dlq::rules::view::status::{TableStyle, table};
use dlq::text;
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

fn main() -> ExitCode {
    tool::main(&STATUS, run)
}

fn run(given: &Given) -> Result<ExitOutcome, Error> {
    let (settings, env) = tool::settings(given)?;
    if let Some(statement) = Statement::from_given(given)? {
        let recorded = statement::record(&settings, &env, &statement)?;
        let columns = wire::stdout_width();
        match columns.filter(|_| !given.has("json")) {
            Some(_) => {
                let width = PageStyle::new(columns, false).width;
                let sentences = recorded.statement.sentences(recorded.at, &clock::zone());
                let lines = sentences.iter().flat_map(|sentence| text::wrap(sentence, width));
                wire::print(lines.map(|line| line + "\n").collect::<String>().as_bytes())?;
            }
            None => wire::print(&recorded.line)?,
        }
        return Ok(ExitOutcome::Done);
    }
    let store = tool::store(&settings, &env, false)?;
    let missing = !store.dir().is_dir();
    let view = look(&store, &settings.auto_investigation.limits());
    let columns = wire::stdout_width();
    let terminal = columns.is_some();
    if given.has("json") {
        let line = serde_json::to_string(&view)
            .map_err(|error| Error::failed("encode", store.dir().display(), error))?;
        let line = if terminal { text::safe_json(line.as_bytes()) } else { line.as_bytes().into() };
        wire::print(&[&line, &b"\n"[..]].concat())?;
    } else if missing && view.problems.is_empty() {
        let dir = store.dir().display().to_string();
        wire::print(format!("nothing is known yet in '{}'\n", text::safe(&dir)).as_bytes())?;
    } else {
        let color = Color::given(given).is_wanted(&env, terminal);
        let style = TableStyle {
            page: PageStyle::new(columns, color),
            short_ids: terminal,
            has_scopes: settings.aws.has_scopes() || view.has_scopes(),
        };
        wire::print(table(&view, style).as_bytes())?;
    }
    for problem in &view.problems {
        log::log(Level::Error, problem);
    }
    Ok(ExitOutcome::from_failed(!view.problems.is_empty()))
}
