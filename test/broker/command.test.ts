// needs: mosquitto_pub, openssl
/** `tmq broker` as users and test harnesses run it: in this process where possible, otherwise in its own. */

import assert from 'node:assert/strict';
import {X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {access, mkdtemp, readdir, readFile, rename, rm, watch, writeFile} from 'node:fs/promises';
import {type AddressInfo, connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import mqtt from 'mqtt';
import {parse} from '../../src/cli/parse.ts';
import {broker} from '../../src/commands/broker/broker.ts';
import {readySection} from '../../src/commands/broker/ready-section.ts';
import {UsageError} from '../../src/errors.ts';
import {schemes} from '../../src/password/hash.ts';
import {certificates} from '../support/certificates.ts';
import {freePort} from '../support/mosquitto.ts';
import {type RunningMain, runMain, startMain} from '../support/run.ts';
import {type Finished, type Running, run, start} from '../support/spawn.ts';
import {startTmq} from '../support/tmq.ts';

/** `tmq broker …` as a process of its own. */
function startProcess(args: readonly string[], input?: string): Running {
  return startTmq(['broker', ...args], input === undefined ? {} : {input});
}

async function runProcess(args: readonly string[]): Promise<Finished> {
  return await startProcess(args, '').finished;
}

interface Ready {
  readonly pid: number;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly listeners: readonly {protocol: string; url: string; host: string; port: number}[];
  readonly certificates?: Readonly<Record<string, string>>;
}

/** The ready line, parsed. */
async function readyOf(running: RunningMain | Running): Promise<Ready> {
  const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  return JSON.parse(line);
}

async function publish(port: number, ...more: string[]): Promise<number | null> {
  return (await run('mosquitto_pub', ['-p', `${port}`, '-t', 'a/b', '-m', 'x', '-q', '1', ...more])).exitCode;
}

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-broker-command-'));
  try {
    await test(directory);
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

/** Resolves when the directory has an entry of this name that is made from now on. */
async function watchFor(directory: string, name: string): Promise<void> {
  for await (const {eventType} of watch(directory)) {
    // What is there already is removed first.
    if (eventType === 'rename' && existsSync(join(directory, name))) return;
  }
}

/** Whether the port refuses connections. */
async function isClosed(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const closed = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return closed;
}

describe('broker without a configuration file', () => {
  it('prints one line, serves, and ends by a signal with status 0', async () => {
    await using running = startMain(['broker', '-p', '0']);
    const [, port] = await running.waitFor(
      'stderr',
      /^Test broker on mqtt:\/\/127\.0\.0\.1:(\d+): no passwords, nothing kept, for this machine only\. Stop it with Ctrl-C\.\n$/,
    );
    assert.equal(await publish(Number(port)), 0);
    const {exitCode, stdout, stderr} = await running.interrupt();
    assert.equal(exitCode, 0);
    assert.equal(stdout.length, 0);
    assert.equal(stderr.split('\n').length, 2, stderr);
    assert.ok(await isClosed(Number(port)));
  });

  it('--quiet prints nothing, -v shows each packet as mosquitto does', async () => {
    await using quiet = startMain(['broker', '-p', '0', '--quiet', '--ready', 'json']);
    await readyOf(quiet);
    assert.equal((await quiet.interrupt()).stderr, '');

    await using verbose = startMain(['broker', '-p', '0', '-v', '--ready', 'json']);
    const {listeners} = await readyOf(verbose);
    assert.equal(await publish(listeners[0]!.port, '-i', 'me'), 0);
    await verbose.waitFor(
      'stderr',
      /: Received PUBLISH from me \(d0, q1, r0, m1, 'a\/b', \.\.\. \(1 bytes\)\)\n/,
    );
    await verbose.waitFor('stderr', /: Sending PUBACK to me \(m1, rc\d+\)\n/);
    assert.equal((await verbose.interrupt('SIGTERM')).exitCode, 0);
  });

  it('reports a port that is in use, with status 1', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const {port} = taken.address() as AddressInfo;
    const {exitCode, stderr} = await runMain(['broker', '-p', String(port)]);
    taken.close();
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`^Error: Cannot listen on 127\\.0\\.0\\.1:${port}: it is in use`));
  });
});

