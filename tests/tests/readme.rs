//! Holds the README to the code: its samples are the tests below, its failure sample is what the example prints.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without may fail it")]

use tcpclient_tokio::prelude::*;
use tcpclient_tokio::tls::Identity;
use tokio_rustls::TlsConnector;

#[path = "../../adapter-tokio/examples/failure.rs"]
mod failure_example;

/// The README's samples, each as it stands there.
mod samples {
    mod hello {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn hello() {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.expect_bytes(b"Hello, server!");
            server.send_bytes(b"Hello, client!");
            server.expect_disconnect();

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(b"Hello, server!").await.unwrap();
            let mut reply = [0; 14];
            client.read_exact(&mut reply).await.unwrap();
            drop(client);

            server.join().await;
        }
    }

    mod greets {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn greets() {
            TcpServer::run(async |server| {
                server.expect_connect();
                server.send_bytes("220 ready\r\n");

                let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
                let mut greeting = [0; 11];
                client.read_exact(&mut greeting).await.unwrap();
            })
            .await;
        }
    }

    mod rstest_fixture {
        use rstest::{fixture, rstest};
        use tcpclient_tokio::prelude::*;

        #[fixture]
        async fn server() -> TcpServer {
            TcpServer::bind().await.unwrap()
        }

        #[rstest]
        #[tokio::test]
        async fn says_hello(#[future(awt)] server: TcpServer) {
            server.expect_connect();
            server.expect_bytes("Hello");

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(b"Hello").await.unwrap();
            drop(client);

            server.finish().await;
        }
    }

    mod in_memory {
        use tcpclient_tokio::prelude::*;

        #[tokio::test(start_paused = true)]
        async fn waits_for_hours() {
            let server = TcpServer::in_memory();
            server.expect_connect();
            server.expect_bytes("are we there yet?").within(Duration::from_secs(24 * 3600));
            server.pause(Duration::from_secs(600));
            server.send_bytes("no");

            let mut client = server.connect_in_memory();
            tokio::time::sleep(Duration::from_secs(12 * 3600)).await;
            client.write_all(b"are we there yet?").await.unwrap();
            client.read_exact(&mut [0; 2]).await.unwrap();
            drop(client);

            server.finish().await;
        }
    }

    mod every_cut {
        use tcpclient_tokio::prelude::*;
        use tokio::io::BufReader;

        #[tokio::test]
        async fn greets_however_it_comes() {
            TcpServer::explore(async |server| {
                server.expect_connect();
                server.send_line("220 ready");
                server.expect_line("QUIT");

                let mut client = BufReader::new(server.connect_in_memory());
                let mut greeting = String::new();
                client.read_line(&mut greeting).await.unwrap();
                assert_eq!(greeting, "220 ready\r\n");
                client.write_all(b"QUIT\r\n").await.unwrap();
            })
            .await;
        }
    }

    mod blocking {
        use std::io::{Read, Write};
        use std::net::TcpStream;
        use tcpclient_tokio::TcpServer;

        #[test]
        fn blocks() {
            let server = TcpServer::bind_blocking().unwrap();
            server.expect_connect();
            server.expect_bytes("ping");
            server.send_bytes("pong");

            let mut client = TcpStream::connect(server.local_addr()).unwrap();
            client.write_all(b"ping").unwrap();
            client.read_exact(&mut [0; 4]).unwrap();
            drop(client);

            server.finish_blocking();
        }
    }

    mod not_up {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn tries_again() {
            let server = TcpServer::builder().refusing().bind().await.unwrap();
            let error = TcpStream::connect(server.local_addr()).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);

            server.open().unwrap();
            server.expect_connect();
            server.send_bytes("220 ready");
            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.read_exact(&mut [0; 9]).await.unwrap();
            drop(client);

