//! usage: rmqtt-host PORT
//!
//! RMQTT with its defaults, and the two plug-ins that its own server starts for retained messages and for shared
//! subscriptions. Listens on 127.0.0.1.

use rmqtt::context::ServerContext;
use rmqtt::net::Builder;
use rmqtt::server::MqttServer;
use rmqtt::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let port = std::env::args().nth(1).unwrap_or_default();
    let context = ServerContext::new().build().await;
    rmqtt_retainer::register(&context, true, false).await?;
    rmqtt_shared_subscription::register(&context, true, false).await?;
    let listener = Builder::new().name("tcp").laddr(format!("127.0.0.1:{port}").parse()?).bind()?.tcp()?;
    MqttServer::new(context).listener(listener).build().run().await
}
