//! A small server, made with the crate that the client is made with.

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

/// What it is given in the variable `KEY`, if anything.
pub(crate) const KEY: &str = "open-sesame-4711";

/// What the server does otherwise than a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Good,
    /// Its tools are such as nobody wants.
    Hostile,
    ManyTools,
    ManyPatterns,
    LargeTools,
    EndlessPages,
    HangsAtList,
    DiesAtList,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "good" => Self::Good,
            "hostile" => Self::Hostile,
            "many tools" => Self::ManyTools,
            "many patterns" => Self::ManyPatterns,
            "large tools" => Self::LargeTools,
            "endless pages" => Self::EndlessPages,
            "hangs at list" => Self::HangsAtList,
            "dies at list" => Self::DiesAtList,
            _ => return None,
        })
    }
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) mode: Mode,
}

fn tool(name: impl Into<String>, schema: Value) -> Tool {
    let Value::Object(schema) = schema else { panic!("a schema is an object") };
    Tool::new(name.into(), "Does what its name says.", Arc::new(schema))
}

fn good_tools() -> Vec<Tool> {
    let echo = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
    let any = || json!({"type": "object"});
    let mut tools = vec![tool("echo", echo).annotate(ToolAnnotations::new().read_only(true))];
    tools.extend(
        [
            "parts",
            "fail",
            "hang",
            "die",
            "environment",
            "family",
            "value",
            "fail_with_value",
            "refuse_with_value",
        ]
        .map(|name| tool(name, any())),
    );
    let both = ToolAnnotations::new().read_only(true).destructive(true);
    tools.push(tool("contradict", any()).annotate(both));
    tools
}

fn hostile_tools() -> Vec<Tool> {
    let any = || json!({"type": "object"});
    let mut loud = tool("loud", any());
    loud.description = Some(format!("\u{1b}[2J\u{202e}\u{e0041}{KEY} {}", "x".repeat(100_000)).into());
    let pattern = json!({"pattern": "a"});
    let called = |name: &str| {
        let named = Value::Object(serde_json::Map::from_iter([(name.to_owned(), any())]));
        json!({"properties": named})
    };
    vec![
        tool("twice", any()),
        tool("twice", json!({"type": "object", "title": "the other one"})),
        tool("remote", json!({"properties": {"x": {"$ref": "https://example.com/schema"}}})),
        tool("bad", json!({"type": "objekt"})),
        tool("runaway", json!({"properties": {"x": {"pattern": "(a{999}){999}"}}})),
        tool("large", json!({"type": "object", "description": "x".repeat(300_000)})),
        tool("patterns", json!({"allOf": vec![pattern; 65]})),
        tool("hidden", called("a\u{202e}b")),
        tool("lines", called("path\nand now something else")),
        tool("long", called(&"x".repeat(257))),
        tool("leak", json!({"properties": {"x": {"const": KEY}}})),
        tool("\u{1b}[2J../../etc", any()),
        tool("n".repeat(10_000), any()),
        tool("n".repeat(10_001), any()),
        tool("", any()),
        loud,
    ]
}

impl ServerHandler for Small {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _asked: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        match self.mode {
            Mode::Good => Ok(ListToolsResult::with_all_items(good_tools())),
            Mode::Hostile => Ok(ListToolsResult::with_all_items(hostile_tools())),
            Mode::ManyTools => {
                let tools = (0..10_000).map(|nth| tool(format!("t{nth}"), json!({"type": "object"})));
                Ok(ListToolsResult::with_all_items(tools.collect()))
            }
            Mode::ManyPatterns => {
                let schema = json!({"allOf": vec![json!({"pattern": "a"}); 64]});
                let tools = (0..10).map(|nth| tool(format!("t{nth}"), schema.clone()));
                Ok(ListToolsResult::with_all_items(tools.collect()))
            }
            Mode::LargeTools => {
                let schema = json!({"type": "object", "description": "x".repeat(200_000)});
                let tools = (0..30).map(|nth| tool(format!("t{nth}"), schema.clone()));
                Ok(ListToolsResult::with_all_items(tools.collect()))
            }
            Mode::EndlessPages => {
                let mut page = ListToolsResult::with_all_items(Vec::new());
                page.next_cursor = Some("more".to_owned());
                Ok(page)
            }
            Mode::HangsAtList => std::future::pending().await,
            Mode::DiesAtList => std::process::exit(3),
        }
    }

    async fn call_tool(
        &self,
        asked: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = asked.arguments.unwrap_or_default();
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let said = |text: String| Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
        match &*asked.name {
            "echo" => said(text("text")),
            "parts" => Ok(said_in_parts().into()),
            "fail" => Ok(CallToolResult::error(vec![ContentBlock::text(text("text"))]).into()),
            "hang" => {
                touch(&text("begun"));
                context.ct.cancelled().await;
                touch(&text("cancelled"));
                std::future::pending().await
            }
            "die" => std::process::exit(3),
            "environment" => said(std::env::vars().map(|(name, _value)| name).collect::<Vec<_>>().join(" ")),
            "family" => said(family()),
            "value" => said(value(&text("text"))),
            "fail_with_value" => {
                Ok(CallToolResult::error(vec![ContentBlock::text(value(&text("text")))]).into())
            }
            "refuse_with_value" => Err(ErrorData::invalid_params(value(&text("text")), None)),
            _ => Err(ErrorData::invalid_params("no such tool; my key is sk-0123456789abcdefghijkl", None)),
        }
    }
}

fn said_in_parts() -> CallToolResult {
    let parts = vec![
        ContentBlock::text("one"),
        ContentBlock::image("AAAA".repeat(100), "image/png"),
        ContentBlock::text("two"),
    ];
    CallToolResult::success(parts)
}

fn value(variable: &str) -> String {
    format!("it is {}", std::env::var(variable).unwrap())
}

fn touch(path: &str) {
    if !path.is_empty() {
        std::fs::write(PathBuf::from(path), "").unwrap();
    }
}

/// Starts a child that has a child, and tells their ids and its own.
fn family() -> String {
    use std::io::{BufRead as _, BufReader};
    let mut child = std::process::Command::new("sh")
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut grandchild = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut grandchild).unwrap();
    let (child_id, grandchild) = (child.id(), grandchild.trim().parse::<u64>().unwrap());
    // Somebody has to wait for it, should it end.
    std::thread::spawn(move || child.wait());
    json!({"server": std::process::id(), "child": child_id, "grandchild": grandchild}).to_string()
}