            server.finish().await;
        }
    }

    mod mail {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn mail() {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.send_line("220 ready");
            server.expect_line(Pattern::prefix("EHLO ")).named("greeting");
            server.reply(|line| [b"250 hello ", &line[5..], b"\r\n"].concat());
            server.expect_line("DATA");
            server.send_line("354 go on");
            let mail = server.expect_until("\r\n.\r\n", Pattern::contains("Subject: "));
            server.send_line("250 queued");

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            let mail_text = "Subject: hello\r\n\r\nHello!\r\n.\r\n";
            for (line, answer) in [
                ("", "220 ready\r\n"),
                ("EHLO me\r\n", "250 hello me\r\n"),
                ("DATA\r\n", "354 go on\r\n"),
                (mail_text, "250 queued\r\n"),
            ] {
                client.write_all(line.as_bytes()).await.unwrap();
                let mut reply = vec![0; answer.len()];
                client.read_exact(&mut reply).await.unwrap();
                assert_eq!(reply, answer.as_bytes());
            }
            drop(client);

            server.finish().await;
            assert_eq!(mail.bytes().as_deref(), Some(mail_text.as_bytes()));
        }
    }

    mod frames {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn frames() {
            let framing = Framing::length_prefixed(2).max_length(1024);
            let server = TcpServer::builder().framing(framing).bind().await.unwrap();
            server.expect_connect();
            let request = server.expect_frame("ping").within(Duration::from_millis(200)).named("request");
            server.send_frame("pong");

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(b"\x00\x04ping").await.unwrap();
            let mut reply = [0; 6];
            client.read_exact(&mut reply).await.unwrap();
            assert_eq!(&reply, b"\x00\x04pong");
            drop(client);

            server.finish().await;
            assert_eq!(request.bytes().as_deref(), Some(&b"ping"[..]));
        }
    }

    mod late {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn a_reply_that_is_late() {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.expect_line("GET key");
            server.send_bytes("$4\r\nk");
            server.mark("half of it");
            server.hold("timed out");
            server.send_bytes("ey1\r\n");
            server.expect_silence(Duration::from_millis(20));

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(b"GET key\r\n").await.unwrap();
            server.reached("half of it").await;
            let mut reply = [0; 10];
            let whole = tokio::time::timeout(Duration::from_millis(10), client.read_exact(&mut reply)).await;
            assert!(whole.is_err());
            server.release("timed out");
            client.read_exact(&mut reply[5..]).await.unwrap();
            assert_eq!(&reply[5..], b"ey1\r\n");
            drop(client);
            server.finish().await;
        }
    }

    mod flow {
        use tcpclient_tokio::prelude::*;

        fn login(s: &Script) {
            s.optional(|s| {
                s.expect_frame("AUTH secret");
                s.send_frame("welcome");
            });
        }

        #[tokio::test]
        async fn a_client_that_pings() {
            let server = TcpServer::builder().framing(Framing::lines()).bind().await.unwrap();
            let pings = server.anytime("PING", "PONG");
            server.expect_connect();
            login(&server);
            server.repeat_until_disconnect(|s| {
                s.expect_frame(Pattern::prefix("GET "));
                s.reply_frame(|request| [b"value of ", &request[4..]].concat());
            });

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            for (request, answer) in [("GET a", "value of a"), ("PING", "PONG"), ("GET b", "value of b")] {
                client.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
                let mut reply = vec![0; answer.len() + 2];
                client.read_exact(&mut reply).await.unwrap();
                assert_eq!(reply, format!("{answer}\r\n").as_bytes());
            }
            drop(client);

            server.finish().await;
            assert_eq!(pings.count(), 1);
        }
    }

    mod by_hand {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn a_tunnel() {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.expect_line("CONNECT example.org:443");
            server.send_line("200 go on");
            let tunnel = server.hand_over();

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.write_all(b"CONNECT example.org:443\r\nearly").await.unwrap();
            client.read_exact(&mut [0; 11]).await.unwrap();

            let mut tunnel = tunnel.await;
            let mut early = [0; 5];
            tunnel.read_exact(&mut early).await.unwrap();
            assert_eq!(&early, b"early");
            server.finish().await;
        }
    }

    mod encrypted {
        use std::sync::Arc;
        use tcpclient_tokio::prelude::*;
        use tcpclient_tokio::tls::Identity;
        use tokio_rustls::TlsConnector;

        #[tokio::test]
        async fn mail_that_is_encrypted() {
            let identity = Identity::new();
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.send_line("220 ready");
            server.expect_line("STARTTLS");
            server.send_line("220 go on");
            server.start_tls(identity.tls().server_name("localhost"));
            server.expect_line("QUIT");
            server.send_line("221 bye");
            server.disconnect();

            let mut client = TcpStream::connect(server.local_addr()).await.unwrap();
            client.read_exact(&mut [0; 11]).await.unwrap();
            client.write_all(b"STARTTLS\r\n").await.unwrap();
            client.read_exact(&mut [0; 11]).await.unwrap();
            let tls = TlsConnector::from(Arc::new(identity.client_config()));
            let mut client = tls.connect("localhost".try_into().unwrap(), client).await.unwrap();
            client.write_all(b"QUIT\r\n").await.unwrap();
            let mut reply = String::new();
            client.read_to_string(&mut reply).await.unwrap();
            assert_eq!(reply, "221 bye\r\n");
            drop(client);

            server.finish().await;
        }
    }

    mod several {
        use tcpclient_tokio::prelude::*;

        #[tokio::test]
        async fn publishes() {
            let server = TcpServer::bind().await.unwrap();
            server.expect_connect();
            server.hold("subscribed");
            server.expect_line("PUBLISH news");
            server.mark("published");

            let subscriber = server.script();
            subscriber.expect_connect();
            subscriber.expect_line("SUBSCRIBE news");
            subscriber.mark("subscribed");
            subscriber.hold("published");
            subscriber.send_line("news");

            let mut publishes = TcpStream::connect(server.local_addr()).await.unwrap();
            let mut subscribes = TcpStream::connect(server.local_addr()).await.unwrap();
            subscribes.write_all(b"SUBSCRIBE news\r\n").await.unwrap();
            publishes.write_all(b"PUBLISH news\r\n").await.unwrap();
            let mut news = [0; 6];
            subscribes.read_exact(&mut news).await.unwrap();
            drop((publishes, subscribes));

            server.finish().await;
        }
    }
}

