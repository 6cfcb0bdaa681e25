//! Uses a cluster through the crate etcd-client, as its users do. The README two folders up says
//! what each scenario is and what the lines on stdin and stdout mean.

mod watch;

use std::error::Error;
use std::future::Future;
use std::io::BufRead;
use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, EventType, GetOptions, LeaderKey, LockOptions,
    ProclaimOptions, PutOptions, ResignOptions, SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse,
    WatchOptions,
};
use tokio::time::{timeout, Instant};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Fails a scenario with what was expected and what came instead.
#[macro_export]
macro_rules! expect {
    ($holds:expr, $($arg:tt)+) => {
        if !$holds {
            return Err(format!($($arg)+).into());
        }
    };
}

/// Has the runner do something to a member; done once it returns.
pub fn ask(verb: &str, member: u64) -> Outcome {
    println!("{verb} {member}");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    expect!(answer == "done\n", "{verb} {member}: {answer:?}");
    Ok(())
}

async fn kv(mut client: Client) -> Outcome {
    client.put("/kv/a", "1", None).await?;
    let second = client
        .put("/kv/a", "2", Some(PutOptions::new().with_prev_key()))
        .await?;
    let before = second.prev_key().ok_or("a put tells no pair before")?;
    expect!(before.value() == b"1", "the pair before is {before:?}");
    client.put("/kv/b", vec![0u8, 255], None).await?;
    let options = GetOptions::new()
        .with_prefix()
        .with_sort(SortTarget::Key, SortOrder::Descend)
        .with_limit(1);
    let page = client.get("/kv/", Some(options)).await?;
    expect!(
        page.count() == 2 && page.more() && page.kvs()[0].value() == [0, 255],
        "a page of one key, last first, is {page:?}"
    );
    let gone = client
        .delete("/kv/", Some(DeleteOptions::new().with_prefix()))
        .await?;
    expect!(gone.deleted() == 2, "a prefix is deleted: {gone:?}");
    match client.put("", "x", None).await {
        Err(etcd_client::Error::GRpcStatus(status)) => expect!(
            status.message() == "etcdserver: key is not provided",
            "an empty key is refused by {status:?}"
        ),
        other => return Err(format!("an empty key: {other:?}").into()),
    }
    Ok(())
}

async fn txn(mut client: Client) -> Outcome {
    let create = |value: &str| {
        Txn::new()
            .when([Compare::create_revision("/txn/a", CompareOp::Equal, 0)])
            .and_then([TxnOp::put("/txn/a", value, None)])
            .or_else([TxnOp::get("/txn/a", None)])
    };
    expect!(client.txn(create("1")).await?.succeeded(), "a key is made");
    let again = client.txn(create("2")).await?;
    let answers = again.op_responses();
    expect!(!again.succeeded(), "a key is made only once: {again:?}");
    match &answers[0] {
        TxnOpResponse::Get(got) => expect!(got.kvs()[0].value() == b"1", "it is {got:?}"),
        other => return Err(format!("a get answers {other:?}").into()),
    }
    Ok(())
}

async fn lease(mut client: Client) -> Outcome {
    let granted = client.lease_grant(2, None).await?;
    let options = PutOptions::new().with_lease(granted.id());
    let put = client.put("/lease/a", "x", Some(options)).await?;
    let from = put.header().ok_or("no header")?.revision() + 1;
    let options = WatchOptions::new().with_start_revision(from);
    let mut events = client.watch("/lease/a", Some(options)).await?;

    let (mut keeper, mut answers) = client.lease_keep_alive(granted.id()).await?;
    let ttl = Duration::from_secs(granted.ttl() as u64);
    let end = Instant::now() + 2 * ttl + Duration::from_secs(1);
    while Instant::now() < end {
        keeper.keep_alive().await?;
        let answer = answers.message().await?.ok_or("the keep-alives ended")?;
        expect!(answer.ttl() == granted.ttl(), "a renewal is {answer:?}");
        if let Ok(response) = timeout(ttl / 3, next_event(&mut events)).await {
            return Err(format!("it has ended though it was kept: {response:?}").into());
        }
    }
    let kind = timeout(ttl + Duration::from_secs(5), next_event(&mut events)).await??;
    expect!(kind == EventType::Delete, "its end shows as {kind:?}");
    let left = client.lease_time_to_live(granted.id(), None).await?;
    expect!(left.ttl() == -1, "then it has {left:?}");
    Ok(())
}

