//! Code blocks of a markdown page: what stands in them, what their info strings say about them, and which block shows
//! the output of which.
//!
//! An info string is a language and attributes: ```` ```sh not-run="it never ends" ````. The languages and attributes:
//!
//! | language | what happens to it |
//! |---|---|
//! | `sh` | runs under `bash -euo pipefail`, in one shell with the other blocks of its page |
//! | `console` | lines that begin with `$ ` run the same way; what follows each one is its output |
//! | `python`, `node` | run with `python3` and `node`, with the exported variables of the shell |
//! | `json`, `text` | right after one that runs: its output; with `schema=NAME`: an object of the API |
//! | `csv` and any other | a file, with `file=NAME` |
//!
//! `not-run="why"` says that a block cannot run here, `exit=N` that its last command ends with that code, `until="text"`
//! that a block runs until it has printed that, and is then told to stop as Ctrl-C does it. `printed-by="command"` says
//! that a `text` further down shows what that block prints, and `not-checked="why"` that it shows something that no
//! block of its page prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a page needs while its blocks run. Its first line says it: `<!-- needs: demo -->`; nothing else is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The simulator and a platform with its demonstration merchant.
    Demo,
    /// The simulator alone; the page starts platforms itself.
    Simulator,
    /// Nothing.
    Nothing,
}

/// One fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Line of its opening fence, from 1.
    pub line: usize,
    pub language: String,
    pub attributes: BTreeMap<String, String>,
    pub text: String,
}

/// One markdown page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Path from the root of the repository.
    pub name: String,
    pub path: PathBuf,
    pub needs: Needs,
    pub blocks: Vec<Block>,
}

/// What is done with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A command or program whose output may be compared.
    Run { line: usize, program: Program, ends: Ends, output: Option<Output> },
    /// Something that cannot run here, and why; its commands are checked for form.
    NotRun { line: usize, commands: String, why: String },
    /// A file for later blocks.
    File { name: String, text: String },
    /// An object of the API.
    Shape { line: usize, schema: String, text: String },
    /// Text that nothing here prints, and why.
    NotChecked { line: usize, why: String },
}

/// How a block comes to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// By itself, with this code.
    With(i32),
    /// When it has printed this and is interrupted, with code 0.
    After(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    Shell(String),
    Python(String),
    Node(String),
}

/// Output that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Line of the fence of the block that shows it.
    pub line: usize,
    pub text: String,
    /// Whether it is one JSON value, compared by members.
    pub json: bool,
}

impl Page {
    /// Reads a page of the repository.
    pub fn read(name: &str) -> Self {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), path, needs: needs(&text), blocks: blocks(name, &text) }
    }

    /// Everything that is done with the page, in order; panics on a block that says too little.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut follows_run = false;
        for block in &self.blocks {
            let place = format!("{}:{}", self.name, block.line);
            let attribute = |name: &str| block.attributes.get(name).cloned();
            let shows_output = follows_run && matches!(block.language.as_str(), "json" | "text") && block.attributes.is_empty();
            follows_run = false;
            if let Some(why) = attribute("not-run") {
                steps.push(Step::NotRun { line: block.line, commands: commands_of(block), why });
            } else if let Some(name) = attribute("file") {
                steps.push(Step::File { name, text: block.text.clone() });
            } else if let Some(command) = attribute("printed-by") {
                let shown = Output { line: block.line, text: block.text.clone(), json: false };
                let wanted = Program::Shell(format!("{command}\n"));
                let printer = steps.iter_mut().rev().find_map(|step| match step {
                    Step::Run { program, output, .. } if *program == wanted => Some(output),
                    _ => None,
                });
                *printer.unwrap_or_else(|| panic!("{place}: no block above is `{command}`")) = Some(shown);
            } else if let Some(schema) = attribute("schema") {
                steps.push(Step::Shape { line: block.line, schema, text: block.text.clone() });
            } else if let Some(why) = attribute("not-checked") {
                steps.push(Step::NotChecked { line: block.line, why });
            } else if shows_output {
                let shown = Output { line: block.line, text: block.text.clone(), json: block.language == "json" };
                let Some(Step::Run { output, .. }) = steps.last_mut() else { panic!("{place}: follows nothing that runs") };
                *output = Some(shown);
            } else {
                steps.extend(self.runs(block, &place));
                follows_run = true;
            }
        }
        steps
    }

    fn runs(&self, block: &Block, place: &str) -> Vec<Step> {
        let exit = block.attributes.get("exit").map_or(0, |code| code.parse().unwrap_or_else(|_| panic!("{place}: exit={code}")));
        let ends = block.attributes.get("until").map_or(Ends::With(exit), |text| Ends::After(text.clone()));
        let text = block.text.clone();
        let program = match block.language.as_str() {
            "sh" => Program::Shell(text),
            "python" => Program::Python(text),
            "node" => Program::Node(text),
            "console" => return console(block, exit),
            language => panic!("{place}: a {language} block is neither run nor explained; see tests/docs/blocks.rs for what it may say"),
        };
        vec![Step::Run { line: block.line, program, ends, output: None }]
    }
}