const README: &str = include_str!("../../README.md");

/// Returns the README's blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    let text = README.replace("\r\n", "\n");
    let mut blocks = text.split("\n```").skip(1).step_by(2);
    let blocks = blocks.by_ref().filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    blocks.map(str::to_owned).collect()
}

#[test]
fn every_sample_is_a_test_of_this_file() {
    let this: String = include_str!("readme.rs").lines().map(|line| line.trim().to_owned() + "\n").collect();
    let samples = blocks("rust");
    assert_eq!(samples.len(), 14);
    for sample in samples {
        let lines: String = sample.lines().map(|line| line.trim().to_owned() + "\n").collect();
        assert!(this.contains(&lines), "this sample is not what is tested:\n{sample}");
    }
}

/// The guide's own sample is not run where it stands: rustdoc compiles no tests.
#[test]
fn the_guide_to_rstest_has_the_sample_of_the_readme() {
    let guide = include_str!("../../adapter-tokio/guide/rstest-and-nextest.md").replace("\r\n", "\n");
    let sample = guide.split("```\n").nth(1).unwrap();
    assert!(blocks("rust").iter().any(|block| block.trim() == sample.trim()), "this is not in the README:\n{sample}");
}

#[tokio::test]
async fn the_failure_sample_is_what_the_example_prints() {
    let failure = failure_example::report().await.unwrap().unwrap_err();
    let same = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(" s  ") {
            Some((moment, event)) if moment.trim().parse::<f64>().is_ok() => format!("    {event}"),
            _ => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut pieces = text.split("127.0.0.1:");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + "127.0.0.1" + piece.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    let printed = failure.to_string().replace('\\', "/");
    let folder = printed.split(" at ").nth(1).unwrap().split("adapter-tokio").next().unwrap().to_owned();
    let samples = blocks("text");
    assert_eq!(same(&samples[0]), same(&printed.replace(&folder, "")));
}

#[tokio::test]
async fn the_unread_sample_is_what_a_report_says() {
    let server = TcpServer::in_memory();
    server.expect_connect();
    server.send_bytes("OneTwo");
    server.expect_disconnect();
    let mut client = server.connect_in_memory();
    client.read_exact(&mut [0; 3]).await.unwrap();
    drop(client);
    let report = server.try_join().await.unwrap_err().to_string();
    assert!(report.contains(&format!("\n{}\n", blocks("text")[1])), "{report}");
}

#[tokio::test]
async fn the_sample_of_a_cut_is_what_a_report_says() {
    let explore = TcpServer::explore(async |server| {
        server.expect_connect();
        server.send_line("220 ready");
        server.expect_line("QUIT");

        let mut client = server.connect_in_memory();
        let mut bytes = [0; 512];
        let mut count = 0;
        while !bytes[..count].ends_with(b"\r\n") {
            count = client.read(&mut bytes).await.unwrap();
        }
        client.write_all(b"QUIT\r\n").await.unwrap();
    });
    let report = tokio::spawn(explore).await.unwrap_err().into_panic().downcast::<String>().unwrap();
    assert!(report.contains(&format!("\n{}\n", blocks("text")[2])), "{report}");
}

#[tokio::test]
async fn the_tls_sample_is_what_a_report_says() {
    let server = TcpServer::builder().tls(Identity::new()).in_memory();
    server.expect_connect();
    let connector = TlsConnector::from(std::sync::Arc::new(Identity::new().client_config()));
    let client = server.connect_in_memory();
    connector.connect("localhost".try_into().unwrap(), client).await.unwrap_err();
    let report = server.try_join().await.unwrap_err().to_string();
    assert!(report.contains(&format!("\n{}\n", blocks("text")[3])), "{report}");
}
