import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.etcd.jetcd.watch.WatchResponse;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Kills the member that a watch hangs on, under writes, and starts it again. */
final class WatchScenario {
  /** How often a key was put, and in which revision last. */
  record Puts(long version, long revision) {}

  private final BlockingQueue<WatchResponse> responses = new LinkedBlockingQueue<>();
  private final Map<String, Puts> seen = new HashMap<>();
  private long revision;
  private int events;

  static void overKilledMember(Client client) throws Exception {
    new WatchScenario().run(client);
  }

  private void run(Client client) throws Exception {
    var option = WatchOption.builder().isPrefix(true).withCreateNotify(true).build();
    var stop = new AtomicBoolean();
    // A client of its own: the watch hangs on one member of it.
    try (Client watching = Program.connect();
        var watcher = watching.getWatchClient().watch(Program.bytes("/watch/"), option,
            Watch.listener(responses::add))) {
      WatchResponse created = responses.poll(10, TimeUnit.SECONDS);
      Program.expect("a watch is created", created != null && created.isCreatedNotify(), created);
      long member = created.getHeader().getMemberId();
      var written = CompletableFuture.supplyAsync(() -> write(client.getKVClient(), stop));
      follow(50);
      Program.ask("kill", member);
      follow(events + 100);
      Program.ask("start", member);
      follow(events + 100);
      stop.set(true);
      String last = Program.get(written);
      while (!seen.containsKey(last)) {
        follow(events + 1);
      }
    }
    compare(client.getKVClient());
  }

  /**
   * Puts one key after the other until told to stop, each until it is acknowledged; returns the
   * last. A put may happen twice: its first answer was lost with its member.
   */
  private static String write(KV kv, AtomicBoolean stop) {
    for (int i = 0; ; i++) {
      String key = String.format("/watch/%06d", i);
      for (boolean done = false; !done; ) {
        try {
          kv.put(Program.bytes(key), Program.bytes("x")).get(10, TimeUnit.SECONDS);
          done = true;
        } catch (Exception lost) {
          done = false;
        }
      }
      if (stop.get()) return key;
    }
  }

  private void follow(int enough) throws Exception {
    while (events < enough) {
      WatchResponse response = responses.poll(30, TimeUnit.SECONDS);
      Program.expect("the watch goes on", response != null, events + " events so far");
      for (WatchEvent event : response.getEvents()) {
        KeyValue pair = event.getKeyValue();
        Program.expect("revisions grow", pair.getModRevision() > revision,
            pair.getModRevision() + " after " + revision);
        revision = pair.getModRevision();
        Puts before = seen.getOrDefault(pair.getKey().toString(), new Puts(0, 0));
        seen.put(pair.getKey().toString(), new Puts(before.version + 1, revision));
        events++;
      }
    }
  }

  /** A key's version counts its puts: nothing was missed, nothing was shown twice. */
  private void compare(KV kv) throws Exception {
    Map<String, Puts> stored = new HashMap<>();
    var all = Program.get(kv.get(Program.bytes("/watch/"),
        GetOption.builder().isPrefix(true).build()));
    for (KeyValue pair : all.getKvs()) {
      stored.put(pair.getKey().toString(), new Puts(pair.getVersion(), pair.getModRevision()));
    }
    stored.forEach((key, puts) -> Program.expect(key, puts.equals(seen.get(key)),
        "stored " + puts + ", shown " + seen.get(key)));
    Program.expect("as many keys", stored.size() == seen.size(),
        stored.size() + ", shown " + seen.size());
  }
}