fn needs(text: &str) -> Needs {
    match text.lines().next() {
        Some("<!-- needs: demo -->") => Needs::Demo,
        Some("<!-- needs: simulator -->") => Needs::Simulator,
        _ => Needs::Nothing,
    }
}

/// Fenced blocks of three backticks, which is all that our pages have.
pub fn blocks(name: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(info), None) => {
                let (language, attributes) = info_string(info);
                assert!(!language.is_empty(), "{name}:{}: a code block without a language", index + 1);
                open = Some(Block { line: index + 1, language, attributes, text: String::new() });
            }
            (Some(_), Some(_)) => panic!("{name}:{}: a fence inside a block", index + 1),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => assert!(
                !line.trim_start().starts_with("```") && !line.starts_with("~~~"),
                "{name}:{}: fences start at the margin and are three backticks",
                index + 1
            ),
        }
    }
    assert!(open.is_none(), "{name}: the last block is not closed");
    blocks
}

/// `sh a="b c" d=e` as a language and attributes.
fn info_string(info: &str) -> (String, BTreeMap<String, String>) {
    let (language, mut rest) = info.split_once(' ').unwrap_or((info, ""));
    let mut attributes = BTreeMap::new();
    while let Some((name, value)) = rest.trim_start().split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(' ').unwrap_or((value, "")),
        };
        attributes.insert(name.to_owned(), value.to_owned());
        rest = after;
    }
    (language.to_owned(), attributes)
}

/// The commands of a console block, each with what is shown after it.
fn console(block: &Block, exit: i32) -> Vec<Step> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    for (index, line) in block.text.lines().enumerate() {
        let continues = found.last().is_some_and(|(_, command, shown)| shown.is_empty() && command.ends_with("\\\n"));
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((block.line + 1 + index, format!("{command}\n"), String::new())),
            (None, Some((_, command, _))) if continues => command.push_str(&format!("{line}\n")),
            (None, Some((_, _, shown))) => shown.push_str(&format!("{line}\n")),
            (None, None) => panic!("line {}: a console block begins with a command", block.line),
        }
    }
    let last = found.len().saturating_sub(1);
    let run = |(index, (line, command, shown)): (usize, (usize, String, String))| Step::Run {
        line,
        program: Program::Shell(command),
        ends: Ends::With(if index == last { exit } else { 0 }),
        output: (!shown.is_empty()).then_some(Output { line, text: shown, json: false }),
    };
    found.into_iter().enumerate().map(run).collect()
}

fn commands_of(block: &Block) -> String {
    if block.language != "console" {
        return block.text.clone();
    }
    let commands = console(block, 0).into_iter().map(|step| match step {
        Step::Run { program: Program::Shell(text), .. } => text,
        _ => String::new(),
    });
    commands.collect()
}

#[test]
fn blocks_are_read_with_their_attributes_and_outputs() {
    let text = "<!-- needs: demo -->\n```sh\na\n```\n\n```json\n{}\n```\n```sh not-run=\"it never ends\"\nb\n```\n```console exit=1\n$ c \\\n  d\ne\n$ f\ng\n```\n```sh until=\"up now\"\nh\n```\n\n```sh\ni\n```\n```text printed-by=\"h\"\nup now\n```\n";
    let page = Page { name: "p".into(), path: PathBuf::new(), needs: needs(text), blocks: blocks("p", text) };
    assert_eq!(page.needs, Needs::Demo);
    let shell = |text: &str| Program::Shell(text.into());
    let shown = |line, text: &str, json| Some(Output { line, text: text.into(), json });
    assert_eq!(
        page.steps(),
        [
            Step::Run { line: 2, program: shell("a\n"), ends: Ends::With(0), output: shown(6, "{}\n", true) },
            Step::NotRun { line: 9, commands: "b\n".into(), why: "it never ends".into() },
            Step::Run { line: 13, program: shell("c \\\n  d\n"), ends: Ends::With(0), output: shown(13, "e\n", false) },
            Step::Run { line: 16, program: shell("f\n"), ends: Ends::With(1), output: shown(16, "g\n", false) },
            Step::Run { line: 19, program: shell("h\n"), ends: Ends::After("up now".into()), output: shown(26, "up now\n", false) },
            Step::Run { line: 23, program: shell("i\n"), ends: Ends::With(0), output: None },
        ]
    );
}
