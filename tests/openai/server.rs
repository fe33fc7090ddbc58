//! A server that plays a script: one answer for each connection, then it is gone.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use agentbus::service::actor::{ChatCompletionsBuilder, ChatCompletionsModel};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::log;

/// What the server does with one connection, once the question has arrived.
pub(crate) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

enum Then {
    Close,
    /// Waits until the other side closes.
    Hold,
    /// Says this again and again until the other side closes.
    Repeat(Vec<u8>),
}

impl Answer {
    /// These bytes, whatever they are.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), then: Then::Close }
    }

    /// A response with that status, these further headers (each with its end) and that body.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
    }

    /// A success with that body.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::status(200, "Content-Type: application/json\r\n", &body.to_string())
    }

    /// A reply that says so much.
    pub(crate) fn says(text: &str) -> Self {
        Self::ok(&says(text))
    }

    /// The same, but the connection stays open.
    pub(crate) fn and_hold(self) -> Self {
        Self { then: Then::Hold, ..self }
    }

    /// The same, and then this without end.
    pub(crate) fn and_repeat(self, again: impl Into<Vec<u8>>) -> Self {
        Self { then: Then::Repeat(again.into()), ..self }
    }
}

/// The body of a reply that says so much.
pub(crate) fn says(text: &str) -> Value {
    json!({"id": "x", "model": "some-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}})
}

/// The body of a reply that asks for tools: ids, names, arguments as they are written.
pub(crate) fn asks(calls: &[(&str, &str, &str)]) -> Value {
    let call = |(id, name, arguments): &(&str, &str, &str)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls: Vec<_> = calls.iter().map(call).collect();
    json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": calls},
        "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 100, "completion_tokens": 10}})
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The lines before the body, the names of headers in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: Value,
}

/// A server on a free port of the loopback.
pub(crate) struct Server {
    pub(crate) origin: String,
    questions: Arc<Mutex<Vec<Question>>>,
    /// How many questions have arrived.
    arrived: watch::Receiver<usize>,
    task: AbortOnDropHandle<()>,
}

impl Server {
    /// Plays these answers, one for each connection, and is gone after the last.
    pub(crate) async fn play(answers: impl IntoIterator<Item = Answer>) -> Self {
        log::start();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let questions = Arc::new(Mutex::new(Vec::new()));
        let (told, arrived) = watch::channel(0);
        let (seen, answers) = (Arc::clone(&questions), answers.into_iter().collect::<Vec<_>>());
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let question = read_question(&mut stream).await;
                seen.lock().unwrap().push(question);
                told.send_modify(|arrived| *arrived += 1);
                give(&mut stream, &answer).await;
            }
        }));
        Self { origin, questions, arrived, task }
    }

    /// A model behind this server, without a key, that waits for nothing between attempts.
    pub(crate) fn model(&self) -> ChatCompletionsBuilder {
        let builder = ChatCompletionsModel::builder(format!("{}/v1", self.origin), "some-model");
        builder.without_key().backoff(std::time::Duration::ZERO)
    }

    /// Waits until so many questions have arrived.
    pub(crate) async fn until_asked(&mut self, times: usize) {
        self.arrived.wait_for(|arrived| *arrived >= times).await.unwrap();
    }

    /// What was asked so far.
    pub(crate) fn questions(&self) -> Vec<Question> {
        self.questions.lock().unwrap().clone()
    }

    /// Waits until the last answer was given and its connection is closed; what was asked.
    pub(crate) async fn finished(self) -> Vec<Question> {
        self.task.await.unwrap();
        let questions = self.questions.lock().unwrap();
        questions.clone()
    }
}

/// Reads one request, whole.
async fn read_question(stream: &mut TcpStream) -> Question {
    let mut bytes = Vec::new();
    let head_ends = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "a request ended in its head");
    };
    let head = std::str::from_utf8(&bytes[..head_ends]).unwrap();
    let head: Vec<_> = head.split("\r\n").map(lower_name).collect();
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let whole = head_ends + 4 + length.parse::<usize>().unwrap();
    while bytes.len() < whole {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "a request ended in its body");
    }
    Question { body: serde_json::from_slice(&bytes[head_ends + 4..]).unwrap(), head }
}

fn lower_name(line: &str) -> String {
    match line.split_once(':') {
        Some((name, value)) if !name.contains(' ') => format!("{}:{value}", name.to_lowercase()),
        _ => line.to_owned(),
    }
}

/// Gives an answer. The other side may close whenever it wants, so that writing may fail.
async fn give(stream: &mut TcpStream, answer: &Answer) {
    let written = stream.write_all(&answer.bytes).await;
    match &answer.then {
        Then::Close => written.unwrap(),
        Then::Hold => {
            let more = stream.read(&mut [0; 64]).await.unwrap_or(0);
            assert_eq!(more, 0, "nothing is asked before the answer");
        }
        Then::Repeat(again) => while stream.write_all(again).await.is_ok() {},
    }
}

/// A body in chunks of so many bytes.
pub(crate) fn chunked(body: &str, size: usize) -> String {
    let mut chunks = String::new();
    for chunk in body.as_bytes().chunks(size) {
        write!(chunks, "{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()).unwrap();
    }
    chunks + "0\r\n\r\n"
}
