//! Every runtime, on sockets and in memory, for clients that take any stream.

use smol::io::{AsyncRead, AsyncWrite};

/// What a client talks to its server by.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Makes tests of an `async fn case<S: Stream>(server: &Script, connect: impl AsyncFn() -> S)`.
macro_rules! on_every_stage {
    ($case:ident) => {
        mod $case {
            use async_std::task::block_on as on_async_std;
            use smol::block_on as on_smol;
            use tokio_util::compat::TokioAsyncReadCompatExt;

            #[tokio::test]
            async fn tokio() {
                let server = tcpclient_tokio::TcpServer::bind().await.unwrap();
                let addr = server.local_addr();
                let connect = async || tcpclient_tokio::prelude::TcpStream::connect(addr).await.unwrap().compat();
                super::$case(&server, connect).await;
                server.finish().await;
            }

            #[tokio::test]
            async fn tokio_in_memory() {
                let server = tcpclient_tokio::TcpServer::in_memory();
                super::$case(&server, async || server.connect_in_memory().compat()).await;
                server.finish().await;
            }

            on_every_stage!($case, smol, smol_in_memory, on_smol, tcpclient_smol);
            on_every_stage!($case, async_std, async_std_in_memory, on_async_std, tcpclient_async_std);
        }
    };
    ($case:ident, $sockets:ident, $memory:ident, $block_on:ident, $adapter:ident) => {
        #[test]
        fn $sockets() {
            $block_on(async {
                let server = $adapter::TcpServer::bind().await.unwrap();
                let addr = server.local_addr();
                super::$case(&server, async || $adapter::prelude::TcpStream::connect(addr).await.unwrap()).await;
                server.finish().await;
            });
        }

        #[test]
        fn $memory() {
            $block_on(async {
                let server = $adapter::TcpServer::in_memory();
                super::$case(&server, async || server.connect_in_memory()).await;
                server.finish().await;
            });
        }
    };
}
