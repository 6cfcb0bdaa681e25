// Uses a cluster through the package etcd3 of npm, as its users do. The README one folder up says
// what each scenario is and what the lines on stdin and stdout mean.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const readline = require('node:readline');
const { setTimeout: delay } = require('node:timers/promises');
const { Etcd3, EtcdLockFailedError } = require('etcd3');

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hosts = process.argv[2].split(',').map((endpoint) => `http://${endpoint}`);
const client = new Etcd3({ hosts });

// Has the runner do something to a member; done once it returns.
async function ask(verb, member) {
  console.log(`${verb} ${member}`);
  assert.equal((await answers.next()).value, 'done');
}

async function kv() {
  await client.put('/kv/a').value('1');
  assert.equal(await client.get('/kv/a').string(), '1');
  const second = await client.put('/kv/a').value('2').getPrevious();
  assert.equal(second.value.toString(), '1');
  await client.put('/kv/b').value(Buffer.from([0, 255]));
  assert.deepEqual(await client.get('/kv/b').buffer(), Buffer.from([0, 255]));
  assert.deepEqual(await client.getAll().prefix('/kv/').sort('Key', 'Descend').keys(),
    ['/kv/b', '/kv/a']);
  assert.equal(await client.getAll().prefix('/kv/').count(), 2);
  assert.equal((await client.delete().prefix('/kv/')).deleted, '2');
  assert.equal(await client.get('/kv/a').string(), null);
  await assert.rejects(client.put('').value('x'), /etcdserver: key is not provided/);
}

async function txn() {
  const create = (value) => client.if('/txn/a', 'Create', '==', 0)
    .then(client.put('/txn/a').value(value))
    .else(client.get('/txn/a'))
    .commit();
  assert.equal((await create('1')).succeeded, true);
  const again = await create('2');
  assert.equal(again.succeeded, false);
  assert.equal(again.responses[0].response_range.kvs[0].value.toString(), '1');

  // Software transactional memory: many add to one counter.
  await client.put('/txn/counter').value('0');
  const add = () => client.stm({ retries: 100 }).transact(async (tx) => {
    await tx.put('/txn/counter').value(Number(await tx.get('/txn/counter').string()) + 1);
  });
  await Promise.all(Array.from({ length: 10 }, add));
  assert.equal(await client.get('/txn/counter').number(), 10);
}

// Puts one key after the other until told to stop, each until it is acknowledged; returns the last.
// A put may happen twice: its first answer was lost with its member.
async function write(writer, stop) {
  for (let i = 0; ; i++) {
    const key = `/watch/${String(i).padStart(6, '0')}`;
    for (let done = false; !done;) {
      try {
        await writer.put(key).value('x');
        done = true;
      } catch {
        continue;
      }
    }
    if (stop.aborted) return key;
  }
}

async function watch() {
  // A client of its own: the watch hangs on one member of it.
  const watching = new Etcd3({ hosts });
  const watcher = await watching.watch().prefix('/watch/').watcher();
  const [created] = await once(watcher, 'connected');
  const member = created.header.member_id;

  const seen = new Map(); // key -> {version: how often it was put, mod_revision: when last}
  let events = 0;
  let revision = 0;
  let failed;
  watcher.on('put', (pair) => {
    if (Number(pair.mod_revision) <= revision) {
      failed = new Error(`revision ${pair.mod_revision} after ${revision}`);
    }
    revision = Number(pair.mod_revision);
    const key = pair.key.toString();
    seen.set(key, { version: (seen.get(key)?.version ?? 0) + 1, mod_revision: revision });
    events++;
    watcher.emit('counted');
  });
  const until = async (condition) => {
    while (!condition()) await once(watcher, 'counted');
    if (failed) throw failed;
  };
  const more = (count) => { const enough = events + count; return until(() => events >= enough); };

  const stop = new AbortController();
  const written = write(new Etcd3({ hosts }), stop.signal);
  await more(50);
  await ask('kill', member);
  await more(100);
  await ask('start', member);
  await more(100);
  stop.abort();
  const last = await written;
  await until(() => seen.has(last));

  // A key's version counts its puts: nothing was missed, nothing was shown twice.
  const { kvs } = await client.getAll().prefix('/watch/').exec();
  const stored = new Map(kvs.map((pair) => [pair.key.toString(),
    { version: Number(pair.version), mod_revision: Number(pair.mod_revision) }]));
  assert.deepEqual([...seen].sort(), [...stored].sort());
  await watcher.cancel();
  watching.close();
}

async function lease() {
  const held = client.lease(2);
  const ttl = 1000 * Math.max(2, Number((await client.leaseClient.leaseTimeToLive(
    { ID: await held.grant(), keys: false })).grantedTTL));
  await held.put('/lease/a').value('x');
  const watcher = await client.watch().key('/lease/a').create();
  const gone = once(watcher, 'delete').then(() => 'gone');
  assert.equal(await Promise.race([gone, delay(2 * ttl + 1000, 'kept')]), 'kept');
  held.release(); // no longer kept
  assert.equal(await Promise.race([gone, delay(ttl + 5000, 'kept')]), 'gone');
  assert.equal(await client.get('/lease/a').string(), null);
  await watcher.cancel();
}

async function lock() {
  const one = client.lock('l').ttl(5);
  await one.acquire();
  await assert.rejects(client.lock('l').ttl(5).acquire(), EtcdLockFailedError);
  await one.release();
  const other = await client.lock('l').ttl(5).acquire();
  // A lock goes with its lease.
  await client.leaseClient.leaseRevoke({ ID: await other.leaseId() });
  await client.lock('l').ttl(5).do(async () => {
    await assert.rejects(client.lock('l').ttl(5).acquire(), EtcdLockFailedError);
  });
}

async function election() {
  const contest = client.election('leader', 5);
  const observer = await contest.observe();
  const leads = async (value) => {
    while (observer.leader() !== value) await once(observer, 'change');
  };
  const one = contest.campaign('one');
  await one.wait();
  await leads('one');
  const other = contest.campaign('other');
  const elected = other.wait().then(() => 'elected');
  assert.equal(await Promise.race([elected, delay(300, 'waits')]), 'waits');
  await one.proclaim('still one');
  await leads('still one');
  await one.resign();
  assert.equal(await elected, 'elected');
  await leads('other');
  await other.resign();
  await observer.cancel();
}

// Fails what hangs, and lets the next one run.
function within(seconds, action) {
  const late = new AbortController();
  return Promise.race([action(), delay(1000 * seconds, null, { signal: late.signal })
    .then(() => { throw new Error(`not done after ${seconds} s`); })])
    .finally(() => late.abort());
}

async function main() {
  for (const scenario of [kv, txn, watch, lease, lock, election]) {
    try {
      await within(60, scenario);
      console.log(`pass ${scenario.name}`);
    } catch (error) {
      console.error(error);
      console.log(`fail ${scenario.name} ${error.name}: ${error.message.replaceAll('\n', ' ')}`);
    }
  }
  process.exit(0);
}

main();
