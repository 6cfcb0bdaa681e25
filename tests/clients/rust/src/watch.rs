//! A watch whose member is killed. The crate leaves it to its users to watch again, from where they
//! were: they go to whichever member answers.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use etcd_client::{Client, GetOptions, WatchOptions, WatchStream};
use tokio::task::LocalSet;

use crate::{ask, expect, Outcome};

/// What a watch has shown: of each key how often it was put, and when last.
struct History {
    client: Client,
    stream: WatchStream,
    revision: i64,
    events: usize,
    keys: HashMap<Vec<u8>, (i64, i64)>,
}

impl History {
    async fn follow(&mut self, enough: impl Fn(&Self) -> bool) -> Outcome {
        while !enough(self) {
            let response = match self.stream.message().await {
                Ok(Some(response)) => response,
                Ok(None) | Err(_) => {
                    self.stream = watch(&mut self.client, self.revision + 1).await;
                    continue;
                }
            };
            expect!(!response.canceled(), "the watch is cancelled: {response:?}");
            for event in response.events() {
                let kv = event.kv().ok_or("an event without a pair")?;
                expect!(
                    kv.mod_revision() > self.revision,
                    "revision {} after {}",
                    kv.mod_revision(),
                    self.revision
                );
                self.revision = kv.mod_revision();
                let seen = self.keys.entry(kv.key().to_vec()).or_default();
                *seen = (seen.0 + 1, kv.mod_revision());
                self.events += 1;
            }
        }
        Ok(())
    }

    async fn more(&mut self, count: usize) -> Outcome {
        let wanted = self.events + count;
        self.follow(move |history| history.events >= wanted).await
    }
}

async fn watch(client: &mut Client, from: i64) -> WatchStream {
    loop {
        let options = WatchOptions::new().with_prefix().with_start_revision(from);
        if let Ok(stream) = client.watch("/watch/", Some(options)).await {
            return stream;
        }
        tokio::task::yield_now().await;
    }
}

/// Puts one key after the other until told to stop, each until it is acknowledged; returns the
/// last. A put may happen twice: its first answer was lost with its member.
async fn write(mut client: Client, stop: Rc<Cell<bool>>) -> Vec<u8> {
    for i in 0.. {
        let key = format!("/watch/{i:06}");
        while client.put(key.as_str(), "x", None).await.is_err() {
            tokio::task::yield_now().await;
        }
        if stop.get() {
            return key.into_bytes();
        }
    }
    unreachable!()
}

pub async fn over_killed_member(mut client: Client, endpoints: &[&str]) -> Outcome {
    let from = client.put("/watch/first", "x", None).await?;
    let from = from.header().ok_or("no header")?.revision();
    let mut watcher = Client::connect(endpoints, None).await?;
    let mut stream = watch(&mut watcher, from).await;
    let created = stream.message().await?.ok_or("the watch ended")?;
    let member = created.header().ok_or("no header")?.member_id();
    let mut seen = History {
        client: watcher,
        stream,
        revision: from - 1,
        events: 0,
        keys: HashMap::new(),
    };

    let stop = Rc::new(Cell::new(false));
    let tasks = LocalSet::new();
    let written = tasks.spawn_local(write(client.clone(), stop.clone()));
    tasks
        .run_until(async {
            seen.more(50).await?;
            ask("kill", member)?;
            seen.more(100).await?;
            ask("start", member)?;
            seen.more(100).await?;
            stop.set(true);
            let last = written.await?;
            seen.follow(|history| history.keys.contains_key(&last))
                .await
        })
        .await?;

    // A key's version counts its puts: nothing was missed, nothing was shown twice.
    let stored = client
        .get("/watch/", Some(GetOptions::new().with_prefix()))
        .await?;
    let stored: HashMap<Vec<u8>, (i64, i64)> = stored
        .kvs()
        .iter()
        .map(|kv| (kv.key().to_vec(), (kv.version(), kv.mod_revision())))
        .collect();
    for (key, values) in &stored {
        let shown = seen.keys.get(key);
        expect!(
            shown == Some(values),
            "{}: stored {values:?}, shown {shown:?}",
            String::from_utf8_lossy(key)
        );
    }
    expect!(
        stored.len() == seen.keys.len(),
        "{} keys, {} were shown",
        stored.len(),
        seen.keys.len()
    );
    Ok(())
}
