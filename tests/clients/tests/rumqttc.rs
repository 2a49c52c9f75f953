//! The `rumqttc` crate against a scripted broker.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tcpclient_clients::mqtt::{connack, packet_id, pings, puback, publish};
use tcpclient_tokio::prelude::*;

fn options(server: &TcpServer) -> MqttOptions {
    let mut options = MqttOptions::new("me", "127.0.0.1", server.port());
    // No pings.
    options.set_keep_alive(Duration::ZERO);
    options.set_clean_session(false);
    options
}

/// After `reconnection_resends_unacked_packets_from_the_previous_connection_first` in `rumqttc/tests/reliability.rs`, where a second
/// broker has to bind the port of the first one again.
#[tokio::test]
async fn unacked_messages_are_resent_first_after_a_reset() {
    TcpServer::run(async |server| {
        server.expect_connect();
        connack(&server, false);
        let one = server.expect_frame(publish("hello", "one"));
        let two = server.expect_frame(publish("hello", "two"));
        // Two messages may be without an answer, so that the third one waits.
        server.expect_silence(Duration::from_millis(20));
        server.reset();

        server.expect_connect();
        connack(&server, true);
        let one_again = server.expect_frame(publish("hello", "one"));
        puback(&server);
        let two_again = server.expect_frame(publish("hello", "two"));
        puback(&server);
        server.expect_frame(publish("hello", "three"));
        puback(&server);

        let mut options = options(&server);
        options.set_inflight(2);
        let (client, mut events) = AsyncClient::new(options, 10);
        for payload in ["one", "two", "three"] {
            client.publish("hello", QoS::AtLeastOnce, false, payload).await.unwrap();
        }
        let mut errors = 0;
        let mut acks = 0;
        while acks < 3 {
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(_))) => acks += 1,
                Ok(_) => {}
                Err(_) => errors += 1,
            }
        }
        assert_eq!(errors, 1);
        let id = |step: &Pushed| packet_id(&step.bytes().unwrap()).to_vec();
        assert_eq!([id(&one_again), id(&two_again)], [id(&one), id(&two)]);
    })
    .await;
}

/// The crate pings a broker that it hears nothing of, at most once a second. The script says nothing of that: it waits for a message.
#[tokio::test]
async fn pings_are_answered_while_the_script_waits() {
    TcpServer::run(async |server| {
        let pings = pings(&server);
        server.expect_connect();
        connack(&server, false);
        server.expect_frame(publish("hello", "one")).within(Duration::from_secs(10));
        puback(&server);
        server.hold("acknowledged");
        server.disconnect();

        let mut options = options(&server);
        options.set_keep_alive(Duration::from_secs(1));
        let (client, mut events) = AsyncClient::new(options, 10);
        while events.poll().await.unwrap() != Event::Incoming(Packet::PingResp) {}
        assert!(pings.count() > 0);
        client.publish("hello", QoS::AtLeastOnce, false, "one").await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {}
        // The client is not the first to go: it might leave the answer to a ping behind.
        server.release("acknowledged");
        server.join().await;
    })
    .await;
}
