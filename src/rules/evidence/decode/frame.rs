//! Frames of stack traces: the function and the place of the application's own code.

use super::truncated;

/// Limit on the frames of a stack that are read.
const FRAMES_MAX: usize = 32;
/// Limit on the length of a function's name.
const FUNCTION_MAX: usize = 80;

/// Parts of a frame that mark library code.
const LIBRARY_MARKS: [&str; 32] = [
    "/gems/",
    "/lib/ruby/",
    "node_modules",
    "node:",
    "(internal/",
    "<anonymous>",
    "processTicksAndRejections",
    "Runtime.handle",
    "site-packages",
    "/lib/python",
    "/opt/python",
    "/var/runtime",
    "<frozen",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "kotlin.",
    "scala.",
    "System.",
    "Microsoft.",
    "Amazon.",
    "Newtonsoft.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "com.fasterxml.",
    "com.amazonaws.",
    "software.amazon.",
    "io.netty.",
    "reactor.",
    "runtime.",
];

/// The innermost frame of the application's own code.
#[derive(Default)]
pub(super) struct Frame {
    /// The function, or that of the innermost frame of all if every frame is a library's.
    pub(super) function: Option<String>,
    /// File and line: `worker.py line 12`.
    pub(super) place: Option<String>,
}

pub(super) fn is_frame(line: &str) -> bool {
    let trimmed = line.trim_start();
    (trimmed.starts_with("at ") && (trimmed.contains('(') || trimmed.contains(':')))
        || trimmed.starts_with("File \"")
}

/// Returns the innermost frame of the application's own code. The function has no line number,
/// because every deployment changes it; the place has.
pub(super) fn own_frame(stack: &str) -> Frame {
    let lines: Vec<&str> = stack.lines().map(str::trim).collect();
    let is_python = stack.contains("File \"");
    // Below a frame Python prints the line of the code, which may look like one of Java.
    let is_frame_line = |at: &usize| {
        names_function(lines[*at]) && (!is_python || lines[*at].starts_with("File \""))
    };
    let mut frames: Vec<usize> = (0..lines.len()).filter(is_frame_line).collect();
    // Python prints the innermost frame last.
    if is_python {
        frames.reverse();
    }
    let own = frames.iter().take(FRAMES_MAX).find(|at| !is_library_frame(lines[**at]));
    let Some(&at) = own.or(frames.first()) else {
        return Frame::default();
    };
    // Go prints the place below the function.
    let below = lines.get(at + 1).filter(|line| line.starts_with('/'));
    let place = place_in(lines[at]).or_else(|| place_in(below?));
    Frame { function: function_name(lines[at]), place: place.filter(|_| own.is_some()) }
}

/// Returns whether a line names a function: also Go's `main.handle(0xc000, …)` and Java's without
/// `at`.
fn names_function(line: &str) -> bool {
    is_frame(line)
        || ruby_frame(line).is_some()
        || line.split_once('(').is_some_and(|(name, rest)| {
            let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._$/<>*-".contains(&b);
            let is_called = rest.ends_with(')') || rest.contains("0x");
            name.contains('.') && name.bytes().all(is_name) && is_called
        })
}

/// Parses Ruby's ``/app/price.rb:12:in `total'`` to the place and the function.
fn ruby_frame(line: &str) -> Option<(&str, &str)> {
    let (place, function) = line.split_once(":in ")?;
    let function = function.strip_prefix(['`', '\''])?;
    Some((place, function.split('\'').next().unwrap_or(function)))
}

fn is_library_frame(line: &str) -> bool {
    let line = line.strip_prefix("at ").unwrap_or(line);
    let name = line.strip_prefix("async ").unwrap_or(line);
    LIBRARY_MARKS
        .iter()
        .any(|part| if part.ends_with('.') { name.starts_with(part) } else { line.contains(part) })
        || name.starts_with("JSON.parse")
}

/// Parses Go's `main.(*Batch).Row(0xc000, …)`, whose name contains parentheses, to
/// `main.Batch.Row`.
fn go_method(line: &str) -> Option<String> {
    let end = line.rfind('(').filter(|_| line.contains(".(*"))?;
    Some(line[..end].replace("(*", "").replace(')', ""))
}

/// Returns the function of a frame: at most the last two parts of its name, with digits as `#`.
fn function_name(line: &str) -> Option<String> {
    let method = go_method(line);
    let name = if let Some((file, function)) =
        line.strip_prefix("File \"").and_then(|rest| rest.split_once("\", line "))
    {
        match function.split_once("in ").map(|(_, name)| name.trim()) {
            Some(name) if !name.is_empty() && name != "<module>" => name,
            _ => file.rsplit('/').next().unwrap_or(file),
        }
    } else if let Some((_, function)) = ruby_frame(line) {
        function.rsplit(['#', '.']).next().unwrap_or(function)
    } else {
        let words = ["at ", "async ", "new "];
        let trimmed = words.iter().fold(line, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        let trimmed = method.as_deref().unwrap_or(trimmed);
        let trimmed = trimmed.split(['(', ' ']).next().unwrap_or(trimmed);
        if trimmed.starts_with(['/', '.']) || trimmed.starts_with("file:") {
            let file = trimmed.rsplit('/').next().unwrap_or(trimmed);
            file.split(':').next().unwrap_or(file)
        } else {
            let trimmed = trimmed.rsplit('/').next().unwrap_or(trimmed);
            let mut dots = trimmed.rmatch_indices('.').map(|(at, _)| at);
            dots.nth(1).map_or(trimmed, |at| &trimmed[at + 1..])
        }
    };
    let mut shown = String::new();
    for c in truncated(name.lines().next()?, FUNCTION_MAX).chars() {
        match c {
            '0'..='9' if shown.ends_with('#') => {}
            '0'..='9' => shown.push('#'),
            c if c.is_ascii_graphic() => shown.push(c),
            _ => {}
        }
    }
    (!shown.is_empty()).then_some(shown)
}

/// Returns the file and the line that a frame names: `worker.py line 12`.
fn place_in(frame: &str) -> Option<String> {
    let frame = ruby_frame(frame).map_or(frame, |(place, _)| place);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let python = frame.strip_prefix("File \"").and_then(|rest| rest.split_once("\", line "));
    let (path, line) = if let Some((path, rest)) = python {
        (path, rest.split([',', ' ']).next()?)
    } else if let Some((before, line)) = frame.rsplit_once(":line ") {
        (before.rsplit(" in ").next()?, line.trim())
    } else {
        // `(Billing.java:12)`, `(/app/bill.js:12:5)`, `at /app/bill.js:12:5`, `/app/bill.go:12 +0x1d`
        let inside = frame.rsplit_once('(').map(|(_, rest)| rest.trim_end_matches(')'));
        let shown = inside.filter(|text| text.contains(':')).unwrap_or(frame);
        let shown = shown.strip_prefix("at ").unwrap_or(shown).split(' ').next()?;
        let (path, last) = shown.rsplit_once(':')?;
        match path.rsplit_once(':').filter(|(_, line)| digits(line)) {
            Some((path, line)) => (path, line),
            None => (path, last),
        }
    };
    let file = path.rsplit(['/', '\\']).next()?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_file = file.contains('.') && file.len() <= FUNCTION_MAX && file.bytes().all(is_name);
    (is_file && digits(line) && line.len() <= 7).then(|| format!("{file} line {line}"))
}