async fn next_event(events: &mut etcd_client::WatchStream) -> Outcome<EventType> {
    loop {
        let response = events.message().await?.ok_or("the watch ended")?;
        if let Some(event) = response.events().first() {
            return Ok(event.event_type());
        }
    }
}

/// Whether it is still waiting after a moment.
async fn waits<F: Future + Unpin>(action: &mut F) -> bool {
    timeout(Duration::from_millis(300), action).await.is_err()
}

async fn lock(mut client: Client) -> Outcome {
    let lease = client.lease_grant(60, None).await?.id();
    let other_lease = client.lease_grant(60, None).await?.id();
    let options = LockOptions::new().with_lease(lease);
    let held = client.lock("l", Some(options.clone())).await?;
    let again = client.lock("l", Some(options)).await?;
    expect!(
        held.key() == again.key(),
        "one lease, two keys: {held:?}, {again:?}"
    );

    let mut rival = client.clone();
    let options = LockOptions::new().with_lease(other_lease);
    let mut wanted = Box::pin(rival.lock("l", Some(options)));
    expect!(waits(&mut wanted).await, "the lock has two holders");
    client.unlock(held.key()).await?;
    let key = wanted.await?.key().to_vec();
    expect!(key.starts_with(b"l/"), "the lock's key is {key:?}");

    // It goes with its lease.
    client.lease_revoke(other_lease).await?;
    let third = client.lock("l", None).await?;
    client.unlock(third.key()).await?;
    Ok(())
}

async fn election(mut client: Client) -> Outcome {
    let lease = client.lease_grant(60, None).await?.id();
    let other_lease = client.lease_grant(60, None).await?.id();
    let won = client.campaign("e", "one", lease).await?;
    let leader: LeaderKey = won.leader().ok_or("no leader key")?.clone();
    expect!(
        leader.name() == b"e" && leader.lease() == lease,
        "it is {leader:?}"
    );

    let mut observed = client.observe("e").await?;
    let mut rival = client.clone();
    let mut campaign = Box::pin(rival.campaign("e", "other", other_lease));
    expect!(waits(&mut campaign).await, "there are two leaders");
    let options = ProclaimOptions::new().with_leader(leader.clone());
    client.proclaim("still one", Some(options)).await?;
    let told = client.leader("e").await?;
    expect!(
        told.kv().is_some_and(|kv| kv.value() == b"still one"),
        "the leader is {told:?}"
    );
    client
        .resign(Some(ResignOptions::new().with_leader(leader)))
        .await?;
    campaign.await?;
    // One that observes may miss what was said for a moment only, never the last word.
    let mut last = Vec::new();
    while last != b"other" {
        let response = observed.message().await?.ok_or("the observation ended")?;
        last = response.kv().ok_or("no pair")?.value().to_vec();
    }
    client.lease_revoke(other_lease).await?;
    expect!(
        client.leader("e").await.is_err(),
        "a leader is told when there is none"
    );
    Ok(())
}

async fn run(name: &str, scenario: impl Future<Output = Outcome>) {
    match timeout(Duration::from_secs(60), scenario).await {
        Ok(Ok(())) => println!("pass {name}"),
        Ok(Err(error)) => println!("fail {name} {}", error.to_string().replace('\n', " ")),
        Err(_) => println!("fail {name} not done after 60 s"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let argument = std::env::args()
        .nth(1)
        .ok_or("usage: program ENDPOINT,...")?;
    let endpoints: Vec<&str> = argument.split(',').collect();
    let client = Client::connect(&endpoints, None).await?;
    run("kv", kv(client.clone())).await;
    run("txn", txn(client.clone())).await;
    run(
        "watch",
        watch::over_killed_member(client.clone(), &endpoints),
    )
    .await;
    run("lease", lease(client.clone())).await;
    run("lock", lock(client.clone())).await;
    run("election", election(client)).await;
    Ok(())
}