describe('broker for tests', () => {
  it('--ready env exports the addresses, and not the process id, which is for the script alone', async () => {
    await using running = startMain(['broker', '-p', '0', '--ready', 'env', '--ws']);
    const [line] = await running.waitFor('stdout', /^export .*\n/);
    const child =
      'echo "$MQTT_URL $MQTT_HOST $MQTT_PORT $MQTT_WS_URL $(printenv MQTT_BROKER_PID || echo none)"';
    const shell = await run('sh', ['-c', `${line.trim()}; echo $MQTT_BROKER_PID; sh -c '${child}'`]);
    assert.match(
      shell.stdout.toString(),
      /^\d+\nmqtt:\/\/127\.0\.0\.1:(\d+) 127\.0\.0\.1 \1 ws:\/\/127\.0\.0\.1:\d+ none\n$/,
    );
    await running.interrupt();
  });

  it('the manual has the keys of the ready line, in their order', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'broker.conf');
      await writeFile(config, `listener 0 127.0.0.1\nlistener 0 ${directory}/socket\nallow_anonymous true\n`);
      const words = ['broker', '-c', config, '--tls', 'auto', '--web', '0', '--ready', 'json'];
      await using running = startMain(words);
      const ready = await readyOf(running);
      await running.interrupt();
      const {remarks = {}} = readySection;
      assert.deepEqual(Object.keys(remarks).join(', '), Object.keys(ready).join(', '));
      const ofListeners = ready.listeners.flatMap((listener) => Object.keys(listener));
      for (const [key, inner] of [
        ['listeners', [...new Set(ofListeners)]],
        ['certificates', Object.keys(ready.certificates ?? {})],
      ] as const) {
        assert.ok(inner.length >= 5);
        for (const name of inner) assert.match(remarks[key]!, new RegExp(`\\b${name}\\b`));
      }
      const [{url, host, port} = {}] = ready.listeners;
      assert.deepEqual([ready.url, ready.host, ready.port], [url, host, port]);
    });
  });

  it('--ready-file is whole as soon as it is there, and gone when the broker has ended', async () => {
    await withDirectory(async (directory) => {
      const file = join(directory, 'ready');
      await writeFile(file, 'of an earlier run');
      const made = watchFor(directory, 'ready');
      await using running = startMain(['broker', '-p', '0', '--quiet', '--ready-file', file]);
      await made;
      const {url, port} = JSON.parse(await readFile(file, 'utf8'));
      assert.equal(url, `mqtt://127.0.0.1:${port}`);
      assert.equal(await publish(port), 0);
      const {stdout, stderr} = await running.interrupt();
      assert.deepEqual([stdout.toString(), stderr, await readdir(directory)], ['', '', []]);
    });
  });

  it('--ready-file leaves what another broker has put there since, and takes no place that cannot be', async () => {
    await withDirectory(async (directory) => {
      const file = join(directory, 'ready');
      const words = ['broker', '-p', '0', '--quiet', '--ready-file', file, '--ready', 'env'];
      const first = watchFor(directory, 'ready');
      await using running = startMain(words);
      await first;
      assert.match(await readFile(file, 'utf8'), /^export MQTT_URL=.*; MQTT_BROKER_PID=\d+\n$/);
      await writeFile(join(directory, 'other'), 'of another broker');
      await rename(join(directory, 'other'), file);
      await running.interrupt();
      assert.equal(await readFile(file, 'utf8'), 'of another broker');
      for (const [place, message] of [
        [directory, /exists, and is not a regular file\./],
        [join(directory, 'none', 'ready'), /Cannot write the ready file .*: no such file or directory\./],
        ['', /The argument of --ready-file is empty\./],
      ] as const) {
        const {stderr, exitCode} = await runMain(['broker', '-p', '0', '--ready-file', place]);
        assert.match(stderr, message);
        assert.equal(exitCode, 1);
      }
    });
  });

  it('--exit-with-stdin ends with standard input', async () => {
    await using running = startMain(['broker', '-p', '0', '--ready=json', '--exit-with-stdin']);
    const {listeners} = await readyOf(running);
    running.stdin.write('ignored');
    assert.equal(await publish(listeners[0]!.port), 0);
    running.stdin.end();
    assert.equal((await running.finished).exitCode, 0);
  });

  it('--exec runs a command while the broker runs, and exits with its status', async () => {
    const script = 'mosquitto_pub -h $MQTT_HOST -p $MQTT_PORT -t a -m x -q 1 && echo $MQTT_PORT && exit 7';
    const {exitCode, stdout, stderr} = await runProcess([
      '--tls',
      'auto',
      '--exec',
      '--',
      'sh',
      '-c',
      script,
    ]);
    assert.equal(exitCode, 7, stderr);
    assert.equal(stderr, '');
    assert.ok(await isClosed(Number(stdout.toString())));
  });

  it('--exec: the status is 128 plus the signal for a killed command, 127 for a missing one', async () => {
    const [killed, missing] = await Promise.all([
      runProcess(['--exec', '--', 'sh', '-c', 'kill -9 $$']),
      runProcess(['--exec', '--', 'there-is-no-such-command']),
    ]);
    assert.equal(killed.exitCode, 137);
    assert.equal(missing.exitCode, 127);
    assert.match(
      missing.stderr,
      /^Error: Cannot run there-is-no-such-command: there is no such command\.\n$/,
    );
  });

  it('--exec: passes a signal to the command, and both end', async () => {
    await using running = startProcess([
      '--exec',
      '--',
      'sh',
      '-c',
      'trap "exit 3" TERM; echo up; while :; do sleep 0.05; done',
    ]);
    await running.waitFor('stdout', /up/);
    assert.equal((await running.stop('SIGTERM')).exitCode, 3);
  });

  it('--tls auto makes certificates that clients trust, and removes them', async () => {
    await using running = startMain(['broker', '-p', '0', '--tls', 'auto', '--ready', 'json']);
    const {listeners, certificates = {}} = await readyOf(running);
    assert.deepEqual(
      listeners.map(({protocol}) => protocol),
      ['mqtt', 'mqtts'],
    );
    const {caFile = '', directory = ''} = certificates;
    assert.equal(await publish(listeners[1]!.port, '-h', 'localhost', '--cafile', caFile), 0);
    assert.equal(await publish(listeners[1]!.port, '-h', '127.0.0.1', '--cafile', caFile), 0);
    await running.interrupt();
    await assert.rejects(access(directory));

    await withDirectory(async (own) => {
      await using kept = startMain([
        'broker',
        '-p',
        '0',
        '--tls',
        'auto',
        '--tls-dir',
        own,
        '--ready',
        'json',
      ]);
      await readyOf(kept);
      await kept.interrupt();
      await access(join(own, 'ca.crt'));
    });
  });

  it('--trace json prints a line for each packet with all its fields, and no secret', async () => {
    await withDirectory(async (directory) => {
      const file = join(directory, 'trace');
      await using running = startMain([
        'broker',
        '-p',
        '0',
        '--trace',
        'json',
        '--trace-file',
        file,
        '--ready',
        'json',
      ]);
      const {listeners} = await readyOf(running);
      const secrets = [
        '-u',
        'u',
        '-P',
        'secret-password',
        '--will-topic',
        'w',
        '--will-payload',
        'secret-will',
      ];
      const properties = ['-D', 'publish', 'user-property', 'k', 'v', '-V', '5', '-i', 'me'];
      assert.equal(await publish(listeners[0]!.port, ...secrets, ...properties), 0);
      await running.interrupt();
      const text = await readFile(file, 'utf8');
      assert.doesNotMatch(text, /secret/);
      const packets = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.deepEqual(
        packets.map(({packet, direction}) => `${direction} ${packet}`),
        ['in connect', 'out connack', 'in publish', 'out puback', 'in disconnect'],
      );
      const {time, ...published} = packets[2]!;
      assert.equal(typeof time, 'number');
      assert.deepEqual(published, {
        client: 'me',
        direction: 'in',
        packet: 'publish',
        topic: 'a/b',
        payload: 'x',
        qos: 1,
        retain: false,
        dup: false,
        messageId: 1,
        properties: {userProperties: {k: 'v'}},
      });
    });
  });

  it('--trace ends quietly when its reader closes the pipe', async () => {
    await using running = startProcess(['-p', '0', '--ready', 'json', '--trace']);
    const {listeners} = await readyOf(running);
    running.child.stdout?.destroy();
    await publish(listeners[0]!.port);
    const {exitCode, stderr} = await running.finished;
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /^Test broker on [^\n]*\n$/);
  });

  it('--fault injects a fault', async () => {
    const rules = ['--fault', 'connack 3 first=1', '--fault', 'connack 2 client=never', '--seed', '9'];
    await using running = startMain(['broker', '-p', '0', '--ready', 'json', ...rules]);
    const {listeners} = await readyOf(running);
    assert.equal(await publish(listeners[0]!.port), 3);
    assert.equal(await publish(listeners[0]!.port), 0);
    assert.equal(await publish(listeners[0]!.port, '-i', 'never'), 2);
  });

  it('--trace alone prints text, bytes as base64', async () => {
    await using running = startMain(['broker', '-p', '0', '--ready', 'json', '--trace']);
    const {listeners} = await readyOf(running);
    const args = ['-p', String(listeners[0]!.port), '-i', 'me', '-t', 'a', '-s'];
    await run('mosquitto_pub', args, {input: Buffer.of(0xff, 0x00)});
    await running.waitFor(
      'stdout',
      /^\d\d:\d\d:\d\d\.\d{3} me > PUBLISH .*topic="a".*payloadBase64="\/wA="/m,
    );
    await running.interrupt();
  });
});

