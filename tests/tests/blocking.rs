//! Clients that block, in every place where a test may have one, each with the form of server that the documentation names for it.
//!
//! They must pass with one thread for each executor, and on one core: `.ci/run` runs them so as well.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tcpclient_core::server::{Script, Server, runtime::Runtime};

fn script(script: &Script) {
    script.expect_connect();
    script.expect_bytes("ping");
    script.send_bytes("pong");
    script.expect_disconnect();
}

fn client(addr: SocketAddr) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(b"ping").unwrap();
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"pong");
}

/// The form without a runtime in the test: a plain `#[test]`.
fn in_a_plain_test<R: Runtime>() {
    let server = Server::<R>::bind_blocking().unwrap();
    script(&server);
    client(server.local_addr());
    server.join_blocking();
    server.finish_blocking();

    let reply = Server::<R>::run_blocking(|server| {
        script(&server);
        client(server.local_addr());
        "value"
    });
    assert_eq!(reply, "value");
}

#[test]
#[should_panic(expected = "a server of bind_blocking() is asked with join_blocking() or finish_blocking()")]
fn a_server_that_is_dropped_unasked_says_how_to_ask() {
    let server = tcpclient_tokio::TcpServer::bind_blocking().unwrap();
    server.expect_connect();
}

mod tokio_ {
    use super::{client, in_a_plain_test, script};
    use tcpclient_tokio::{TcpServer, Tokio};

    #[test]
    fn a_plain_test() {
        in_a_plain_test::<Tokio>();
    }

    #[tokio::test]
    async fn the_body_of_a_test_with_one_thread() {
        let server = TcpServer::bind_blocking().unwrap();
        script(&server);
        client(server.local_addr());
        server.finish().await;
    }

    #[tokio::test]
    async fn a_task_for_blocking() {
        let server = TcpServer::bind().await.unwrap();
        script(&server);
        let addr = server.local_addr();
        tokio::task::spawn_blocking(move || client(addr)).await.unwrap();
        server.finish().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_body_of_a_test_with_several_threads() {
        let server = TcpServer::bind().await.unwrap();
        script(&server);
        client(server.local_addr());
        server.finish().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_spawned_task() {
        let server = TcpServer::bind_blocking().unwrap();
        script(&server);
        let addr = server.local_addr();
        tokio::spawn(async move { client(addr) }).await.unwrap();
        server.finish().await;
    }

    #[tokio::test]
    #[should_panic(expected = "bind it with bind_blocking()")]
    async fn blocking_the_thread_of_the_server_is_refused() {
        TcpServer::bind().await.unwrap().finish_blocking();
    }
}

mod async_std_ {
    use super::{client, in_a_plain_test, script};
    use async_std::task;
    use tcpclient_async_std::{AsyncStd, TcpServer};

    #[test]
    fn a_plain_test() {
        in_a_plain_test::<AsyncStd>();
    }

    #[test]
    fn the_body_of_a_test() {
        task::block_on(async {
            let server = TcpServer::bind().await.unwrap();
            script(&server);
            client(server.local_addr());
            server.finish().await;
        });
    }

    #[test]
    fn a_spawned_task() {
        task::block_on(async {
            let server = TcpServer::bind_blocking().unwrap();
            script(&server);
            let addr = server.local_addr();
            task::spawn(async move { client(addr) }).await;
            server.finish().await;
        });
    }
}

mod smol_ {
    use super::{client, in_a_plain_test, script};
    use tcpclient_smol::{Smol, TcpServer};

    #[test]
    fn a_plain_test() {
        in_a_plain_test::<Smol>();
    }

    #[test]
    fn the_body_of_a_test() {
        smol::block_on(async {
            let server = TcpServer::bind().await.unwrap();
            script(&server);
            client(server.local_addr());
            server.finish().await;
        });
    }

    #[test]
    fn a_task_of_a_local_executor() {
        let executor = smol::LocalExecutor::new();
        smol::block_on(executor.run(async {
            let server = TcpServer::bind().await.unwrap();
            script(&server);
            let addr = server.local_addr();
            executor.spawn(async move { client(addr) }).await;
            server.finish().await;
        }));
    }

    #[test]
    fn a_spawned_task() {
        smol::block_on(async {
            let server = TcpServer::bind_blocking().unwrap();
            script(&server);
            let addr = server.local_addr();
            smol::spawn(async move { client(addr) }).await;
            server.finish().await;
        });
    }
}
