/** Passwords and headers that are fetched anew for each connection: --pw-command, --pw-ttl, --header, --header-command. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {createServer, type IncomingMessage} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, describe, test} from 'node:test';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {runMain, startMain} from '../support/run.ts';

const directory = mkdtempSync(join(tmpdir(), 'tmq-renewal-'));
after(() => rmSync(directory, {recursive: true, force: true}));

let files = 0;

/** A command that prints its text and the number of its run, and how often it ran. */
function counting(text = 'password') {
  const file = join(directory, String(files++));
  const runs = () => readFileSync(file, 'utf8').length;
  return {command: `printf x >> ${file}; echo "${text}$(wc -c < ${file})"; echo second line`, runs};
}

/** The token with this time of expiry, in seconds from now; `$(…)` of a command becomes its signature. */
function token(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({alg: 'none'})}.${part({exp: Math.floor(Date.now() / 1000) + seconds})}.`;
}

/** Passwords of the connections, all but the last of which are lost after CONNACK, or refused with `refusals`. */
async function passwords(words: readonly string[], count: number, refusals: readonly number[] = []) {
  const seen: string[] = [];
  let refused = 0;
  await using broker = await startFakeBroker(async (connection: FakeConnection) => {
    const connect = await connection.next('connect');
    seen.push(String(connect.password));
    const returnCode = refusals[connection.number] ?? 0;
    if (returnCode !== 0) refused++;
    connection.send({cmd: 'connack', returnCode, sessionPresent: false});
    if (returnCode !== 0) return;
    await connection.next('subscribe').then(({messageId}) => {
      connection.send({cmd: 'suback', messageId, granted: [0]});
      if (seen.length - refused < count) connection.socket.end();
      else connection.send({cmd: 'publish', topic: 'a', payload: 'x', qos: 0, retain: false, dup: false});
    });
    await connection.idle();
  });
  const at = ['-p', String(broker.port), '-t', 'a', '-C', '1', '-u', 'ann', '--reconnect', '100ms'];
  const {exitCode, stderr} = await runMain(['sub', ...at, ...words]);
  return {seen, exitCode, stderr};
}

describe('--pw-command', () => {
  test('runs for every connection, and its first line is the password', async () => {
    const {command, runs} = counting();
    const {seen, exitCode} = await passwords(['--pw-command', command], 3);
    assert.equal(exitCode, 0);
    assert.deepEqual(seen, ['password1', 'password2', 'password3']);
    assert.equal(runs(), 3);
  });

  test('with --pw-ttl, a password is used for that time', async () => {
    const {command} = counting();
    assert.deepEqual((await passwords(['--pw-command', command, '--pw-ttl', '5m'], 3)).seen, [
      'password1',
      'password1',
      'password1',
    ]);
  });

  test('a JSON Web Token is used until a minute before it expires', async () => {
    const long = counting(token(3600));
    const {seen} = await passwords(['--pw-command', long.command], 3);
    assert.equal(new Set(seen).size, 1);
    assert.equal(long.runs(), 1);
    const short = counting(token(59));
    assert.equal(
      new Set((await passwords(['--pw-command', short.command, '--pw-ttl', '1h'], 3)).seen).size,
      3,
    );
  });

  test('a password that was kept and is refused is fetched anew, once', async () => {
    const {command} = counting();
    const kept = ['--pw-command', command, '--pw-ttl', '5m'];
    const renewed = await passwords(kept, 2, [0, 5]);
    assert.deepEqual(renewed.seen, ['password1', 'password1', 'password2']);
    assert.equal(renewed.exitCode, 0);
    const again = await passwords(['--pw-command', counting().command, '--pw-ttl', '5m'], 2, [0, 5, 5]);
    assert.deepEqual(again.seen, ['password1', 'password1', 'password2']);
    assert.equal(again.exitCode, 5);
    const first = await passwords(['--pw-command', counting().command, '--pw-ttl', '5m'], 1, [5]);
    assert.deepEqual(first.seen, ['password1'], 'a new one is not tried again');
    assert.equal(first.exitCode, 5);
  });

  test('a command that fails in a running session is run again by the policy', async () => {
    const {command} = counting();
    const {seen, exitCode, stderr} = await passwords(
      ['--pw-command', `${command}; test "$(cat ${join(directory, String(files - 1))})" != xx`],
      2,
    );
    assert.deepEqual(seen, ['password1', 'password3']);
    assert.equal(exitCode, 0, stderr);
  });

  const pub = ['pub', '-p', '1', '-t', 'a', '-m', 'x', '-u', 'ann', '--pw-command'];

  test('a command that fails at the start is an error with its status, and its own words stay', async () => {
    const {stderr, exitCode} = await runMain([...pub, 'echo no token here >&2; echo secret; exit 3']);
    assert.equal(exitCode, 1);
    assert.equal(stderr, 'no token here\nError: The command of --pw-command failed with status 3.\n');
    const killed = await runMain([...pub, 'kill -9 $$']);
    assert.equal(killed.stderr, 'Error: The command of --pw-command was ended by SIGKILL.\n');
    const empty = await runMain([...pub, 'echo']);
    assert.equal(empty.stderr, 'Error: The command of --pw-command printed no password.\n');
  });

  test('a command that does not end is ended at the time limit, and by a signal', async () => {
    const late = await runMain([...pub, 'sleep 1000', '--connect-timeout', '1']);
    assert.equal(
      late.stderr,
      'Error: The command of --pw-command did not end within the time for connecting (--connect-timeout).\n',
    );
    const waiting = startMain([...pub, 'echo waiting >&2; sleep 1000'], {input: ''});
    await waiting.waitFor('stderr', /waiting/);
    assert.equal((await waiting.interrupt()).exitCode, 130);
  });
});

/** The requests that a server of WebSockets gets; it refuses each with 401. */
async function requests(words: readonly string[]) {
  const seen: IncomingMessage[] = [];
  const server = createServer().on('upgrade', (request, socket) => {
    seen.push(request);
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const at = ['-h', '127.0.0.1', '-p', String(port), '--ws', '-t', 'a', '-m', 'x'];
  const {stderr, exitCode} = await runMain(['pub', ...at, ...words]);
  server.close();
  return {stderr, exitCode, rawHeaders: seen.map(({rawHeaders}) => rawHeaders)};
}

describe('--header and --header-command', () => {
  test('are in the request, in their order; a name may be given twice', async () => {
    const {rawHeaders, stderr} = await requests([
      ...['--header', 'Authorization: Bearer s3cret', '--header', 'X-One:  1 '],
      ...['--header-command', 'echo "X-Two: 2"; echo; echo "X-One: 3"'],
    ]);
    const [headers] = rawHeaders;
    const own = headers!.flatMap((name, index) =>
      index % 2 === 0 && /^(auth|x-)/i.test(name) ? [`${name}: ${headers![index + 1]}`] : [],
    );
    assert.deepEqual(own, ['Authorization: Bearer s3cret', 'X-One: 1', 'X-One: 3', 'X-Two: 2']);
    assert.match(stderr, /HTTP 401 Unauthorized/);
    assert.ok(!stderr.includes('s3cret'));
  });

  test('what the command prints has the rules of --header', async () => {
    const {rawHeaders, stderr, exitCode} = await requests(['--header-command', 'echo "Host: secret"']);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^Error: The header Host cannot be set by --header-command: it belongs to the WebSocket\.\n/,
    );
    assert.ok(!stderr.includes('secret'));
    assert.deepEqual(rawHeaders, []);
  });
});