describe('broker with a configuration file', () => {
  const userLine = async (name: string) => `${name}:${await schemes[0]!.hash(Buffer.from('pw'))}\n`;

  it('reads users again on SIGHUP, and keeps the old ones when the file is invalid', async () => {
    await withDirectory(async (directory) => {
      const passwords = join(directory, 'passwords');
      const config = join(directory, 'x.conf');
      await writeFile(passwords, await userLine('ann'));
      await writeFile(config, `listener 0 127.0.0.1\npassword_file ${passwords}\n`);
      await using running = startProcess(['-c', config, '--ready', 'json']);
      const {listeners, pid} = await readyOf(running);
      const login = async (name: string) => await publish(listeners[0]!.port, '-u', name, '-P', 'pw');
      assert.equal(pid, running.child.pid);
      assert.deepEqual([await login('ann'), await login('bob')], [0, 5]);

      await writeFile(passwords, `${await userLine('bob')}ann:plain\n`);
      running.child.kill('SIGHUP');
      await running.waitFor(
        'stderr',
        /Error: not reloaded: .*passwords:2: the password of 'ann' is plain text/,
      );
      assert.deepEqual([await login('ann'), await login('bob')], [0, 5]);

      await writeFile(passwords, await userLine('bob'));
      running.child.kill('SIGHUP');
      await running.waitFor('stderr', /: Reloaded\.\n/);
      assert.deepEqual([await login('ann'), await login('bob')], [5, 0]);
      assert.equal((await running.stop('SIGTERM')).exitCode, 0);
    });
  });

  it('SIGHUP changes the rights of connected clients', async () => {
    await withDirectory(async (directory) => {
      const rights = join(directory, 'acl');
      const config = join(directory, 'x.conf');
      await writeFile(rights, 'topic readwrite a\n');
      await writeFile(config, `listener 0 127.0.0.1\nallow_anonymous true\nacl_file ${rights}\n`);
      await using running = startProcess(['-c', config, '--ready', 'json']);
      const {listeners} = await readyOf(running);
      const client = await mqtt.connectAsync(listeners[0]!.url, {protocolVersion: 5, reconnectPeriod: 0});
      const mayPublish = async (topic: string) =>
        await client.publishAsync(topic, 'x', {qos: 1}).then(
          () => true,
          () => false,
        );
      assert.deepEqual([await mayPublish('a'), await mayPublish('b')], [true, false]);
      await writeFile(rights, 'topic readwrite b\n');
      running.child.kill('SIGHUP');
      await running.waitFor('stderr', /: Reloaded\.\n/);
      assert.deepEqual([await mayPublish('a'), await mayPublish('b')], [false, true]);
      await client.endAsync();
      await running.stop();
    });
  });

  it('ends by SIGINT at once, with clients or without, and removes its pid_file', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      const pidFile = join(directory, 'pid');
      await writeFile(config, `listener 0 127.0.0.1\nallow_anonymous true\npid_file ${pidFile}\n`);
      await using running = startProcess(['-c', config, '-v', '--ready', 'json']);
      const {listeners, pid} = await readyOf(running);
      assert.equal(await readFile(pidFile, 'utf8'), `${pid}\n`);
      await using client = start('mosquitto_sub', ['-p', String(listeners[0]!.port), '-t', '#', '-i', 'sub']);
      await running.waitFor('stderr', /Sending SUBACK to sub/);
      const {exitCode, signal, timedOut} = await running.stop('SIGINT');
      assert.deepEqual({exitCode, signal, timedOut}, {exitCode: 0, signal: null, timedOut: false});
      await assert.rejects(access(pidFile));
      await client.stop();
    });
  });

  it('--test-config warns of directives without effect, and reports errors with status 1', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      await writeFile(config, 'listener 1883\nallow_anonymous true\nuser nobody\n');
      const good = await runMain(['broker', '-c', config, '--test-config']);
      assert.equal(good.exitCode, 0);
      assert.match(good.stderr, /x\.conf:3: user has no effect here: .*\n.*x\.conf is valid\.\n$/);
      await writeFile(config, 'listener 1883\n\nallow_anonymus true\n');
      const bad = await runMain(['broker', '-c', config, '--test-config']);
      assert.equal(bad.exitCode, 1);
      assert.match(
        bad.stderr,
        /^Error: .*x\.conf:3: unknown directive 'allow_anonymus', perhaps allow_anonymous\.\n$/,
      );
      const users = join(directory, 'users');
      await writeFile(users, 'ann:plain\n');
      await writeFile(config, `listener 1883\npassword_file ${users}\n`);
      const files = await runMain(['broker', '-c', config, '--test-config']);
      assert.equal(files.exitCode, 1);
      assert.match(
        files.stderr,
        /users:1: the password of 'ann' is plain text; hash it with: tmq passwd -U /,
      );
      const none = await runMain(['broker', '-c', join(directory, 'none'), '--test-config']);
      assert.equal(none.exitCode, 1);
      assert.match(none.stderr, /^Error: Cannot read .*none: no such file or directory\.\n$/);
    });
  });

  it('-p replaces the port of the only listener', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      await writeFile(config, 'listener 1883 127.0.0.1\nallow_anonymous true\n');
      await using running = startMain(['broker', '-c', config, '-p', '0', '--ready', 'json']);
      const {listeners} = await readyOf(running);
      assert.notEqual(listeners[0]!.port, 1883);
      await running.interrupt();
    });
  });

  it('D6: with several listeners, -p is one more, or names one of them', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      const [one, two] = [await freePort(), await freePort()];
      await writeFile(config, `listener ${one} 127.0.0.1\nlistener ${two} 127.0.0.1\nallow_anonymous true\n`);
      const ports = async (...words: string[]) => {
        await using running = startMain(['broker', '-c', config, '--ready', 'json', ...words]);
        return (await readyOf(running)).listeners.map(({port}) => port);
      };
      const three = await freePort();
      assert.deepEqual(await ports('-p', String(three)), [one, two, three]);
      assert.deepEqual(await ports('-p', String(two)), [one, two]);
      const {exitCode, stderr} = await runMain(['broker', '-c', config, '--bind', '127.0.0.1']);
      assert.equal(exitCode, 1);
      assert.match(stderr, /has its own listeners: leave out --bind, or give --port too\./);
    });
  });

  it('D4: serves without the places of another machine, with a warning', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      await writeFile(
        config,
        `persistence true
persistence_location /nonexistent/data/
log_dest file /nonexistent/log/mosquitto.log
pid_file /nonexistent/pid
listener 0 127.0.0.1
allow_anonymous true
`,
      );
      const warnings = [
        /^Warning: \S+x\.conf:3: Cannot write the log file .*: no such file or directory\. The log goes to standard error\.$/m,
        /^Warning: \S+x\.conf:2: Cannot write the store .*: no such file or directory\. Nothing outlives this run\.$/m,
        /^Warning: \S+x\.conf:4: Cannot write the pid_file .*: no such file or directory\./m,
      ];
      const tested = await runMain(['broker', '-c', config, '--test-config']);
      assert.equal(tested.exitCode, 0);
      for (const warning of warnings) assert.match(tested.stderr, warning);
      await using running = startMain(['broker', '-c', config, '--ready', 'json']);
      assert.equal(await publish((await readyOf(running)).listeners[0]!.port), 0);
      for (const warning of warnings) assert.match(running.stderr(), warning);
      assert.match(running.stderr(), /New client connected/);
    });
  });

  it('D5: errors about files that the configuration names have its line', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      const complaint = async (text: string) => {
        await writeFile(config, text);
        const {exitCode, stderr} = await runMain(['broker', '-c', config]);
        assert.equal(exitCode, 1, stderr);
        return stderr;
      };
      assert.match(
        await complaint('listener 0 127.0.0.1\npassword_file /nonexistent\n'),
        /^Error: \S+x\.conf:2: Cannot read \/nonexistent: no such file or directory\.$/m,
      );
      const {cert, key} = (await certificates(directory)).server;
      const der = join(directory, 'srv.der');
      await writeFile(der, new X509Certificate(await readFile(cert)).raw);
      assert.match(
        await complaint(`listener 0 127.0.0.1\nkeyfile ${key}\ncertfile ${der}\n`),
        /^Error: \S+x\.conf:3: \S+srv\.der is not PEM but DER: openssl x509 /m,
      );
    });
  });

  it('writes its log as the file says', async () => {
    await withDirectory(async (directory) => {
      const config = join(directory, 'x.conf');
      const log = join(directory, 'log');
      const text = `listener 0 127.0.0.1\nallow_anonymous true\nlog_dest file ${log}\nlog_dest topic
log_type notice\nlog_timestamp_format at %Y\n`;
      await writeFile(config, text);
      await using running = startMain(['broker', '-c', config, '--ready', 'json']);
      const {listeners} = await readyOf(running);
      const port = String(listeners[0]!.port);
      await using reader = start('mosquitto_sub', ['-p', port, '-t', '$SYS/broker/log/N', '-C', '1']);
      for (;;) {
        const publishing = publish(Number(port), '-i', 'me').then(() => undefined);
        const answered = await Promise.race([reader.finished, publishing]);
        if (answered === undefined) continue;
        assert.match(answered.stdout.toString(), /^at \d{4}: /);
        // Or the next client would take its session over.
        await publishing;
        break;
      }
      // The client that was connecting when the reader ended may not be in the log.
      assert.equal(await publish(Number(port), '-i', 'me'), 0);
      await running.interrupt();
      assert.match(await readFile(log, 'utf8'), /^at \d{4}: New client connected from \S+ as me /m);
      assert.equal(running.stderr(), '');
    });
  });
});

describe('the command line of tmq broker', () => {
  for (const [words, message] of [
    ['-d', /does not put itself into the background/],
    ['--exec', /needs a command after --/],
    ['true', /Unexpected word 'true'/],
    ['--exec --exit-with-stdin -- true', /leave out --exit-with-stdin/],
    ['--tls-dir x', /--tls-dir needs --tls auto/],
    ['--tls manual', /--tls takes auto, not 'manual'/],
    ['--trace-file x', /--trace-file needs --trace/],
    ['--seed 1', /--seed needs --fault/],
    ['--fault explode', /A fault begins with drop/],
    ['--ready yaml', /--ready takes json or env/],
    ['--bind 0.0.0.0', /Every client that reaches 0\.0\.0\.0 would be accepted/],
    ['-p 65536', /Invalid port given: 65536/],
  ] as const) {
    it(`${words} is refused`, () => {
      assert.throws(
        () => {
          const {values, operands} = parse(broker, words.split(' '), () => []);
          broker.plan(values, operands);
        },
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
