//! Asking again, and how long it waits before.

use std::time::Duration;

use agentbus::service::actor::{EndpointError, ModelError};

use crate::server::{Answer, Server};
use crate::{ask, log, pass};

#[tokio::test]
async fn what_may_succeed_later_is_asked_again() {
    let busy = |status| Answer::status(status, "", "busy");
    for failing in [
        busy(429),
        busy(500),
        busy(502),
        busy(503),
        busy(504),
        Answer::raw(""),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    ] {
        let server = Server::play([failing, Answer::says("done")]).await;
        assert_eq!(ask(&server.model().build().unwrap()).await.unwrap().text, "done");
        let [first, second] = &server.finished().await[..] else { panic!("it was asked twice") };
        assert_eq!((&first.head, &first.body), (&second.head, &second.body));
    }
}

#[tokio::test]
async fn it_is_asked_no_more_often_than_allowed() {
    let server = Server::play([500, 503, 500].map(|status| Answer::status(status, "", ""))).await;
    let origin = server.origin.clone();
    let error = ask(&server.model().retries(2).build().unwrap()).await.unwrap_err();
    let status = EndpointError::Status { status: 500, message: None };
    assert_eq!(error, ModelError::Endpoint { endpoint: origin.clone(), attempts: 3, error: status });
    assert_eq!(error.to_string(), format!("the model at {origin} gave no answer in 3 attempts: status 500"));
    assert_eq!(server.finished().await.len(), 3);
    assert_eq!(log::lines(&["model_retried", &origin]).len(), 2, "each further attempt is logged");
}

#[tokio::test]
async fn it_waits_as_long_as_it_is_asked_to() {
    let dates = "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:07 GMT\r\n";
    for (status, headers) in [(429, "Retry-After: 7\r\n"), (503, dates)] {
        let server = Server::play([Answer::status(status, headers, ""), Answer::says("done")]).await;
        let model = server.model().build().unwrap();
        let asking = tokio::spawn(async move { ask(&model).await });
        let line = log::until_line(&["model_retried", &server.origin]).await;
        assert!(line.contains("delay_ms=7000") && line.contains("attempt=2"), "{line}");
        pass(Duration::from_secs(6)).await;
        assert_eq!(server.questions().len(), 1);
        pass(Duration::from_secs(2)).await;
        assert_eq!(asking.await.unwrap().unwrap().text, "done");
    }
}

#[tokio::test]
async fn it_waits_no_longer_than_it_may() {
    let asks_for_ages = || Answer::status(429, "Retry-After: 99999999999999999999\r\n", "");
    let server = Server::play([asks_for_ages(), asks_for_ages(), Answer::says("done")]).await;
    let model = server.model().longest_wait(Duration::ZERO).build().unwrap();
    assert_eq!(ask(&model).await.unwrap().text, "done");
}

#[tokio::test]
async fn without_being_asked_to_it_waits_longer_each_time() {
    let server = Server::play([500, 500, 500].map(|status| Answer::status(status, "", ""))).await;
    let model = server.model().retries(2).backoff(Duration::from_secs(8)).build().unwrap();
    let asking = tokio::spawn(async move { ask(&model).await });
    for (attempt, longest) in [(2, 8_000), (3, 16_000)] {
        let attempt = format!("attempt={attempt}");
        let line = log::until_line(&["model_retried", &server.origin, &attempt]).await;
        let delay = line.split_once("delay_ms=").unwrap().1.split(' ').next().unwrap();
        let delay: u64 = delay.parse().unwrap();
        assert!((longest / 2..=longest).contains(&delay), "{line}");
        pass(Duration::from_millis(longest)).await;
    }
    assert!(asking.await.unwrap().is_err());
    assert_eq!(server.finished().await.len(), 3);
}

#[tokio::test]
async fn an_attempt_that_took_too_long_is_made_again() {
    let mut server = Server::play([Answer::raw("").and_hold(), Answer::says("done")]).await;
    let model = server.model().timeout(Duration::from_secs(30)).build().unwrap();
    let asking = tokio::spawn(async move { ask(&model).await });
    server.until_asked(1).await;
    pass(Duration::from_secs(30)).await;
    assert_eq!(asking.await.unwrap().unwrap().text, "done");
}
